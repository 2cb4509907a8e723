"""The framings that a run can choose, each with the margin that was measured to be best."""

from __future__ import annotations

from deploy.preprocess import Framing

_MARGINS = {"centre": 0.0, "stone": 0.2}


def framing_of(method: str) -> Framing:
    """How a run's pictures are framed.

    Args:
        method: `TrainSettings.framing`.
    """
    return Framing(method, _MARGINS[method])


def saved_framing(weights: dict[str, object]) -> Framing:
    """The framing of a checkpoint; one that names none is of the time of the central square."""
    said = weights.get("framing")
    return Framing(**said) if isinstance(said, dict) else Framing()
