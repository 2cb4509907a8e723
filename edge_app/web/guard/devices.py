"""The devices that were paired: a random token each, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
from hmac import compare_digest
from pathlib import Path

from deploy.errors import StorageError
from deploy.files import write_json
from deploy.record.stones import utc_now

log = logging.getLogger(__name__)

FILE = "paired.json"
MOST = 32
TOKEN_BYTES = 32
LONGEST_TOKEN = 64  # characters; longer ones are not even hashed

_HASH = re.compile("[0-9a-f]{64}")


class PairedDevices:
    """Tokens that were given out, by their SHA-256: whoever reads the file cannot come in with it.

    A file that cannot be read counts as empty, one that cannot be written as none: then devices
    have to be paired again, and the scanner works meanwhile.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._devices = _read(path) if path else []

    def add(self) -> str:
        """A token for a new device; with too many devices the oldest is forgotten."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        device = {"token_sha256": _hash(token), "paired_at": utc_now()}
        self._devices = [*self._devices, device][-MOST:]
        self._write()
        return token

    def knows(self, token: str) -> bool:
        """Whether a token was given out, in the same time for all that are not."""
        if not 0 < len(token) <= LONGEST_TOKEN:
            return False
        hashed = _hash(token)
        same = [compare_digest(hashed, device["token_sha256"]) for device in self._devices]
        return any(same)

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            write_json(self._path, {"devices": self._devices}, mode=0o600)
        except StorageError as exc:
            log.warning("the new device has to be paired again after a restart: %s", exc)


def devices_folder() -> Path | None:
    """The user's settings of gemscan; None for a user without a home."""
    if base := os.environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "gemscan"
    try:
        return Path.home() / ".config" / "gemscan"
    except RuntimeError:
        return None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> list[dict[str, str]]:
    try:
        if not path.exists():
            return []
        devices = json.loads(path.read_bytes())["devices"]
        return [_checked(device) for device in devices][-MOST:]
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as exc:
        log.warning("%s cannot be read, so devices have to be paired again: %s", path, exc)
        return []


def _checked(device: dict[str, str]) -> dict[str, str]:
    if not _HASH.fullmatch(device["token_sha256"]):
        raise ValueError("a token's hash has 64 hexadecimal digits")
    return {"token_sha256": device["token_sha256"], "paired_at": str(device["paired_at"])}
