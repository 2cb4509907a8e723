"""Pictures that do not fit into memory: processes read each batch from its files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deploy.errors import PictureError
from deploy.pictures import read_picture
from deploy.preprocess import Framing, InputSpec, preprocess_picture

Request = tuple[Sequence[str], int]  # the files of one batch, and the side of a square
MOST_READERS = 8


class Stream:
    """Processes that read batches ahead; they start with the first one, and stay.

    Args:
        readers: how many; 0 reads in this process.
        pinned: batches lie in page-locked memory, from which a GPU fetches them by itself.
    """

    def __init__(self, framing: Framing, readers: int, *, pinned: bool) -> None:
        self._requests: list[Request] = []
        self._loader = DataLoader(
            _Files(framing),
            batch_size=None,  # a request is a batch already
            sampler=_Sampled(self._requests),
            num_workers=readers,
            persistent_workers=readers > 0,
            multiprocessing_context="spawn" if readers else None,  # a fork inherits held locks
            worker_init_fn=_one_thread,
            pin_memory=pinned,
            generator=torch.Generator(),  # torch's own is mixup's, and of the run's seed
        )

    def read(self, requests: Iterable[Request]) -> Iterator[Tensor]:
        """Batches in order, each (N, 3, S, S) uint8 RGB.

        Raises:
            PictureError: a file that could be read before cannot be read any more.
        """
        self._requests[:] = requests
        for batch in self._loader:
            if isinstance(batch, str):
                raise PictureError(batch)
            yield cast("Tensor", batch)


def readers_for(processes: int) -> int:
    """How many reading processes each of the training processes of a machine has."""
    return max(1, min(MOST_READERS, (os.cpu_count() or 1) // processes))


class _Sampled:
    """Hands the requests of the present epoch to the loader."""

    def __init__(self, requests: list[Request]) -> None:
        self._requests = requests

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests)

    def __len__(self) -> int:
        return len(self._requests)


class _Files(Dataset[Tensor | str]):
    def __init__(self, framing: Framing) -> None:
        self._framing = framing

    def __getitem__(self, request: Request) -> Tensor | str:
        """A batch, or, as an exception would lose its words on the way, why there is none."""
        paths, size_px = request
        try:
            squares = [self._square(path, size_px) for path in paths]
        except PictureError as exc:
            return str(exc)
        return torch.stack(squares)

    def _square(self, path: str, size_px: int) -> Tensor:
        square = preprocess_picture(read_picture(Path(path)), self._framing, InputSpec(size_px))
        return torch.from_numpy(square).permute(2, 0, 1)


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)
