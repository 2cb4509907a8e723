"""The ways to make an engine from a bundle."""

from __future__ import annotations

from dataclasses import dataclass

QDQ, CALIBRATOR = "qdq", "calibrator"


@dataclass(frozen=True)
class Recipe:
    """One way.

    precision: "int8", "fp16" or "fp32".
    method: where the INT8 ranges come from: "qdq", the Q/DQ nodes that `gemscan calibrate`
        wrote, or "calibrator", TensorRT's own entropy calibrator. Empty for the other two.
    """

    precision: str
    method: str = ""

    @property
    def name(self) -> str:
        """As in file names and tables."""
        return f"{self.precision}-{self.method}" if self.method else self.precision


INT8_QDQ = Recipe("int8", QDQ)
INT8_CALIBRATOR = Recipe("int8", CALIBRATOR)
FP16 = Recipe("fp16")
FP32 = Recipe("fp32")
RECIPES = {recipe.name: recipe for recipe in (INT8_QDQ, INT8_CALIBRATOR, FP16, FP32)}
