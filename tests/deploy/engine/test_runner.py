"""Pictures through an opened engine, from any thread, and what is left behind: nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle
from deploy.engine import graph, lane
from deploy.engine.graph import GraphError
from deploy.engine.lane import Lane
from deploy.engine.make import BuildSettings, find_or_build
from deploy.engine.process import ROOT
from deploy.engine.runner import EngineRefusedError, Runner
from deploy.errors import BackendError, DeviceLostError, DeviceMemoryError
from tests.nets import drawn_squares

only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


@pytest.fixture
def plan(tensorrt_pose, bundle: Bundle) -> bytes:
    """A float32 engine."""
    return find_or_build(bundle, "fp32", BuildSettings()).read()


@pytest.fixture
def expected(bundle: Bundle):
    """What ONNX Runtime says of the drawn squares."""
    with OnnxCpuBackend(bundle, "fp32") as backend:
        return backend.infer(drawn_squares())


@pytest.fixture
def driver(tensorrt_pose, monkeypatch):
    """A driver that has CUDA graphs."""
    driver = tensorrt_pose.gpu.driver
    monkeypatch.setattr(graph, "_load", lambda: driver)
    return driver


def test_it_says_what_onnx_runtime_says_on_one_picture_and_on_many(plan, expected):
    squares = drawn_squares()
    runner = Runner(plan)
    try:
        one, many = runner.infer(squares[:1]), runner.infer(squares)
    finally:
        runner.close()

    np.testing.assert_allclose(one.logits, expected.logits[:1], atol=1e-4)
    np.testing.assert_allclose(many.logits, expected.logits, atol=1e-4)
    np.testing.assert_allclose(many.embedding, expected.embedding, atol=1e-4)
    assert many.logits.dtype == many.embedding.dtype == np.float32


@only_10
def test_where_one_lane_can_have_no_graph_none_has_one(tensorrt_pose, bundle: Bundle, monkeypatch):
    runner = Runner(find_or_build(bundle, "fp32", BuildSettings()).read())
    try:
        tries = iter([True, False])
        done: list[tuple[str, Lane]] = []
        monkeypatch.setattr(
            Lane, "record_graph", lambda lane: (done.append(("recorded", lane)), next(tries))[1]
        )
        monkeypatch.setattr(Lane, "forget_graph", lambda lane: done.append(("forgotten", lane)))

        assert not runner.use_graph(True)

        recorded = [lane for what, lane in done if what == "recorded"]
        assert len(recorded) == 2
        assert [what for what, _ in done[-2:]] == ["forgotten", "forgotten"]
        assert {lane for _, lane in done[-2:]} == {*recorded}
    finally:
        runner.close()


def test_a_result_is_the_callers_own(plan):
    squares = drawn_squares()
    runner = Runner(plan)
    first = runner.infer(squares[:1])
    kept = first.logits.copy()
    for square in squares[1:5]:
        runner.infer(square[None])
    runner.close()

    np.testing.assert_array_equal(first.logits, kept)
    first.logits[:] = 0  # it is writable and no longer the GPU's business


@only_10
def test_no_frame_allocates_anything(plan, tensorrt_pose):
    squares = drawn_squares()
    runner = Runner(plan)
    runner.infer(squares)
    before = tensorrt_pose.gpu.state()
    for _ in range(5):
        runner.infer(squares[:1])
        runner.infer(squares)
    after = tensorrt_pose.gpu.state()
    runner.close()

    made = ("device", "page_locked", "streams", "events")
    assert [after[name] for name in made] == [before[name] for name in made]
    assert after["inferences"] - before["inferences"] == 5 * 13


def test_many_threads_share_one_engine(plan, expected):
    """The camera's thread and a web server's: each gets the answer to its own picture."""
    squares = drawn_squares()
    runner = Runner(plan)
    with ThreadPoolExecutor(6) as pool:
        jobs = [i % len(squares) for i in range(60)]
        answers = list(pool.map(lambda i: runner.infer(squares[i : i + 1]).logits[0], jobs))
    runner.close()

    for i, logits in zip(jobs, answers, strict=True):
        np.testing.assert_allclose(logits, expected.logits[i], atol=1e-4)


@only_10
def test_two_pictures_are_on_their_way_at_once(plan, monkeypatch):
    told: list[str] = []
    start, finish = Lane.start, Lane.finish
    monkeypatch.setattr(Lane, "start", lambda self, sq: (told.append("start"), start(self, sq)))
    monkeypatch.setattr(Lane, "finish", lambda self: (told.append("finish"), finish(self))[1])
    runner = Runner(plan)
    runner.infer(drawn_squares()[:4])
    runner.close()

    assert told == ["start", "start", "finish", "start", "finish", "start", "finish", "finish"]


@only_10
def test_it_can_be_opened_here_used_there_and_closed_elsewhere(plan):
    """pycuda frees nothing on a thread that never saw the context; the fixture would tell."""
    opened: list[Runner] = []
    for work in (
        lambda: opened.append(Runner(plan)),
        lambda: opened[0].infer(drawn_squares()[:1]),
        lambda: opened[0].close(),
    ):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()


@only_10
def test_closing_twice_is_harmless_and_using_it_then_is_an_error(plan):
    runner = Runner(plan)
    runner.close()
    runner.close()

    for _ in range(2):
        with pytest.raises(BackendError, match="closed"):
            runner.infer(drawn_squares()[:1])


@only_10
def test_a_runner_that_nobody_closes_is_cleaned_up_when_it_goes(plan):
    runner = Runner(plan)
    runner.infer(drawn_squares()[:1])
    del runner  # the fixture sees whether anything is left


@only_10
def test_nothing_is_left_at_exit_where_nobody_closed(plan, tmp_path, tensorrt_pose):
    (tmp_path / "plan").write_bytes(plan)
    code = f"""
