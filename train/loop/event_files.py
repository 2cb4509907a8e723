"""TensorBoard's view of a run: the numbers of `history.json` as event files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from deploy.files import storage_errors
from train.loop.history import EpochResult
from train.run.folder import EVENTS


class EventFiles:
    """Writes a scalar for each number of an epoch; the step is the epoch's number.

    done: epochs done. What an earlier process wrote of later ones, before it was killed, is
        hidden by TensorBoard.
    """

    def __init__(self, run: Path, done: int, *, enabled: bool = True) -> None:
        self._folder, self._done, self._enabled = run / EVENTS, done, enabled
        self._writer: SummaryWriter | None = None

    def write(self, result: EpochResult) -> None:
        """Write an epoch.

        Raises:
            StorageError: no space, or no permission.
        """
        if not self._enabled:
            return
        with storage_errors(self._folder):
            writer = self._opened()
            for name, value in asdict(result).items():
                if name != "epoch" and value is not None:
                    writer.add_scalar(name, value, result.epoch)
            writer.flush()

    def _opened(self) -> SummaryWriter:
        """Opened with the first epoch: a run that learns nothing leaves no file."""
        if self._writer is None:
            self._writer = SummaryWriter(str(self._folder), purge_step=self._done)
        return self._writer

    def __enter__(self) -> EventFiles:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            with storage_errors(self._folder):
                self._writer.close()
