"""`gemscan train`: folders of photographs to a run."""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.errors import SettingsError
from deploy.files import storage_errors, write_json
from deploy.folders import read_class_list
from deploy.settings import from_mapping
from train.settings import TrainSettings

if TYPE_CHECKING:
    from train.loop import Trainer
    from train.prepare import Prepared

logger = logging.getLogger(__name__)
SETTINGS, SPLIT, HISTORY = "settings.json", "split.json", "history.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags that are left out take the defaults of `TrainSettings`."""
    defaults = TrainSettings()
    parser.add_argument("data", type=Path, metavar="DATA", help="folder with a folder per class")
    parser.add_argument("--out", type=Path, metavar="RUN", required=True, help="where to write")
    parser.add_argument(
        "--classes", type=Path, metavar="FILE", help="classes, one a line, in order"
    )
    parser.add_argument(
        "--extra",
        type=Path,
        metavar="DIR",
        help="more pictures that teach but never validate (drawn stones)",
    )
    parser.add_argument(
        "--split",
        type=Path,
        metavar="FILE",
        help="split.json of an earlier run, whose validation pictures stay apart here too",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help=f"default {defaults.epochs}")
    parser.add_argument(
        "--size",
        type=int,
        metavar="PX",
        dest="size_px",
        help=f"input side in pixels, default {defaults.size_px}",
    )
    parser.add_argument("--batch", type=int, metavar="N", help=f"default {defaults.batch}")
    parser.add_argument(
        "--lr",
        type=float,
        dest="learning_rate",
        help="peak rate, default 0.05 from nothing, 0.01 from weights",
    )
    parser.add_argument(
        "--weights",
        metavar="imagenet|none|FILE",
        help="what to start from, default imagenet (downloaded by torchvision)",
    )
    parser.add_argument("--seed", type=int, help="of split, order and augmentation, default 0")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--resume", action="store_true", help="go on with RUN after its last save")
    parser.set_defaults(run=run_train)


def run_train(args: argparse.Namespace) -> int:
    """Prepare, train, and say where the weights are."""
    settings = _settings(args)
    classes = read_class_list(args.classes) if args.classes else None

    from train.loop import BEST, Trainer
    from train.model import build_model, choose_device
    from train.prepare import prepare
    from train.progress import TrainProgress, reading
    from train.split import read_sides

    sides = read_sides(args.split) if args.split else None
    device = choose_device(args.device)
    data = prepare(
        args.data, settings, classes=classes, extra=args.extra, sides=sides, progress=reading
    )
    model = build_model(len(data.labels), settings.weights)
    _warn_of_leaked_weights(settings.weights, data)
    trainer = Trainer(model, data, settings, device)
    _open_run(args, settings, data, trainer)
    per_epoch = max(1, len(data.training.targets) // settings.batch) * settings.batch
    bar = TrainProgress(settings.epochs, per_epoch, done=len(trainer.history))
    try:
        with bar:
            trainer.fit(args.out, bar)
    except KeyboardInterrupt:
        # Nothing is saved here: in the middle of an epoch the weights are ahead of the history,
        # and a resumed run would not be the run that was stopped.
        logger.warning("stopped; go on after the last save by adding --resume")
        raise
    finally:
        write_json(args.out / HISTORY, [asdict(row) for row in trainer.history])
    best = min(trainer.history, key=lambda row: row.validation_loss)
    print(
        f"{args.out / BEST}: top-1 {best.validation_top1:.1%} on {len(data.validation.targets)} "
        f"validation pictures (epoch {best.epoch + 1}, the one with the lowest loss). "
        f"Next: gemscan export {args.out} BUNDLE"
    )
    return 0


def _settings(args: argparse.Namespace) -> TrainSettings:
    given = {
        name: getattr(args, name)
        for name in TrainSettings.__dataclass_fields__
        if getattr(args, name, None) is not None
    }
    if args.resume:
        return _resumed_settings(args.out, given)
    try:
        return TrainSettings(**given)
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc


def _resumed_settings(run: Path, given: dict[str, Any]) -> TrainSettings:
    path = run / SETTINGS
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise SettingsError(f"{run} cannot be resumed: {path} cannot be read ({exc}).") from exc
    settings = from_mapping(TrainSettings, saved["settings"], where=str(path))
    for name, value in given.items():
        if getattr(settings, name) != value:
            raise SettingsError(
                f"{run} was started with {name} {getattr(settings, name)}, not {value}. "
                "Leave the flag out, or start a new run."
            )
    return settings


def _open_run(
    args: argparse.Namespace, settings: TrainSettings, data: Prepared, trainer: Trainer
) -> None:
    from train.checkpoint import load_checkpoint
    from train.loop import STATE

    with storage_errors(args.out):
        args.out.mkdir(parents=True, exist_ok=True)
    if args.resume:
        state = load_checkpoint(args.out / STATE)
        if state["training"] != data.training.digests():
            raise SettingsError(f"the pictures are not those that {args.out} was started with.")
        trainer.restore(state)
        return
    if (args.out / SETTINGS).exists():
        raise SettingsError(f"{args.out} holds a run. Add --resume, or choose another --out.")
    write_json(
        args.out / SETTINGS,
        {
            "settings": asdict(settings),
            "data": str(args.data),
            "extra": str(args.extra) if args.extra else None,
        },
    )
    write_json(args.out / SPLIT, data.record())


def _warn_of_leaked_weights(weights: str, data: Prepared) -> None:
    """Weights that learned from pictures that now validate would flatter the result."""
    if weights in ("none", "imagenet"):
        return
    from train.checkpoint import load_weights

    taught = set(load_weights(Path(weights)).get("training", ()))
    leaked = taught.intersection(data.validation.digests())
    if leaked:
        logger.warning(
            "%s learned from %d of the %d validation pictures: the accuracy will be flattered",
            weights,
            len(leaked),
            len(data.validation.targets),
        )
