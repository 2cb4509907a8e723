"""Several processes that train one network: who is who, and what they tell each other.

`torchrun` says in the environment how many there are. Without it a team has one member, and
nothing here does anything.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from deploy.errors import BackendError, GemscanError
from train.loop.shared_norm import SharedBatchNorm

T = TypeVar("T")


class TeamError(GemscanError):
    """Another process of the same run has ended, or cannot be reached."""


@dataclass(frozen=True)
class Team:
    """This process among those of a run.

    rank, world: its number, and how many there are over all machines.
    local_rank, local_world: the same on this machine alone.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @property
    def alone(self) -> bool:
        """One process trains."""
        return self.world == 1

    @property
    def leads(self) -> bool:
        """This process writes and prints."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """This process's part of a batch; each has the same number of pictures."""
        each = count // self.world
        return slice(self.rank * each, (self.rank + 1) * each)

    def sum(self, values: Tensor) -> Tensor:
        """Add up over all processes, in place."""
        if not self.alone:
            dist.all_reduce(values)
        return values

    def from_lead(self, make: Callable[[], T]) -> T:
        """Let the first process do something, and give its result to all.

        Raises:
            GemscanError: what it raised there, everywhere.
        """
        if self.alone:
            return make()
        box: list[Any] = [None]
        if self.leads:
            box = [_result_or_error(make)]
        dist.broadcast_object_list(box, src=0)
        if isinstance(box[0], GemscanError):
            raise box[0]
        return cast("T", box[0])

    def check_same(self, what: str, value: object) -> None:
        """See that every process found the same.

        Raises:
            TeamError: one found something else.
        """
        if self.alone:
            return
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        if any(other != value for other in values):
            raise TeamError(f"the processes do not find the same {what}. Give each the same files.")

    def norm(self, device: torch.device) -> Callable[..., nn.Module]:
        """The batch normalisation that sees the whole batch: torch's own is for GPUs only."""
        if self.alone:
            return nn.BatchNorm2d
        return nn.SyncBatchNorm if device.type == "cuda" else SharedBatchNorm

    def share(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Let every backward pass average the gradients over all processes."""
        if self.alone:
            return model
        ids = [device] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(
            model, device_ids=ids, gradient_as_bucket_view=True
        )


ALONE = Team()


def _result_or_error(make: Callable[[], T]) -> T | GemscanError:
    try:
        return make()
    except GemscanError as exc:
        return exc


@contextmanager
def joined_team(device: torch.device) -> Iterator[tuple[Team, torch.device]]:
    """Join the processes that `torchrun` started: NCCL between GPUs, gloo between CPUs.

    Yields:
        The team, and the device of this process: where there are several, each has its own GPU.

    Raises:
        BackendError: there are more processes than GPUs on this machine.
        TeamError: a process cannot be reached, or ended while this one waited for it.
    """
    team = team_of_environment()
    if team.alone:
        yield team, device
        return
    own = _own_device(device, team)  # before anything is sent: NCCL sends from the current GPU
    if not team.leads:
        logging.disable(logging.WARNING)  # the first process says it once
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        yield team, own
    except RuntimeError as exc:  # torch has no narrower one for a lost connection
        reason = str(exc).partition("\n")[0].partition(". ")[0]
        raise TeamError(
            f"process {team.rank} of {team.world} had to stop ({reason}). See what the others "
            "say, then go on after the last save by adding --resume."
        ) from exc
    finally:
        logging.disable(logging.NOTSET)
        if dist.is_initialized():
            dist.destroy_process_group()


def team_of_environment() -> Team:
    """What `torchrun` put into the environment; one process where it put nothing.

    Raises:
        TeamError: only a part is there.
    """
    if "WORLD_SIZE" not in os.environ:
        return ALONE
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    try:
        return Team(*(int(os.environ[name]) for name in names))
    except (KeyError, ValueError) as exc:
        raise TeamError(
            f"WORLD_SIZE is set, but {' or '.join(names)} is missing or no number ({exc}). "
            "Start several processes with torchrun, or unset WORLD_SIZE."
        ) from exc


def _own_device(device: torch.device, team: Team) -> torch.device:
    if device.type != "cuda":
        return device
    count = torch.cuda.device_count()
    if team.local_world > count:
        raise BackendError(
            f"{team.local_world} processes share {count} GPUs. "
            f"Give torchrun --nproc-per-node {count}, or train with --device cpu."
        )
    own = torch.device("cuda", team.local_rank)
    torch.cuda.set_device(own)
    return own
