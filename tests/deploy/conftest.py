"""A model small enough to be made for each test, with the face of a real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from deploy.bundle import EMBEDDING_SIZE, SCHEMA, Bundle, Manifest, edit_bundle, load_bundle
from deploy.decision import Decision
from deploy.files import write_json
from deploy.preprocess import Framing, InputSpec

COLOURS = {"Ruby": (220, 20, 30), "Emerald": (20, 200, 40), "Lapis Lazuli": (20, 30, 210)}
SIZE_PX = 32


def colour_model(step: float | None = None, turn: int = 0) -> onnx.ModelProto:
    """Logits grow with the mean red, green and blue, so red stones are rubies.

    Args:
        step: the means pass through Q/DQ of this scale, as in an INT8 model; None: float32.
        turn: shifts the labels, as a quantization gone wrong would.
    """
    constants = {
        "to_logits": np.roll(np.eye(3, dtype=np.float32) / 32, turn, axis=1),
        "to_embedding": np.ones((3, EMBEDDING_SIZE), np.float32),
        "step": np.float32(step or 1),
        "zero": np.int8(0),
    }
    quantize = [
        helper.make_node("QuantizeLinear", ["mean", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["rounded"]),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        *(quantize if step else []),
        helper.make_node("MatMul", ["rounded" if step else "mean", "to_logits"], ["logits"]),
        helper.make_node("MatMul", ["mean", "to_embedding"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colour",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE_PX, SIZE_PX, 3])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(COLOURS)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", EMBEDDING_SIZE]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_bundle(root: Path, models: dict[str, onnx.ModelProto]) -> Bundle:
    manifest = Manifest(
        schema=SCHEMA,
        name="tiny",
        version="1",
        labels=tuple(COLOURS),
        input=InputSpec(SIZE_PX),
        framing=Framing(),
        decision=Decision(name_at_least=0.8, list_at_least=0.95, list_length=2),
        metrics={},
        provenance={},
    )
    with edit_bundle(root) as draft:
        for name, model in models.items():
            onnx.save(model, str(draft.root / name))
        draft.manifest = manifest
    return load_bundle(root)


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Bundle:
    """Names red, green and blue pictures right; its INT8 model rounds a little."""
    models = {"model.onnx": colour_model(), "model.int8.onnx": colour_model(step=2.0)}
    return write_bundle(tmp_path / "tiny", models)


@pytest.fixture
def spoilt_bundle(tmp_path: Path) -> Bundle:
    """Its INT8 model names every picture wrong."""
    models = {"model.onnx": colour_model(), "model.int8.onnx": colour_model(step=2.0, turn=1)}
    return write_bundle(tmp_path / "spoilt", models)


@pytest.fixture
def int8_bundle(tmp_path: Path) -> Bundle:
    """Holds no float32 model, as the bundles that devices get."""
    return write_bundle(tmp_path / "int8-only", {"model.int8.onnx": colour_model(step=2.0)})


@pytest.fixture
def add_json() -> Callable[[Bundle, str, object], Bundle]:
    """Puts a JSON file into a bundle, as a later step of its making would."""

    def add(bundle: Bundle, name: str, value: object) -> Bundle:
        with edit_bundle(bundle.root, start_from=bundle) as draft:
            write_json(draft.root / name, value)
        return load_bundle(bundle.root)

    return add


@pytest.fixture
def stones(tmp_path: Path) -> Path:
    """A folder with four noisy pictures of each of the three colours."""
    rng = np.random.default_rng(7)
    for label, rgb in COLOURS.items():
        folder = tmp_path / "stones" / label
        folder.mkdir(parents=True)
        for i in range(4):
            noise = rng.integers(-20, 20, (40, 48, 3))
            pixels = np.clip(np.array(rgb) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path / "stones"
