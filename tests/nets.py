"""A residual network with the face of a real one, small enough to be made for each test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from calibration.calibrate import Settings, calibrate_bundle
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import EMBEDDING_SIZE, SCHEMA, Bundle, Manifest, edit_bundle, load_bundle
from deploy.decision import Decision
from deploy.golden.golden import Golden, golden_batch, infer_one_by_one, write_golden
from deploy.preprocess import Framing, InputSpec

LABELS = ("Ruby", "Emerald", "Lapis Lazuli")
COLOURS = {"Ruby": (220, 20, 30), "Emerald": (20, 200, 40), "Lapis Lazuli": (20, 30, 210)}
SIZE_PX = 64


class Net:
    """Collects the nodes and weights of a network, with random weights (He et al. 2015)."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._rng = np.random.default_rng(1)

    def constant(self, name: str, value: np.ndarray[Any, Any]) -> str:
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def node(self, op_type: str, name: str, inputs: list[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def conv(
        self, name: str, given: str, channels: tuple[int, int], kernel: int, stride: int
    ) -> str:
        cin, cout = channels
        spread = np.sqrt(2 / (cin * kernel**2))
        weight = self._rng.normal(0, spread, (cout, cin, kernel, kernel)).astype(np.float32)
        bias = self._rng.normal(0, 0.1, cout).astype(np.float32)
        inputs = [given, self.constant(f"{name}.w", weight), self.constant(f"{name}.b", bias)]
        pads = [kernel // 2] * 4
        return self.node(
            "Conv", name, inputs, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads
        )

    def block(self, name: str, given: str, channels: tuple[int, int], stride: int) -> str:
        """A bottleneck as in ResNet-50; the shortcut has a Conv where the shape changes."""
        cin, cout = channels
        x = self.node("Relu", f"{name}.r1", [self.conv(f"{name}.c1", given, (cin, 8), 1, 1)])
        x = self.node("Relu", f"{name}.r2", [self.conv(f"{name}.c2", x, (8, 8), 3, stride)])
        x = self.conv(f"{name}.c3", x, (8, cout), 1, 1)
        shortcut = given
        if channels != (cout, cout) or stride > 1:
            shortcut = self.conv(f"{name}.down", given, channels, 1, stride)
        added = self.node("Add", f"{name}.add", [x, shortcut])
        return self.node("Relu", f"{name}.out", [added])


def small_resnet() -> onnx.ModelProto:
    """Stem, a block that widens, an identity block, a block that widens and strides, head."""
    net = Net()
    mean = net.constant("mean", np.full((1, 1, 1, 3), 127.5, np.float32))
    scale = net.constant("scale", np.full((1, 1, 1, 3), 1 / 64, np.float32))
    x = net.node("Cast", "cast", ["image"], to=TensorProto.FLOAT)
    x = net.node("Mul", "mul", [net.node("Sub", "sub", [x, mean]), scale])
    x = net.node("Transpose", "transpose", [x], perm=[0, 3, 1, 2])
    x = net.node("Relu", "stem.r", [net.conv("stem", x, (3, 8), 7, 2)])
    x = net.node("MaxPool", "pool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    x = net.block("b1", x, (8, 16), 1)
    x = net.block("b2", x, (16, 16), 1)
    x = net.block("b3", x, (16, EMBEDDING_SIZE), 2)
    x = net.node("GlobalAveragePool", "gap", [x])
    net.node("Flatten", "embedding", [x])
    head = np.random.default_rng(2).normal(0, 0.05, (len(LABELS), EMBEDDING_SIZE))
    weight = net.constant("fc.w", head.astype(np.float32))
    bias = net.constant("fc.b", np.zeros(len(LABELS), np.float32))
    net.node("Gemm", "logits", ["embedding", weight, bias], transB=1)
    graph = helper.make_graph(net.nodes, "small", *_face(), net.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _face() -> tuple[list[Any], list[Any]]:
    def info(name: str, kind: int, shape: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, kind, ["N", *shape])

    return [info("image", TensorProto.UINT8, [SIZE_PX, SIZE_PX, 3])], [
        info("logits", TensorProto.FLOAT, [len(LABELS)]),
        info("embedding", TensorProto.FLOAT, [EMBEDDING_SIZE]),
    ]


def draw(label: str, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """(72, 80, 3) uint8 RGB: a coloured disc on grey, lit from one side."""
    y, x = np.mgrid[:72, :80]
    inside = (y - 36) ** 2 + (x - 40) ** 2 < rng.uniform(18, 32) ** 2
    ground = np.full((72, 80, 3), rng.uniform(120, 250))
    picture = np.where(inside[..., None], np.array(COLOURS[label], float), ground)
    light = np.linspace(rng.uniform(0.5, 1), rng.uniform(0.8, 1.2), 80)[None, :, None]
    noisy = picture * light + rng.normal(0, 6, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def drawn_squares() -> np.ndarray[Any, Any]:
    """(12, 64, 64, 3) uint8 RGB."""
    rng = np.random.default_rng(5)
    drawn = [draw(LABELS[i % 3], rng)[4:68, 8:72] for i in range(12)]
    return np.ascontiguousarray(np.stack(drawn))


def draw_stones(folder: Path) -> Path:
    """Ten drawn stones of each class; one class folder is spelt another way."""
    rng = np.random.default_rng(7)
    for label in LABELS:
        place = folder / label.replace(" ", "_").lower()
        place.mkdir(parents=True)
        for i in range(10):
            Image.fromarray(draw(label, rng)).save(place / f"{i}.png")
    return folder


def write_float_bundle(root: Path) -> Bundle:
    """A bundle as `gemscan export` leaves it: float32 alone, with golden pictures."""
    names = tuple(f"{label}.png" for label in LABELS)
    rng = np.random.default_rng(9)
    with edit_bundle(root) as draft:
        onnx.save(small_resnet(), str(draft.root / "model.onnx"))
        (draft.root / "golden").mkdir()
        for label, name in zip(LABELS, names, strict=True):
            Image.fromarray(draw(label, rng)).save(draft.root / "golden" / name)
        write_golden(draft.root, Golden(names, {}, {}, "fp32: none here."))
        draft.manifest = Manifest(
            schema=SCHEMA,
            name="bundle",
            version="1",
            labels=LABELS,
            input=InputSpec(SIZE_PX),
            framing=Framing(),
            decision=Decision(),
            metrics={},
            provenance={},
        )
    return load_bundle(root)


def write_full_bundle(root: Path, stones: Path) -> Bundle:
    """A bundle with both models, calibrated on `stones`, and golden logits of both."""
    bundle = write_float_bundle(root)
    names = tuple(f"{label}.png" for label in LABELS)
    batch = golden_batch(bundle, Golden(names, {}, {}, ""))
    with OnnxCpuBackend(bundle, "fp32") as backend:
        logits = infer_one_by_one(backend, batch).logits.tolist()
    with edit_bundle(root, start_from=bundle) as draft:
        write_golden(draft.root, Golden(names, {"fp32": logits}, {"fp32": 0.2}, "fp32: guessed."))
    calibrate_bundle(load_bundle(root), stones, Settings(count=12, method="minmax", threads=1))
    return load_bundle(root)
