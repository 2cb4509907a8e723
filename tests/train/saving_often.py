"""The `gemscan` command, saving after every epoch: for tests that kill it."""

from __future__ import annotations

import sys

import gemscan
from train.loop import trainer as loop

if __name__ == "__main__":
    loop.SAVE_EVERY_S = -1.0
    raise SystemExit(gemscan.main(sys.argv[1:]))
