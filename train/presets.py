"""Presets: whole sets of settings by name, and how a file and flags change one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy.errors import SettingsError
from deploy.files import read_json
from deploy.published import STUDY_15_AUGMENTED, STUDY_15_PHOTOGRAPHS
from deploy.settings import from_mapping
from train.settings import ADAM, CONSTANT, NOTHING, SMALLEST_ERROR, TrainSettings

SOUND = TrainSettings()

# Jin & Li's protocol as printed, copies of one photograph on both sides included. Their cleaning
# by hand (8,156 to 7,429 pictures) is left out: nobody else can repeat it. The batch is not
# reported.
REFERENCE = TrainSettings(
    preset="reference",
    epochs=100,
    weights=NOTHING,
    optimizer=ADAM,
    learning_rate=0.1,
    schedule=CONSTANT,
    momentum=0.0,
    weight_decay=0.0,
    label_smoothing=0.0,
    warmup_epochs=0.0,
    ema_decay=0.0,
    enlarge=STUDY_15_AUGMENTED / STUDY_15_PHOTOGRAPHS,
    framing="centre",
    best_by=SMALLEST_ERROR,
)

PRESETS = {settings.preset: settings for settings in (SOUND, REFERENCE)}


def choose_settings(
    preset: str | None, file: Path | None, flags: Mapping[str, Any]
) -> TrainSettings:
    """The settings of a new run: flags win over the file, the file over the preset.

    Args:
        preset: a name of `PRESETS`; None takes the file's "preset", or "sound".
        file: JSON, an object with some of the fields of `TrainSettings`.
        flags: the fields that the command's flags give.

    Raises:
        SettingsError: the file cannot be read, or a name or a value is not known here.
    """
    said = _read(file) if file else {}
    name = preset or said.get("preset", SOUND.preset)
    if not isinstance(name, str) or name not in PRESETS:
        raise SettingsError(f"there is no preset “{name}”; there are {', '.join(PRESETS)}.")
    merged = asdict(PRESETS[name]) | said | dict(flags) | {"preset": name}
    return from_mapping(TrainSettings, merged, where=str(file or "the settings"))


def _read(file: Path) -> dict[str, Any]:
    said = read_json(file, SettingsError, "Settings are written in JSON (docs/trainer.md).")
    if not isinstance(said, dict):
        raise SettingsError(f"{file} must hold an object with named settings, not {said!r}")
    return said
