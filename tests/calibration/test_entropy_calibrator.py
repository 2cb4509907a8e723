"""TensorRT's own calibrator: what it is shown, and what happens when that goes wrong."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest

from calibration.entropy_calibrator import (
    CalibrationError,
    Show,
    new_calibrator,
    prepare_calibrator,
)
from deploy.bundle import Bundle, cache_folder
from deploy.decision import Decision
from deploy.engine.bindings import load_tensorrt
from deploy.engine.builder import BuildError, Limits, build_engine
from deploy.engine.cuda import Gpu
from deploy.engine.forms import model_for
from deploy.engine.recipe import INT8_CALIBRATOR
from deploy.errors import BackendError, DeviceMemoryError
from deploy.pictures import read_picture
from deploy.preprocess import preprocess_picture
from tests.nets import drawn_squares

with_calibrators = pytest.mark.parametrize("tensorrt_pose", ["8.6", "10.3", "10.16"], indirect=True)
only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


class Quiet:
    """A build's report that nobody reads."""

    cancelled = False

    def start(self, *_) -> None: ...

    def step(self, *_) -> bool:
        return True

    def finish(self, *_) -> None: ...


def build(bundle: Bundle, gpu: Gpu, make):
    with gpu.active():
        limits = Limits(64 << 20, 64 << 20)
        onnx = model_for(bundle, INT8_CALIBRATOR)
        return build_engine(onnx, INT8_CALIBRATOR, limits, report=Quiet(), make_calibrator=make)


def made_of(squares, tmp_path: Path, gpu: Gpu):
    """A function from `tensorrt` to a calibrator over these squares."""
    return lambda trt: new_calibrator(trt, Show(gpu, squares, tmp_path / "table.cache"))


@pytest.fixture
def seen(tensorrt_pose, monkeypatch) -> list[np.ndarray]:
    """Every picture that TensorRT read from the GPU, as it found it there."""
    load_tensorrt()
    import tensorrt._calibrate as inside

    found: list[np.ndarray] = []
    real = inside.read_device

    def read(*words):
        found.append(real(*words))
        return found[-1]

    monkeypatch.setattr(inside, "read_device", read)
    return found


@with_calibrators
def test_every_chosen_picture_is_shown_once_as_preprocessing_makes_it(
    tensorrt_pose, float_bundle: Bundle, stones: Path, seen
):
    with Gpu() as gpu:
        make, digests = prepare_calibrator(float_bundle, stones, gpu)
        built = build(float_bundle, gpu, make)

    manifest = float_bundle.manifest
    expected = sorted(
        preprocess_picture(read_picture(path), manifest.framing, manifest.input).tobytes()
        for path in stones.rglob("*.png")
    )
    assert sorted(np.asarray(square).tobytes() for square in seen) == expected
    assert {square.shape for square in seen} == {(1, 64, 64, 3)}
    assert {label: len(part) for label, part in digests.items()} == {
        "ruby": 10,
        "emerald": 10,
        "lapis_lazuli": 10,
    }
    assert built.flags == ("INT8", "FP16")
    assert tensorrt_pose.gpu.state()["device"] == 1  # one buffer for all; the fixture: and freed


@with_calibrators
def test_the_table_of_ranges_is_kept_and_spares_the_pictures_next_time(
    tensorrt_pose, float_bundle: Bundle, stones: Path, seen, caplog
):
    caplog.set_level(logging.INFO)
    with Gpu() as gpu:
        make, _ = prepare_calibrator(float_bundle, stones, gpu)
        first = bytes(build(float_bundle, gpu, make).plan)
        shown = len(seen)
        again = bytes(build(float_bundle, gpu, make).plan)

    assert shown == len(seen) == 30
    assert again == first
    assert caplog.text.count("ranges of an earlier calibration are used") == 1
    assert tensorrt_pose.gpu.state()["device"] == 1


@only_10
def test_a_table_belongs_to_one_model_one_set_of_pictures_and_one_tensorrt(
    tensorrt_pose, float_bundle: Bundle, stones: Path, monkeypatch
):
    def tables_after(bundle: Bundle) -> int:
        with Gpu() as gpu:
            make, _ = prepare_calibrator(bundle, stones, gpu)
            build(bundle, gpu, make)
        return len(list((cache_folder() / "calibration").iterdir()))

    assert [tables_after(float_bundle), tables_after(float_bundle)] == [1, 1]
    manifest = dataclasses.replace(float_bundle.manifest, decision=Decision(name_at_least=0.7))
    assert tables_after(Bundle(float_bundle.root, manifest)) == 1
    files = float_bundle.manifest.files | {"model.onnx": "0" * 64}
    manifest = dataclasses.replace(float_bundle.manifest, files=files)
    assert tables_after(Bundle(float_bundle.root, manifest)) == 2
    monkeypatch.setattr(load_tensorrt(), "__version__", "10.3.1")
    assert tables_after(float_bundle) == 3
    next(stones.rglob("*.png")).unlink()
    assert tables_after(float_bundle) == 4


@only_10
def test_a_table_that_tensorrt_does_not_take_is_measured_anew(
    tensorrt_pose, float_bundle: Bundle, tmp_path: Path, seen
):
    (tmp_path / "table.cache").write_bytes(b"TRT-8502-EntropyCalibration2\nimage: 3c010a14\n")
    with Gpu() as gpu:
        build(float_bundle, gpu, made_of(list(drawn_squares()), tmp_path, gpu))

    assert len(seen) == 12
    assert (tmp_path / "table.cache").read_bytes().startswith(b"TRT-100300-")


