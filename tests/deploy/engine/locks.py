"""The lock of the engines' store, as another process finds it."""

from __future__ import annotations

import subprocess
import sys

from deploy.engine.store import EngineStore


def is_free(store: EngineStore) -> bool:
    """Whether another process gets the lock at once."""
    code = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    words = [sys.executable, "-c", code, str(store.root / "lock")]
    return subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0
