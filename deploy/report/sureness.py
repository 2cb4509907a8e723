"""Is the model as sure as it is right: the section with the reliability diagrams."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.arrays import FloatArray
from deploy.decision import probabilities
from deploy.report.answers import Answers
from deploy.report.blocks import Block, Figure, Note, Section, Table, counted
from deploy.report.draw_reliability import draw_reliability
from deploy.report.reliability import BINS, Reliability, reliability
from deploy.temperature import cross_fitted, fit_temperature

HOW = (
    "The expected calibration error is the mean over pictures of how far confidence and accuracy "
    f"lie apart, in {BINS} bins of confidence (Guo et al. 2017). The columns “by chance” say what "
    "a perfectly calibrated model would show on so few pictures: an error that is no larger means "
    "nothing."
)
CROSS_FITTED = (
    "“After” is temperature scaling that was fitted on four fifths of these pictures and judged "
    "on the fifth part, five times: a temperature judged on the pictures that chose it would look "
    "better than it is. The temperature in the table is fitted on all of them."
)
GIVEN = "“After” takes the temperature {temperature:.2f} that the bundle holds."
TOO_FEW = "Temperature scaling needs at least two pictures, and logits that are numbers."


def sureness_section(models: Sequence[Answers], given: float | None = None) -> Section:
    """Reliability before and after temperature scaling.

    Args:
        models: of the same pictures.
        given: a temperature that other pictures chose; None fits one across these pictures.
    """
    title = "As sure as it is right?"
    judged = [model for model in models if len(model) > 1 and model.finite]
    if not judged:
        return Section("sureness", title, (Note(TOO_FEW),))
    found = [(model, *before_and_after(model, given)) for model in judged]
    how = CROSS_FITTED if given is None else GIVEN.format(temperature=given)
    blocks: list[Block] = [_table(found, given), Note(HOW), Note(how)]
    blocks += [_figure(*row, several=len(models) > 1) for row in found]
    return Section("sureness", title, tuple(blocks))


def before_and_after(model: Answers, given: float | None) -> tuple[Reliability, Reliability]:
    """Reliability as the network says it, and after temperature scaling."""
    return (
        reliability(model.confidences, model.targets),
        reliability(_scaled(model, given), model.targets),
    )


def _scaled(model: Answers, given: float | None) -> FloatArray:
    if given is None:
        return cross_fitted(model.logits, model.targets)
    return probabilities(model.logits, given)


def _table(found: Sequence[tuple[Answers, Reliability, Reliability]], given: float | None) -> Table:
    rows = tuple(
        (
            model.title,
            points(before.error),
            points(before.chance),
            points(after.error),
            points(after.chance),
            f"{given or fit_temperature(model.logits, model.targets):.2f}",
        )
        for model, before, after in found
    )
    columns = ("<Model", "Before", "by chance", "After", "by chance", "Temperature")
    pictures = counted(len(found[0][0]), "picture")
    return Table(f"Expected calibration error in points, on {pictures}.", columns, rows)


def points(error: float) -> str:
    """A difference of two parts of 1 in points of a hundred."""
    return f"{100 * error:.1f}"


def _figure(model: Answers, before: Reliability, after: Reliability, *, several: bool) -> Figure:
    whose = f"{model.title}. " if several else ""
    return Figure(
        (draw_reliability("before scaling", before), draw_reliability("after scaling", after)),
        f"{whose}A dot is a bin of pictures, larger where there are more, with the 95 % interval "
        "of its accuracy. On the dashed line the model is as sure as it is right; below it, it is "
        "too sure.",
    )
