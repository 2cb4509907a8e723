"""Learning on from a bundle: its convolutions get back the batch normalisation they swallowed.

`export` folds every batch normalisation into the convolution before it, and `calibrate` rounds
the result to INT8. What the network computes is kept here; what it needs to learn, the mean and
the spread of each channel, is measured on pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torchvision.models import resnet50

from deploy.bundle import MODEL_FILES, Bundle
from deploy.errors import BundleError
from train.model import ConvNorm, GemNet, conv_norms

IN_GRAPH = "model.backbone."  # before torchvision's names, as `train.export.onnx_file` writes them


def is_bundle(path: Path) -> bool:
    """Whether a path names a bundle in place of a file of weights (which is a zip too)."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def read_bundle_weights(bundle: Bundle) -> dict[str, Any]:
    """The network of a bundle, from float32 where it holds that, else from INT8.

    Its batch normalisations add what was folded into a bias and do nothing else: in evaluation
    it computes what the bundle computes. To learn on it needs `regain_norms`.

    Returns:
        "backbone", "labels" and "training", as `train.checkpoint.load_weights` does.

    Raises:
        BundleError: it was not written by `gemscan export`.
    """
    network = resnet50(num_classes=len(bundle.labels))
    state = network.state_dict()
    constants = _constants(bundle)
    try:
        for conv, norm, _, module in conv_norms(network):
            state[f"{conv}.weight"] = constants[f"{conv}.weight"]
            state[f"{norm}.bias"] = constants[f"{conv}.bias"]
            state[f"{norm}.running_var"] = torch.full_like(module.weight, 1 - module.eps)
        state |= {name: constants[name] for name in ("fc.weight", "fc.bias")}
    except KeyError as exc:
        raise BundleError(
            f"{bundle.root} cannot be taught on: its model has no {exc.args[0]}, so gemscan export "
            "did not write it. Give another bundle."
        ) from exc
    taught = bundle.read_json("training.json").get("training", ())
    return {"backbone": state, "labels": bundle.labels, "training": tuple(taught)}


def _constants(bundle: Bundle) -> dict[str, Tensor]:
    """The stored tensors by torchvision's names, in float32; rounded weights times their scales."""
    precision = "fp32" if "fp32" in bundle.precisions else "int8"
    graph = onnx.load(bundle.root / MODEL_FILES[precision]).graph
    stored = {
        tensor.name.removeprefix(IN_GRAPH): torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
        if tensor.name.startswith(IN_GRAPH)
    }
    for name in [name for name in stored if name.endswith("_quantized")]:
        plain = name.removesuffix("_quantized")
        stored[plain] = stored[name].float() * stored[f"{plain}_scale"].view(-1, 1, 1, 1)
    return stored


@torch.no_grad()
def regain_norms(model: GemNet, planes: Tensor, batch: int = 16) -> None:
    """Give each channel the mean and the spread that it has on these pictures.

    What the network computes in evaluation stays as it is, and in training it computes nearly
    the same. Each filter gets the length 1: batch normalisation undoes it, and how far a step
    turns a filter depends on it. Trained ones have 0.1 to 1, the first layer's the longest; with
    the lengths of new ones, 0.3 there, a few steps at the usual rate spoilt what was learned.

    Args:
        model: with the weights of `read_bundle_weights`.
        planes: (N, 3, S, S) uint8 RGB, some of the pictures that are to teach.
    """
    spreads = [(pair, _Spread()) for pair in conv_norms(model)]
    model.eval()
    with ExitStack() as hooks:
        for pair, spread in spreads:
            hooks.callback(pair.conv.register_forward_hook(spread.watch()).remove)
        for part in torch.split(planes, batch):
            model(part)
    model.train()
    for pair, spread in spreads:
        _regain(pair, *spread.mean_and_variance())


class _Spread:
    """Mean and variance of each channel over all places of all pictures."""

    def __init__(self) -> None:
        self._count = 0
        self._sum, self._squares = torch.zeros(2, 1, dtype=torch.float64)

    def watch(self) -> Callable[[nn.Module, Any, Tensor], None]:
        def see(_module: nn.Module, _given: Any, made: Tensor) -> None:
            values = made.double()
            self._count += values.numel() // values.shape[1]
            self._sum = self._sum + values.sum((0, 2, 3))
            self._squares = self._squares + values.square().sum((0, 2, 3))

        return see

    def mean_and_variance(self) -> tuple[Tensor, Tensor]:
        mean = self._sum / self._count
        variance = (self._squares / self._count - mean.square()).clamp(min=0)
        return mean.float(), variance.float()


def _regain(pair: ConvNorm, mean: Tensor, variance: Tensor) -> None:
    """Let the norm take away mean and spread of its channels, and give them back."""
    conv, norm = pair.conv, pair.norm
    longer = 1 / conv.weight.flatten(1).norm(dim=1).clamp(min=1e-8)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    conv.weight.mul_(longer.view(-1, 1, 1, 1))
    norm.running_mean.copy_(mean * longer)
    norm.running_var.copy_(variance * longer.square())
    norm.weight.copy_((norm.running_var + norm.eps).sqrt() / longer)
    norm.bias.add_(mean)
