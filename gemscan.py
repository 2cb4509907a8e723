"""The `gemscan` command: one line per verb, each loaded only when it is called."""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from deploy.errors import GemscanError

# verb: (module with `add_arguments(parser)`, what `gemscan --help` says)
VERBS = {
    "data": ("train.data_command", "check, split, collect or draw folders of pictures"),
    "train": ("train.train_command", "train ResNet-50 on folders of photographs"),
    "crossvalidate": ("train.crossvalidate_command", "estimate a recipe on unseen stones"),
    "reproduce": ("train.reproduce_command", "run the reference experiment beside a sound one"),
    "report": ("train.report_command", "show what a training run made of its pictures"),
    "export": ("train.export_command", "turn a training run into a model bundle"),
    "confidence": ("train.confidence_command", "choose when to name, list and refer"),
    "calibrate": ("calibration.calibrate_command", "add an INT8 model to a bundle"),
    "build": ("calibration.build_command", "make the TensorRT engine on this device"),
    "inspect": ("deploy.inspect_command", "show the engine's layers, fusions and precisions"),
    "evaluate": ("deploy.evaluation.evaluate_command", "score a bundle on labelled photographs"),
    "card": ("deploy.evaluation.card_command", "say what a bundle knows, and what was measured"),
    "compare": ("deploy.evaluation.compare_command", "check that INT8 agrees with float32"),
    "run": ("edge_app.run_command", "name the stones under a camera, or in a video or folder"),
    "capture": ("edge_app.capture_command", "photograph stones for a folder to train on"),
    "calibrate-camera": (
        "edge_app.cameras.calibrate_command",
        "make a camera's colours true",
    ),
    "log": ("edge_app.record.log_command", "show the stones that were scanned"),
    "bench": ("edge_app.bench.bench_command", "measure FPS and latency, stage by stage"),
    "cameras": ("edge_app.cameras.cameras_command", "list the cameras that are plugged in"),
    "doctor": ("edge_app.doctor.doctor_command", "say what this machine has and lacks"),
}


def build_parser(verb: str | None) -> argparse.ArgumentParser:
    """The parser for one verb; the other verbs are listed but their modules stay unloaded."""
    parser = argparse.ArgumentParser(prog="gemscan", description="A counter-top gem scanner.")
    parser.add_argument("--debug", action="store_true", help="log more, and show tracebacks")
    commands = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (module, purpose) in VERBS.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name == verb:
            importlib.import_module(module).add_arguments(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. 0: done; 1: a check failed; 2: the user must act; 130: stopped by Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    with noted_interrupts() as interrupts:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        except KeyboardInterrupt:
            return _stopped()
        except ImportError:  # NumPy, for one, makes that of a Ctrl-C while it is imported
            if interrupts:
                return _stopped()
            raise
        except GemscanError as exc:  # a user can act on it; a bug keeps its traceback
            logging.getLogger(__name__).debug("traceback", exc_info=True)
            if interrupts:
                return _stopped()
            print(f"error: {exc}", file=sys.stderr)
            return 2


def _run(words: list[str]) -> int:
    verb = next((word for word in words if word in VERBS), None)
    args = build_parser(verb).parse_args(words)
    logging.basicConfig(
        level=logging.DEBUG if args.debug else logging.INFO, format="%(levelname)s: %(message)s"
    )
    return int(args.run(args))


def _stopped() -> int:
    print("stopped", file=sys.stderr)
    return 130


@contextmanager
def noted_interrupts() -> Iterator[list[int]]:
    """Remember each Ctrl-C, which still raises KeyboardInterrupt; not where it is ignored."""
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ours = ours and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    raise SystemExit(main())
