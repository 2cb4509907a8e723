"""The page that shows what was found, side by side: one HTML file that needs no network."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
from jinja2 import Environment, FileSystemLoader

from deploy.arrays import ByteArray, Json
from deploy.errors import PictureError
from deploy.files import write_bytes
from deploy.pictures import read_picture
from train.check.findings import KINDS, Finding, Kind
from train.check.report import Report

# A page must open at once, however large the folder is; --json has everything.
MOST_FINDINGS = 60  # of a kind
MOST_PICTURES = 8  # of a finding
THUMBNAIL_PX = 150
TYPICAL_PX = 72
JPEG_QUALITY = 80


def write_page(report: Report, path: Path) -> None:
    """Write the page. Of the pictures, only those that it shows are opened again.

    Raises:
        StorageError: the file cannot be written.
    """
    write_bytes(path, render(report).encode("utf-8", "replace"))


def render(report: Report) -> str:
    """The page as text."""
    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    kinds = [kind for kind in KINDS if report.of_kind(kind.name)]
    return environment.get_template("page.html").render(
        folder=report.folder.resolve(),
        counts=report.counts,
        most=max(report.counts.values()),
        total=sum(report.counts.values()),
        accuracy=None if report.labels is None else report.labels.accuracy,
        sections=[_section(report, kind) for kind in kinds],
    )


def _section(report: Report, kind: Kind) -> Json:
    findings = report.of_kind(kind.name)
    return {
        "kind": kind,
        "count": len(findings),
        "more": max(0, len(findings) - MOST_FINDINGS),
        "proposes": any(finding.proposed for finding in findings),
        "cards": [_card(report, finding) for finding in findings[:MOST_FINDINGS]],
    }


def _card(report: Report, finding: Finding) -> Json:
    shown = finding.pictures[:MOST_PICTURES]
    return {
        "detail": finding.detail,
        "pictures": [_picture(report, finding, number) for number in shown],
        "more": len(finding.pictures) - len(shown),
        "typical": _typical(report, finding),
    }


def _picture(report: Report, finding: Finding, number: int) -> Json:
    picture = report.picture(finding.kind, number)
    name = report.name(finding.kind, number)
    said = {
        "name": name,
        "label": picture.label,
        "proposed": number in finding.proposed,
        "listable": _is_text(name),
    }
    if finding.kind == "unreadable":
        return said | {"source": None, "size": ""}
    facts = report.scan.looks[number]
    return said | {
        "source": embed(picture.path, THUMBNAIL_PX),
        "size": f"{facts.width} x {facts.height}",
    }


def _is_text(name: str) -> bool:
    """A name that is not UTF-8 cannot be saved by a page; a list written by hand may have it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _typical(report: Report, finding: Finding) -> list[Json]:
    """For a doubtful label: pictures of its class, and of that which it looks like."""
    if not finding.looks_like or report.labels is None:
        return []
    own = report.scan.pictures[finding.pictures[0]].label
    paths = report.scan.pictures
    return [
        {
            "label": label,
            "sources": [
                embed(paths[n].path, TYPICAL_PX)
                for n in report.labels.typical[label]
                if n not in finding.pictures
            ],
        }
        for label in (own, finding.looks_like)
    ]


def embed(path: Path, px: int) -> str | None:
    """A small JPEG of a picture as a data URI; None where it can no longer be read."""
    try:
        picture_bgr = read_picture(path)
    except PictureError:
        return None
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    data = cv2.imencode(".jpg", _shrink(picture_bgr, px), quality)[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def _shrink(picture_bgr: ByteArray, px: int) -> Any:
    height, width = picture_bgr.shape[:2]
    scale = min(1.0, px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture_bgr, size, interpolation=cv2.INTER_AREA)
