"""What may be wrong with a picture, or with several that show the same photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from train.check.facts import Facts
from train.check.wrong_labels import Doubt
from train.data.scan import Scan
from train.data.split import KnownSides

# Chosen on 4,006 real photographs of stones, all of them from dealers' pages and so mostly good,
# and on the same ones spoilt on purpose. What each limit flags was looked at.
TINY_PX = 112  # a network that sees 224 px would enlarge it more than twice; 17 are smaller
# Blurred by a Gaussian of 2 px at 224, nearly all fall below (of 501, the 99th percentile is
# 0.11); of the untouched ones those that do are soft to the eye.
BLURRED_EDGE = 0.12
# Two stops too dark, no picture is above 63; of the untouched ones none is below 78.
DARK = 64
# White ground is no fault: the untouched ones have up to 0.89. Two stops too bright, about a
# quarter of the pictures are beyond this; no better sign of the others was found.
CLIPPED_SHARE = 0.92
# A stone in a box of a fifth by a quarter of the picture. All untouched ones have more; nine in
# which the locator takes a highlight or tweezers for the stone are flagged, so it is a hint.
SMALL_SHARE = 0.05
# A split takes 0.97, to be on the safe side; there, stones of one shape on one dealer's ground
# form chains of up to 72 pictures. From here on, of 243 pairs nearly all are one photograph, and
# of the 6 pairs in two classes one is not.
SHOWN_SAME = 0.985


@dataclass(frozen=True)
class Kind:
    """A kind of finding: its name in files, a short and a full title, and what to do."""

    name: str
    short: str
    title: str
    advice: str


KINDS = (
    Kind(
        "unreadable",
        "unread.",
        "Cannot be read",
        "Training leaves these out. Replace them, or put them aside.",
    ),
    Kind(
        "sides",
        "sides",
        "Copies of one photograph on both sides of the split",
        "Such copies flatter the score. Ticked are those that teach. Or make a new split.",
    ),
    Kind(
        "across",
        "across",
        "Copies of one photograph in two classes",
        "Where they are, at most one label is right. Tick the wrong one.",
    ),
    Kind(
        "label",
        "label?",
        "Perhaps a wrong label",
        "A hint of a simple model that errs. Where you are not sure, leave the picture.",
    ),
    Kind(
        "exact",
        "exact",
        "Equal files in one class",
        "One is enough; the first is kept.",
    ),
    Kind(
        "near",
        "near",
        "Near-duplicates in one class",
        "One photograph, recompressed, shifted or cut anew, or nearly the same one. They do no "
        "harm as long as they stay on one side of the split, which training and "
        "“gemscan data split” see to. The largest is kept.",
    ),
    Kind(
        "tiny", "tiny", "Tiny", f"The shorter side has less than {TINY_PX} px: details are missing."
    ),
    Kind(
        "blurred", "blurred", "Blurred", "No sharp edge anywhere; facets cannot be told from fog."
    ),
    Kind("dark", "dark", "Under-exposed", "Nothing in the picture is bright: colours are lost."),
    Kind("bright", "bright", "Over-exposed", "Nearly everything is at the end of the scale."),
    Kind(
        "small",
        "small",
        "Perhaps too small a stone",
        f"What stands out covers less than {SMALL_SHARE:.0%} of the picture. Go closer.",
    ),
)


@dataclass(frozen=True)
class Finding:
    """Something to look at.

    kind: the name of one of `KINDS`.
    pictures: numbers in the scan; for unreadable ones, in its list of unreadable ones.
    detail: why, in a few words.
    proposed: those of `pictures` that could be put aside.
    looks_like: for a doubtful label, the class that the model would have given.
    """

    kind: str
    pictures: tuple[int, ...]
    detail: str
    proposed: tuple[int, ...]
    looks_like: str = ""


def find_unreadable(scan: Scan[Facts]) -> list[Finding]:
    """The pictures that could not be read, each with the reason."""
    return [Finding("unreadable", (i,), why, (i,)) for i, (_, why) in enumerate(scan.unreadable)]


def find_bad(scan: Scan[Facts]) -> list[Finding]:
    """Pictures that are beyond a limit, each kind with the worst first."""
    found = []
    for kind, badness, detail in TESTS:
        worst = [(badness(facts), i) for i, facts in enumerate(scan.looks)]
        for _, i in sorted(pair for pair in worst if pair[0] < 0):
            proposed = () if kind == "small" else (i,)  # the locator errs
            found.append(Finding(kind, (i,), detail(scan.looks[i]), proposed))
    return found


def find_copies(
    scan: Scan[Facts],
    groups: Sequence[int],
    bad: Sequence[Finding] = (),
    sides: KnownSides | None = None,
) -> list[Finding]:
    """Groups of pictures that show the same photograph, the largest groups first.

    Args:
        groups: the group of each picture, from `Scan.groups` at `SHOWN_SAME`.
        bad: what `find_bad` found: who agrees to all that is proposed keeps the best copy.
        sides: a split, of which to say what stands on both sides.
    """
    going = frozenset(picture for finding in bad for picture in finding.proposed)
    members: dict[int, list[int]] = {}
    for picture, group in enumerate(groups):
        members.setdefault(group, []).append(picture)
    several = sorted((m for m in members.values() if len(m) > 1), key=len, reverse=True)
    return [finding for group in several for finding in _of_group(scan, group, going, sides)]


def find_doubts(doubts: Sequence[Doubt]) -> list[Finding]:
    """Labels in doubt, the most doubtful first."""
    return [
        Finding(
            "label",
            (doubt.picture,),
            f"looks like {doubt.looks_like} ({doubt.other:.0%} against {doubt.own:.0%})",
            (),  # a hint: each is to be looked at
            doubt.looks_like,
        )
        for doubt in doubts
    ]


def _of_group(
    scan: Scan[Facts], group: list[int], going: frozenset[int], sides: KnownSides | None
) -> Iterator[Finding]:
    labels = sorted({scan.pictures[i].label for i in group})
    if len(labels) > 1:
        yield Finding("across", tuple(group), " and ".join(labels), ())
    if sides is not None and (both := _on_both_sides(scan, group, sides)):
        yield both  # nothing more: another proposal could take what this one keeps
        return
    files: dict[tuple[str, str], list[int]] = {}
    for picture in group:
        key = scan.pictures[picture].label, scan.digests[picture]
        files.setdefault(key, []).append(picture)
    for equal in files.values():
        if len(equal) > 1:
            yield Finding("exact", tuple(equal), f"{len(equal)} equal files", tuple(equal[1:]))
    if len(labels) == 1 and len(files) > 1:
        yield _near(scan, [equal[0] for equal in files.values()], going)


def _near(scan: Scan[Facts], pictures: list[int], going: frozenset[int]) -> Finding:
    """The first is kept: the largest of those that nothing else speaks against."""

    def worth(picture: int) -> tuple[bool, int]:
        return picture not in going, scan.looks[picture].width * scan.looks[picture].height

    best_first = sorted(pictures, key=worth, reverse=True)
    detail = f"{len(pictures)} pictures"
    return Finding("near", tuple(best_first), detail, tuple(best_first[1:]))


def _on_both_sides(scan: Scan[Facts], group: list[int], sides: KnownSides) -> Finding | None:
    teaching = [i for i in group if scan.digests[i] in sides.training]
    validating = [i for i in group if scan.digests[i] in sides.validation]
    if not (teaching and validating):
        return None
    detail = f"{len(teaching)} teach, {len(validating)} validate"
    return Finding("sides", (*teaching, *validating), detail, tuple(teaching))


# kind, how far from its limit (below nought is bad), and what is said of it
TESTS: tuple[tuple[str, Callable[[Facts], float], Callable[[Facts], str]], ...] = (
    (
        "tiny",
        lambda facts: min(facts.width, facts.height) - TINY_PX,
        lambda facts: f"{facts.width} x {facts.height} px",
    ),
    (
        "blurred",
        lambda facts: facts.edge - BLURRED_EDGE,
        lambda facts: f"sharpness {facts.edge:.2f} (usual 0.5)",
    ),
    (
        "dark",
        lambda facts: facts.brightest - DARK,
        lambda facts: f"brightest grey {facts.brightest:.0f} of 255",
    ),
    (
        "bright",
        lambda facts: CLIPPED_SHARE - facts.clipped,
        lambda facts: f"{facts.clipped:.0%} without detail",
    ),
    (
        "small",
        lambda facts: facts.share - SMALL_SHARE,
        lambda facts: f"{facts.share:.1%} of the picture",
    ),
)
