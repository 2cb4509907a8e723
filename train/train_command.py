"""`gemscan train`: folders of photographs to a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.arguments import number
from train.presets import PRESETS
from train.settings import ADAM, AUTO, FLOAT32, FRAMINGS, SGD, TrainSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags that are left out take the value of the settings file, else of the preset."""
    parser.add_argument("data", type=Path, metavar="DATA", help="folder with a folder per class")
    parser.add_argument("--out", type=Path, metavar="RUN", required=True, help="where to write")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with RUN after its last save, with the settings, classes and split it has",
    )
    _add_picture_arguments(parser.add_argument_group("pictures"))
    _add_origin_arguments(parser.add_argument_group("what knows something already"))
    _add_recipe_arguments(parser.add_argument_group("recipe"))
    add_machine_arguments(
        parser.add_argument_group("machine", "changes nothing of what is learned")
    )
    parser.set_defaults(run=run_train)


def _add_picture_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--classes", type=Path, metavar="FILE", help="classes, one a line, in order")
    group.add_argument(
        "--extra",
        type=Path,
        metavar="DIR",
        help="more pictures that teach but never validate (drawn stones)",
    )
    group.add_argument(
        "--split",
        type=Path,
        metavar="FILE",
        help="split.json of an earlier run, whose validation pictures stay apart here too",
    )


def _add_origin_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--weights",
        metavar="imagenet|none|PATH",
        help="what to start from: torchvision's (downloaded; default), nothing, or another run's "
        "weights or a bundle",
    )
    group.add_argument(
        "--teachers",
        nargs="+",
        metavar="BUNDLE",
        help="bundles whose answers teach beside the names (distillation)",
    )


def _add_recipe_arguments(group: argparse._ArgumentGroup) -> None:
    defaults = TrainSettings()
    group.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        help="sound (default), or reference: the published experiment as printed, leak included",
    )
    group.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings in JSON, named as in a run's settings.json; flags win over it",
    )
    group.add_argument(
        "--framing",
        choices=FRAMINGS,
        help=f"the central square, or one around the stone, default {defaults.framing}",
    )
    group.add_argument(
        "--size",
        type=int,
        metavar="PX",
        dest="size_px",
        help=f"input side in pixels, default {defaults.size_px}",
    )
    group.add_argument("--epochs", type=int, metavar="N", help=f"default {defaults.epochs}")
    group.add_argument(
        "--batch",
        type=int,
        metavar="N",
        help=f"pictures of a step, over all processes of torchrun; default {defaults.batch}",
    )
    group.add_argument("--optimizer", choices=(SGD, ADAM), help=f"default {defaults.optimizer}")
    group.add_argument(
        "--lr",
        type=float,
        dest="learning_rate",
        help="peak rate, default 0.05 from nothing, 0.01 from weights",
    )
    group.add_argument(
        "--precision",
        choices=(AUTO, FLOAT32),
        help="auto (default) multiplies in bfloat16 where the hardware does",
    )
    group.add_argument("--seed", type=int, help="of split, order and augmentation, default 0")


def add_machine_arguments(parser: argparse._ActionsContainer) -> None:
    """Flags on what trains, which change nothing of what is learned."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--hold",
        choices=("auto", "device", "stream"),
        default="auto",
        help="keep all pictures on the device, or read them from their files in every epoch "
        "(default: keep what fits)",
    )
    parser.add_argument(
        "--readers",
        type=number(0, 1024),
        metavar="N",
        help="processes that read pictures which are not kept (default: one a core, 8 at most)",
    )


def run_train(args: argparse.Namespace) -> int:
    """Train; the libraries that this takes are loaded only now, so that --help answers at once."""
    from train.run.start import start_or_resume

    return start_or_resume(args)
