"""Files as a page names them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from deploy.report.blocks import Block, Fold, Note, Table, counted


def shown_path(path: Path, root: Path | None) -> str:
    """A file's name below `root`, or whole where it lies elsewhere."""
    inside = root is not None and path.is_relative_to(root)
    return os.fspath(path.relative_to(root) if root is not None and inside else path)


def unreadable_blocks(files: Sequence[str], root: Path | None) -> list[Block]:
    """How many files could not be read, and which."""
    if not files:
        return [Note("Every file could be read.")]
    rows = tuple((shown_path(Path(name), root),) for name in files)
    table = Table("Files that could not be read; the log says why.", ("<File",), rows)
    return [Fold(f"{counted(len(files), 'file')} could not be read", (table,))]
