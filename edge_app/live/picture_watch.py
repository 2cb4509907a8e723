"""Pictures that must not be classified: dead, frozen, or lit so that colours mean nothing."""

from __future__ import annotations

import numpy as np

from deploy.arrays import ByteArray
from edge_app.live.states import CameraState

STEP_PX = 16  # a sparse look is enough: 3,600 pixels at 1280 x 720
BLACK_BELOW = 16  # video black is 16 in ITU-R BT.601; a covered lens with noise stays under it
DARK_BELOW = 48  # about 3 % of the light of white, as sRGB encodes it
DARK_SHARE = 0.99  # a few lamps mirrored in a stone do not light a picture
CLIPPED = 254
BRIGHT_SHARE = 0.8  # of the picture clipped; a lit stage around a stone leaves more than that
STILL_SHARE = 0.001  # of the pixels: sensor noise changes far more from frame to frame
FROZEN_AFTER_S = 3.0
# x264 leaves out what a quiet sensor changes: 93 % of the frames were those before them, for 3.2 s
# on end (720p, CRF 28, noise of half a level). An encoder may send a whole picture only every 10 s.
CODED_FROZEN_AFTER_S = 30.0
FROZEN_FRAMES = 3  # that are alike, at least: a camera of a frame a second gives few


class PictureWatch:
    """Looks at one frame after another of a source."""

    def __init__(self, live: bool) -> None:
        """Args: live: a camera. A file may be dark, bright or still: that is how it was made."""
        self._live = live
        self._before: ByteArray | None = None
        self._still_since_s = 0.0
        self._still_frames = 0

    def state(self, image_bgr: ByteArray, at_s: float, *, coded: bool = False) -> CameraState:
        """`LIVE`, or what is wrong with a picture.

        Args:
            image_bgr: (H, W, 3) uint8, BGR, as the camera gave it.
            at_s: when it was taken, in seconds.
            coded: see `edge_app.sources.base.Frame`.
        """
        look = image_bgr[STEP_PX // 2 :: STEP_PX, STEP_PX // 2 :: STEP_PX]
        if look.size == 0:
            return CameraState.LIVE
        brightness = look.max(axis=2)
        if brightness.max() < BLACK_BELOW:
            return CameraState.BLACK
        if (look == look[0, 0]).all() and brightness[0, 0] < CLIPPED:
            return CameraState.FROZEN  # one even colour: a camera without a signal
        if not self._live:
            return CameraState.LIVE
        still = self._still(look, at_s, CODED_FROZEN_AFTER_S if coded else FROZEN_AFTER_S)
        return self._lit(look, brightness, still)

    def _lit(self, look: ByteArray, brightness: ByteArray, still: bool) -> CameraState:
        if np.count_nonzero(look.min(axis=2) >= CLIPPED) > BRIGHT_SHARE * brightness.size:
            return CameraState.TOO_BRIGHT  # before frozen: clipped pixels show no noise
        if still:
            return CameraState.FROZEN
        if np.count_nonzero(brightness < DARK_BELOW) > DARK_SHARE * brightness.size:
            return CameraState.TOO_DARK
        return CameraState.LIVE

    def _still(self, look: ByteArray, at_s: float, seconds: float) -> bool:
        """Whether for so long no frame has had noise against its predecessor."""
        before, self._before = self._before, look.copy()
        if before is not None and before.shape == look.shape:
            changed = np.count_nonzero((before != look).any(axis=2))
            if changed <= STILL_SHARE * look[:, :, 0].size:
                self._still_frames += 1
                lasts_s = at_s - self._still_since_s
                return self._still_frames >= FROZEN_FRAMES and lasts_s >= seconds
        self._still_since_s, self._still_frames = at_s, 0
        return False
