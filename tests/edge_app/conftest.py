"""Stand-ins for a camera, a model and a screen, and a bundle small enough to make for a test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from deploy.arrays import ByteArray
from deploy.backends.base import Prediction
from deploy.bundle import EMBEDDING_SIZE, SCHEMA, Bundle, Manifest, edit_bundle, load_bundle
from deploy.decision import Decision
from deploy.preprocess import Framing, InputSpec
from edge_app.desk.desk import Desk
from edge_app.live.reading import Reading
from edge_app.record.recorder import Recorder
from edge_app.sources.base import Frame
from tests.desks import make_desk

SIZE_PX = 32
LABELS = ("cat", "dog")


class ScriptedSource:
    """Delivers what the test wrote down: frames, and errors in place of frames."""

    name = "script"

    def __init__(
        self, script: Sequence[Frame | Exception], *, live: bool = False, fps: float | None = None
    ) -> None:
        self.live = live
        self.fps = fps
        self.entered = 0
        self._script = script
        self._rest: list[Frame | Exception] = list(script)

    def read(self) -> Frame | None:
        if not self._rest:
            return None
        item = self._rest.pop(0)
        if callable(item):
            item = item()
        if isinstance(item, Exception):
            raise item
        return item

    def __enter__(self) -> ScriptedSource:
        self.entered += 1
        self._rest = list(self._script)
        return self

    def __exit__(self, *_: object) -> None:
        self._rest = []


class FixedBackend:
    """Answers each picture with the next of the given confidences, the last one for ever."""

    name = "fixed"
    precision = "fp32"

    def __init__(self, *answers: Sequence[float]) -> None:
        self.calls = 0
        self._answers = answers

    def infer(self, batch: ByteArray) -> Prediction:
        assert batch.shape == (1, SIZE_PX, SIZE_PX, 3)
        answer = self._answers[min(self.calls, len(self._answers) - 1)]
        self.calls += 1
        logits = np.log(np.asarray([answer], np.float32))
        return Prediction(logits, np.zeros((1, EMBEDDING_SIZE), np.float32))

    def close(self) -> None: ...

    def __enter__(self) -> FixedBackend:
        return self

    def __exit__(self, *_: object) -> None: ...


class NotingOverlay:
    """Draws nothing and keeps every reading."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def draw(self, image_bgr: ByteArray, reading: Reading) -> None:
        self.readings.append(reading)

    @property
    def texts(self) -> list[str]:
        return [r.verdict.text if r.verdict else r.state.value for r in self.readings]


class ListSink:
    """Keeps a copy of every frame; asks to stop after `stop_after` of them."""

    name = "list"

    def __init__(self, stop_after: int = 0) -> None:
        self.images: list[ByteArray] = []
        self._stop_after = stop_after

    def show(self, image_bgr: ByteArray) -> bool:
        self.images.append(image_bgr.copy())
        return len(self.images) != self._stop_after

    def poll(self) -> bool:
        return True

    def __enter__(self) -> ListSink:
        return self

    def __exit__(self, *_: object) -> None: ...


class Fakes:
    """The stand-ins under one name, since test files cannot import each other."""

    ScriptedSource = ScriptedSource
    FixedBackend = FixedBackend
    NotingOverlay = NotingOverlay
    ListSink = ListSink


@pytest.fixture
def fakes() -> type[Fakes]:
    return Fakes


@pytest.fixture
def manifest() -> Manifest:
    """Two labels, and a model that takes 32 x 32 pixels."""
    return Manifest(
        schema=SCHEMA,
        name="tiny",
        version="1",
        labels=LABELS,
        input=InputSpec(SIZE_PX),
        framing=Framing(),
        decision=Decision(name_at_least=0.6, list_at_least=0.95, list_length=2),
        metrics={},
        provenance={},
    )


@pytest.fixture
def picture() -> ByteArray:
    """(48, 64, 3) uint8, BGR: neither black nor even."""
    return np.random.default_rng(1).integers(60, 200, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def frames(picture: ByteArray) -> Callable[[int], list[Frame]]:
    """Makes so many frames of the same picture, as a camera of now would give them."""
    return lambda count: [Frame(picture.copy(), time.monotonic(), i) for i in range(count)]


@pytest.fixture
def bundle(tmp_path: Path, manifest: Manifest) -> Bundle:
    """A real float32 bundle: pictures with more red than blue are dogs, the others are cats."""
    constants = {
        "to_logits": np.array([[-0.1, 0.1], [0, 0], [0.1, -0.1]], np.float32),
        "to_embedding": np.ones((3, EMBEDDING_SIZE), np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "to_logits"], ["logits"]),
        helper.make_node("MatMul", ["mean", "to_embedding"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "red-or-blue",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE_PX, SIZE_PX, 3])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(LABELS)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", EMBEDDING_SIZE]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with edit_bundle(tmp_path / "tiny") as draft:
        onnx.save(model, str(draft.root / "model.onnx"))
        draft.manifest = manifest
    return load_bundle(tmp_path / "tiny")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Twenty frames, 64 x 48, at 25 frames per second: red ones first, then blue ones."""
    path = tmp_path / "stones.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for i in range(20):
        image = np.full((48, 64, 3), 90, np.uint8)
        image[:, :, 2 if i < 10 else 0] = np.arange(64) + 120
        writer.write(image)
    writer.release()
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures, of which one is empty and one is cut off."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, channel in (("a.png", 2), ("c.png", 0), ("d.png", 2)):
        image = np.full((40, 50, 3), 80, np.uint8)
        image[:, :, channel] = np.arange(50) + 150
        cv2.imwrite(str(folder / name), image)
    (folder / "b.jpg").write_bytes(b"")
    whole = (folder / "d.png").read_bytes()
    (folder / "d.png").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a record will lie."""
    return tmp_path / "record"


@pytest.fixture
def recorder(folder: Path) -> Iterator[Recorder]:
    """What writes it."""
    with Recorder(folder) as recorder:
        yield recorder


@pytest.fixture
def desk(recorder: Recorder, folder: Path, bundle: Bundle) -> Desk:
    """A desk over it, for the bundle of cats and dogs."""
    return make_desk(recorder, folder, bundle, FixedBackend([1, 0]))
