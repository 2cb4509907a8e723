"""A bundle's card: what it knows, who taught it, and how far it was seen to be right.

The idea is the model card's (Mitchell et al., "Model Cards for Model Reporting", 2019): whoever
takes a model should read beside it what was measured, on what, and what was not.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from deploy.arrays import Json
from deploy.bundle import MODEL_FILES, Bundle
from deploy.errors import BundleError
from deploy.evaluation.evaluate import TITLES, served
from deploy.evaluation.scores import Decided

SQUARES = {"centre": "the central square", "stone": "a square around the stone"}
WIDTH = 14
TOGETHER = "\u00a0"  # a blank at which no line ends

Row = tuple[str, str]


def card(bundle: Bundle, columns: int = 100) -> str:
    """The card as text, a subject a paragraph, wrapped at `columns` characters.

    Raises:
        BundleError: the bundle's metrics are not as gemscan writes them.
    """
    try:
        rows = [*_what_it_is(bundle), *_teaching(bundle), *_measured(bundle.manifest.metrics)]
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        raise BundleError(
            f"{bundle.root} says what was measured in a way that gemscan does not know ({exc!r})."
        ) from exc
    return "\n".join(_wrapped(name, said, columns) for name, said in rows)


def _wrapped(name: str, said: str, columns: int) -> str:
    indent = " " * WIDTH
    first = f"{name:<{WIDTH}}"
    lines = textwrap.wrap(
        said, columns, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    )
    return "\n".join(lines).replace(TOGETHER, " ")


def _what_it_is(bundle: Bundle) -> Iterator[Row]:
    manifest = bundle.manifest
    yield "bundle", f"{manifest.name}, version {manifest.version}"
    labels = ", ".join(label.replace(" ", TOGETHER) for label in bundle.labels)
    yield "kinds", f"{len(bundle.labels)}: {labels}"
    yield "looks at", f"{SQUARES[manifest.framing.method]}, {manifest.input.size_px} px"
    yield "models", ", ".join(_model(bundle, precision) for precision in bundle.precisions)


def _model(bundle: Bundle, precision: str) -> str:
    size = (bundle.root / MODEL_FILES[precision]).stat().st_size
    return f"{TITLES[precision]} ({size / 2**20:.1f} MiB)"


def _teaching(bundle: Bundle) -> Iterator[Row]:
    training = bundle.manifest.provenance.get("training", {})
    if "pictures" in training:
        others = training.get("other_classes", 0)
        also = f", some of them of {others} kinds that it is not to name" if others else ""
        yield "taught by", f"{training['pictures']:,} pictures{also}"
    if count := bundle.read_json("calibration.json").get("count"):
        yield "INT8 by", f"the ranges of {count} pictures"


def _measured(metrics: Json) -> Iterator[Row]:
    if "cross_validation" in metrics:
        yield from _with_note("estimate", metrics["cross_validation"], "unseen photographs")
    else:
        yield "estimate", "none was made by folds (gemscan crossvalidate)"
    if "validation" in metrics:
        yield from _with_note("validation", metrics["validation"], "validation pictures")
    for evaluation in metrics.get("evaluation", []):
        yield from _evaluation(evaluation)
    if "confidence" in metrics:
        yield from _confidence(metrics["confidence"])


def _with_note(name: str, found: Json, of_what: str) -> Iterator[Row]:
    low, high = found["top1_interval_95"]
    yield name, _right(found["top1"], low, high, found["n"], of_what)
    for more in ("method", "note"):
        if more in found:
            yield "", found[more]


def _right(top1: float, low: float, high: float, n: int, of_what: str) -> str:
    return f"{top1:.1%} of {n:,} {of_what} (95 % interval {low:.1%} to {high:.1%})"


def _evaluation(found: Json) -> Iterator[Row]:
    """One of `gemscan evaluate --save`: pictures that served for nothing before come first."""
    sides = (("unseen", ""), ("validation", ", which validated it"), ("seen", ", which taught it"))
    by = f"{TITLES.get(found['precision'], found['precision'])}, {found['backend']}"
    for side, use in sides:
        score = found[side]
        if score["n"]:
            of_what = f"of {found['pictures']}{use}"
            right = _right(
                score["top1"], score["top1_low"], score["top1_high"], score["n"], of_what
            )
            yield "measured", f"{right}; {by}"
    unknown = found.get("unknown", {})  # `gemscan confidence` takes it out: it decided otherwise
    if unknown.get("n"):
        kinds = f"{len(unknown['classes'])} kinds that it does not know"
        before = served(unknown.get("taught", 0), unknown["fitted"])
        said = f"; {before}" if before else ""
        yield "", f"{_fate_of_unknown(unknown)}, of {unknown['n']:,} of {kinds}{said}"


def _confidence(found: Json) -> Iterator[Row]:
    n = found["known"]["named"]["n"]
    known = Decided(n, **{name: share["share"] for name, share in found["known"].items()})
    yield "known kinds", f"{known}, of {n:,} pictures"
    if unknown := found.get("unknown"):
        fate = _fate_of_unknown({name: share["share"] for name, share in unknown.items()})
        count = f"{unknown['named']['n']:,} pictures of {found['kinds']} kinds"
        yield "other kinds", f"{fate}, of {count}; AUROC {found['auroc']:.3f}"
    yield "", found["note"]


def _fate_of_unknown(shares: Json) -> str:
    """No name of theirs is right, and no list holds one."""
    return (
        f"names {shares['named']:.1%}, lists {shares['listed']:.1%}, "
        f"refers {shares['referred']:.1%}"
    )
