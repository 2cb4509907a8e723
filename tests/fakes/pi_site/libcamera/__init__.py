"""The one class of libcamera's Python bindings that a source asks for."""

from __future__ import annotations


class Transform:
    """How a picture is turned."""

    def __init__(
        self, rotation: int = 0, hflip: bool = False, vflip: bool = False, transpose: bool = False
    ) -> None:
        if rotation % 90:
            raise ValueError("Invalid rotation")
        self.hflip = bool(hflip)
        self.vflip = bool(vflip)
        self.transpose = bool(transpose)
