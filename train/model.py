"""ResNet-50 with the product's face: uint8 pictures in, logits and embedding out."""

from __future__ import annotations

import logging
import urllib.error
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models import ResNet, ResNet50_Weights, resnet50

from deploy.errors import BackendError, GemscanError
from train.checkpoint import load_weights

logger = logging.getLogger(__name__)

# Of the ImageNet training set, RGB, 0 to 1: what torchvision's weights expect.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class WeightsError(GemscanError):
    """Weights to start from cannot be had, or do not fit ResNet-50."""


class GemNet(nn.Module):
    """ResNet-50 that normalises for itself."""

    mean: Tensor
    scale: Tensor

    def __init__(self, backbone: ResNet) -> None:
        super().__init__()
        self.backbone = backbone
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN), persistent=False)
        self.register_buffer("scale", 1 / (255 * torch.tensor(IMAGENET_STD)), persistent=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, 3, H, W) RGB from 0 to 255, float or uint8, to logits and embedding.

        Returns:
            (N, C) logits and (N, 2048) embedding.
        """
        shape = (1, 3, 1, 1)
        x = (pictures.float() - self.mean.view(shape)) * self.scale.view(shape)
        return self.classify(x)

    def classify(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map normalised (N, 3, H, W) to logits and embedding."""
        net = self.backbone
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        x = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        embedding = torch.flatten(net.avgpool(x), 1)
        return net.fc(embedding), embedding


def build_model(
    classes: int, weights: str = "none", *, norm: Callable[..., nn.Module] = nn.BatchNorm2d
) -> GemNet:
    """Make the network and load what it starts from; the head is always new unless it fits.

    Args:
        weights: "none", "imagenet", or the path of a file: a run's `best.pt`, or torchvision's
            own ResNet-50 file.
        norm: the batch normalisation; several processes share theirs (`train.loop.team`).

    Raises:
        WeightsError: the download or the file cannot be had, or holds another network.
    """
    # A residual branch that starts at zero trains better from nothing (Goyal et al. 2017,
    # "Accurate, Large Minibatch SGD", section 5.1).
    model = GemNet(resnet50(num_classes=classes, zero_init_residual=True, norm_layer=norm))
    if weights == "none":
        return model
    state = _imagenet() if weights == "imagenet" else load_weights(Path(weights))["backbone"]
    _load_backbone(model.backbone, state, weights)
    return model


def _imagenet() -> dict[str, Tensor]:
    try:
        state = ResNet50_Weights.IMAGENET1K_V2.get_state_dict(progress=True, check_hash=True)
    except (urllib.error.URLError, OSError, RuntimeError) as exc:
        raise WeightsError(
            f"torchvision's ImageNet weights cannot be downloaded ({exc}). Connect this machine, "
            "or copy the file resnet50-11ad3fa6.pth to it and give --weights FILE, "
            "or start from nothing with --weights none."
        ) from exc
    return cast("dict[str, Tensor]", state)


def _load_backbone(backbone: ResNet, state: dict[str, Tensor], source: str) -> None:
    own = backbone.state_dict()
    if set(state) != set(own):
        raise WeightsError(f"{source} does not hold ResNet-50 weights as torchvision names them.")
    fits = OrderedDict((k, v) for k, v in state.items() if v.shape == own[k].shape)
    others = sorted(set(state) - set(fits))
    if any(not name.startswith("fc.") for name in others):
        raise WeightsError(f"{source} holds another network: {others[0]} has another shape.")
    backbone.load_state_dict(fits, strict=False)
    logger.info("started from %s%s", source, ", with a new head" if others else "")


def choose_device(wanted: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda".

    Raises:
        BackendError: CUDA is wanted and not there.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BackendError("--device cuda: torch finds no NVIDIA GPU here. Use --device cpu.")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)