import numpy as np
from pathlib import Path
from deploy.engine.runner import Runner
runner = Runner(Path({str(tmp_path / "plan")!r}).read_bytes())
runner.infer(np.zeros((1, 64, 64, 3), np.uint8))
keep = [runner]
keep.append(keep)
"""
    tensorrt_pose.gpu.configure(report=str(tmp_path / "left.json"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.returncode == 0
    assert '"left_over": []' in (tmp_path / "left.json").read_text()


def test_a_lost_gpu_is_a_typed_error_and_everything_can_still_be_closed(plan, tensorrt_pose):
    tensorrt_pose.may_leave = True  # what is on a lost device is gone with it
    runner = Runner(plan)
    tensorrt_pose.gpu.lose()

    for _ in range(2):
        with pytest.raises(DeviceLostError, match="Start gemscan again"):
            runner.infer(drawn_squares()[:1])
    runner.close()


@only_10
def test_a_gpu_that_is_lost_in_mid_batch_ends_the_batch(plan, tensorrt_pose):
    tensorrt_pose.may_leave = True
    runner = Runner(plan)
    tensorrt_pose.gpu.configure(lose_after=tensorrt_pose.gpu.state()["inferences"] + 2)

    with pytest.raises(DeviceLostError):
        runner.infer(drawn_squares())
    runner.close()


@only_10
def test_work_that_tensorrt_does_not_start_is_an_error_and_the_next_picture_runs(
    plan, expected, tensorrt_pose
):
    runner = Runner(plan)
    runner.infer(drawn_squares()[:1])
    tensorrt_pose.gpu.configure(unwilling_after=tensorrt_pose.gpu.launches)

    with pytest.raises(BackendError, match="did not start"):
        runner.infer(drawn_squares()[:3])
    tensorrt_pose.gpu.configure(unwilling_after=-1)
    again = runner.infer(drawn_squares()[:3])
    runner.close()

    np.testing.assert_allclose(again.logits, expected.logits[:3], atol=1e-4)


@only_10
def test_no_room_for_the_engine_is_told_as_memory_and_nothing_is_kept(plan, tensorrt_pose):
    tensorrt_pose.gpu.configure(refuse_context=True)

    with pytest.raises(DeviceMemoryError, match="no room"):
        Runner(plan)


@only_10
@pytest.mark.parametrize("free_mb", [0, 5])
def test_no_room_for_the_buffers_is_told_as_memory_and_nothing_is_kept(
    plan, tensorrt_pose, free_mb
):
    tensorrt_pose.gpu.configure(free_mb=free_mb)

    with pytest.raises(DeviceMemoryError):
        Runner(plan)


@pytest.mark.parametrize(
    "spoil", [lambda plan: plan[:200], lambda _: b"", lambda _: b"an engine of something else"]
)
@only_10
def test_an_engine_that_tensorrt_does_not_take_is_refused(plan, spoil):
    with pytest.raises(EngineRefusedError, match="refused"):
        Runner(spoil(plan))


@only_10
def test_an_engine_of_another_gpu_is_refused_in_tensorrts_words(plan, tensorrt_pose):
    tensorrt_pose.gpu.configure(compute_capability="8.6")

    with pytest.raises(EngineRefusedError, match="incompatible device"):
        Runner(plan)


@only_10
def test_the_engine_is_timed_by_the_gpus_own_clock(plan, tensorrt_pose):
    tensorrt_pose.gpu.configure(kernel_ms=7.5)
    runner = Runner(plan)
    times = runner.engine_times_ms(5)
    runner.close()

    np.testing.assert_allclose(times, 7.5, atol=0.01)


@only_10
def test_without_cuda_graphs_everything_works_as_before(plan, expected, monkeypatch):
    monkeypatch.setattr(graph, "LIBRARY", "libcuda-that-is-not-there.so.1")
    runner = Runner(plan, graph=True)
    assert not runner.uses_graph
    logits = runner.infer(drawn_squares()).logits
    runner.close()

    np.testing.assert_allclose(logits, expected.logits, atol=1e-4)


def test_a_graph_says_what_the_engine_says_without_one(plan, driver, tensorrt_pose):
    squares = drawn_squares()
    runner = Runner(plan)
    expected = runner.infer(squares)
    assert runner.use_graph(True)
    with_graph = [runner.infer(squares[:1]), runner.infer(squares)]
    launched = tensorrt_pose.gpu.state()["graph_launches"]
    assert not runner.use_graph(False)
    again = runner.infer(squares)
    runner.close()

    assert launched == tensorrt_pose.gpu.state()["graph_launches"] == 1 + len(squares)
    for found in (*with_graph, again):
        np.testing.assert_allclose(found.logits, expected.logits[: len(found.logits)], atol=1e-6)
        rows = expected.embedding[: len(found.embedding)]
        np.testing.assert_allclose(found.embedding, rows, atol=1e-6)


@only_10
def test_a_graph_that_is_asked_for_at_once_is_there_at_the_first_picture(
    plan, driver, expected, tensorrt_pose
):
    runner = Runner(plan, graph=True)
    assert runner.uses_graph
    logits = runner.infer(drawn_squares()).logits
    runner.close()

    assert tensorrt_pose.gpu.state()["graph_launches"] == len(logits)
    np.testing.assert_allclose(logits, expected.logits, atol=1e-4)


@only_10
def test_a_graph_that_does_not_start_is_a_lost_gpu(plan, driver, monkeypatch):
    """As after an earlier picture's fault: no later one would do better."""
    runner = Runner(plan, graph=True)
    monkeypatch.setattr(driver, "cuGraphLaunch", lambda *_: 700)

    with pytest.raises(DeviceLostError, match=r"CUresult 700\. Start gemscan again"):
        runner.infer(drawn_squares()[:1])
    runner.close()


@only_10
def test_an_engine_whose_own_graph_cannot_be_made_is_not_timed_and_still_runs(
    plan, driver, expected, monkeypatch
):
    """A time without the graph would be taken for one with it."""

    def refuse(*_):
        raise GraphError("no second one")

    runner = Runner(plan, graph=True)
    with monkeypatch.context() as patch:
        patch.setattr(lane, "Graph", refuse)
        with pytest.raises(BackendError, match="cannot be timed by a CUDA graph: no second one"):
            runner.engine_times_ms(3)
    logits = runner.infer(drawn_squares()).logits
    runner.close()

    np.testing.assert_allclose(logits, expected.logits, atol=1e-4)
