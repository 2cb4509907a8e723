"""TensorRT on an NVIDIA GPU, through an engine that was built on this very device."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt

from deploy.arrays import ByteArray, Json
from deploy.backends.base import Prediction, check_batch
from deploy.bundle import EMBEDDING_SIZE, Bundle
from deploy.engine.make import BuildSettings, find_or_build
from deploy.engine.recipe import INT8_CALIBRATOR
from deploy.engine.runner import EngineRefusedError, Runner
from deploy.engine.store import KeptEngine
from deploy.errors import BackendError

log = logging.getLogger(__name__)


class TensorRtBackend:
    """Runs a bundle's engine. Any thread may call `infer`; two at once overlap on the GPU."""

    name = "tensorrt"

    def __init__(self, bundle: Bundle, precision: str = "auto") -> None:
        """Open the bundle's engine; where this device has none yet, build it first.

        Args:
            precision: "int8", "fp16", "fp32", or "auto": the fastest engine that passed its
                scores in `gemscan build`, else INT8.

        Raises:
            BackendError: no GPU, no engine can be built, or it cannot be opened.
            BundleError: INT8 was asked for and the bundle holds none.
            MissingDependencyError: TensorRT or pycuda is not there.
            KeyboardInterrupt: a build was stopped.
        """
        engine = find_or_build(bundle, precision, BuildSettings())
        try:
            self._open(bundle, engine)
        except EngineRefusedError as exc:  # whole and fitting, and refused: a driver update, say
            log.warning("%s is built again: %s", engine.path, exc)
            engine.remove()
            self._open(bundle, find_or_build(bundle, precision, BuildSettings()))

    @classmethod
    def of_engine(cls, bundle: Bundle, engine: KeptEngine) -> TensorRtBackend:
        """Open one engine of a bundle, whatever its scores."""
        backend = cls.__new__(cls)
        backend._open(bundle, engine)
        return backend

    def _open(self, bundle: Bundle, engine: KeptEngine) -> None:
        timing = engine.record.timing
        self.size_px = bundle.manifest.input.size_px
        self.engine = engine
        self.precision = engine.recipe.precision
        self.own_ranges = engine.recipe == INT8_CALIBRATOR  # and not those of the bundle's INT8
        self.runner = Runner(engine.read(), graph=timing is not None and timing.graph)
        try:
            _check_shapes(self.runner, bundle)
        except BackendError:
            self.close()
            raise

    def infer(self, batch: ByteArray) -> Prediction:
        """Map (N, size, size, 3) uint8 RGB to (N, C) logits and (N, 2048) embeddings."""
        check_batch(batch, self.size_px)
        return self.runner.infer(batch)

    def engine_times_ms(self, runs: int) -> npt.NDArray[np.float64]:
        """(runs,) milliseconds of the engine alone on the GPU, by CUDA events."""
        return self.runner.engine_times_ms(runs)

    def engine_facts(self) -> Json:
        """Which engine runs, where, and how it is started."""
        record = self.engine.record
        key = record.key
        return {
            "recipe": record.recipe,
            "sha256": record.sha256,
            "gpu": key.gpu,
            "tensorrt": key.tensorrt,
            "cuda_graph": self.runner.uses_graph,
        }

    def close(self) -> None:
        """Free everything on the GPU. Calling it twice is harmless."""
        self.runner.close()

    def __enter__(self) -> TensorRtBackend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_shapes(runner: Runner, bundle: Bundle) -> None:
    size_px = bundle.manifest.input.size_px
    expected = {
        "image": (1, size_px, size_px, 3),
        "logits": (1, len(bundle.labels)),
        "embedding": (1, EMBEDDING_SIZE),
    }
    if runner.shapes != expected:
        raise BackendError(
            f"the engine has inputs and outputs {runner.shapes}, but {bundle.root} needs {expected}"
        )
