"""The TensorRT backend over the real pycuda and the stand-in driver, with the fake TensorRT.

The fake runs an inference at once where a stream is not its own, so what is seen here is the
project's handling of contexts, threads, memory and failures, with pycuda's real rules. Run as
`pycuda_checks.py` is; besides, CHECK_BUNDLE names a model bundle with both models.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import tests.contract.pycuda_lane_checks  # noqa: F401  # its check is listed with these
from deploy.backends.tensorrt import TensorRtBackend
from deploy.bundle import Bundle, load_bundle
from deploy.engine.bindings import load_tensorrt, takes_types_from_file
from deploy.engine.builder import build_engine, limits_for
from deploy.engine.cuda import Gpu
from deploy.engine.forms import model_for
from deploy.engine.progress import PhaseTracker
from deploy.engine.recipe import FP32, INT8_CALIBRATOR, Recipe
from deploy.engine.runner import Runner
from deploy.errors import DeviceLostError, DeviceMemoryError
from tests.contract.pycuda_helpers import (
    assert_nothing_left,
    check,
    count,
    in_thread,
    left_over,
    raises,
    run_checks,
)
from tests.nets import drawn_squares

TOLERANCE = 0.02  # of a logit: the fake rounds to float16


def bundle() -> Bundle:
    return load_bundle(Path(os.environ["CHECK_BUNDLE"]))


def plan(recipe: Recipe = FP32, make_calibrator: Any = None, gpu: Gpu | None = None) -> bytes:
    """An engine of the bundle, built in this process."""
    onnx = model_for(bundle(), recipe, half=False)
    report = PhaseTracker(lambda phase: None, threading.Event())
    with gpu or Gpu() as opened:
        limits = limits_for(opened.free_bytes(), None)
        with opened.active():
            built = build_engine(
                onnx, recipe, limits, report=report, make_calibrator=make_calibrator
            )
    return bytes(built.plan)


def expected_logits(form: Recipe) -> np.ndarray:
    """(12, C): ONNX Runtime on the very model that the engine is built from."""
    import onnxruntime

    half = form.precision == "fp16" and takes_types_from_file(load_tensorrt())
    model = model_for(bundle(), form, half=half)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = [session.run(["logits"], {"image": square[None]})[0] for square in drawn_squares()]
    return np.concatenate(rows)


@contextmanager
def opened(**words: Any) -> Iterator[Runner]:
    """A runner, closed on another thread than the one that opened it."""
    runner = Runner(plan(), **words)
    try:
        yield runner
    finally:
        in_thread(runner.close)


# ---- the whole way ------------------------------------------------------------------------


@check
def the_backend_classifies_from_several_threads_and_leaves_nothing(cuda: Any) -> None:
    squares = drawn_squares()
    backend = TensorRtBackend(bundle())
    expected = expected_logits(backend.engine.recipe)
    backend.infer(squares[:1])
    made = count("allocations")

    def classify() -> None:
        for square, row in zip(squares, expected, strict=True):
            seen = backend.infer(square[None]).logits[0]
            np.testing.assert_allclose(seen, row, atol=TOLERANCE)
        np.testing.assert_allclose(backend.infer(squares).logits, expected, atol=TOLERANCE)
        assert count("stack") == 0

    threads_at_once([classify] * 4)
    assert count("allocations") == made  # no frame allocates
    assert count("pageable_copies") == 0
    in_thread(backend.close)
    backend.close()
    assert_nothing_left()


def threads_at_once(work: list[Any]) -> None:
    """Run all at the same time; the first error is this thread's."""
    errors: list[BaseException] = []

    def run(one: Any) -> None:
        try:
            one()
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@check
def a_program_that_never_closes_ends_cleanly(cuda: Any) -> None:
    def look() -> None:
        if left_over():
            print(f"left over: {left_over()}", file=sys.stderr, flush=True)
            os._exit(1)

    kept.append(look)
    weakref.finalize(look, look)  # at exit the last one made comes first: the runner's
    kept.append(Runner(plan()))
    kept[-1].infer(drawn_squares()[:2])


kept: list[Any] = []


@check
def the_entropy_calibrator_shows_its_pictures_and_frees_its_memory(cuda: Any) -> None:
    from calibration.entropy_calibrator import Show, new_calibrator

    shows: list[Show] = []
    gpu = Gpu()

    def make(trt: Any) -> Any:
        table = Path(os.environ["GEMSCAN_CACHE"]) / "table"
        shows.append(Show(gpu, list(drawn_squares()), table))
        return new_calibrator(trt, shows[0])

    engine = plan(INT8_CALIBRATOR, make, gpu)
    assert shows[0].next(["image"]) is None  # all were asked for
    shows.clear()
    assert_nothing_left()
    assert len(engine) > 0


# ---- failures ---------------------------------------------------------------------------------


@check
def a_gpu_without_room_is_told_so_and_nothing_is_left(cuda: Any) -> None:
    engine = plan()
    with Gpu() as gpu:
        with gpu.active():
            others = cuda.mem_alloc(gpu.free_bytes() - 20_000)  # a picture takes 20,492
        with raises(DeviceMemoryError, "no memory left"):
            Runner(engine)
        assert left_over() == {"device": 1, "primary": 1}
        with gpu.active():
            others.free()
    assert_nothing_left()


@check
def an_engine_without_room_to_work_in_leaves_nothing(cuda: Any) -> None:
    import fake_gpu

    engine = plan()
    fake_gpu.configure(refuse_context=True)
    with raises(DeviceMemoryError, "no room for the engine to work in"):
        Runner(engine)
    assert_nothing_left()


@check
def a_failure_on_another_thread_leaves_nothing_either(cuda: Any) -> None:
    import fake_gpu

    engine = plan()
    fake_gpu.configure(refuse_context=True)
    caught: list[Exception] = []

    def fail() -> None:
        try:
            Runner(engine)
        except DeviceMemoryError as exc:
            caught.append(exc)  # and with it everything its traceback holds

    in_thread(fail)
    caught.clear()
    assert_nothing_left()


@check
def a_lost_gpu_is_told_at_every_picture_and_can_be_closed(cuda: Any) -> None:
    squares = drawn_squares()
    with opened() as runner:
        runner.infer(squares[:1])
        os.environ["STANDIN_CUDA_FAIL"] = "cuMemcpyHtoDAsync:2:700"  # 700: illegal address
        runner.infer(squares[:1])
        for _ in range(3):
            with raises(DeviceLostError, "an illegal memory access was encountered"):
                runner.infer(squares[:2])
    assert count("primary") == 0


@check
def a_graph_that_cannot_be_recorded_is_done_without(cuda: Any) -> None:
    squares = drawn_squares()
    with opened(graph=True) as runner:
        assert not runner.uses_graph  # the fake's inference waits, which a recording forbids
        expected = expected_logits(FP32)
        np.testing.assert_allclose(runner.infer(squares).logits, expected, atol=TOLERANCE)
        assert (runner.engine_times_ms(3) > 0).all()
    assert_nothing_left()


if __name__ == "__main__":
    run_checks(sys.argv[1:])
