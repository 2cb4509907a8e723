"""What is said of the GPU, with torch's questions to the driver answered here."""

from __future__ import annotations

import pytest
import torch
from pynvml import NVMLError_NotSupported

from train.loop import gpu_meter
from train.loop.gpu_meter import GpuMeter


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> GpuMeter:
    monkeypatch.setattr(gpu_meter, "EVERY_S", 0.0)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 3_500_000_000)
    return GpuMeter(torch.device("cuda"))


def test_use_is_the_mean_of_an_epoch_and_memory_its_peak(meter: GpuMeter, monkeypatch):
    answers = iter([10, 90, 100, 50])
    monkeypatch.setattr(torch.cuda, "utilization", lambda _: next(answers))
    meter.start()
    meter.look()

    meter.start()
    for _ in range(3):
        meter.look()

    assert meter.use() == pytest.approx(0.8)
    assert meter.memory_gb() == 3.5


def test_a_driver_that_does_not_say_leaves_it_open(meter: GpuMeter, monkeypatch):
    def refuse(_: torch.device) -> int:
        raise NVMLError_NotSupported

    monkeypatch.setattr(torch.cuda, "utilization", refuse)
    meter.start()
    meter.look()

    assert meter.use() is None


def test_a_processor_has_neither():
    meter = GpuMeter(torch.device("cpu"))
    meter.start()
    meter.look()

    assert (meter.use(), meter.memory_gb()) == (None, None)
