"""A checked folder on the terminal: a line per class, and a line per kind of finding."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from train.check.findings import KINDS, Kind
from train.check.report import Report

MOST_WIDE = 1000


def print_report(report: Report) -> None:
    """Print the table of classes, and what the columns mean."""
    kinds = [kind for kind in KINDS if report.of_kind(kind.name)]
    table = _table(report, kinds)
    needed = Console(width=MOST_WIDE).measure(table).maximum  # a cut number is none
    console = Console()
    console.width = max(console.width, needed)
    console.print(table)
    print()
    for kind in kinds:
        findings = report.of_kind(kind.name)
        pictures = len({n for finding in findings for n in finding.pictures})
        print(f"{kind.short:<9}{pictures:>6}  {kind.title}")
    print(_totals(report))


def _table(report: Report, kinds: list[Kind]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    table.add_column("pictures", justify="right")
    for kind in kinds:
        table.add_column(kind.short, justify="right")
    for label, found in report.per_class().items():
        numbers = [str(found[kind.name] or "") for kind in kinds]
        table.add_row(Text(label), str(report.counts[label]), *numbers)
    return table


def _totals(report: Report) -> str:
    total = sum(report.counts.values())
    said = f"{total} pictures in {len(report.counts)} classes, {len(report.findings)} findings."
    if report.labels is None:
        return f"{said} Labels were not checked: that takes five pictures each of two classes."
    return (
        f"{said} Doubtful labels are a hint: the quick model behind them is right on "
        f"{report.labels.accuracy:.0%} of pictures that it has not seen."
    )
