"""The empty tray as it is remembered, and what in a picture differs from it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

FOLLOWS_S = 8.0  # time constant with which an empty tray's slow changes are followed
_MOST_GAIN = 1.35  # light, or a camera's exposure, may change by so much and still be told
_MOST_SHIFT = 10.0  # the same for the hue
_SAMPLED = 6  # pixels down and across between two that tell the light
_ADDED = 8.0  # keeps the ratio of two dark pixels from being their noise's
_SQUARE_3 = np.ones((3, 3), np.uint8)


class Ground:
    """A picture of the empty tray in YCrCb, and its edges."""

    def __init__(self, ycc: Any) -> None:
        """Args: ycc: (h, w, 3) uint8 of an empty tray."""
        self._fine = ycc.astype(np.float32)
        self._renew()

    def follow(self, ycc: Any, seconds: float) -> None:
        """Take over a little of a picture of the empty tray."""
        cv2.accumulateWeighted(ycc, self._fine, float(1 - np.exp(-seconds / FOLLOWS_S)))
        self._renew()

    def repair(self, ycc: Any, mask: Any) -> None:
        """Take over the picture where `mask`, (h, w) bool, is true."""
        self._fine[mask] = ycc[mask]
        self._renew()

    def contrast(self, ycc: Any, clear: Any) -> Any:
        """How far each pixel is from the tray's colour, a shadow counting little.

        Args:
            ycc: (h, w, 3) uint8.
            clear: (h, w) bool: where the tray was seen in the picture before; the light is
                compared there.

        Returns:
            (h, w) uint8: differences of Y, Cr and Cb, added.
        """
        light, red, blue = cv2.split(ycc)
        levels = self._in_light_of(ycc, clear)
        lighter, darker = cv2.subtract(light, levels[0]), cv2.subtract(levels[0], light)
        away = cv2.add(cv2.add(lighter, cv2.LUT(darker, _SHADOW)), cv2.absdiff(red, levels[1]))
        return cv2.blur(cv2.add(away, cv2.absdiff(blue, levels[2])), (3, 3))

    def new_steps(self, picture_steps: Any) -> tuple[Any, Any]:
        """(h, w) uint8 each: edges of the picture that the tray lacks, and the other way round."""
        return cv2.subtract(picture_steps, self._steps), cv2.subtract(self._steps, picture_steps)

    def _renew(self) -> None:
        self._ycc = cv2.convertScaleAbs(self._fine)
        self._planes = cv2.split(self._ycc)
        self._steps = steps(self._ycc)

    def _in_light_of(self, ycc: Any, clear: Any) -> tuple[Any, Any, Any]:
        """The tray's planes as the light over the picture shows them: a gain, a shift of hue."""
        light, red, blue = self._planes
        seen = np.s_[::_SAMPLED, ::_SAMPLED]
        where = clear[seen]
        if np.count_nonzero(where) < where.size // 4:
            return light, red, blue
        now = ycc[seen][where].astype(np.float32)
        then = self._ycc[seen][where].astype(np.float32)
        ratio = part((now[:, 0] + _ADDED) / (then[:, 0] + _ADDED), 0.5)
        gain = min(max(ratio, 1 / _MOST_GAIN), _MOST_GAIN)
        shifts = (part(now[:, i] - then[:, i], 0.5) for i in (1, 2))
        by_red, by_blue = (min(max(shift, -_MOST_SHIFT), _MOST_SHIFT) for shift in shifts)
        lit = cv2.convertScaleAbs(light, alpha=gain, beta=_ADDED * (gain - 1))
        return lit, cv2.convertScaleAbs(red, beta=by_red), cv2.convertScaleAbs(blue, beta=by_blue)


def part(values: Any, share: float) -> float:
    """A percentile of (n,) values, without numpy.percentile's half millisecond."""
    at = round(share * (len(values) - 1))
    return float(np.partition(values, at)[at])


def steps(ycc: Any) -> Any:
    """(h, w) uint8: the greatest step of lightness from a pixel to its neighbours."""
    light = cv2.blur(cv2.extractChannel(ycc, 0), (3, 3))
    return cv2.morphologyEx(light, cv2.MORPH_GRADIENT, _SQUARE_3)


def _without_shadow() -> Any:
    """A table for `cv2.LUT`: how much it counts that a pixel's light is lower by 0 to 255.

    A shadow takes a part of the tray's light and little of its hue; a dark stone takes most of it.
    """
    step = np.arange(256)
    return np.maximum(0.3 * step, step - 50).astype(np.uint8)


_SHADOW = _without_shadow()
