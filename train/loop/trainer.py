"""The training loop: mixed precision, averaged weights, one process or several, resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (its usual name)

from deploy.errors import GemscanError
from deploy.files import write_json
from train.checkpoint import CheckpointError, save_checkpoint
from train.data.prepare import Prepared
from train.loop.augment import augment, draw_changes, shrink
from train.loop.average import Average
from train.loop.choose import chosen_epoch
from train.loop.event_files import EventFiles
from train.loop.feed import make_feed
from train.loop.gpu_meter import GpuMeter
from train.loop.history import EpochResult
from train.loop.mix import draw_mix
from train.loop.optimise import make_optimizer, make_schedule
from train.loop.precision import autocast
from train.loop.progress import TrainProgress
from train.loop.stream import Stream, readers_for
from train.loop.tally import Tally
from train.loop.teachers import Teachers
from train.loop.team import ALONE, Team
from train.model import GemNet
from train.run.folder import BEST, HISTORY, LAST, STATE
from train.settings import TrainSettings

SAVE_EVERY_S = 60.0


class DivergedError(GemscanError):
    """Training has lost its way and would not find back."""


class Trainer:
    """Trains one network on one `Prepared` set.

    taught: digests of the pictures that taught the weights `model` starts from, and the teachers.
    teachers: bundles whose answers teach beside the names.
    team: the processes that train together; `model` has its normalisation (`Team.norm`).
    readers: processes that read pictures which are not held; None chooses.
    """

    def __init__(
        self,
        model: GemNet,
        data: Prepared,
        settings: TrainSettings,
        device: torch.device,
        *,
        taught: Collection[str] = (),
        teachers: Teachers | None = None,
        team: Team = ALONE,
        readers: int | None = None,
    ) -> None:
        self._settings, self._device, self._team = settings, device, team
        self._labels, self._framing = data.labels, data.framing
        self._training_digests = list(data.training.digests)
        earlier = sorted(set(taught).difference(self._training_digests))
        self._taught = [*self._training_digests, *earlier]
        self._taught_on, self._validated_on = len(data.training.targets), data.validation.targets
        readers = readers_for(team.local_world) if readers is None else readers
        stream = Stream(data.framing, readers, pinned=device.type == "cuda")
        self._training = make_feed(data.training, settings.held_px, stream, device)
        self._validation = make_feed(data.validation, settings.size_px, stream, device)
        self._model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._ema = Average(self._model, settings.ema_decay)
        self._net = team.share(self._model, device)
        self._optimizer = make_optimizer(self._model, settings)
        self._schedule = make_schedule(self._optimizer, settings, self._steps_per_epoch())
        self._loss = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
        self._teachers = teachers
        self._meter = GpuMeter(device)
        self._unsaved_best: dict[str, Any] | None = None
        self.history: list[EpochResult] = []
        torch.backends.cudnn.benchmark = True  # every batch has one shape

    @property
    def pictures_per_epoch(self) -> int:
        """How many pictures an epoch shows."""
        return self._steps_per_epoch() * min(self._settings.batch, self._taught_on)

    def fit(self, run: Path, progress: TrainProgress) -> None:
        """Train until `settings.epochs` epochs are done, saving into `run`.

        Raises:
            StorageError: a checkpoint cannot be written.
            DivergedError: the loss is no longer a number; what was learned before is saved.
        """
        saved_at = time.monotonic()
        with EventFiles(run, len(self.history), enabled=self._team.leads) as events:
            for epoch in range(len(self.history), self._settings.epochs):
                try:
                    result = self._epoch(epoch, progress)
                except DivergedError:
                    self._save_results(run)
                    raise
                self._note(result)
                progress.epoch_done(result)
                events.write(result)
                last = epoch + 1 == self._settings.epochs
                if last or time.monotonic() - saved_at > SAVE_EVERY_S:
                    self.save(run)
                    saved_at = time.monotonic()
        if self._team.leads:
            save_checkpoint(run / LAST, self._weights())

    def _note(self, result: EpochResult) -> None:
        self.history.append(result)
        chosen = chosen_epoch(self.history, self._settings.best_by)
        if self._team.leads and chosen == len(self.history) - 1:
            self._unsaved_best = self._weights()

    def save(self, run: Path) -> None:
        """Write what `restore` needs to go on after the last whole epoch.

        The state comes last: an epoch that it holds is not trained again, so that epoch's best
        weights and history must lie there before.
        """
        if not self._team.leads:
            return
        self._save_results(run)
        state = {
            "model": self._model.state_dict(),
            "ema": self._ema.state(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "history": [asdict(result) for result in self.history],
            "training": self._training_digests,
            "taught": self._taught,
        }
        save_checkpoint(run / STATE, state)

    def _save_results(self, run: Path) -> None:
        if not self._team.leads:
            return
        if self._unsaved_best is not None:
            save_checkpoint(run / BEST, self._unsaved_best)
            self._unsaved_best = None
        write_json(run / HISTORY, [asdict(result) for result in self.history])

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `save` left off.

        Raises:
            CheckpointError: the state is of other pictures, or of another network.
        """
        try:
            self._check_pictures(state["training"])
            self._model.load_state_dict(state["model"])
            self._ema.restore(state["ema"])
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
            raise CheckpointError(
                "the training pictures are not in the order in which the run was started with "
                "them: some have other names. Give them back their names, or start a new run."
            )

    def _weights(self) -> dict[str, Any]:
        """What is exported: the averaged weights, and which pictures taught them."""
        backbone = self._ema.module.backbone.state_dict()
        return {
            "backbone": {name: value.cpu().clone() for name, value in backbone.items()},
            "labels": list(self._labels),
            "size_px": self._settings.size_px,
            "framing": asdict(self._framing),
            "training": self._taught,
            "epoch": len(self.history),
        }

    def _epoch(self, epoch: int, progress: TrainProgress) -> EpochResult:
        generator = torch.Generator().manual_seed(self._settings.seed * 100_003 + epoch)
        torch.manual_seed(self._settings.seed * 100_003 + epoch)
        self._meter.start()
        started = time.perf_counter()
        loss, top1 = self._teach(generator, progress)
        rate = self.pictures_per_epoch / (time.perf_counter() - started)
        validation_loss, validation_top1 = self.validate()
        if not math.isfinite(loss + validation_loss):
            raise DivergedError(
                f"the loss is no longer a number in epoch {epoch + 1}: use a lower --lr than "
                f"{self._settings.peak_rate}, in a new run."
            )
        lr = float(self._schedule.get_last_lr()[0])
        scores = (loss, top1, validation_loss, validation_top1)
        return EpochResult(epoch, lr, *scores, rate, self._meter.use(), self._meter.memory_gb())

    def _teach(self, generator: torch.Generator, progress: TrainProgress) -> tuple[float, float]:
        """Show every picture once; the loss and top-1 of all processes."""
        self._net.train()
        tally = Tally(self._device)
        order = self._order(generator)
        mine = [numbers[self._team.part(len(numbers))] for numbers in order]
        for numbers, batch in zip(order, self._training.batches(mine), strict=True):
            self._step(*batch, len(numbers), generator, tally)
            loss, top1 = tally.latest()
            self._meter.look()
            progress.batch_done(loss=loss, top1=top1, pictures=len(numbers))
        return tally.read(self._team)

    def _steps_per_epoch(self) -> int:
        return max(1, self._taught_on // self._settings.batch)

    def _order(self, generator: torch.Generator) -> list[Tensor]:
        """Whole batches only: a last batch of one picture would upset batch normalisation."""
        shuffled = torch.randperm(self._taught_on, generator=generator)
        return list(torch.split(shuffled, self._settings.batch))[: self._steps_per_epoch()]

    def _step(
        self,
        squares: Tensor,
        targets: Tensor,
        whole: int,
        generator: torch.Generator,
        tally: Tally,
    ) -> None:
        """One step on this process's part of a batch of `whole` pictures."""
        pictures = self._shown(squares, whole, generator)
        mix = draw_mix(len(pictures), self._settings.mixup, self._device)
        if mix:
            pictures = mix.pictures(pictures)
        with autocast(self._device, self._settings.precision):
            seen = shrink(pictures, self._settings.size_px)
            logits, _ = self._net(seen.contiguous(memory_format=torch.channels_last))
            loss = mix.loss(self._loss, logits, targets) if mix else self._loss(logits, targets)
            if self._teachers:
                loss = self._teachers.blend(loss, logits, pictures)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self._schedule.step()
        self._ema.update()
        tally.add(loss, logits, targets)

    def _shown(self, squares: Tensor, whole: int, generator: torch.Generator) -> Tensor:
        """What is shown. Every process draws for the whole batch and takes its part."""
        if self._settings.enlarge:
            return squares.float()
        changes = draw_changes(whole, generator).part(self._team.part(whole))
        return augment(squares, self._settings.augmented_px, changes.to(self._device))

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Loss and top-1 of the averaged weights on the validation side, shared by the team."""
        tally = Tally(self._device)
        numbers = torch.arange(len(self._validated_on))[self._team.rank :: self._team.world]
        order = [part for part in torch.split(numbers, self._settings.batch) if len(part)]
        for squares, targets in self._validation.batches(order):
            with autocast(self._device, self._settings.precision):
                logits, _ = self._ema.module(squares)
            loss = F.cross_entropy(
                logits.float(), targets, label_smoothing=self._settings.label_smoothing
            )
            tally.add(loss, logits, targets)
        return tally.read(self._team)
