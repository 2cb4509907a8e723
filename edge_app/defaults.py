"""The flags that `run` and `bench` share, and what they take when they are told nothing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.arguments import add_threads

if TYPE_CHECKING:
    from deploy.backends import Backend
    from deploy.bundle import Bundle

SHIPPED_BUNDLE = Path(__file__).parent / "models" / "gems15"


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose a bundle and what runs it."""
    parser.add_argument(
        "--bundle",
        type=Path,
        default=SHIPPED_BUNDLE,
        metavar="B",
        help="model bundle, a folder or a zip (default: the 15 gems that come with gemscan)",
    )
    parser.add_argument(
        "--backend", default="auto", help="what runs the model: auto (default), onnx-cpu, tensorrt"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "int8", "fp16", "fp32"),
        default="auto",
        help="which model to run",
    )
    add_threads(parser)


def open_model(bundle: Bundle, args: argparse.Namespace) -> Backend:
    """The backend that the flags ask for.

    Raises:
        SettingsError: there is no such backend.
        BackendError, BundleError, MissingDependencyError: as `deploy.backends.open_backend`.
    """
    from deploy.backends import BACKENDS, open_backend
    from deploy.errors import SettingsError

    if args.backend not in BACKENDS:
        raise SettingsError(
            f"backend “{args.backend}” is not known; --backend is one of {', '.join(BACKENDS)}"
        )
    return open_backend(bundle, args.backend, args.precision, threads=args.threads)
