"""How right and how fast an engine is, measured on the device that will run it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from deploy.arrays import ByteArray
from deploy.backends.base import Backend
from deploy.backends.tensorrt import TensorRtBackend
from deploy.bundle import Bundle
from deploy.engine.record import Scores, Timing
from deploy.errors import BackendError, DeviceLostError
from deploy.evaluation.compare import Comparison, compare_pictures
from deploy.folders import LabelledPicture
from deploy.golden.check import check_golden

log = logging.getLogger(__name__)

RUNS = 50
TURNS = 5


def golden_scores(bundle: Bundle, backend: Backend) -> Scores:
    """An engine on the bundle's golden pictures, where something is expected of it.

    Raises:
        DeviceLostError: the GPU failed.
    """
    try:
        return Scores(golden_gap=check_golden(bundle, backend))
    except DeviceLostError:
        raise
    except BackendError as exc:
        return Scores(failures=(str(exc),))


def picture_scores(
    bundle: Bundle,
    backend: Backend,
    reference: Backend,
    pictures: Sequence[LabelledPicture],
    calibrated: Sequence[str],
    *,
    progress: Callable[[], None] = lambda: None,
) -> Scores:
    """An engine on the golden pictures and on photographs, against float32.

    Args:
        calibrated: digests of photographs that TensorRT's calibrator saw; they do not count.

    Raises:
        DataError: no photograph can be read.
        DeviceLostError: the GPU failed.
    """
    golden = golden_scores(bundle, backend)
    found = compare_pictures(
        bundle, pictures, reference, backend, also_calibrated=set(calibrated), progress=progress
    )
    return Scores(
        golden_gap=golden.golden_gap,
        n=found.n,
        n_labelled=found.n_labelled,
        n_calibration=found.n_calibration,
        agreement=found.agreement,
        loss=found.loss if found.n_labelled else None,
        failures=(*golden.failures, *_failures(found)),
    )


def _failures(found: Comparison) -> list[str]:
    return [failure.replace(found.candidate, "it") for failure in found.failures()]


def measure(backend: TensorRtBackend) -> Timing:
    """Time a picture all the way, with and without a CUDA graph by turns, and the engine alone
    as it is faster.
    """
    size_px = backend.size_px
    square = np.zeros((1, size_px, size_px, 3), np.uint8)
    picture = {False: [], True: []}  # type: dict[bool, list[float]]
    for _ in range(TURNS):
        for graph in (False, True):
            if backend.runner.use_graph(graph) == graph:
                picture[graph].extend(_picture_ms(backend, square))
    medians = {graph: float(np.median(ms)) for graph, ms in picture.items() if ms}
    fastest = min(medians, key=lambda graph: medians[graph])
    graph = backend.runner.use_graph(fastest)
    engine = backend.engine_times_ms(TURNS * RUNS)
    return Timing(
        engine_p50_ms=float(np.percentile(engine, 50)),
        engine_p90_ms=float(np.percentile(engine, 90)),
        picture_p50_ms=medians[fastest],
        graph=graph,
    )


def _picture_ms(backend: Backend, square: ByteArray) -> list[float]:
    """RUNS times in milliseconds, after one that does not count."""
    backend.infer(square)
    times = []
    for _ in range(RUNS):
        start = perf_counter()
        backend.infer(square)
        times.append((perf_counter() - start) * 1000)
    return times
