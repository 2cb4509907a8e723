"""Prints the table of docs/light.md and draws docs/light.svg from what tests.bench.light wrote.

python -m tests.bench.light_chart WRITTEN.json [MORE.json] docs/light.svg
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from matplotlib import pyplot

from tests.bench.light import DIGITAL, KELVINS, STOPS, UNTOUCHED, WITH, WITHOUT, Row

DRAWN = {
    WITH: ("calibrated", "#12805c", "o-"),
    DIGITAL: ("calibrated, exposure cannot be set (-1, 0, +1 stop)", "#c77700", "s"),
    WITHOUT: ("not calibrated (-1, 0, +1 stop)", "#b3261e", "x"),
}


def main() -> int:
    """Read, print the table, draw the chart."""
    *written, figure = sys.argv[1:]
    rows: dict[str, list[Row]] = defaultdict(list)
    for path in written:
        said = json.loads(Path(path).read_text(encoding="utf-8"))
        for values in said["rows"]:
            rows[values["column"]].append(Row(**values))
    unseen = said["unseen"]  # the same pictures in every file, before all others
    print("\n".join(_table(rows, unseen)))
    _draw(rows, unseen, figure)
    return 0


def _table(rows: dict[str, list[Row]], unseen: list[int]) -> Iterator[str]:
    """Markdown: a line for each light; "without / with strong falloff" in each cell."""
    columns = [(column, stops) for column in (WITHOUT, DIGITAL) for stops in STOPS] + [(WITH, 0.0)]
    yield f"untouched: {rows[UNTOUCHED][0].top1(unseen):.1%}"
    for kelvin in KELVINS:
        cells = []
        for column, stops in columns:
            same = [r for r in rows[column] if (r.kelvin, r.stops) == (kelvin, stops)]
            scores = [100 * r.top1(unseen) for r in sorted(same, key=lambda r: r.vignette)]
            cells.append(" / ".join(f"{score:.0f}" for score in scores))
        yield f"| {kelvin:,.0f} K | {' | '.join(cells)} |"


def _draw(rows: dict[str, list[Row]], unseen: list[int], figure: str) -> None:
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "gemscan", "font.size": 10})
    _, axes = pyplot.subplots(figsize=(7.2, 4.2), layout="constrained")
    untouched = 100 * rows[UNTOUCHED][0].top1(unseen)
    axes.axhline(untouched, color="#444444", linewidth=1, linestyle="--", label="untouched")
    for column, (label, colour, mark) in DRAWN.items():
        chosen = [row for row in rows[column] if row.vignette == 0]
        points = sorted((row.kelvin, 100 * row.top1(unseen)) for row in chosen)
        axes.plot(*zip(*points, strict=True), mark, color=colour, label=label, markersize=6)
    axes.set(xlabel="light, kelvin", ylabel="right answers, %", ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    pyplot.savefig(figure, metadata={"Date": None})


if __name__ == "__main__":
    raise SystemExit(main())
