"""A reading as the page gets it."""

from __future__ import annotations

import json
from typing import Any

from deploy.arrays import Json
from deploy.decision import Verdict
from edge_app.live.reading import Reading

CANDIDATES = 4


def reading_json(reading: Reading, width: int, height: int) -> Json:
    """All that is shown of one frame.

    Args:
        width, height: of the frame in pixels, in which the box is told; 0 without a picture.
    """
    box = reading.box
    return {
        "frame": {"width": width, "height": height},
        "state": reading.state.value,
        "advice": reading.state.advice,
        "note": reading.note,
        "trouble": reading.trouble,
        "prompt": reading.prompt,
        "hint": reading.hint,
        "final": reading.final,
        "lifted": reading.lifted,
        "stone": reading.stone,
        "box": None if box is None else [box.x, box.y, box.side_px],
        "verdict": None if reading.verdict is None else _verdict(reading.verdict),
        "provisional": _provisional(reading),
        "fps": round(reading.fps, 1),
        "latency_ms": round(reading.latency_ms, 1),
        "dropped": reading.dropped,
    }


def packed(said: Json, jpeg: bytes = b"") -> bytes:
    """A message of the live picture: the length of the text, the text in JSON, the picture."""
    text = json.dumps(said).encode()
    return len(text).to_bytes(4, "big") + text + jpeg


def _verdict(verdict: Verdict) -> Json:
    return {
        "kind": verdict.kind,
        "text": verdict.text,
        "listed": verdict.listed,
        "unfamiliar": verdict.unfamiliar,
        "candidates": [
            {"label": c.label, "confidence": round(c.confidence, 4)}
            for c in verdict.candidates[:CANDIDATES]
        ],
    }


def _provisional(reading: Reading) -> Any:
    if reading.provisional is None:
        return None
    like = reading.provisional
    return {"label": like.label, "similarity": round(like.similarity, 3)}
