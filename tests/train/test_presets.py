"""Presets, settings files and flags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.errors import SettingsError
from train.loop.choose import chosen_epoch
from train.loop.history import EpochResult
from train.loop.optimise import make_optimizer, make_schedule
from train.model import build_model
from train.presets import REFERENCE, SOUND, choose_settings
from train.run.folder import read_record


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path):
    file = tmp_path / "mine.json"
    file.write_text('{"preset": "reference", "epochs": 7, "batch": 16, "learning_rate": 1}')

    settings = choose_settings(None, file, {"epochs": 3})

    assert settings == replace(REFERENCE, epochs=3, batch=16, learning_rate=1.0)
    assert choose_settings("sound", file, {}).optimizer == "sgd"
    assert choose_settings(None, None, {}) == SOUND


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"epoch": 3}', "“epoch”, which is not known here"),
        ('{"epochs": "3"}', "epochs must be int"),
        ('{"preset": "paper"}', "there is no preset “paper”; there are sound, reference"),
        ('{"preset": ["sound"]}', "there is no preset"),
        ('{"optimizer": "lion"}', "optimizer must be sgd or adam"),
        ("[]", "must hold an object"),
        ("{", "Settings are written in JSON"),
    ],
)
def test_a_settings_file_with_anything_else_is_refused(tmp_path: Path, text: str, said: str):
    (tmp_path / "mine.json").write_text(text)

    with pytest.raises(SettingsError, match=said):
        choose_settings(None, tmp_path / "mine.json", {})


def test_the_reference_preset_is_the_printed_protocol():
    model = build_model(2)
    optimizer = make_optimizer(model, REFERENCE)
    schedule = make_schedule(optimizer, REFERENCE, steps_per_epoch=2)

    assert type(optimizer).__name__ == "Adam"
    assert optimizer.defaults["betas"] == (0.9, 0.999)
    assert (REFERENCE.epochs, REFERENCE.size_px, REFERENCE.weights) == (100, 224, "none")
    assert round(1789 * REFERENCE.enlarge) == 8156
    for _ in range(200):
        assert schedule.get_last_lr() == [0.1, 0.1]
        optimizer.step()
        schedule.step()


def test_the_sound_preset_rises_falls_like_a_cosine_and_decays_weights_alone():
    model = build_model(2)
    optimizer = make_optimizer(model, SOUND)
    schedule = make_schedule(optimizer, SOUND, steps_per_epoch=10)

    rates = []
    for _ in range(SOUND.epochs * 10):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    warmup = round(SOUND.warmup_epochs * 10)
    assert rates[0] == pytest.approx(SOUND.peak_rate / warmup)
    assert max(rates) == rates[warmup] == pytest.approx(SOUND.peak_rate)
    middle = warmup + (len(rates) - warmup) // 2
    assert rates[middle] == pytest.approx(SOUND.peak_rate / 2, rel=0.01)
    assert rates[-1] < 1e-4 * SOUND.peak_rate
    for group in optimizer.param_groups:
        matrices = {parameter.ndim > 1 for parameter in group["params"]}
        assert matrices == {group["weight_decay"] == SOUND.weight_decay > 0}


def test_a_resumed_run_keeps_its_settings_whatever_a_file_says(
    train: Callable[..., int], blobs: Path, finished_run: Path, tmp_path: Path, capsys
):
    saved = read_record(finished_run).settings
    assert saved == replace(SOUND, size_px=32, batch=8, epochs=2, weights="none")
    (tmp_path / "mine.json").write_text('{"momentum": 0.5}')

    assert train(blobs, finished_run, "--resume", "--config", str(tmp_path / "mine.json")) == 2
    assert "momentum 0.9, not 0.5" in capsys.readouterr().err


def epoch(number: int, training: float, validation: float, loss: float) -> EpochResult:
    return EpochResult(number, 0.1, 1.0, training, loss, validation, 1.0)


def test_each_rule_chooses_its_own_epoch_and_the_first_of_equals():
    history = [
        epoch(0, training=0.5, validation=0.5, loss=3.0),
        epoch(1, training=0.99, validation=0.8, loss=0.5),  # error 0.2 + gap 0.19
        epoch(2, training=0.78, validation=0.78, loss=0.9),  # error 0.22 + gap 0
        epoch(3, training=0.78, validation=0.78, loss=0.5),
    ]

    assert chosen_epoch(history, "lowest-loss") == 1
    assert chosen_epoch(history, "smallest-error") == 2
