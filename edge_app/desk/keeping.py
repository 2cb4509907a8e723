"""Scanned stones on their way from the loop into the record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from deploy.backends.base import Backend, TimesItsEngine
from deploy.bundle import Bundle
from deploy.record.place import record_folder
from deploy.record.stones import Setup, Stone, utc_ago
from edge_app.desk.passing import passing_folder
from edge_app.live.tray_light import TrayLight
from edge_app.record.files import StonePictures
from edge_app.record.recorder import Recorder
from edge_app.scanner.stone import ScannedStone

NOWHERE = "none"


@contextmanager
def folder_to_keep_in(
    chosen: str | None, source: str, *, live: bool, passing: bool = False
) -> Iterator[Path | None]:
    """Where the stones of a run are kept; None keeps nothing.

    Args:
        chosen: a folder, "none", or None: a camera's stones go to the user's record, those of the
            demo and of files nowhere.
        source: its URI.
        passing: the demo's go to a folder that lasts as long as the run, for a page to show.

    Raises:
        SettingsError: this user has no home folder.
        StorageError: there is no place for a folder that passes.
    """
    if chosen == NOWHERE or not live:
        yield None
    elif chosen is None and source.startswith("demo://"):
        if not passing:
            yield None
            return
        with passing_folder() as folder:
            yield folder
    else:
        yield record_folder(Path(chosen) if chosen else None)


class Keeper:
    """Hands each stone of a run to a recorder, with what looked at it."""

    def __init__(
        self, recorder: Recorder, bundle: Bundle, backend: Backend, light: TrayLight
    ) -> None:
        """Args: light: knows the camera, and when it was calibrated."""
        self._recorder = recorder
        self._light = light
        self._looked_with = (
            *(bundle.manifest.name, bundle.manifest.version, bundle.digest),
            *(backend.name, backend.precision),
        )
        self._engine_digest = (
            backend.engine_facts()["sha256"] if isinstance(backend, TimesItsEngine) else ""
        )

    def keep(self, scanned: ScannedStone) -> Future[int]:
        """Record a stone. Returns at once; trouble with the disk is the recorder's."""
        now_s = time.monotonic()
        gone_s = scanned.lifted_s
        stone = Stone(
            scanned.verdict,
            laid_at=utc_ago(now_s - scanned.rested_s),
            lifted_at="" if gone_s is None else utc_ago(now_s - gone_s),
            seconds=scanned.verdict_s - scanned.rested_s,
            setup=Setup(
                *self._looked_with,
                camera=self._light.camera,
                engine_digest=self._engine_digest,
                profile_at=self._light.measured_at,
            ),
            frames=scanned.frames,
            familiarity=scanned.familiarity,
            embedding=scanned.embedding,
            provisional=scanned.provisional,
            key=scanned.key,
        )
        return self._recorder.add(stone, StonePictures(scanned.frame_bgr, scanned.crop_bgr))
