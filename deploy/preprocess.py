"""The only way from a picture to the network's input. Every part of the project calls this."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deploy.arrays import ByteArray
from deploy.errors import FrameError
from deploy.locate import Stone, find_stone

METHODS = ("centre", "stone")
MOST_SIDE_PX = 4096  # of a square that the picture does not fill


@dataclass(frozen=True)
class InputSpec:
    """What the network takes: (N, size_px, size_px, 3) uint8, RGB."""

    size_px: int

    def __post_init__(self) -> None:
        if not 32 <= self.size_px <= 1024:
            raise ValueError(f"size_px must be between 32 and 1024, not {self.size_px}")


@dataclass(frozen=True)
class Framing:
    """How the square is chosen in a picture.

    "centre": the central square; `margin` is the part of the shorter side that is cut off at
    each end. "stone": a square around the located stone; `margin` is the part of the stone's
    longer side that is added at each end. Where no stone is found: the whole central square.

    `margin` is from 0 to 0.45.
    """

    method: str = "centre"
    margin: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            known = " and ".join(METHODS)
            raise ValueError(f"framing method “{self.method}” is not known; known are {known}")
        if not 0 <= self.margin <= 0.45:
            raise ValueError(f"framing margin must be between 0 and 0.45, not {self.margin}")


@dataclass(frozen=True)
class SquareBox:
    """A square in pixels of a frame. It may reach over the frame's border."""

    x: int
    y: int
    side_px: int


def frame_box(frame_bgr: ByteArray, framing: Framing) -> SquareBox:
    """Choose the square that the network will see.

    Args:
        frame_bgr: (H, W, 3) uint8, BGR, any size.
        framing: from the model bundle.

    Raises:
        FrameError: not (H, W, 3) uint8.
    """
    check_frame(frame_bgr)
    height, width = frame_bgr.shape[:2]
    if framing.method == "centre":
        return _central(height, width, framing.margin)
    stone = find_stone(frame_bgr)
    if stone is None:
        return _central(height, width)
    return box_around(stone, framing.margin, height, width)


def box_around(stone: Stone, margin: float, height: int, width: int) -> SquareBox:
    """A square with the stone in its middle, or near it where the picture ends.

    The margin is given up before the square grows over the picture's border; a stone that is
    longer than the picture's shorter side is shown whole all the same.

    Args:
        stone: from `find_stone`, for who has searched the picture already.
        margin: part of the stone's longer side that is added at each end.
        height, width: of the picture, in pixels.
    """
    longer = max(stone.width, stone.height)
    side = max(longer, min(round(longer * (1 + 2 * margin)), height, width))
    x = _placed(stone.x + stone.width / 2, side, width)
    return SquareBox(x, _placed(stone.y + stone.height / 2, side, height), side)


def _central(height: int, width: int, margin: float = 0.0) -> SquareBox:
    side = max(1, round(min(height, width) * (1 - 2 * margin)))
    return SquareBox((width - side) // 2, (height - side) // 2, side)


def _placed(middle: float, side: int, length: int) -> int:
    """Where a side begins so that it lies inside 0 to `length`, or evenly over both ends."""
    if side >= length:
        return (length - side) // 2
    return min(max(round(middle - side / 2), 0), length - side)


def preprocess(frame_bgr: ByteArray, box: SquareBox, spec: InputSpec) -> ByteArray:
    """Cut one square out of a camera frame, in the form the network takes.

    Args:
        frame_bgr: (H, W, 3) uint8, BGR, any size.
        box: the square in pixels of the frame; parts outside it repeat the border.
        spec: input size in pixels, from the model bundle, never from a default.

    Returns:
        (size_px, size_px, 3) uint8, RGB, C-contiguous. Scale, mean and std are inside the
        ONNX graph: nothing here, or in any caller, normalises.

    Raises:
        FrameError: not (H, W, 3) uint8; the message says what arrived instead.
    """
    check_frame(frame_bgr)
    frame_bgr, box = _of_bearable_size(frame_bgr, box)
    return cv2.cvtColor(_resize(_cut(frame_bgr, box), spec.size_px), cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def preprocess_picture(picture_bgr: ByteArray, framing: Framing, spec: InputSpec) -> ByteArray:
    """`frame_box` and `preprocess` in one call, for pictures from files."""
    return preprocess(picture_bgr, frame_box(picture_bgr, framing), spec)


def check_frame(frame: ByteArray) -> None:
    """Refuse what is no camera frame.

    Raises:
        FrameError: not (H, W, 3) uint8; the message says what arrived instead.
    """
    if not isinstance(frame, np.ndarray):
        raise FrameError(f"a frame must be an array (H, W, 3) uint8, not {type(frame).__name__}")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise FrameError(f"a frame must be (H, W, 3) uint8, not {frame.shape} {frame.dtype}")


def _of_bearable_size(frame: ByteArray, box: SquareBox) -> tuple[ByteArray, SquareBox]:
    """A square around a strip of 40,000 x 20 pixels would take gigabytes: the strip is shrunk."""
    if box.side_px <= max(MOST_SIDE_PX, min(frame.shape[:2])):
        return frame, box
    scale = MOST_SIDE_PX / box.side_px
    width, height = (max(1, round(scale * side)) for side in frame.shape[1::-1])
    shrunk = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    return shrunk, SquareBox(round(scale * box.x), round(scale * box.y), MOST_SIDE_PX)  # type: ignore[return-value]


def _cut(frame: ByteArray, box: SquareBox) -> ByteArray:
    height, width = frame.shape[:2]
    right, bottom = box.x + box.side_px, box.y + box.side_px
    if box.x >= 0 and box.y >= 0 and right <= width and bottom <= height:
        return frame[box.y : bottom, box.x : right]
    rows = np.clip(np.arange(box.y, bottom), 0, height - 1)
    columns = np.clip(np.arange(box.x, right), 0, width - 1)
    return frame[rows[:, None], columns]


def _resize(square: ByteArray, size_px: int) -> ByteArray:
    """Shrink by exact halves first, then by less than two.

    One area-averaged step from 720 to 224 px costs 2 ms on a desktop core, since only whole
    factors of it are vectorised; halving and a bilinear rest cost 0.2 ms, and no pixel of the
    camera is skipped: a bilinear step below a factor of two reads every one.
    """
    while square.shape[0] >= 2 * size_px:
        side = square.shape[0] // 2
        square = cv2.resize(  # type: ignore[assignment]
            square[: 2 * side, : 2 * side], (side, side), interpolation=cv2.INTER_AREA
        )
    if square.shape[0] == size_px:
        return square
    return cv2.resize(square, (size_px, size_px), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