class Vanishing(list):
    """Squares of which the fourth cannot be had."""

    def __getitem__(self, index):
        if index == 3:
            raise FileNotFoundError(2, "No such file", "fourth.png")
        return super().__getitem__(index)


@with_calibrators
def test_a_picture_that_fails_inside_the_build_fails_the_build_with_its_cause(
    tensorrt_pose, float_bundle: Bundle, tmp_path: Path
):
    """The binding takes an exception for the end of the pictures and builds on."""
    with Gpu() as gpu:
        make = made_of(Vanishing(drawn_squares()), tmp_path, gpu)
        with pytest.raises(
            CalibrationError, match=r"failed after 3 of 12(.|\n)*fourth\.png"
        ) as told:
            build(float_bundle, gpu, make)

    assert isinstance(told.value.__cause__, FileNotFoundError)


@only_10
def test_what_was_measured_on_too_few_pictures_is_not_kept_for_the_next_build(
    tensorrt_pose, float_bundle: Bundle, tmp_path: Path, seen
):
    """TensorRT hands over the table of the pictures that it saw before the failure."""
    with Gpu() as gpu:
        with pytest.raises(CalibrationError):
            build(float_bundle, gpu, made_of(Vanishing(drawn_squares()), tmp_path, gpu))
        seen.clear()
        build(float_bundle, gpu, made_of(list(drawn_squares()), tmp_path, gpu))

    assert len(seen) == 12


@only_10
def test_no_room_for_a_picture_is_told_as_memory(
    tensorrt_pose, float_bundle: Bundle, tmp_path: Path
):
    tensorrt_pose.gpu.configure(free_mb=0)
    with Gpu() as gpu, pytest.raises(BackendError, match="no memory left") as told:
        build(float_bundle, gpu, made_of(list(drawn_squares()), tmp_path, gpu))

    causes = [told.value, told.value.__cause__, getattr(told.value.__cause__, "__cause__", None)]
    assert any(isinstance(cause, DeviceMemoryError) for cause in causes)


@only_10
def test_a_model_with_other_inputs_is_refused(tensorrt_pose, tmp_path: Path):
    with Gpu() as gpu:
        show = Show(gpu, list(drawn_squares()), tmp_path / "table.cache")
        assert show.next(["image", "mask"]) is None

        with pytest.raises(CalibrationError, match="one was expected"):
            show.finish()


@only_10
def test_a_build_that_ends_before_all_was_shown_is_refused(tensorrt_pose, tmp_path: Path):
    with Gpu() as gpu:
        show = Show(gpu, list(drawn_squares()), tmp_path / "table.cache")
        with gpu.active():
            first, second = show.next(["image"]), show.next(["image"])

        with pytest.raises(CalibrationError, match="2 of 12 pictures only"):
            show.finish()

    assert first == second  # one buffer, filled anew


@only_10
def test_a_failed_build_frees_the_buffer_and_tells_tensorrts_reason(
    tensorrt_pose, float_bundle: Bundle, tmp_path: Path
):
    """The fixture sees whether anything is left on the device."""
    tensorrt_pose.gpu.configure(fail="no kernel for INT8")
    with Gpu() as gpu, pytest.raises(BuildError, match="no kernel for INT8"):
        build(float_bundle, gpu, made_of(list(drawn_squares()), tmp_path, gpu))

    assert tensorrt_pose.gpu.state()["device"] == 1


@only_10
def test_a_table_that_cannot_be_kept_is_told_and_the_engine_is_kept(
    tensorrt_pose, float_bundle: Bundle, tmp_path: Path, caplog
):
    """Another user's folder, say: minutes of building are worth more than the table."""
    (tmp_path / "file").write_text("")
    with Gpu() as gpu:
        built = build(float_bundle, gpu, made_of(list(drawn_squares()), tmp_path / "file", gpu))

    assert len(bytes(built.plan)) > 0
    assert "could not be written" in caplog.text


@only_10
def test_the_calibrators_answers_are_what_the_binding_wants(tensorrt_pose, tmp_path: Path):
    with Gpu() as gpu:
        show = Show(gpu, list(drawn_squares()[:1]), tmp_path / "table.cache")
        calibrator = new_calibrator(load_tensorrt(), show)

        assert calibrator.get_batch_size() == 1
        assert calibrator.read_calibration_cache() is None
        with gpu.active():
            (address,) = calibrator.get_batch(["image"])
            found = tensorrt_pose.gpu.memory.view(address, 64 * 64 * 3).copy()
            assert calibrator.get_batch(["image"]) is None
        lent = bytearray(b"a table")
        calibrator.write_calibration_cache(memoryview(lent))
        lent[:] = b"*******"
        assert calibrator.read_calibration_cache() == b"a table"
        calibrator.finish()

    assert type(address) is int
    np.testing.assert_array_equal(found, drawn_squares()[0].ravel())


@pytest.mark.parametrize("tensorrt_pose", ["11.4"], indirect=True)
def test_tensorrt_11_is_refused_in_one_sentence(tensorrt_pose, float_bundle: Bundle, stones: Path):
    with Gpu() as gpu:
        make, _ = prepare_calibrator(float_bundle, stones, gpu)
        with pytest.raises(BuildError, match=r"TensorRT 11\.4.* has no calibrators: --int8 qdq"):
            build(float_bundle, gpu, make)
