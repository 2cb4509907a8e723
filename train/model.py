"""ResNet-50 with the product's face: uint8 pictures in, logits and embedding out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models import ResNet, resnet50

from deploy.errors import BackendError

# Of the ImageNet training set, RGB, 0 to 1: what torchvision's weights expect.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


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


def build_model(classes: int, *, norm: Callable[..., nn.Module] = nn.BatchNorm2d) -> GemNet:
    """Make a network that has learned nothing; `train.weights` says what else it may start from.

    Args:
        norm: the batch normalisation; several processes share theirs (`train.loop.team`).
    """
    # A residual branch that starts at zero trains better from nothing (Goyal et al. 2017,
    # "Accurate, Large Minibatch SGD", section 5.1).
    return GemNet(resnet50(num_classes=classes, zero_init_residual=True, norm_layer=norm))


class ConvNorm(NamedTuple):
    """A convolution, the batch normalisation that follows it, and their dotted names."""

    conv_name: str
    norm_name: str
    conv: nn.Conv2d
    norm: _BatchNorm


def conv_norms(network: nn.Module) -> list[ConvNorm]:
    """Every convolution with its batch normalisation."""
    return [
        ConvNorm(f"{prefix}.{a}".lstrip("."), f"{prefix}.{b}".lstrip("."), conv, norm)
        for prefix, module in network.named_modules()
        for (a, conv), (b, norm) in itertools.pairwise(module.named_children())
        if isinstance(conv, nn.Conv2d) and isinstance(norm, _BatchNorm)
    ]


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
