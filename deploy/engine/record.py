"""What is written down beside an engine, by which it is known again, or refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 2  # a change of how engines are built here makes those that were built before stale


@dataclass(frozen=True)
class Key:
    """What an engine belongs to. One that was made for another is never run.

    source: of what it was built from, see `deploy.engine.source`.
    gpu, capability: the GPU's name and compute capability.
    tensorrt: TensorRT's version, all of it.
    """

    source: str
    gpu: str
    capability: str
    tensorrt: str

    @property
    def folder_name(self) -> str:
        """A name for the folder of such engines that a person can read."""
        gpu = re.sub(r"[^A-Za-z0-9]+", "-", self.gpu).strip("-").lower()
        return f"{self.source[:16]}-{gpu}-sm{self.capability}-trt{self.tensorrt}"

    def difference(self, other: Key) -> str:
        """In words, what differs first; empty where nothing does."""
        for name, said in (
            ("source", "another model"),
            ("gpu", f"another GPU, {other.gpu}"),
            ("capability", f"compute capability {other.capability}"),
            ("tensorrt", f"TensorRT {other.tensorrt}"),
        ):
            if getattr(self, name) != getattr(other, name):
                return said
        return ""


@dataclass(frozen=True)
class Scores:
    """How right an engine is.

    golden_gap: the largest difference from a logit that the bundle expects of the golden pictures;
        None where it expects none.
    n, n_labelled, n_calibration, agreement, loss: against float32 on photographs, as of
        `deploy.evaluation.compare.Comparison`; None without photographs.
    failures: one sentence for each limit that is not held.
    """

    golden_gap: float | None = None
    n: int = 0
    n_labelled: int = 0
    agreement: float | None = None
    loss: float | None = None
    failures: tuple[str, ...] = ()
    n_calibration: int = 0


@dataclass(frozen=True)
class Timing:
    """Milliseconds for one picture, measured when the engine was built.

    engine_p50_ms, engine_p90_ms: on the GPU alone, by CUDA events.
    picture_p50_ms: from a square in host memory to logits in host memory.
    graph: whether that is with a CUDA graph, which is used where it was faster.
    """

    engine_p50_ms: float
    engine_p90_ms: float
    picture_p50_ms: float
    graph: bool


@dataclass(frozen=True)
class EngineRecord:
    """The sidecar of an engine: a JSON file beside it.

    recipe: its name, see `deploy.engine.recipe`.
    sha256, size_bytes: of the engine's file.
    flags: what the builder was allowed to use, by TensorRT's names.
    built_s: how long the build took.
    calibration: digests of the pictures that TensorRT's calibrator saw, by class.
    """

    schema: int
    key: Key
    recipe: str
    sha256: str
    size_bytes: int
    flags: tuple[str, ...]
    workspace_mb: int
    built_s: float
    built_at: str
    made_from: str
    calibration: dict[str, Any] = field(default_factory=dict)
    scores: Scores | None = None
    timing: Timing | None = None

    @property
    def passed(self) -> bool:
        """Whether it was scored and held every limit."""
        return self.scores is not None and not self.scores.failures
