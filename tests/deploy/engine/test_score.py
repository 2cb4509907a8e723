"""How right an engine is, and how it is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.pictures import find_candidates
from deploy.backends.base import Prediction
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.backends.tensorrt import TensorRtBackend
from deploy.bundle import Bundle, edit_bundle, load_bundle
from deploy.engine import graph, score
from deploy.engine.record import Scores
from deploy.engine.score import golden_scores, measure, picture_scores
from deploy.errors import DeviceLostError
from deploy.folders import LabelledPicture
from deploy.golden.golden import read_golden
from tests.builds import build_here
from tests.nets import write_float_bundle

only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


class Says:
    """Gives the same logits for every picture."""

    name = "tensorrt"

    def __init__(self, precision: str, logits) -> None:
        self.precision = precision
        self._rows = np.asarray(logits, np.float32)
        self._next = 0

    def infer(self, batch):
        row = self._rows[self._next % len(self._rows)]
        self._next += 1
        return Prediction(row[None], np.zeros((1, 2048), np.float32))


class Timed:
    """A backend and its runner, on a clock of their own; a first picture takes a second more.

    asked: what was asked of it, in order; of pictures one after another, how many.
    has_graphs: whether a graph can be had.
    """

    size_px = 8

    def __init__(self, ms: dict[bool, float], *, has_graphs: bool = True) -> None:
        self.runner = self
        self.asked: list[object] = []
        self.now_s = 0.0
        self._ms = ms
        self._has_graphs = has_graphs
        self._on = False

    def use_graph(self, wanted: bool) -> bool:
        self.asked.append(("graph", wanted))
        self._on = wanted and self._has_graphs
        return self._on

    def infer(self, batch) -> None:
        assert (batch.shape, batch.dtype) == ((1, 8, 8, 3), np.uint8)
        first = not isinstance(self.asked[-1], int)
        if first:
            self.asked.append(0)
        self.asked[-1] += 1
        self.now_s += self._ms[self._on] / 1000 + first

    def engine_times_ms(self, runs: int):
        self.asked.append(("engine", runs))
        return np.linspace(1, 2, 11) + 10 * self._on


class Lost(Says):
    def infer(self, batch):
        raise DeviceLostError("the GPU failed")


@pytest.mark.parametrize("precision", ["int8", "fp32", "fp16"])
def test_the_golden_gap_is_the_largest_difference_of_a_logit(bundle: Bundle, precision):
    """float16 is held to what float32 says."""
    expected = np.array(read_golden(bundle).logits["int8" if precision == "int8" else "fp32"])
    expected[1, 2] += 0.03125

    scores = golden_scores(bundle, Says(precision, expected))

    assert scores.golden_gap == pytest.approx(0.03125, abs=1e-5)
    assert scores.failures == ()


def test_golden_logits_too_far_off_are_a_failure_in_words(bundle: Bundle):
    expected = np.array(read_golden(bundle).logits["fp32"]) + 5

    scores = golden_scores(bundle, Says("fp32", expected))

    assert len(scores.failures) == 1
    assert "differs by 5.000" in scores.failures[0]


def test_logits_that_are_no_numbers_fail(bundle: Bundle):
    nothing = np.full((3, 3), np.nan)

    assert golden_scores(bundle, Says("int8", nothing)).failures


def test_what_was_compared_with_nothing_has_no_gap(tmp_path: Path, bundle: Bundle):
    """A gap of 0 would read as if it had been perfect."""
    floating = write_float_bundle(tmp_path / "floating")  # it expects no logits of anyone

    assert golden_scores(floating, Says("int8", np.zeros((3, 3)))) == Scores()


def test_a_bundle_without_golden_pictures_has_no_gap(bundle: Bundle):
    import shutil

    with edit_bundle(bundle.root, start_from=bundle) as draft:
        shutil.rmtree(draft.root / "golden")

    assert golden_scores(load_bundle(bundle.root), Says("int8", np.zeros((3, 3)))) == Scores()


def test_a_lost_gpu_is_not_taken_for_a_wrong_engine(bundle: Bundle):
    with pytest.raises(DeviceLostError):
        golden_scores(bundle, Lost("int8", [[0, 0, 0]]))


def test_photographs_give_agreement_and_loss_and_those_that_were_seen_do_not_count(
    bundle: Bundle, stones: Path
):
    pictures = find_candidates(stones, bundle.labels)
    fresh = bundle.read_json("calibration.json")["digests"]
    used = {digest for part in fresh.values() for digest in part}
    unused = [p for p in pictures if p.digest() not in used]
    also = [p.digest() for p in unused[:5]]
    told: list[int] = []

    with OnnxCpuBackend(bundle, "fp32", threads=1) as reference:
        scores = picture_scores(
            bundle, reference, reference, pictures, also, progress=lambda: told.append(1)
        )

    assert len(told) == len(pictures) == 30
    assert scores.n == scores.n_labelled == 30 - len(used) - 5
    assert (scores.agreement, scores.loss, scores.failures) == (1.0, 0.0, ())
    assert scores.golden_gap == pytest.approx(0, abs=1e-4)


def test_photographs_without_a_class_have_no_loss(bundle: Bundle, stones: Path):
    pictures = [LabelledPicture(p.path, "") for p in find_candidates(stones, bundle.labels)]

    with OnnxCpuBackend(bundle, "fp32", threads=1) as reference:
        scores = picture_scores(bundle, reference, reference, pictures, [])

    assert (scores.n_labelled, scores.loss) == (0, None)
    assert scores.agreement == 1.0


def test_both_golden_pictures_and_photographs_can_fail(bundle: Bundle, stones: Path):
    pictures = find_candidates(stones, bundle.labels)
    wrong = Says("int8", [[9, 0, 0], [0, 9, 0], [0, 0, 9]])

    with OnnxCpuBackend(bundle, "fp32", threads=1) as reference:
        failures = picture_scores(bundle, wrong, reference, pictures, []).failures

    assert "golden picture differs" in failures[0]
    assert failures[1].startswith("agreement is ")
    assert not any("tensorrt int8 loses" in failure for failure in failures)


@only_10
@pytest.mark.parametrize("has_graphs", [True, False])
def test_an_engine_is_timed_with_and_without_a_graph(
    tensorrt_pose, bundle: Bundle, monkeypatch, has_graphs
):
    build_here(monkeypatch)
    monkeypatch.setattr(score, "RUNS", 4)
    driver = tensorrt_pose.gpu.driver if has_graphs else object()
    monkeypatch.setattr(graph, "_load", lambda: driver)
    tensorrt_pose.gpu.configure(kernel_ms=7.5)

    with TensorRtBackend(bundle, "fp32") as backend:
        timing = measure(backend)
        launched = tensorrt_pose.gpu.state()["graph_launches"]

    assert timing.engine_p50_ms == pytest.approx(7.5, abs=0.01)
    assert timing.engine_p90_ms >= timing.engine_p50_ms
    assert timing.picture_p50_ms > 0
    assert launched >= score.TURNS * (4 + 1) if has_graphs else launched == 0
    assert has_graphs or not timing.graph


@pytest.mark.parametrize(("without_ms", "with_ms", "faster"), [(3.0, 2.0, True), (2.0, 3.0, False)])
def test_both_ways_are_timed_by_turns_and_the_engine_in_the_faster_one(
    monkeypatch, without_ms, with_ms, faster
):
    """A board that slows down meanwhile is to slow both."""
    backend = Timed({False: without_ms, True: with_ms})
    monkeypatch.setattr(score, "perf_counter", lambda: backend.now_s)

    timing = measure(backend)

    one_turn = [("graph", False), score.RUNS + 1, ("graph", True), score.RUNS + 1]
    last = [("graph", faster), ("engine", score.TURNS * score.RUNS)]
    assert backend.asked == [*one_turn * score.TURNS, *last]
    assert (timing.graph, timing.picture_p50_ms) == (faster, pytest.approx(2.0))
    alone = 11.0 if faster else 1.0
    assert timing.engine_p50_ms == pytest.approx(alone + 0.5)
    assert timing.engine_p90_ms == pytest.approx(alone + 0.9)


def test_of_a_turn_the_first_picture_does_not_count(monkeypatch):
    """It brings the clock up and fills the caches."""
    backend = Timed({False: 3.0, True: 2.0})
    monkeypatch.setattr(score, "perf_counter", lambda: backend.now_s)
    monkeypatch.setattr(score, "RUNS", 1)

    assert measure(backend).picture_p50_ms == pytest.approx(2.0)


def test_where_no_graph_can_be_had_its_turns_are_left_out(monkeypatch):
    backend = Timed({False: 3.0, True: 2.0}, has_graphs=False)
    monkeypatch.setattr(score, "perf_counter", lambda: backend.now_s)

    timing = measure(backend)

    assert backend.asked[:4] == [
        ("graph", False),
        score.RUNS + 1,
        ("graph", True),
        ("graph", False),
    ]
    assert backend.asked[-2] == ("graph", False)
    assert (timing.graph, timing.picture_p50_ms) == (False, pytest.approx(3.0))
