"""Whether a set of pictures is held in memory or read from its files in every epoch."""

from __future__ import annotations

import logging

import torch

from train.data.pictures import fits
from train.settings import TrainSettings

logger = logging.getLogger(__name__)
AUTO, DEVICE, STREAM = "auto", "device", "stream"
SHARE_OF_GPU = 0.5  # of its free memory; the rest is for the network


def holds(
    count: int, settings: TrainSettings, wanted: str, device: torch.device, processes: int
) -> bool:
    """Whether to hold `count` pictures on `device`.

    Args:
        wanted: "device", "stream", or "auto", which holds what has room here and on the device.
        processes: that train on this machine; each holds all pictures.
    """
    if wanted != AUTO:
        return wanted == DEVICE
    size_px = settings.held_px
    held = fits(count, size_px, processes=processes) and _gpu_has_room(count, size_px, device)
    if not held:
        logger.info("%d pictures do not fit into memory: they are read as they come", count)
    return held


def _gpu_has_room(count: int, size_px: int, device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return count * size_px * size_px * 3 <= SHARE_OF_GPU * free
