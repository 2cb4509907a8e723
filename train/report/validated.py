"""What a run's chosen weights say of its validation pictures, computed once."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deploy.arrays import FloatArray, Json
from deploy.errors import DataError
from deploy.files import sha256, write_bytes
from deploy.folders import LabelledPicture
from deploy.preprocess import Framing
from deploy.report.answers import Answers, IntArray
from train.checkpoint import load_weights
from train.data.pictures import read_squares
from train.data.recorded import is_as_recorded
from train.model import build_model
from train.run.folder import BEST

CACHE = "validation.npz"
BATCH = 32

# What reading the cache raises where there is none, or not a whole one: it is made anew.
NO_CACHE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class _Said:
    """(n,) numbers of pictures in the split's list, and (n, C) float32 logits for them."""

    numbers: IntArray
    logits: FloatArray


def validated(run: Path, split: Json, framing: Framing, device: torch.device) -> Answers:
    """The chosen weights' logits for the validation pictures that are as they were.

    They are kept in `RUN/validation.npz`, and taken from there while neither the weights nor the
    list of pictures change.

    Raises:
        CheckpointError: the run has no chosen weights yet, or they are not readable.
        DataError: none of the pictures is where and what it was.
        StorageError: the run's folder cannot be written to.
    """
    listed, weights = split["validation"], load_weights(run / BEST)
    if "labels" not in weights:
        raise DataError(f"{run / BEST} was not written by gemscan train.")
    source = _source(run, split)
    said = _kept(run / CACHE, source)
    if said is None or len(said.numbers) < len(listed):
        said = _compute(weights, listed, framing, device)
        _keep(run / CACHE, source, said)
    labels = tuple(weights["labels"])
    targets = [labels.index(listed[number]["label"]) for number in said.numbers]
    paths = tuple(Path(listed[number]["path"]) for number in said.numbers)
    return Answers("float32", labels, said.logits, np.array(targets, np.int64), paths)


def _source(run: Path, split: Json) -> str:
    """What the logits depend on, in a word."""
    listed = json.dumps([split["labels"], split["validation"]], sort_keys=True).encode()
    return hashlib.sha256(listed).hexdigest() + sha256(run / BEST)


def _kept(path: Path, source: str) -> _Said | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            same = str(kept["source"]) == source
            return _Said(kept["numbers"], kept["logits"]) if same else None
    except NO_CACHE:
        return None


def _keep(path: Path, source: str, said: _Said) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, source=np.array(source), numbers=said.numbers, logits=said.logits)
    write_bytes(path, buffer.getbuffer())


def _compute(
    weights: dict[str, Any], listed: list[Json], framing: Framing, device: torch.device
) -> _Said:
    same = [number for number, entry in enumerate(listed) if is_as_recorded(entry)]
    if not same:
        raise DataError("none of the run's validation pictures is where and what it was.")
    pictures = [LabelledPicture(Path(listed[i]["path"]), listed[i]["label"]) for i in same]
    squares = read_squares(pictures, weights["size_px"], framing)
    readable = set(squares.pictures)
    numbers = [i for i, p in zip(same, pictures, strict=True) if p in readable]
    model = build_model(len(weights["labels"])).eval()
    model.backbone.load_state_dict(weights["backbone"])
    model.to(device)
    planes = torch.from_numpy(squares.pixels).permute(0, 3, 1, 2)
    with torch.inference_mode():
        parts = [model(part.to(device))[0].cpu() for part in torch.split(planes, BATCH)]
    return _Said(np.array(numbers, np.int64), np.asarray(torch.cat(parts).numpy(), np.float32))
