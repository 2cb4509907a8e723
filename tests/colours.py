"""A bundle that names drawn stones by their mean colour, so that the whole way can be run fast."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from deploy.arrays import ByteArray, FloatArray
from deploy.bundle import EMBEDDING_SIZE, SCHEMA, Bundle, Manifest, edit_bundle, load_bundle
from deploy.decision import Decision
from deploy.preprocess import Framing, InputSpec, preprocess_picture
from deploy.render.scene import TrayScene

KINDS = ("Emerald", "Garnet Red", "Kunzite", "Beryl Golden", "Iolite")  # by far of other colours
_SIZE_PX = 32
_DRAWN = 4  # stones of each kind, whose mean colour is the kind's
_SHARPNESS = 0.01  # of the answer: logits a squared level
_MANIFEST = Manifest(
    schema=SCHEMA,
    name="colours",
    version="1",
    labels=KINDS,
    input=InputSpec(_SIZE_PX),
    framing=Framing("stone", 0.1),
    decision=Decision(name_at_least=0.6),
    metrics={},
    provenance={},
)


def colour_bundle(folder: Path) -> Bundle:
    """A float32 bundle for `KINDS`: of two colours the nearer one is likelier."""
    colours = _mean_colours()
    constants = {
        "to_logits": 2 * _SHARPNESS * colours.T,
        "offset": -_SHARPNESS * (colours**2).sum(axis=1),
        "to_embedding": np.eye(3, EMBEDDING_SIZE, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "to_logits"], ["likeness"]),
        helper.make_node("Add", ["likeness", "offset"], ["logits"]),
        helper.make_node("MatMul", ["mean", "to_embedding"], ["embedding"]),
    ]
    shapes = {"logits": ["N", len(KINDS)], "embedding": ["N", EMBEDDING_SIZE]}
    image = ["N", _SIZE_PX, _SIZE_PX, 3]
    graph = helper.make_graph(
        nodes,
        "nearest-colour",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, image)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [numpy_helper.from_array(np.float32(v), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with edit_bundle(folder) as draft:
        onnx.save(model, str(draft.root / "model.onnx"))
        draft.manifest = _MANIFEST
    return load_bundle(folder)


@lru_cache(maxsize=1)
def _mean_colours() -> FloatArray:
    """(kinds, 3) float32, RGB: of the squares that the network sees."""
    scenes = [[TrayScene((k,), seed=i, size=(320, 180)) for i in range(_DRAWN)] for k in KINDS]
    seen = [[_square(scene) for scene in drawn] for drawn in scenes]
    return np.float32([np.mean(squares, axis=(0, 1, 2)) for squares in seen])


def _square(scene: TrayScene) -> ByteArray:
    return preprocess_picture(scene.draw(0.0, 0), _MANIFEST.framing, _MANIFEST.input)
