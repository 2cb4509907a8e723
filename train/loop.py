"""The training loop: SGD on a cosine, mixed precision, averaged weights, resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from deploy.errors import GemscanError
from deploy.files import write_json
from train.augment import augment
from train.checkpoint import CheckpointError, save_checkpoint
from train.framing import framing_of
from train.model import GemNet
from train.prepare import Prepared, Side
from train.progress import TrainProgress
from train.run_folder import BEST, HISTORY, LAST, STATE
from train.settings import TrainSettings

SAVE_EVERY_S = 60.0


class DivergedError(GemscanError):
    """Training has lost its way and would not find back."""


@dataclass(frozen=True)
class EpochResult:
    """One line of `history.json`. Training accuracy is on augmented pictures."""

    epoch: int
    learning_rate: float
    training_loss: float
    training_top1: float
    validation_loss: float
    validation_top1: float
    images_per_s: float


class Trainer:
    """Trains one network on one `Prepared` set.

    taught: digests of the pictures that taught the weights `model` starts from.
    """

    def __init__(
        self,
        model: GemNet,
        data: Prepared,
        settings: TrainSettings,
        device: torch.device,
        *,
        taught: Collection[str] = (),
    ) -> None:
        self._settings = settings
        self._labels = data.labels
        self._training_digests = data.training.digests()
        earlier = sorted(set(taught).difference(self._training_digests))
        self._taught = [*self._training_digests, *earlier]
        self._device = device
        self._training = _on_device(data.training, device)
        self._validation = _on_device(data.validation, device)
        self._model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = warming_average(settings.ema_decay)
        self._ema = AveragedModel(self._model, multi_avg_fn=average, use_buffers=True)
        self._optimizer = _optimizer(self._model, settings)
        self._schedule = _schedule(self._optimizer, settings, self._steps_per_epoch())
        self._loss = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
        self._amp = _autocast_dtype(device)
        self._unsaved_best: dict[str, Any] | None = None
        self.history: list[EpochResult] = []

    @property
    def pictures_per_epoch(self) -> int:
        """How many pictures an epoch shows."""
        return self._steps_per_epoch() * self._settings.batch

    def fit(self, run: Path, progress: TrainProgress) -> None:
        """Train until `settings.epochs` epochs are done, saving into `run`.

        Raises:
            StorageError: a checkpoint cannot be written.
            DivergedError: the loss is no longer a number.
        """
        saved_at = time.monotonic()
        for epoch in range(len(self.history), self._settings.epochs):
            result = self._epoch(epoch, progress)
            self.history.append(result)
            progress.epoch_done(result)
            if self._is_best(result):
                self._unsaved_best = self._weights()
            last = epoch + 1 == self._settings.epochs
            if last or time.monotonic() - saved_at > SAVE_EVERY_S:
                self.save(run)
                saved_at = time.monotonic()
        save_checkpoint(run / LAST, self._weights())

    def save(self, run: Path) -> None:
        """Write what `restore` needs to go on after the last whole epoch.

        The state comes last: an epoch that it holds is not trained again, so that epoch's best
        weights and history must lie there before.
        """
        if self._unsaved_best is not None:
            save_checkpoint(run / BEST, self._unsaved_best)
            self._unsaved_best = None
        history = [asdict(result) for result in self.history]
        write_json(run / HISTORY, history)
        state = {
            "model": self._model.state_dict(),
            "ema": self._ema.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "history": history,
            "training": self._training_digests,
            "taught": self._taught,
        }
        save_checkpoint(run / STATE, state)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `save` left off.

        Raises:
            CheckpointError: the state is of other pictures, or of another network.
        """
        try:
            self._check_pictures(state["training"])
            self._model.load_state_dict(state["model"])
            self._ema.load_state_dict(state["ema"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._schedule.load_state_dict(state["schedule"])
            self.history = [EpochResult(**row) for row in state["history"]]
            self._taught = list(state.get("taught", self._taught))
        except (KeyError, TypeError, ValueError, RuntimeError) as exc:
            raise CheckpointError(
                f"{STATE} does not hold the state of this run ({exc!r}). Start a new run."
            ) from exc

    def _check_pictures(self, digests: list[str]) -> None:
        if digests != self._training_digests:
            before, now = set(digests), set(self._training_digests)
            raise CheckpointError(
                "the pictures are not those that the run was started with: of its "
                f"{len(before)} training pictures {len(before - now)} are missing, and "
                f"{len(now - before)} are new. Put them back, or start a new run."
            )

    def _weights(self) -> dict[str, Any]:
        """What is exported: the averaged weights, and which pictures taught them."""
        averaged = cast("GemNet", self._ema.module)
        backbone = averaged.backbone.state_dict()
        return {
            "backbone": {name: value.cpu().clone() for name, value in backbone.items()},
            "labels": list(self._labels),
            "size_px": self._settings.size_px,
            "framing": asdict(framing_of(self._settings.framing)),
            "training": self._taught,
            "epoch": len(self.history),
        }

    def _is_best(self, result: EpochResult) -> bool:
        """By loss, not by accuracy: on a few pictures it is steadier, and flatters less."""
        return result.validation_loss <= min(row.validation_loss for row in self.history)

    def _epoch(self, epoch: int, progress: TrainProgress) -> EpochResult:
        self._model.train()
        generator = torch.Generator().manual_seed(self._settings.seed * 100_003 + epoch)
        torch.manual_seed(self._settings.seed * 100_003 + epoch)
        started, seen = time.perf_counter(), 0
        losses, right = 0.0, 0
        for batch in self._batches(generator):
            loss, hits = self._step(batch, generator)
            seen, losses, right = seen + len(batch), losses + loss * len(batch), right + hits
            progress.batch_done(loss=losses / seen, top1=right / seen, pictures=len(batch))
        rate = seen / (time.perf_counter() - started)
        validation_loss, validation_top1 = self.validate()
        if not math.isfinite(losses + validation_loss):
            raise DivergedError(
                f"the loss is no longer a number in epoch {epoch + 1}: use a lower --lr than "
                f"{self._settings.peak_rate}, in a new run."
            )
        lr = float(self._schedule.get_last_lr()[0])
        return EpochResult(
            epoch, lr, losses / seen, right / seen, validation_loss, validation_top1, rate
        )

    def _steps_per_epoch(self) -> int:
        return max(1, len(self._training.targets) // self._settings.batch)

    def _batches(self, generator: torch.Generator) -> Iterator[Tensor]:
        """Whole batches only: a last batch of one picture would upset batch normalisation."""
        order = torch.randperm(len(self._training.targets), generator=generator)
        for step in range(self._steps_per_epoch()):
            yield order[step * self._settings.batch : (step + 1) * self._settings.batch]

    def _step(self, batch: Tensor, generator: torch.Generator) -> tuple[float, int]:
        batch = batch.to(self._device)
        targets = self._training.targets[batch]
        pictures = augment(self._training.pixels[batch], self._settings.size_px, generator)
        with self._autocast():
            logits, _ = self._model(pictures.contiguous(memory_format=torch.channels_last))
            loss = self._loss(logits, targets)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self._schedule.step()
        self._ema.update_parameters(self._model)
        return float(loss.detach()), int((logits.argmax(1) == targets).sum())

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Loss and top-1 of the averaged weights on the validation side."""
        self._ema.eval()
        logits = []
        for pixels in torch.split(self._validation.pixels, self._settings.batch):
            with self._autocast():
                logits.append(self._ema(pixels)[0].float())
        joined = torch.cat(logits)
        targets = self._validation.targets
        return float(self._loss(joined, targets)), float(
            (joined.argmax(1) == targets).float().mean()
        )

    def _autocast(self) -> torch.autocast:
        enabled = self._amp is not None
        return torch.autocast(self._device.type, self._amp or torch.bfloat16, enabled=enabled)


def warming_average(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    """An exponential average that follows quickly at first, so that short runs have one too.

    Source: the `num_updates` rule of TensorFlow's ExponentialMovingAverage,
    min(decay, (1 + n) / (10 + n)) after n updates.
    """

    def update(averaged: Any, current: Any, count: Tensor | int) -> None:
        n = int(count)
        now = min(decay, (1 + n) / (10 + n))
        get_ema_multi_avg_fn(now)(averaged, current, count)  # type: ignore[no-untyped-call]

    return update


def _on_device(side: Side, device: torch.device) -> Side:
    return Side(side.pixels.to(device), side.targets.to(device), side.pictures)


def _optimizer(model: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum; biases and batch normalisation are not decayed.

    Source: He et al. 2018, "Bag of Tricks for Image Classification", section 3.1.
    """
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=settings.peak_rate, momentum=settings.momentum, nesterov=True)


def _schedule(
    optimizer: torch.optim.Optimizer, settings: TrainSettings, steps_per_epoch: int
) -> LRScheduler:
    total = settings.epochs * steps_per_epoch
    warmup = min(round(settings.warmup_epochs * steps_per_epoch), total // 5)
    cosine = CosineAnnealingLR(optimizer, max(1, total - warmup))
    if warmup == 0:
        return cosine
    rise = LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup)
    return SequentialLR(optimizer, [rise, cosine], [warmup])


def _autocast_dtype(device: torch.device) -> torch.dtype | None:
    """bfloat16 where the hardware multiplies it; None trains in float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
    return torch.bfloat16 if "avx512_bf16" in _cpu_capability() else None


def _cpu_capability() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return ""
