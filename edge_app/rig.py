"""What looks at stones in one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.backends import Backend
    from deploy.bundle import Bundle
    from edge_app.feed import Feed
    from edge_app.live.tray_light import TrayLight


@dataclass(frozen=True)
class Rig:
    """A camera and a model, both open.

    source: the URI as it was asked for.
    feed: of the camera, or of files.
    light: the camera's profile at work.
    """

    source: str
    feed: Feed
    light: TrayLight
    bundle: Bundle
    backend: Backend

    @property
    def runner(self) -> str:
        """What runs the model, for the screen: "onnx-cpu int8"."""
        return f"{self.backend.name} {self.backend.precision}"
