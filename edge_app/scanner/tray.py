"""What lies on the tray: nothing, a stone, several, a hand. By the remembered empty tray."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.locate import Stone, find_stone
from edge_app.scanner.focus import blur_px, sharpness
from edge_app.scanner.ground import Ground, part
from edge_app.scanner.look import TrayLook, TrayState
from edge_app.scanner.rest import Rest
from edge_app.scanner.things import Thing, find_things, touching

SEARCHED_PX = 160  # the height of the copy that is searched
BLURRED_PX = 3.2  # a blur, in pixels of the network's square, that hides what tells stones apart
_BEGIN_S = 0.4  # a picture must be still for so long before it is learnt
_STILL_SHARE = 0.01  # of the pixels may change meanwhile …
_CHANGED = 10  # … by more than this many levels
_HAND_SHARE = 0.10  # of the picture: what reaches over its border and is larger is a hand
_EDGE_REST_S = 0.5  # what lies on the border so long is no hand
_ALL_NEW = 0.5  # of the picture: the tray or the camera was moved
_ALL_NEW_S = 2.0  # … when that lasts
_CRUMB = 0.08  # of the stone's area: what lies beside it and is smaller is no second stone
_FAINT = 0.4  # of the stone's contrast: so faint a thing close by is its reflection
_MOST_STONES = 4  # on the tray at the start
_AROUND = np.ones((9, 9), np.uint8)  # what a ghost's edges spoil, in pixels of the searched copy
_GROWN = 1.08  # a stone's box with its contact shadow; more might take in the tray's rim


class Tray:
    """Looks at one frame after another. It learns the empty tray itself, and never a stone on it.

    At the start there is nothing to compare with: what `find_stone` finds then is a stone, and the
    tray below it is guessed from around it until it is seen.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Learn the tray anew, as at the start."""
        self._ground: Ground | None = None
        self._noise = 0.0
        self._before: Any = None  # the searched copy of the look before
        self._clear: Any = None  # (h, w) bool: where the tray was seen in it
        self._guessed: Any = (
            None  # (h, w) uint8: 1 where a stone has hidden the tray from the start
        )
        self._still_since_s: float | None = None  # while the tray is learnt
        self._all_new_since_s: float | None = None
        self._rest = Rest()
        self._followed = TrayState.EMPTY
        self._at_s = 0.0

    def look(self, image_bgr: ByteArray, at_s: float) -> TrayLook:
        """Say what lies on the tray.

        Args:
            image_bgr: (H, W, 3) uint8, BGR, always of one size; in other light or another place
                it is learnt anew.
            at_s: when it was taken, in seconds on any clock.
        """
        small = searched_copy(image_bgr)
        ycc = cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb)
        if self._before is not None and self._before.shape != ycc.shape:
            self.forget()
        if self._ground is None and not self._begin(small, ycc, at_s):
            return TrayLook(TrayState.STARTING)
        assert self._ground is not None
        things, contrast = self._things(ycc)
        if self._guessed is not None and not things and find_stone(small) is None:
            self._ground.repair(ycc, self._guessed > 0)
            self._guessed = None
        look = self._judge(image_bgr, things, ycc, at_s)
        if not things:
            self._follow_empty(ycc, contrast, at_s)
        self._before, self._at_s = ycc, at_s
        return look

    def _begin(self, small: Any, ycc: Any, at_s: float) -> bool:
        """Learn the tray once the picture is still; what lies on it may glitter."""
        ground, hidden = _without_stones(small)
        before, self._before = self._before, ycc
        seen, self._clear = self._clear, ~hidden
        still = False
        if before is not None and seen is not None:
            jumped = np.count_nonzero(seen != self._clear) > _STILL_SHARE * hidden.size
            still = not jumped and _alike(before, ycc, ~(seen & self._clear))
        if not still or self._still_since_s is None:
            self._still_since_s = at_s
        if at_s - self._still_since_s < _BEGIN_S:
            return False
        self._noise = part(Ground(before).contrast(ycc, self._clear).ravel()[::64], 0.5)
        self._ground = Ground(cv2.cvtColor(ground, cv2.COLOR_BGR2YCrCb))
        self._guessed = hidden.astype(np.uint8) if hidden.any() else None
        return True

    def _things(self, ycc: Any) -> tuple[list[Thing], float]:
        """What lies there, and the tray's contrast; what has gone is not remembered."""
        assert self._ground is not None
        things, contrast = find_things(ycc, self._ground, self._clear, self._noise, self._guessed)
        ghosts = [thing for thing in things if thing.ghost]
        if ghosts:
            self._ground.repair(ycc, cv2.dilate(_covered(ghosts, ycc), _AROUND) > 0)
        things = [thing for thing in things if not thing.ghost]
        self._clear = _covered(things, ycc) == 0
        return things, contrast

    def _follow_empty(self, ycc: Any, contrast: float, at_s: float) -> None:
        assert self._ground is not None
        seconds = min(1.0, at_s - self._at_s) if self._at_s else 0.0
        self._ground.follow(ycc, seconds)
        self._noise += 0.1 * (contrast - self._noise)
        self._rest.forget()
        self._all_new_since_s = None

    def _all_new(self, things: list[Thing], ycc: Any, at_s: float) -> bool:
        """Whether most of the picture has changed for good: no hand is as still as that."""
        share = sum(thing.area for thing in things) / ycc[:, :, 0].size
        nothing = np.zeros(ycc.shape[:2], bool)
        if share < _ALL_NEW or not _alike(self._before, ycc, nothing):
            self._all_new_since_s = None
        elif self._all_new_since_s is None:
            self._all_new_since_s = at_s
        return self._all_new_since_s is not None and at_s - self._all_new_since_s >= _ALL_NEW_S

    def _judge(self, image_bgr: ByteArray, things: list[Thing], ycc: Any, at_s: float) -> TrayLook:
        if not things:
            return TrayLook(TrayState.EMPTY)
        if self._all_new(things, ycc, at_s):
            self.forget()
            return TrayLook(TrayState.STARTING)
        boxes = tuple(_in_frame(thing, ycc, image_bgr) for thing in things)
        reaching = [thing for thing in things if thing.reaches]
        if reaching:
            state = self._reaching(reaching[0], ycc, at_s)
            stone = boxes[things.index(reaching[0])] if state is TrayState.EDGE else None
            return TrayLook(state, stone, boxes)
        largest = things[0]
        if any(_counts(thing, largest) for thing in things[1:]) or touching(largest):
            self._rest.forget()
            return TrayLook(TrayState.SEVERAL, None, boxes)
        return self._one(image_bgr, largest, boxes, ycc, at_s)

    def _one(
        self, image_bgr: ByteArray, thing: Thing, boxes: tuple[Stone, ...], ycc: Any, at_s: float
    ) -> TrayLook:
        colour = cv2.mean(ycc[thing.box], thing.mask)[:3]
        if self._at_rest(TrayState.ONE_STONE, thing, ycc, at_s) is None:
            return TrayLook(TrayState.MOVING, boxes[0], boxes, 0.0, colour)
        blur = blur_px(image_bgr, boxes[0])
        state = TrayState.ONE_STONE if blur <= BLURRED_PX else TrayState.OUT_OF_FOCUS
        return TrayLook(state, boxes[0], boxes, sharpness(blur), colour)

    def _reaching(self, thing: Thing, ycc: Any, at_s: float) -> TrayState:
        since = self._at_rest(TrayState.EDGE, thing, ycc, at_s)
        small = thing.area < _HAND_SHARE * ycc[:, :, 0].size
        lies = small and since is not None and at_s - since >= _EDGE_REST_S
        return TrayState.EDGE if lies else TrayState.HAND

    def _at_rest(self, kind: TrayState, thing: Thing, ycc: Any, at_s: float) -> float | None:
        if kind is not self._followed:
            self._rest.forget()
            self._followed = kind
        height = ycc.shape[0]
        x, y = (value / height for value in thing.centre)
        return self._rest.since(at_s, x, y, thing.area**0.5 / height)


