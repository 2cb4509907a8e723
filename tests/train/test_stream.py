"""Pictures that are read as they come teach what held ones teach."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deploy.errors import PictureError
from tests.train.steady import STEADY
from train.data.prepare import prepare
from train.loop import hold
from train.loop.feed import make_feed
from train.loop.hold import holds
from train.loop.stream import Stream
from train.settings import TrainSettings

SETTINGS = TrainSettings(size_px=32, epochs=2, batch=8, weights="none", seed=4)
CPU = torch.device("cpu")


@pytest.mark.slow
def test_a_streamed_run_has_the_curve_of_a_held_one_to_the_digit(
    train: Callable[..., int], blobs: Path, steady_run: Path, tmp_path: Path
):
    """One reading process; the augmentation is drawn where it is drawn for held pictures."""
    flags = [*STEADY, "--hold", "stream", "--readers", "1"]

    assert train(blobs, tmp_path / "run", *flags) == 0

    one, other = (
        [{k: v for k, v in row.items() if k != "images_per_s"} for row in json.loads(text)]
        for text in ((run / "history.json").read_text() for run in (steady_run, tmp_path / "run"))
    )
    assert one == other


def test_a_streamed_side_gives_the_bytes_of_a_held_one_in_the_order_asked_for(blobs: Path):
    held, files = (prepare(blobs, SETTINGS, hold=lambda _, keep=keep: keep) for keep in (1, 0))
    stream = Stream(held.framing, 0, pinned=False)
    for name, px in (("training", 40), ("validation", 32)):
        count = len(getattr(held, name).targets)
        order = list(torch.split(torch.randperm(count), 2))
        feeds = (make_feed(getattr(data, name), px, stream, CPU) for data in (held, files))
        for one, other in zip(*(feed.batches(order) for feed in feeds), strict=True):
            assert torch.equal(one[0], other[0])
            assert torch.equal(one[1], other[1])


@pytest.mark.parametrize("readers", [0, 1])
def test_a_picture_that_goes_while_it_is_needed_is_named(blobs: Path, tmp_path: Path, readers: int):
    folder = shutil.copytree(blobs, tmp_path / "blobs")
    data = prepare(folder, SETTINGS, hold=lambda _: False)
    gone = data.training.pictures[3].path
    gone.unlink()
    feed = make_feed(data.training, 40, Stream(data.framing, readers, pinned=False), CPU)

    with pytest.raises(PictureError, match=f"^{gone} cannot be read as a picture"):
        list(feed.batches([torch.tensor([2, 3])]))


def test_what_has_no_room_is_streamed_unless_it_must_be_held(monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []

    def fits(count: int, size_px: int, processes: int) -> bool:
        asked.append(size_px)
        return count * processes < 9

    monkeypatch.setattr(hold, "fits", fits)

    assert holds(8, SETTINGS, "auto", CPU, processes=1)
    assert not holds(8, SETTINGS, "auto", CPU, processes=2)
    assert holds(8, SETTINGS, "device", CPU, processes=2)
    assert not holds(1, SETTINGS, "stream", CPU, processes=1)
    assert asked == [40, 40]
    holds(8, replace(SETTINGS, enlarge=2.0, framing="centre"), "auto", CPU, processes=1)
    assert asked[-1] == 32


@pytest.mark.parametrize("readers", [0, 1])
def test_reading_draws_nothing_from_the_generator_that_mixup_draws_from(blobs: Path, readers: int):
    data = prepare(blobs, SETTINGS, hold=lambda _: False)
    feed = make_feed(data.training, 32, Stream(data.framing, readers, pinned=False), CPU)
    torch.manual_seed(7)
    expected = torch.rand(())

    for _ in range(2):
        torch.manual_seed(7)
        next(iter(feed.batches([torch.arange(2)])))
        assert torch.rand(()) == expected
