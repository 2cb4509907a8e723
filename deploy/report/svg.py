"""Drawings for a page: matplotlib without a screen, as SVG that takes the page's colours.

Colours are named here and stand in the SVG as the page's CSS variables, so that one drawing serves
light, dark and print. Text stays text: it can be searched, read aloud, and shown in any script.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from deploy.errors import require

REMEDY = "pip install 'gemscan[train]'"

# Stand-ins for matplotlib, and the CSS variable that each of them becomes.
INK, MUTED, LINE, GROUND = "#010101", "#020202", "#030303", "#040404"
FIRST, SECOND = "#050505", "#060606"
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    GROUND: "--ground",
    FIRST: "--first",
    SECOND: "--second",
}

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gemscan",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 9,
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.8,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "figure.facecolor": "none",
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
    "lines.linewidth": 1.6,
}


class Canvas:
    """A drawing under way: fill `axes`, and take `svg` after the block."""

    def __init__(self, axes: Any) -> None:
        self.axes = axes
        self.svg = ""


@contextmanager
def canvas(title: str, width: float, height: float) -> Iterator[Canvas]:
    """Draw one picture.

    Args:
        title: what it shows, for those who cannot see it.
        width, height: in inches of 96 CSS pixels.

    Raises:
        MissingDependencyError: there is no matplotlib.
    """
    matplotlib = require("matplotlib", remedy=REMEDY)
    figure_type = require("matplotlib.figure", remedy=REMEDY).Figure  # no pyplot: no screen
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the browser has the font
        figure = figure_type(figsize=(width, height), layout="constrained")
        drawn = Canvas(figure.subplots())
        yield drawn
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawn.svg = _for_page(buffer.getvalue(), title)


def plain(text: str) -> str:
    """A name as matplotlib shows it as it is: not as a formula, and without control characters."""
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "�", text).replace("$", r"\$")


def _for_page(svg: str, title: str) -> str:
    """The drawing alone, in the page's colours, with a name of its own."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    size = re.search(r'width="([\d.]+)pt" height="[\d.]+pt"', svg)
    width_px = float(size[1]) * 96 / 72 if size else 0.0
    svg = re.sub(r' (?:width="[\d.]+pt" height="[\d.]+pt"|version="1.1")', "", svg)
    svg = re.sub("|".join(VARIABLES), lambda found: f"var({VARIABLES[found[0]]})", svg)
    named = f'<svg role="img" aria-label="{escape(title)}" style="width: {width_px:.0f}px"'
    return svg.replace("<svg", named, 1).strip()
