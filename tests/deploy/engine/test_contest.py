"""Every kind of engine built, scored and timed, and the fastest that is right enough kept."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from calibration import calibrator_pictures
from calibration.pictures import find_candidates
from deploy.backends.tensorrt import TensorRtBackend
from deploy.bundle import Bundle, edit_bundle, load_bundle
from deploy.engine import contest as contest_module
from deploy.engine.contest import Contest, hold_contest, recipes_for
from deploy.engine.make import BuildSettings, device_keys
from deploy.engine.recipe import FP16, FP32, INT8_CALIBRATOR, INT8_QDQ
from deploy.engine.record import Timing
from deploy.engine.store import EngineStore
from deploy.errors import DataError, DeviceLostError
from deploy.folders import LabelledPicture
from deploy.golden.golden import read_golden, write_golden
from tests.builds import BuildsHere, build_here
from tests.deploy.engine.locks import is_free
from tests.nets import write_float_bundle

only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)
ALL = [INT8_QDQ, INT8_CALIBRATOR, FP16]


@pytest.fixture
def builds(monkeypatch) -> BuildsHere:
    return build_here(monkeypatch)


@pytest.fixture
def speeds(monkeypatch) -> dict[str, float]:
    """Milliseconds by precision that timing finds from now on."""
    found: dict[str, float] = {}

    def measure(backend) -> Timing:
        ms = found[backend.engine.record.recipe]
        return Timing(ms, ms, ms, graph=False)

    monkeypatch.setattr(contest_module, "measure", measure)
    return found


@pytest.fixture
def looks(monkeypatch, speeds) -> list[tuple[str, bool]]:
    """Each time an engine is judged or timed, and whether another process gets the lock then."""
    found: list[tuple[str, bool]] = []

    def look_at(name: str) -> None:
        real = getattr(contest_module, name)

        def looked(*words, **more):
            found.append((name, is_free(EngineStore({}))))
            return real(*words, **more)

        monkeypatch.setattr(contest_module, name, looked)

    for name in ("golden_scores", "picture_scores", "measure"):
        look_at(name)
    return found


def hold(bundle: Bundle, recipes=ALL, pictures=(), images=None, fresh=False) -> Contest:
    settings = BuildSettings(images=images, module="calibration.engine_child")
    return hold_contest(
        bundle,
        store_of(bundle),
        recipes,
        settings,
        pictures,
        fresh=fresh,
        progress=lambda _: contextlib.nullcontext(lambda: None),
    )


def store_of(bundle: Bundle) -> EngineStore:
    return EngineStore(device_keys(bundle))


def became(contest: Contest) -> dict[str, object]:
    return {entry.recipe.name: entry for entry in contest.entries}


def spoil_golden(bundle: Bundle, *precisions: str) -> Bundle:
    """A bundle that expects other logits than its models give."""
    golden = read_golden(bundle)
    wrong = {p: (np.array(golden.logits[p]) + 9).tolist() for p in precisions}
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        write_golden(draft.root, dataclasses.replace(golden, logits={**golden.logits, **wrong}))
    return load_bundle(bundle.root)


@pytest.mark.parametrize(
    ("precision", "int8", "expected"),
    [
        ("auto", "auto", [INT8_QDQ, INT8_CALIBRATOR, FP16]),
        ("auto", "qdq", [INT8_QDQ, FP16]),
        ("auto", "calibrator", [INT8_CALIBRATOR, FP16]),
        ("int8", "auto", [INT8_QDQ, INT8_CALIBRATOR]),
        ("int8", "qdq", [INT8_QDQ]),
        ("int8", "calibrator", [INT8_CALIBRATOR]),
        ("fp16", "auto", [FP16]),
        ("fp32", "calibrator", [FP32]),
    ],
)
def test_the_flags_say_what_is_tried(precision, int8, expected):
    assert recipes_for(precision, int8) == expected


def test_every_kind_that_this_tensorrt_can_build_is_built_scored_and_timed(
    tensorrt_pose, bundle: Bundle, stones: Path, builds: BuildsHere
):
    pictures = find_candidates(stones, bundle.labels)

    contest = hold(bundle, pictures=pictures, images=stones)

    entries = became(contest)
    assert list(entries) == [recipe.name for recipe in ALL]
    if tensorrt_pose.version == "11.4":
        assert "no calibrators any more" in entries["int8-calibrator"].problem
        assert "int8-calibrator" not in builds.recipes
    built = [entry for entry in contest.entries if entry.engine]
    assert len(built) == (2 if tensorrt_pose.version == "11.4" else 3)
    for entry in built:
        record = entry.engine.record
        assert entry.passed, record.scores
        assert record.scores.golden_gap < 0.5
        assert record.scores.n == record.scores.n_labelled == 18  # 12 of 30 chose the ranges
        assert record.scores.agreement == 1.0
        assert record.timing.engine_p50_ms == pytest.approx(4.0, abs=0.1)
        assert store_of(bundle).find(entry.recipe).record == record
    assert store_of(bundle).best() == contest.winner.engine


@only_10
def test_the_fastest_wins_and_the_backend_will_take_it(
    tensorrt_pose, bundle: Bundle, stones: Path, builds, speeds
):
    speeds.update({"int8-qdq": 2.0, "int8-calibrator": 1.5, "fp16": 1.8})

    contest = hold(bundle, images=stones)

    assert contest.winner.recipe == INT8_CALIBRATOR
    assert store_of(bundle).best().recipe == INT8_CALIBRATOR


@only_10
def test_an_engine_that_is_not_right_is_not_the_winner_however_fast(
    tensorrt_pose, bundle: Bundle, builds, speeds
):
    speeds.update({"int8-qdq": 0.1, "fp16": 5.0})
    bundle = spoil_golden(bundle, "int8")

    contest = hold(bundle, [INT8_QDQ, FP16])

    wrong = became(contest)["int8-qdq"].engine.record.scores
    assert "differs by" in wrong.failures[0]
    assert wrong.golden_gap is None
    assert contest.winner.recipe == FP16
    assert store_of(bundle).best().recipe == FP16
    assert store_of(bundle).best("int8") is None


@only_10
def test_where_none_of_several_passes_float32_is_tried(
    tensorrt_pose, bundle: Bundle, builds, speeds
):
    speeds.update({"int8-qdq": 1.0, "fp16": 1.0, "fp32": 1.0})
    bundle = spoil_golden(bundle, "int8", "fp32")

    contest = hold(bundle, [INT8_QDQ, FP16])

    assert builds.recipes == ["int8-qdq", "fp16", "fp32"]
    assert contest.winner is None
    assert store_of(bundle).best() is None


@only_10
def test_one_kind_that_was_asked_for_alone_stays_alone(
    tensorrt_pose, bundle: Bundle, builds, speeds
):
    speeds["int8-qdq"] = 1.0
    bundle = spoil_golden(bundle, "int8")

    assert hold(bundle, [INT8_QDQ]).winner is None
    assert builds.recipes == ["int8-qdq"]


@only_10
def test_a_kind_that_cannot_be_built_does_not_stop_the_others(
    tensorrt_pose, bundle: Bundle, stones: Path, builds
):
    builds.failing = {"int8-qdq", "fp16"}

    contest = hold(bundle, images=stones)

    assert became(contest)["int8-qdq"].problem == "no kernel for int8-qdq"
    assert became(contest)["fp16"].problem == "no kernel for fp16"
    assert contest.winner.recipe == INT8_CALIBRATOR


@only_10
def test_where_nothing_can_be_built_the_contest_says_so_of_each(
    tensorrt_pose, bundle: Bundle, builds
):
    builds.failing = {"int8-qdq", "fp16"}

    contest = hold(bundle, [INT8_QDQ, FP16])

    assert [entry.engine for entry in contest.entries] == [None, None]  # float32 is not tried
    assert contest.winner is None
    assert not contest.built


@only_10
def test_what_is_kept_is_scored_anew_and_not_built_again_unless_asked(
    tensorrt_pose, bundle: Bundle, builds, speeds
):
    speeds["fp16"] = 3.0
    first = hold(bundle, [FP16])
    speeds["fp16"] = 2.0

    second = hold(bundle, [FP16])
    assert builds.recipes == ["fp16"]
    assert second.winner.engine.record.timing.picture_p50_ms == 2.0
    assert second.winner.engine.record.sha256 == first.winner.engine.record.sha256

    hold(bundle, [FP16], fresh=True)
    assert builds.recipes == ["fp16", "fp16"]


@only_10
@pytest.mark.parametrize("kept", [False, True])
def test_an_engine_is_never_judged_or_timed_unlocked(
    tensorrt_pose, bundle: Bundle, stones: Path, builds, speeds, looks, kept
):
    """What another process builds meanwhile would spoil both."""
    speeds["fp16"] = 1.0
    if kept:
        hold(bundle, [FP16])
        looks.clear()

    hold(bundle, [FP16])
    hold(bundle, [FP16], find_candidates(stones, bundle.labels), fresh=not kept)

    timed = ("measure", False)
    assert looks == [("golden_scores", False), timed, ("picture_scores", False), timed]
    assert len(builds.built) == (1 if kept else 2)
    assert is_free(store_of(bundle))


@only_10
def test_a_bundle_without_int8_says_how_to_make_it_and_goes_on(
    tensorrt_pose, tmp_path: Path, stones: Path, builds
):
    floating = write_float_bundle(tmp_path / "floating")

    contest = hold(floating, images=stones)

    assert "gemscan calibrate BUNDLE --images DIR" in became(contest)["int8-qdq"].problem
    assert became(contest)["int8-calibrator"].engine is not None
    assert became(contest)["fp16"].engine is not None


@only_10
def test_a_bundle_of_int8_alone_is_compared_with_its_own_float_form(
    tensorrt_pose, int8_only: Bundle, stones: Path, builds, caplog
):
    pictures = find_candidates(stones, int8_only.labels)

    contest = hold(int8_only, pictures=pictures, images=stones)

    assert all(entry.passed for entry in contest.entries)
    made = [entry.engine.record.made_from for entry in contest.entries]
    assert made[0] == "the INT8 model"
    assert "without Q/DQ" in made[1]
    assert "without Q/DQ" in made[2]
    assert caplog.text.count("holds no float32 model") == 1


@only_10
def test_photographs_that_the_calibrator_saw_do_not_count_for_its_engine(
    tensorrt_pose, tmp_path: Path, stones: Path, builds, monkeypatch
):
    monkeypatch.setattr(calibrator_pictures, "COUNT", 9)
    floating = write_float_bundle(tmp_path / "floating")
    pictures = find_candidates(stones, floating.labels)

    entries = became(hold(floating, pictures=pictures, images=stones))

    record = entries["int8-calibrator"].engine.record
    assert sum(map(len, record.calibration.values())) == 9
    assert record.scores.n == 30 - 9
    assert entries["fp16"].engine.record.scores.n == 30


@only_10
def test_disagreement_with_float32_fails_the_gate_in_words(
    tensorrt_pose, bundle: Bundle, stones: Path, builds, monkeypatch
):
    real = TensorRtBackend.infer

    def other(self, batch):
        right = real(self, batch)
        return right._replace(logits=-right.logits)

    monkeypatch.setattr(TensorRtBackend, "infer", other)
    pictures = find_candidates(stones, bundle.labels)

    contest = hold(bundle, [FP16], pictures)

    scores = became(contest)["fp16"].engine.record.scores
    assert any("agreement is" in failure for failure in scores.failures)
    assert contest.winner is None


@only_10
def test_a_gpu_that_is_lost_ends_the_contest(tensorrt_pose, bundle: Bundle, builds):
    """Every later call would fail too, and be taken for an engine that is wrong."""
    tensorrt_pose.may_leave = True
    tensorrt_pose.gpu.configure(lose_after=1)

    with pytest.raises(DeviceLostError):
        hold(bundle, [FP16, FP32])

    assert builds.recipes == ["fp16"]


@only_10
def test_pictures_of_which_none_can_be_read_are_the_users_error(
    tensorrt_pose, bundle: Bundle, tmp_path: Path, builds
):
    """Not the engine's: nothing may be called wrong for it."""
    (tmp_path / "no.png").write_bytes(b"no picture")

    with pytest.raises(DataError, match="no readable picture"):
        hold(bundle, [FP16, FP32], [LabelledPicture(tmp_path / "no.png", "Ruby")])

    assert builds.recipes == ["fp16"]
