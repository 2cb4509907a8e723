"""A counter-top scene: stones are laid on a tray one after another, turn slowly and leave.

A frame has to cost little, for the demo must not slow down the scanner that it shows. So a stone
is traced once; its light is drawn for a few angles of its turn, and a frame fades between two of
them, turns the result, and lays it on the tray with a multiplication and an addition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray, FloatArray
from deploy.render.ground import cast_shadow
from deploy.render.light import Light, make_light
from deploy.render.looks import linear_bgr
from deploy.render.noise import as_float
from deploy.render.stone import Stone, make_stone
from deploy.render.tray import make_tray

SLIDE_S, REST_S = 0.5, 3.0
_SPIN = 0.16  # radians per second
_TRACED_PX = 420
_FELT_LEVEL = 112
_KEYS = 4  # angles for which a stone's light is drawn
_NOISE = 5  # grey levels by which everything is drawn darker, and the noise's mean
_ROOM = 1.24  # a layer is this much larger than its stone, for the shadow and the turn


@dataclass
class _Laid:
    """One stone of the scene, ready to be laid on the tray."""

    stone: Stone
    light: Light
    side_px: int
    centre: tuple[float, float]
    turn_s: float
    layers: dict[int, ByteArray] = field(default_factory=dict)
    shadow: tuple[FloatArray, FloatArray] | None = None

    def layer(self, key: int) -> ByteArray:
        """(H, W, 4) uint8: the light the stone adds, and the share of the tray's that is left."""
        if key not in self.layers:
            self.layers = {k: v for k, v in self.layers.items() if k == key - 1}
            self.layers[key] = self._drawn(-_SPIN * self.turn_s * key / (_KEYS - 1))
        return self.layers[key]

    def _drawn(self, angle: float) -> ByteArray:
        bgr, alpha = self.stone.lit(self.light.turned(angle), self.side_px)
        pad = int(self.side_px * (_ROOM - 1) / 2)
        alpha = np.pad(alpha, pad)
        bgr = np.pad(bgr, ((pad, pad), (pad, pad), (0, 0)))
        if self.shadow is None:
            self.shadow = self._shadow(alpha)
        left, glow = self.shadow
        added = np.maximum(bgr.astype(np.float32) - _NOISE, 0) * alpha[..., None] + glow
        return _bytes(as_float(np.dstack([added, left])))

    def _shadow(self, alpha: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What is left of the tray's light, 0 to 255, and what shines through the stone."""
        away = as_float(-self.light.boxes[0, 0, :2])
        white, clear = np.full((*alpha.shape, 1), 255, np.float32), np.zeros(1, np.float32)
        left = cast_shadow(white, alpha, clear, away, 0.6)
        tint = linear_bgr(self.stone.look.body) * (0.15 if self.stone.look.cabochon else 0.4)
        glow = (255 - left) / 255 * tint * _FELT_LEVEL * (1 - alpha)[..., None]
        return as_float(left[..., 0] * (1 - alpha)), as_float(glow)


def _bytes(values: FloatArray) -> ByteArray:
    return np.asarray(np.clip(values + 0.5, 0, 255), np.uint8)


class TrayScene:
    """Draws the scene at any moment; the same moment is always the same picture."""

    def __init__(
        self, labels: Sequence[str], *, seed: int, size: tuple[int, int], rest_s: float = REST_S
    ) -> None:
        """Args: rest_s: for how long a stone lies still."""
        self._rest_s, self._turn_s = rest_s, SLIDE_S + rest_s + SLIDE_S
        self._labels = tuple(labels)
        self._seed = seed
        self._width, self._height = size
        rng = np.random.default_rng([seed, 1])
        tray = make_tray(self._width, self._height, rng)
        self._tray: Any = cv2.subtract(tray, np.full_like(tray, _NOISE))
        shape = (self._height + 64, self._width + 64, 3)
        grain = rng.standard_normal(shape, dtype=np.float32) * 1.7
        self._noise = _bytes(as_float(grain + _NOISE))
        self._laid: tuple[int, _Laid] | None = None

    def at(self, time_s: float) -> tuple[int, str | None]:
        """Which stone's turn it is, and its label while it lies still: at 0 the first one does."""
        number, phase = divmod(time_s + SLIDE_S, self._turn_s)
        still = SLIDE_S <= phase < SLIDE_S + self._rest_s
        return int(number), self._labels[int(number) % len(self._labels)] if still else None

    def draw(self, time_s: float, grain: int) -> ByteArray:
        """(height, width, 3) uint8 BGR; `grain` chooses the sensor's noise."""
        number, phase = divmod(time_s + SLIDE_S, self._turn_s)
        frame = self._tray.copy()
        self._lay(frame, self._stone(int(number)), phase)
        return self._grained(frame, grain)

    def draw_empty(self, grain: int) -> ByteArray:
        """The same without a stone."""
        return self._grained(self._tray.copy(), grain)

    def _grained(self, frame: ByteArray, grain: int) -> ByteArray:
        down, right = np.random.default_rng([self._seed, grain]).integers(0, 64, 2)
        noise = self._noise[down : down + self._height, right : right + self._width]
        noisy: ByteArray = cv2.add(frame, noise, dst=frame)  # type: ignore[assignment]
        return noisy

    def _stone(self, number: int) -> _Laid:
        if self._laid is None or self._laid[0] != number:
            self._laid = (number, self._made(number))
        return self._laid[1]

    def _made(self, number: int) -> _Laid:
        label = self._labels[number % len(self._labels)]
        rng = np.random.default_rng([self._seed, number, *label.encode()])
        side = int(self._height * rng.uniform(0.58, 0.76))
        centre = np.array([self._width, self._height]) / 2 + rng.uniform(-0.02, 0.02, 2) * side
        stone = make_stone(label, rng, side, finest_px=_TRACED_PX)
        light = make_light(rng, np.full(3, 0.18, np.float32), stone.look.sparkle)
        return _Laid(stone, light, side, (float(centre[0]), float(centre[1])), self._turn_s)

    def _lay(self, frame: ByteArray, laid: _Laid, phase: float) -> None:
        layer = _between(laid, phase / self._turn_s * (_KEYS - 1))
        side = len(layer)
        left = laid.centre[0] + self._offset(phase) - side / 2
        top = laid.centre[1] - side / 2
        corner = int(np.floor(left)), int(np.floor(top))
        box, inner = _overlap(frame, *corner, side)
        if box is None:
            return
        layer = _turned(layer, _SPIN * phase, (left - corner[0], top - corner[1]))[inner]
        share = cv2.cvtColor(cv2.extractChannel(layer, 3), cv2.COLOR_GRAY2BGR)
        under = cv2.multiply(frame[box], share, scale=1 / 255)
        frame[box] = cv2.add(under, cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR))

    def _offset(self, phase: float) -> float:
        """How far right of its place the stone is: it comes from the left and leaves right."""
        way = self._width * 0.8
        if phase < SLIDE_S:
            return float(-way * (1 - phase / SLIDE_S) ** 2)
        return float(way * max(0.0, phase - SLIDE_S - self._rest_s) ** 2 / SLIDE_S**2)


def _between(laid: _Laid, position: float) -> Any:
    """The stone's light between two of the angles for which it is drawn."""
    key = min(int(position), _KEYS - 2)
    share = position - key
    return cv2.addWeighted(laid.layer(key), 1 - share, laid.layer(key + 1), share, 0)


def _turned(layer: Any, angle: float, shift: tuple[float, float]) -> Any:
    """Turned about its middle. Four channels in one call: OpenCV is twice as fast as with three."""
    side = len(layer)
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), -np.degrees(angle), 1.0)
    matrix[:, 2] += np.array(shift)
    return cv2.warpAffine(layer, matrix, (side, side), borderValue=(0, 0, 0, 255))


def _overlap(frame: ByteArray, x: int, y: int, side: int) -> tuple[Any, Any]:
    """The part of a square that lies in the frame: there, and in the square. None: no part."""
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
    if x0 >= x1 or y0 >= y1:
        return None, None
    return np.s_[y0:y1, x0:x1], np.s_[y0 - y : y1 - y, x0 - x : x1 - x]
