"""What each kind of stone looks like: colour, cut, optics, phenomena."""

from __future__ import annotations

import colorsys
import hashlib
from dataclasses import dataclass

import numpy as np

from deploy.arrays import FloatArray

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """How to draw one kind of stone.

    body: sRGB of white light after a path as long as the stone is wide; for a cabochon, of its
        surface.
    second: what `body` becomes along the other optical axis (pleochroism), or the second colour
        of a pattern; None where there is one colour.
    cuts: names from `cuts.OUTLINES`; repeat a name to make it more frequent.
    index: refractive index at the sodium line, and `dispersion` between the B and G lines, as
        gemmological tables give them (gia.edu, gemdat.org). A diamond's 0.044 is written 0.11,
        since three colours show less of its fire than a whole spectrum does.
    depth: how much the strength of the colour varies from stone to stone, as a range of factors.
    phenomenon: "none", "cats-eye", "star", "bands" or "mottled"; only cabochons show one.
    inclusions, translucency: 0 (none) to 1.
    dark_ground: how often it lies on black, as a part of one.
    sparkle: 0 to 1, how much its photographers prefer few bright lamps to an even light.
    """

    body: Rgb
    cuts: tuple[str, ...]
    second: Rgb | None = None
    index: float = 1.6
    dispersion: float = 0.014
    depth: tuple[float, float] = (0.8, 1.25)
    phenomenon: str = "none"
    inclusions: float = 0.1
    translucency: float = 0.5
    cabochon: bool = False
    dark_ground: float = 0.1
    sparkle: float = 0.0


LOOKS: dict[str, Look] = {
    "Alexandrite": Look(
        (44, 140, 128),
        ("oval", "cushion", "pear", "trillion", "round"),
        second=(138, 48, 146),
        index=1.746,
        dispersion=0.015,
        depth=(0.6, 1.2),
    ),
    "Almandine": Look(
        (128, 14, 44),
        ("emerald", "emerald", "oval", "cushion", "pear"),
        index=1.79,
        dispersion=0.024,
        depth=(1.0, 1.7),
        dark_ground=0.03,
    ),
    "Benitoite": Look(
        (66, 92, 196),
        ("round", "oval", "pear", "trillion", "cushion"),
        second=(176, 192, 236),
        index=1.757,
        dispersion=0.044,
        depth=(0.7, 1.2),
        inclusions=0.15,
    ),
    "Cats Eye": Look(
        (124, 110, 62),
        ("oval", "oval", "oval", "round"),
        second=(84, 90, 46),
        index=1.746,
        phenomenon="cats-eye",
        cabochon=True,
        translucency=0.35,
        dark_ground=0.25,
    ),
    "Carnelian": Look(
        (214, 44, 14),
        ("oval", "oval", "round", "pear", "cushion"),
        second=(232, 84, 26),
        index=1.54,
        cabochon=True,
        translucency=0.8,
        inclusions=0.05,
        dark_ground=0.03,
    ),
    "Beryl Golden": Look(
        (226, 178, 44),
        ("oval", "oval", "emerald", "pear", "round"),
        index=1.575,
        depth=(0.45, 1.1),
    ),
    "Danburite": Look(
        (236, 232, 224),
        ("oval", "cushion", "pear", "round", "emerald"),
        index=1.633,
        dispersion=0.016,
        depth=(0.6, 1.4),
        inclusions=0.25,
        dark_ground=0.2,
    ),
    "Diamond": Look(
        (243, 243, 236),
        ("round", "round", "oval", "pear", "marquise", "cushion", "trillion"),
        index=2.417,
        dispersion=0.11,
        depth=(0.4, 1.5),
        inclusions=0.05,
        dark_ground=0.75,
        sparkle=0.9,
    ),
    "Emerald": Look(
        (20, 138, 74),
        ("emerald", "emerald", "oval", "round", "pear", "cushion"),
        second=(24, 140, 108),
        index=1.58,
        depth=(0.6, 1.2),
        inclusions=0.8,
    ),
    "Fluorite": Look(
        (106, 58, 142),
        ("oval", "pear", "cushion", "round"),
        second=(110, 170, 158),
        index=1.434,
        phenomenon="bands",
        cabochon=True,
        translucency=0.6,
        inclusions=0.4,
    ),
    "Garnet Red": Look(
        (186, 44, 26),
        ("round", "round", "round", "oval", "trillion"),
        index=1.76,
        dispersion=0.022,
        depth=(0.85, 1.35),
    ),
    "Hessonite": Look(
        (222, 98, 10),
        ("oval", "oval", "oval", "cushion", "round"),
        index=1.742,
        dispersion=0.027,
        depth=(0.8, 1.2),
        inclusions=0.3,
    ),
    "Iolite": Look(
        (70, 56, 166),
        ("oval", "pear", "trillion", "cushion", "emerald"),
        second=(146, 146, 180),
        index=1.548,
        dispersion=0.017,
        depth=(0.7, 1.2),
    ),
    "Jade": Look(
        (58, 116, 54),
        ("oval", "oval", "pear", "round", "cushion"),
        second=(124, 154, 92),
        index=1.66,
        phenomenon="mottled",
        cabochon=True,
        translucency=0.5,
        inclusions=0.15,
    ),
    "Kunzite": Look(
        (226, 168, 220),
        ("pear", "oval", "cushion", "cushion", "emerald"),
        second=(238, 220, 240),
        index=1.668,
        dispersion=0.017,
        depth=(0.7, 1.3),
        dark_ground=0.05,
    ),
}

# Kinds that the model which comes with gemscan does not know: the demo lays them to be taught.
STRANGERS: dict[str, Look] = {
    "Amethyst": Look(
        (134, 66, 176),
        ("oval", "oval", "pear", "cushion", "round"),
        second=(112, 62, 190),
        index=1.548,
        dispersion=0.013,
        depth=(0.7, 1.3),
    ),
    "Peridot": Look(
        (142, 176, 44),
        ("oval", "oval", "round", "cushion", "pear"),
        second=(168, 188, 60),
        index=1.67,
        dispersion=0.02,
        depth=(0.7, 1.2),
    ),
}


def look_of(label: str) -> Look:
    """The reviewed look of a label, or one made from its name: always the same for that name."""
    return LOOKS.get(label) or STRANGERS.get(label) or _look_from_name(label)


def _look_from_name(label: str) -> Look:
    """A hash, not Python's `hash`, which differs from one process to the next."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big"))
    hue, saturation = rng.uniform(), rng.uniform(0.35, 0.95)
    cabochon = bool(rng.uniform() < 0.35)
    return Look(
        _rgb(hue, saturation, rng.uniform(0.45, 0.95)),
        tuple(map(str, rng.permutation(["round", "oval", "cushion", "pear"])[:2])),
        second=_rgb(hue + rng.uniform(-0.2, 0.2), saturation * 0.7, rng.uniform(0.4, 0.9)),
        index=float(rng.uniform(1.5, 1.9)),
        phenomenon=str(rng.choice(["none", "mottled", "bands", "star"])) if cabochon else "none",
        inclusions=float(rng.uniform(0, 0.5)),
        cabochon=cabochon,
    )


def _rgb(hue: float, saturation: float, value: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def linear_bgr(colour: Rgb) -> FloatArray:
    """(3,) float32, BGR, 0 to 1, proportional to light: sRGB with its curve undone (as 2.2)."""
    scaled = np.clip(np.array(colour[::-1], np.float32) / 255, 0.004, 1.0)
    return np.asarray(scaled**2.2, np.float32)
