"""JPEG pictures as a camera sends them: some are damaged, some are cut off."""

from __future__ import annotations

import cv2
import numpy as np

from deploy.arrays import ByteArray

END = b"\xff\xd9"
TAIL_BYTES = 4096  # some cameras fill up with zeros behind the end


class JpegDecoder:
    """Decodes one camera's pictures and refuses what is not whole.

    OpenCV's own way gives the picture before again where one cannot be decoded, and calls it new
    (seen with 4.6 and 5.0); of one that is cut off it gives the upper part.
    """

    def __init__(self) -> None:
        self._marks_ends = False  # a few cameras never write the end marker

    def decode(self, data: ByteArray) -> ByteArray | None:
        """(H, W, 3) uint8, BGR, from the bytes of one JPEG; None where it is damaged."""
        data = data.reshape(-1)
        ended = data[-TAIL_BYTES:].tobytes().rstrip(b"\0").endswith(END)
        if self._marks_ends and not ended:
            return None
        self._marks_ends = ended
        if not ended:
            data = np.concatenate([data, np.frombuffer(END, np.uint8)])  # OpenCV 5 insists on it
        try:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        except cv2.error:
            return None
        return None if image is None else np.asarray(image, np.uint8)
