"""Distillation: what bundles say of a picture teaches beside its name.

A network, or the mean of several, knows more of a picture than its name: that it might as well be
something else, and how likely. What teaches is shown the very picture that the learner sees,
turned, relit and blended alike.

Sources: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015
(arXiv:1503.02531); Beyer et al., "Knowledge distillation: A good teacher is patient and
consistent", 2022 (arXiv:2106.05237), on showing both the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (its usual name)

from deploy.bundle import load_bundle
from deploy.errors import SettingsError
from deploy.preprocess import Framing
from deploy.spelling import places
from train.from_bundle import read_bundle_weights
from train.loop.augment import shrink
from train.model import GemNet, build_model


@dataclass(frozen=True)
class Teacher:
    """The network of a bundle, in evaluation.

    source: the bundle, as the settings name it.
    labels: of its logits.
    size_px: side of what it sees.
    temperature: that its logits are divided by, as the bundle's decision does.
    taught: digests of the pictures that taught it.
    """

    source: str
    network: GemNet
    labels: tuple[str, ...]
    size_px: int
    framing: Framing
    temperature: float
    taught: frozenset[str]


def load_teacher(source: str) -> Teacher:
    """Read a bundle, INT8 or not.

    Raises:
        BundleError: it cannot be read, or was not written by `gemscan export`.
    """
    bundle = load_bundle(Path(source))
    manifest, content = bundle.manifest, read_bundle_weights(bundle)
    network = build_model(len(manifest.labels))
    network.backbone.load_state_dict(content["backbone"])
    return Teacher(
        source,
        network.eval().requires_grad_(False),
        manifest.labels,
        manifest.input.size_px,
        manifest.framing,
        manifest.decision.temperature,
        frozenset(content["training"]),
    )


class Teachers:
    """What some bundles say together of pictures, and how far a learner is from it.

    They speak of the kinds that all of them and the learner know: of each, the geometric mean of
    their probabilities among those kinds. A picture of another kind teaches too: what it
    resembles.

    Args:
        labels: of the learner's logits.
        framing: of the learner's squares; theirs must be the same.
        share: of the loss; the rest is that of the names.

    Raises:
        SettingsError: they have another framing, or fewer than two kinds in common.
    """

    def __init__(
        self,
        teachers: Collection[Teacher],
        labels: Sequence[str],
        framing: Framing,
        share: float,
        device: torch.device,
    ) -> None:
        for teacher in teachers:
            _check_framing(teacher, framing)
            teacher.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        known = [places(labels, teacher.labels) for teacher in teachers]
        columns = [k for k in range(len(labels)) if all(k in rows for rows in known)]
        if len(columns) < 2:
            raise SettingsError(
                "the teachers and the classes to be trained have fewer than two kinds in common. "
                "Name the folders like the labels in their bundle.json, or leave --teachers out."
            )
        self._columns = torch.tensor(columns, device=device)
        self._heard = [
            (teacher, torch.tensor([rows[k] for k in columns], device=device))
            for teacher, rows in zip(teachers, known, strict=True)
        ]
        self._share = share

    def blend(self, loss: Tensor, logits: Tensor, pictures: Tensor) -> Tensor:
        """The loss of the names and the distance to what the teachers say, by their shares.

        Args:
            loss: of the names.
            logits: (N, C), the learner's.
            pictures: (N, 3, S, S) float, RGB from 0 to 255, S at least each side that is seen.
        """
        own = F.log_softmax(logits[:, self._columns].float(), dim=1)
        said = self.say(pictures)
        distance = F.kl_div(own, said, reduction="batchmean", log_target=True)
        return (1 - self._share) * loss + self._share * distance

    @torch.no_grad()
    def say(self, pictures: Tensor) -> Tensor:
        """(N, K) logarithms of probabilities, of the kinds in common in the learner's order."""
        said = [
            F.log_softmax(_logits(teacher, pictures)[:, rows] / teacher.temperature, dim=1)
            for teacher, rows in self._heard
        ]
        return F.log_softmax(torch.stack(said).mean(0), dim=1)


def _logits(teacher: Teacher, pictures: Tensor) -> Tensor:
    seen = shrink(pictures, teacher.size_px).contiguous(memory_format=torch.channels_last)
    logits: Tensor = teacher.network(seen)[0]
    return logits.float()


def _check_framing(teacher: Teacher, framing: Framing) -> None:
    if teacher.framing != framing:
        raise SettingsError(
            f"{teacher.source} looks at other squares ({teacher.framing.method}) than this run "
            f"({framing.method}). Give --framing {teacher.framing.method}, or another teacher."
        )
