"""ResNet-50 as an ONNX file with the product's face, and the proof that it computes the same."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from deploy.arrays import ByteArray, FloatArray
from deploy.errors import GemscanError
from deploy.files import storage_errors
from train.model import GemNet, conv_norms

# TensorRT 8.5 documents opsets to 17; from 18 on its parser misreads ReduceMean without a word.
OPSET = 17
# Between a logit of torch and of ONNX Runtime; both sum floats, in other orders. Rounding grows
# with the logits, and a network that was taught at a wild rate has large ones.
LARGEST_GAP = 1e-3
LARGEST_SHARE = 1e-4  # of the largest logit


class ExportError(GemscanError):
    """The ONNX file does not compute what the network computes."""


class _Face(nn.Module):
    """uint8 (N, S, S, 3) RGB in; scale, mean and std inside; logits and embedding out."""

    mean: Tensor
    scale: Tensor

    def __init__(self, model: GemNet, size_px: int) -> None:
        super().__init__()
        self.model = model
        # One row of pixels each: ONNX Runtime takes 1.4 ms longer to spread three numbers.
        row = (1, 1, size_px, 3)
        self.register_buffer("mean", model.mean.expand(row).contiguous())
        self.register_buffer("scale", model.scale.expand(row).contiguous())

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        # Cast first: a cast is the only layer by which TensorRT reads uint8.
        x = (image.float() - self.mean) * self.scale
        logits, embedding = self.model.classify(x.permute(0, 3, 1, 2))
        return logits, embedding


def write_onnx(model: GemNet, size_px: int, path: Path) -> None:
    """Write the network for uint8 (N, size_px, size_px, 3) RGB, batch normalisation folded.

    Raises:
        StorageError: the file cannot be written.
    """
    face = _Face(fold_batch_norms(model), size_px).eval()
    example = torch.zeros(1, size_px, size_px, 3, dtype=torch.uint8)
    names = ("image", "logits", "embedding")
    with warnings.catch_warnings(), torch.no_grad(), storage_errors(path):
        # The newer exporter begins at opset 18, which TensorRT 8 cannot take.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            face,
            (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(names[:1]),
            output_names=list(names[1:]),
            dynamic_axes={name: {0: "N"} for name in names},
        )
    onnx.checker.check_model(str(path), full_check=True)


def fold_batch_norms(model: GemNet) -> GemNet:
    """A copy in which every convolution holds the batch normalisation that followed it."""
    folded = copy.deepcopy(model).eval()
    for pair in conv_norms(folded):
        _replace(folded, pair.conv_name, fuse_conv_bn_eval(pair.conv, pair.norm))
        _replace(folded, pair.norm_name, nn.Identity())
    return folded


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)


@torch.no_grad()
def torch_logits(model: GemNet, squares: ByteArray, batch: int = 16) -> FloatArray:
    """(N, C) float32 logits of (N, S, S, 3) uint8 RGB squares, in plain float32."""
    planes = torch.from_numpy(squares).permute(0, 3, 1, 2)
    parts = [model(part)[0] for part in torch.split(planes, batch)]
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def prove_same(onnx_logits: FloatArray, model: GemNet, squares: ByteArray) -> float:
    """Compare the ONNX file's logits with the network's own.

    Returns:
        The largest gap.

    Raises:
        ExportError: the gap is above `LARGEST_GAP`, and above `LARGEST_SHARE` of a logit.
    """
    expected = torch_logits(model, squares)
    gap = float(np.abs(onnx_logits - expected).max())
    allowed = max(LARGEST_GAP, LARGEST_SHARE * float(np.abs(expected).max()))
    if not gap <= allowed:
        raise ExportError(
            f"the ONNX file and torch differ by {gap:.2g} in a logit; at most {allowed:.2g} is "
            "rounding. Report this with the versions of torch and onnxruntime."
        )
    return gap
