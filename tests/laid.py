"""Stones that are laid on a drawn tray one after another, on a clock of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from deploy.arrays import ByteArray
from deploy.render.scene import REST_S, SLIDE_S, TrayScene
from edge_app.feed import Look
from edge_app.sources.base import Frame
from tests.colours import KINDS

STAY_S = SLIDE_S + REST_S + SLIDE_S
FPS = 8
SIZE = (284, 160)  # as many lines as the scanner searches

Pictures = Iterator[tuple[float, ByteArray]]  # when each was taken, and (H, W, 3) uint8 BGR


class TrayFeed:
    """A camera over a tray; it gives every picture, as fast as they are taken."""

    name, live, fps = "tray", True, None
    dropped = missed = losses = losses_last_hour = 0

    def __init__(self, pictures: Pictures) -> None:
        self._frames = (Frame(image, at_s, i) for i, (at_s, image) in enumerate(pictures))

    def __enter__(self) -> TrayFeed:
        return self

    def __exit__(self, *_: object) -> None: ...

    def look(self) -> Look | None:
        frame = next(self._frames, None)
        return frame and Look(frame)

    def reopen(self, why: str, *, afresh: bool = False) -> None:
        raise AssertionError(why)


class FewCuts(TrayScene):
    """Cuts three stones of each kind, and lights each once: that costs the most."""

    def _made(self, number: int):
        kept = self.__dict__.setdefault("_kept", {})
        cut = self._labels[number], number % 3
        if cut not in kept:
            kept[cut] = super()._made(number)
            kept[cut]._drawn = cache(kept[cut]._drawn)
        return kept[cut]


class LaidOneByOne:
    """Each stone slides in, lies there for 1 to 2 s, and slides out as the next one comes.

    rests: when each began to lie still, and when it was pushed.
    """

    def __init__(self, kinds: Sequence[str], seed: int) -> None:
        self.rests: list[tuple[float, float]] = []
        self._scene = FewCuts(kinds, seed=seed, size=SIZE)
        self._lying_s = np.random.default_rng(seed).uniform(1.0, 2.0, len(kinds)).tolist()
        self._frames = 0

    def __iter__(self) -> Pictures:
        yield from self._empty()
        for number, lying_s in enumerate(self._lying_s):
            laid_s = self._frames / FPS + SLIDE_S
            self.rests.append((laid_s, laid_s + lying_s))
            for phase in np.arange(0, 2 * SLIDE_S + lying_s, 1 / FPS):
                # The scene's stones lie for REST_S: what is too much of it is left out.
                left_out = REST_S - lying_s if phase >= SLIDE_S + lying_s else 0.0
                at_s = number * STAY_S - SLIDE_S + phase + left_out
                yield self._taken(self._scene.draw(at_s, self._frames))
        yield from self._empty()

    def _empty(self) -> Pictures:
        for _ in range(FPS):
            yield self._taken(self._scene.draw_empty(self._frames))

    def _taken(self, picture: ByteArray) -> tuple[float, ByteArray]:
        self._frames += 1
        return (self._frames - 1) / FPS, picture


def any_order(count: int, seed: int) -> list[str]:
    """Kinds by chance: one in five comes twice in a row."""
    return np.random.default_rng(seed).choice(KINDS, count).tolist()
