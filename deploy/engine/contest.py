"""Building every kind of engine that can be built, and keeping the fastest that is right enough."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field

from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.backends.tensorrt import TensorRtBackend
from deploy.bundle import Bundle
from deploy.engine.bindings import has_calibrators, load_tensorrt
from deploy.engine.make import BuildSettings, build, note
from deploy.engine.recipe import (
    CALIBRATOR,
    FP16,
    FP32,
    INT8_CALIBRATOR,
    INT8_QDQ,
    QDQ,
    Recipe,
)
from deploy.engine.record import Scores
from deploy.engine.runner import EngineRefusedError
from deploy.engine.score import golden_scores, measure, picture_scores
from deploy.engine.store import EngineStore, KeptEngine
from deploy.errors import (
    BackendError,
    BundleError,
    DataError,
    DeviceLostError,
    GemscanError,
    MissingDependencyError,
    StorageError,
)
from deploy.evaluation.reference import open_reference
from deploy.folders import LabelledPicture

log = logging.getLogger(__name__)

# Errors that the next kind of engine would meet too.
STOPS_ALL = (DeviceLostError, DataError, StorageError, MissingDependencyError)
UNJUDGED = "there is nothing to judge it by: the bundle expects no such logits; give --images DIR"

Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]


@dataclass
class Entry:
    """One kind of engine: what became of it.

    problem: why there is none.
    kept: it had been built before.
    """

    recipe: Recipe
    engine: KeptEngine | None = None
    problem: str = ""
    kept: bool = False

    @property
    def passed(self) -> bool:
        """Built, and within every limit."""
        return self.engine is not None and self.engine.record.passed

    @property
    def picture_ms(self) -> float:
        """Milliseconds for one picture; infinite where there is no engine."""
        timing = self.engine.record.timing if self.engine else None
        return timing.picture_p50_ms if timing else float("inf")


@dataclass
class Contest:
    """Every kind that was tried, and the one that is kept for use."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def built(self) -> bool:
        """Whether there is any engine."""
        return any(entry.engine is not None for entry in self.entries)

    @property
    def winner(self) -> Entry | None:
        """The fastest of those that passed."""
        passed = [entry for entry in self.entries if entry.passed]
        return min(passed, key=lambda entry: entry.picture_ms, default=None)


def recipes_for(precision: str, int8: str) -> list[Recipe]:
    """The recipes that the flags of `gemscan build` ask for.

    Args:
        precision: "int8", "fp16", "fp32" or "auto".
        int8: "qdq", "calibrator" or "auto", which is both.
    """
    ways = {QDQ: [INT8_QDQ], CALIBRATOR: [INT8_CALIBRATOR], "auto": [INT8_QDQ, INT8_CALIBRATOR]}
    return {
        "int8": ways[int8],
        "fp16": [FP16],
        "fp32": [FP32],
        "auto": [*ways[int8], FP16],
    }[precision]


def hold_contest(
    bundle: Bundle,
    store: EngineStore,
    recipes: Sequence[Recipe],
    settings: BuildSettings,
    pictures: Sequence[LabelledPicture],
    *,
    fresh: bool = False,
    progress: Progress,
) -> Contest:
    """Build, score and time engines; their sidecars then say what was found.

    A kind that cannot be built is no failure of the others. Where several were asked for and none
    passes, float32 is built as well.

    Args:
        pictures: photographs to score on; none: the golden pictures alone.
        fresh: build again what is kept already.

    Raises:
        DeviceLostError: the GPU failed; nothing more can be done in this process.
        DataError: none of the photographs can be read.
        StorageError: the cache cannot be written.
        MissingDependencyError: a library is not installed.
        KeyboardInterrupt: it was stopped.
    """
    contest = Contest()
    with ExitStack() as stack:
        judge = _Judge(bundle, store, pictures, progress, stack)
        for recipe in recipes:
            contest.entries.append(_enter(judge, recipe, settings, fresh))
        if contest.built and contest.winner is None and len(recipes) > 1 and FP32 not in recipes:
            contest.entries.append(_enter(judge, FP32, settings, fresh))
    return contest


def _enter(judge: _Judge, recipe: Recipe, settings: BuildSettings, fresh: bool) -> Entry:
    try:
        _refuse_impossible(judge.bundle, recipe)
        with judge.store.locked() as lock:  # what is timed must have the GPU for itself
            kept = None if fresh else judge.store.find(recipe)
            if kept is not None:
                with suppress(EngineRefusedError):  # whole and fitting, and refused: built again
                    return Entry(recipe, judge.judged(kept), kept=True)
            built = build(judge.bundle, judge.store, recipe, settings, lock)
            return Entry(recipe, judge.judged(built))
    except STOPS_ALL:
        raise
    except GemscanError as exc:
        log.debug("no %s engine", recipe.name, exc_info=True)
        return Entry(recipe, problem=str(exc))


def _refuse_impossible(bundle: Bundle, recipe: Recipe) -> None:
    """Say at once what a build would find out.

    Raises:
        BackendError, BundleError: why there can be no such engine.
    """
    if recipe == INT8_QDQ and "int8" not in bundle.precisions:
        raise BundleError("the bundle holds no INT8 model: gemscan calibrate BUNDLE --images DIR")
    trt = load_tensorrt()
    if recipe == INT8_CALIBRATOR and not has_calibrators(trt):
        raise BackendError(f"TensorRT {trt.__version__} has no calibrators any more")


class _Judge:
    """Scores and times engines, each opened once; opens the reference when it is first needed."""

    def __init__(
        self,
        bundle: Bundle,
        store: EngineStore,
        pictures: Sequence[LabelledPicture],
        progress: Progress,
        stack: ExitStack,
    ) -> None:
        self.bundle = bundle
        self.store = store
        self._pictures = pictures
        self._progress = progress
        self._stack = stack
        self._opened: OnnxCpuBackend | None = None

    def judged(self, engine: KeptEngine) -> KeptEngine:
        """The engine with scores and times in its sidecar."""
        with TensorRtBackend.of_engine(self.bundle, engine) as backend:
            scores, timing = self._scores(backend, engine), measure(backend)
        return note(self.store, engine, scores=scores, timing=timing)

    def _scores(self, backend: TensorRtBackend, engine: KeptEngine) -> Scores:
        if not self._pictures:
            scores = golden_scores(self.bundle, backend)
            judged = scores.failures or scores.golden_gap is not None
            return scores if judged else Scores(failures=(UNJUDGED,))
        seen = [digest for part in engine.record.calibration.values() for digest in part]
        with self._progress(len(self._pictures)) as progress:
            return picture_scores(
                self.bundle, backend, self._reference, self._pictures, seen, progress=progress
            )

    @property
    def _reference(self) -> OnnxCpuBackend:
        if self._opened is None:
            self._opened = self._stack.enter_context(open_reference(self.bundle))
        return self._opened