def _counts(thing: Thing, stone: Thing) -> bool:
    """Whether what lies beside a stone is something of its own: no crumb, no reflection."""
    away = max(abs(thing.centre[i] - stone.centre[i]) for i in (0, 1))
    mirrored = thing.strength < _FAINT * stone.strength and away < max(stone.width, stone.height)
    return thing.area >= _CRUMB * stone.area and not mirrored


def searched_copy(image_bgr: ByteArray) -> Any:
    """(160, w, 3) uint8 BGR. Four pixels of each part are read: averaging them all costs 2 ms."""
    height, width = image_bgr.shape[:2]
    scale = min(1.0, SEARCHED_PX / height)
    size = max(16, round(width * scale)), max(16, round(height * scale))
    if scale < 0.5:
        twice = 2 * size[0], 2 * size[1]
        image_bgr = cv2.resize(image_bgr, twice, interpolation=cv2.INTER_NEAREST)  # type: ignore[assignment]
    return cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)


def _alike(before: Any, now: Any, hidden: Any) -> bool:
    light, light_before = cv2.extractChannel(now, 0), cv2.extractChannel(before, 0)
    away = cv2.blur(cv2.absdiff(light, light_before), (3, 3))
    return bool(np.count_nonzero((away > _CHANGED) & ~hidden) <= _STILL_SHARE * away.size)


def _without_stones(small: Any) -> tuple[Any, Any]:
    """A picture whose stones are painted over from around them; and (h, w) bool, where."""
    painted, hidden = small.copy(), np.zeros(small.shape[:2], np.uint8)
    for _ in range(_MOST_STONES):
        stone = find_stone(painted)
        if stone is None:
            break
        hidden[_grown(stone)] = 1
        painted = cv2.inpaint(small, hidden, 3, cv2.INPAINT_TELEA)
    return painted, hidden > 0


def _grown(stone: Stone) -> Any:
    dx, dy = (round((_GROWN - 1) / 2 * length) + 2 for length in (stone.width, stone.height))
    top, left = max(0, stone.y - dy), max(0, stone.x - dx)
    return np.s_[top : stone.y + stone.height + dy, left : stone.x + stone.width + dx]


def _covered(things: list[Thing], ycc: Any) -> Any:
    """(h, w) uint8: 1 where one of the things is."""
    covered = np.zeros(ycc.shape[:2], np.uint8)
    for thing in things:
        covered[thing.box] |= thing.mask
    return covered


def _in_frame(thing: Thing, ycc: Any, image_bgr: ByteArray) -> Stone:
    down, across = image_bgr.shape[0] / ycc.shape[0], image_bgr.shape[1] / ycc.shape[1]
    x, y = int(thing.x * across), int(thing.y * down)
    width = min(image_bgr.shape[1] - x, max(1, round(thing.width * across)))
    height = min(image_bgr.shape[0] - y, max(1, round(thing.height * down)))
    return Stone(x, y, width, height, width * height / (image_bgr.shape[0] * image_bgr.shape[1]))
