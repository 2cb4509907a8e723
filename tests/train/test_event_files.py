"""TensorBoard shows the numbers of history.json, also after a kill and a resumption."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deploy.errors import StorageError
from train.loop.event_files import EventFiles
from train.loop.history import EpochResult

RESULT = EpochResult(0, 0.1, 1.5, 0.4, 1.25, 0.5, 100.0)


def curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def in_a_new_second() -> None:
    """Wait for one: TensorBoard orders a run's files by the second in which each was begun."""
    begun = int(time.time())
    while int(time.time()) == begun:
        time.sleep(0.01)


def test_a_run_has_the_scalars_of_its_history(steady_run: Path):
    history = json.loads((steady_run / "history.json").read_text())

    seen = curves(steady_run)

    assert set(seen) == {k for k, v in history[0].items() if k != "epoch" and v is not None}
    for name, points in seen.items():
        assert points == [(row["epoch"], pytest.approx(row[name])) for row in history]


def test_a_resumed_run_goes_on_with_the_same_curves(tmp_path: Path):
    """Epoch 1 was written and not saved before the run was killed: it is trained again."""
    results = [replace(RESULT, epoch=number, training_loss=2.0 - number) for number in range(3)]
    for done, part in ((0, results[:2]), (1, results[1:])):
        in_a_new_second()
        with EventFiles(tmp_path, done) as events:
            for result in part:
                events.write(result)

    assert curves(tmp_path)["training_loss"] == [(0, 2.0), (1, 1.0), (2, 0.0)]


def test_numbers_of_a_gpu_stand_there_only_where_there_is_one(tmp_path: Path):
    with EventFiles(tmp_path, 0) as events:
        events.write(replace(RESULT, gpu_use=0.9))

    assert "gpu_use" in curves(tmp_path)
    assert "gpu_memory_gb" not in curves(tmp_path)
    assert asdict(RESULT)["gpu_use"] is None


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "tensorboard").write_text("")

    with pytest.raises(StorageError, match="could not be written"), EventFiles(tmp_path, 0) as one:
        one.write(RESULT)


def test_a_process_that_does_not_lead_writes_nothing(tmp_path: Path):
    with EventFiles(tmp_path, 0, enabled=False) as events:
        events.write(RESULT)

    assert not list(tmp_path.iterdir())
