"""The devices that were paired: a random token each, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from hmac import compare_digest
from pathlib import Path

from deploy.errors import StorageError
from deploy.files import write_json
from deploy.home import home_folder
from deploy.record.stones import utc_now

log = logging.getLogger(__name__)

MOST = 32
TOKEN_BYTES = 32
LONGEST_TOKEN = 64  # characters; longer ones are not even hashed
SEEN_KEPT_S = 3600.0  # a page asks many times a second, and a card wears out

_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Device:
    """A device that was paired.

    name: what its browser said that it runs on, as by `device_name`.
    address: where it was seen last.
    paired_at, seen_at: UTC, as of `utc_now`.
    """

    token_sha256: str
    name: str
    address: str
    paired_at: str
    seen_at: str

    def __post_init__(self) -> None:
        if not _HASH.fullmatch(self.token_sha256):
            raise ValueError("a token's hash has 64 hexadecimal digits")

    @property
    def id(self) -> str:
        """16 hexadecimal digits, which open nothing."""
        return self.token_sha256[:16]


class PairedDevices:
    """Tokens that were given out, by their SHA-256: whoever reads the file cannot come in with it.

    It may be asked from any thread. A file that cannot be read counts as empty, one that cannot
    be written as none: then devices have to be paired again, and the scanner works meanwhile.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: path: of this scanner alone, which writes the whole; None forgets at the end."""
        self._path = path
        self._clock = clock
        self._kept_s = float("-inf")
        self._devices = _read(path) if path else []
        self._changing, self._writing = threading.Lock(), threading.Lock()

    def add(self, name: str, address: str) -> str:
        """A token for a new device; with too many devices the oldest is forgotten."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), utc_now()
        device = Device(_hash(token), name, address, now, now)
        with self._changing:
            self._devices = [*self._devices, device][-MOST:]
        self._try_to_write()
        return token

    def knows(self, token: str, address: str = "") -> bool:
        """Whether a token was given out, in the same time for all that are not.

        Args:
            address: where its device is now.
        """
        if not 0 < len(token) <= LONGEST_TOKEN:
            return False
        hashed = _hash(token)
        same = [d.id for d in self._devices if compare_digest(hashed, d.token_sha256)]
        for each in same:
            self._see(each, address)
        return bool(same)

    def _see(self, device_id: str, address: str) -> None:
        seen = {"seen_at": utc_now(), **({"address": address} if address else {})}
        with self._changing:
            self._devices = [replace(d, **seen) if d.id == device_id else d for d in self._devices]
            due = self._clock() - self._kept_s >= SEEN_KEPT_S
            if due:
                self._kept_s = self._clock()
        if due:  # in a thread: whoever asks for a picture does not wait for a disk
            threading.Thread(target=self._try_to_write, name="devices-writer", daemon=True).start()

    def last_seen(self) -> list[Device]:
        """All of them, the one that was seen last first."""
        return sorted(self._devices, key=lambda device: device.seen_at, reverse=True)

    def forget(self, device_id: str) -> bool:
        """Let a device in no more. False: there is none with this `id`.

        Raises:
            StorageError: it is forgotten now, and would be known again after a restart.
        """
        with self._changing:
            left = [device for device in self._devices if device.id != device_id]
            found, self._devices = len(left) < len(self._devices), left
        if found:
            self._write()
        return found

    def _try_to_write(self) -> None:
        try:
            self._write()
        except StorageError as exc:
            log.warning("devices may have to be paired again after a restart: %s", exc)

    def _write(self) -> None:
        if self._path is not None:
            with self._writing:
                write_json(self._path, {"devices": [*map(asdict, self._devices)]}, mode=0o600)


def devices_folder() -> Path | None:
    """The user's settings of gemscan; None for a user without a home."""
    if base := os.environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "gemscan"
    home = home_folder()
    return home / ".config" / "gemscan" if home else None


def devices_file(port: int) -> str:
    """The name of their file: a scanner has its own, by the port that it is served at."""
    return f"paired-{port}.json"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> list[Device]:
    try:
        if not path.exists():
            return []
        devices = json.loads(path.read_bytes())["devices"]
        return [_device(each) for each in devices][-MOST:]
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as exc:
        log.warning("%s cannot be read, so devices have to be paired again: %s", path, exc)
        return []


def _device(kept: dict[str, object]) -> Device:
    return Device(**{field.name: str(kept[field.name]) for field in fields(Device)})
