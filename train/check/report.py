"""A checked folder: every finding with the paths it is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.arrays import Json
from deploy.folders import LabelledPicture, count_per_class, find_labelled
from train.check.facts import Facts, measure
from train.check.findings import (
    KINDS,
    SHOWN_SAME,
    Finding,
    find_bad,
    find_copies,
    find_doubts,
    find_unreadable,
)
from train.check.wrong_labels import LabelCheck, check_labels
from train.data.scan import Progress, Scan, scan
from train.data.split import KnownSides


@dataclass(frozen=True)
class Report:
    """What was found in a folder.

    counts: pictures per class, unreadable ones too.
    labels: what the quick model says; None where there is too little to learn from.
    """

    folder: Path
    counts: dict[str, int]
    scan: Scan[Facts]
    findings: tuple[Finding, ...]
    labels: LabelCheck | None

    def of_kind(self, kind: str) -> list[Finding]:
        """The findings of one kind, in the order in which to look at them."""
        return [finding for finding in self.findings if finding.kind == kind]

    def picture(self, kind: str, number: int) -> LabelledPicture:
        """The picture that a finding of a kind means by a number."""
        return (
            self.scan.unreadable[number][0] if kind == "unreadable" else self.scan.pictures[number]
        )

    def name(self, kind: str, number: int) -> str:
        """Its path relative to the folder, as a list for --fix has it."""
        return self.picture(kind, number).path.relative_to(self.folder).as_posix()

    def per_class(self) -> dict[str, dict[str, int]]:
        """For each class, how many of its pictures are in findings of each kind."""
        table = {label: dict.fromkeys((kind.name for kind in KINDS), 0) for label in self.counts}
        for kind in KINDS:
            numbers = {n for finding in self.of_kind(kind.name) for n in finding.pictures}
            for number in numbers:
                table[self.picture(kind.name, number).label][kind.name] += 1
        return table

    def to_json(self) -> Json:
        """Every finding, however many there are."""
        return {
            "folder": str(self.folder),
            "pictures": self.counts,
            "quick_model_accuracy": None if self.labels is None else self.labels.accuracy,
            "findings": [self._finding_json(finding) for finding in self.findings],
        }

    def _finding_json(self, finding: Finding) -> Json:
        return {
            "kind": finding.kind,
            "detail": finding.detail,
            "pictures": [self.name(finding.kind, n) for n in finding.pictures],
            "proposed": [self.name(finding.kind, n) for n in finding.proposed],
        }


def check_folder(
    folder: Path,
    classes: tuple[str, ...] | None = None,
    sides: KnownSides | None = None,
    *,
    progress: Progress = iter,
) -> Report:
    """Read every picture once and say what may be wrong.

    Args:
        folder: holds a folder per class.
        classes: those to look at; None takes every folder.
        sides: a split, of which to say what stands on both sides.

    Raises:
        DataError: no pictures, or not one that can be read.
    """
    found = find_labelled(folder, classes)
    scanned = scan(found, measure, progress=progress)
    groups = scanned.groups()
    features = np.stack([facts.features for facts in scanned.looks])
    labels = check_labels(features, [picture.label for picture in scanned.pictures], groups)
    bad = find_bad(scanned)
    findings = (
        *find_unreadable(scanned),
        *bad,
        *find_copies(scanned, scanned.groups(SHOWN_SAME).tolist(), bad, sides),
        *find_doubts(labels.doubts if labels is not None else ()),
    )
    return Report(folder, count_per_class(found), scanned, findings, labels)
