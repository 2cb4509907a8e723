"""What the page asks first: what runs here."""

from __future__ import annotations

from deploy.arrays import Json
from edge_app.rig import Rig


def session_of(rig: Rig) -> Json:
    """What looks at the stones."""
    manifest = rig.bundle.manifest
    return {
        "mode": "scan",
        "bundle": {"name": manifest.name, "version": manifest.version},
        "labels": list(manifest.labels),
        "source": rig.feed.name,
        "backend": f"{rig.backend.name} {rig.backend.precision}",
    }
