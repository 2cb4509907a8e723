"""Checkpoints: written whole or not at all, read without running anything that is in them."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import torch

from deploy.errors import GemscanError
from deploy.files import write_bytes

# What torch.load raises for a file of another kind: it is read as the pickle that it is not.
NO_CHECKPOINT = (
    OSError,
    RuntimeError,
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
)


class CheckpointError(GemscanError):
    """A checkpoint is not there, damaged, or something else."""


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values.

    Raises:
        StorageError: no space, or no permission; an older checkpoint stays as it was.
    """
    buffer = io.BytesIO()  # torch.save to a full disk raises no OSError, but a RuntimeError
    torch.save(content, buffer)
    write_bytes(path, buffer.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; `weights_only` refuses everything but tensors and plain values.

    Raises:
        CheckpointError: not there, damaged, or it holds something that would be executed.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as exc:
        raise CheckpointError(
            f"there is no checkpoint {path}. Give a folder that gemscan train --out wrote."
        ) from exc
    except NO_CHECKPOINT as exc:
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint ({_reason(exc)}). Give another file."
        ) from exc
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no checkpoint but a {type(content).__name__}.")
    return content


def _reason(exc: BaseException) -> str:
    if isinstance(exc, pickle.UnpicklingError):  # torch's own words advise to run what is in it
        return "it holds something else than tensors and plain values"
    return str(exc).partition("\n")[0] or type(exc).__name__


def load_weights(path: Path) -> dict[str, Any]:
    """Read weights of this project or a bare torchvision state dict.

    Returns:
        "backbone": the state dict; with this project's own files also "labels", "training",
        "size_px" and what else `train.loop.trainer` saved.

    Raises:
        CheckpointError: as `load_checkpoint`.
    """
    content = load_checkpoint(path)
    return content if "backbone" in content else {"backbone": content}
