"""A checked folder on the terminal: a line per class, and a line per kind of finding."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from train.check.findings import KINDS
from train.check.report import Report


def print_report(report: Report) -> None:
    """Print the table of classes, and what the columns mean."""
    console = Console()
    kinds = [kind for kind in KINDS if report.of_kind(kind.name)]
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    table.add_column("pictures", justify="right")
    for kind in kinds:
        table.add_column(kind.short, justify="right")
    for label, found in report.per_class().items():
        numbers = [str(found[kind.name] or "") for kind in kinds]
        table.add_row(label, str(report.counts[label]), *numbers)
    console.print(table)
    console.print()
    for kind in kinds:
        findings = report.of_kind(kind.name)
        pictures = len({n for finding in findings for n in finding.pictures})
        console.print(f"{kind.short:<9}{pictures:>6}  {kind.title}", highlight=False)
    console.print(_totals(report), highlight=False)


def _totals(report: Report) -> str:
    total = sum(report.counts.values())
    said = f"{total} pictures in {len(report.counts)} classes, {len(report.findings)} findings."
    if report.labels is None:
        return f"{said} Labels were not checked: that takes five pictures each of two classes."
    return (
        f"{said} Doubtful labels are a hint: the quick model behind them is right on "
        f"{report.labels.accuracy:.0%} of pictures that it has not seen."
    )
