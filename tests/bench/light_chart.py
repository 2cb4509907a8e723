"""Draws docs/light.svg from what tests.bench.light wrote.

python -m tests.bench.light_chart WRITTEN.json [MORE.json] docs/light.svg
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

from matplotlib import pyplot

from tests.bench.light import DIGITAL, UNTOUCHED, WITH, WITHOUT, Row

DRAWN = {
    WITH: ("calibrated", "#12805c", "o-"),
    DIGITAL: ("calibrated, exposure cannot be set (-1, 0, +1 stop)", "#c77700", "s"),
    WITHOUT: ("not calibrated (-1, 0, +1 stop)", "#b3261e", "x"),
}


def main() -> int:
    """Read, draw, write."""
    *written, figure = sys.argv[1:]
    rows, untouched = _read([Path(name) for name in written])
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "gemscan", "font.size": 10})
    _, axes = pyplot.subplots(figsize=(7.2, 4.2), layout="constrained")
    axes.axhline(untouched, color="#444444", linewidth=1, linestyle="--", label="untouched")
    for column, (label, colour, mark) in DRAWN.items():
        points = sorted((row.kelvin, _percent(row)) for row in rows[column] if row.vignette == 0)
        axes.plot(*zip(*points, strict=True), mark, color=colour, label=label, markersize=6)
    axes.set(xlabel="light, kelvin", ylabel="right answers, %", ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    pyplot.savefig(figure, metadata={"Date": None})
    return 0


def _read(paths: list[Path]) -> tuple[dict[str, list[Row]], float]:
    """The rows by column, and the untouched pictures' score in the largest of the files."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for path in paths:
        for values in json.loads(path.read_text(encoding="utf-8"))["rows"]:
            rows[values["column"]].append(Row(**values))
    return rows, _percent(max(rows[UNTOUCHED], key=lambda row: len(row.right)))


def _percent(row: Row) -> float:
    return 100 * row.top1(range(len(row.right)))


if __name__ == "__main__":
    raise SystemExit(main())
