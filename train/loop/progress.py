"""What a person sees while a network trains."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from train.loop.history import EpochResult

logger = logging.getLogger(__name__)


class TrainProgress:
    """A bar with loss, accuracy, pictures/s and time left; a line an epoch where no terminal is.

    shown: nothing is shown without it: of several processes one speaks.
    """

    def __init__(
        self, epochs: int, pictures_per_epoch: int, *, done: int = 0, shown: bool = True
    ) -> None:
        console = Console(stderr=True)
        self._terminal, self._shown = console.is_terminal, shown
        self._epochs = epochs
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  top-1 {task.fields[top1]:.1%}"),
            TextColumn("validation {task.fields[validation]}"),
            TextColumn("{task.fields[rate]:.0f} pictures/s{task.fields[gpu]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not (shown and self._terminal),
        )
        total = epochs * pictures_per_epoch
        self._task = self._bar.add_task(
            "train",
            total=total,
            completed=done * pictures_per_epoch,
            epoch=f"{done + 1}/{epochs}",
            loss=0.0,
            top1=0.0,
            validation="-",
            rate=0.0,
            gpu="",
        )
        self._last = time.monotonic()
        self._rate = 0.0

    def batch_done(self, *, loss: float, top1: float, pictures: int) -> None:
        """Advance by one batch; loss and top-1 are the epoch's so far."""
        now = time.monotonic()
        speed = pictures / max(now - self._last, 1e-9)
        self._rate = speed if self._rate == 0 else 0.9 * self._rate + 0.1 * speed
        self._last = now
        self._bar.update(self._task, advance=pictures, loss=loss, top1=top1, rate=self._rate)

    def epoch_done(self, result: EpochResult) -> None:
        """Show an epoch's validation."""
        gpu = _gpu_words(result)
        self._bar.update(
            self._task,
            validation=f"{result.validation_top1:.1%}",
            epoch=f"{min(result.epoch + 2, self._epochs)}/{self._epochs}",
            gpu=gpu,
        )
        if self._shown and not self._terminal:
            logger.info(
                "epoch %d/%d: loss %.3f, top-1 %.1f %%, validation loss %.3f, top-1 %.1f %%, "
                "%.1f pictures/s%s",
                result.epoch + 1,
                self._epochs,
                result.training_loss,
                100 * result.training_top1,
                result.validation_loss,
                100 * result.validation_top1,
                result.images_per_s,
                gpu,
            )

    def __enter__(self) -> TrainProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _gpu_words(result: EpochResult) -> str:
    words = ""
    if result.gpu_use is not None:
        words += f", GPU {result.gpu_use:.0%} busy"
    if result.gpu_memory_gb is not None:
        words += f", {result.gpu_memory_gb:.1f} GB"
    return words
