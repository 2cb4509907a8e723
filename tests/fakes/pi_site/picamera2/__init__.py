"""A fake picamera2: what a source of frames needs, with the faults that the real one has.

The rules it keeps are listed in ../../README.md; ../../../contract holds it to the real package.
"""

from __future__ import annotations

import fake_pi  # noqa: F401  (a test finds it in place of a camera)

from ._camera import Picamera2
from ._request import CompletedRequest

__all__ = ["CompletedRequest", "Picamera2"]
