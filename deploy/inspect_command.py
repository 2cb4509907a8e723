"""`gemscan inspect`: what is inside the engine of a bundle on this device."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy.bundle import Bundle
    from deploy.engine.layers import Insight, Layer
    from deploy.engine.store import KeptEngine

NAME_WIDTH = 72


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `gemscan inspect`."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="model bundle, folder or zip")
    parser.add_argument(
        "--engine",
        choices=("auto", "int8-qdq", "int8-calibrator", "fp16", "fp32"),
        default="auto",
        help="which of the engines that `gemscan build` made (default: the one that runs)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all that TensorRT says there"
    )
    parser.set_defaults(run=run_inspect)


def run_inspect(args: argparse.Namespace) -> int:
    """Print the engine's layers and what did not run in INT8."""
    from deploy.bundle import load_bundle
    from deploy.engine.forms import model_for
    from deploy.engine.layers import engine_information, operators_of, read_layers
    from deploy.files import write_bytes

    bundle = load_bundle(args.bundle)
    engine = _find(bundle, args.engine)
    information = engine_information(engine.read())
    if args.json:
        write_bytes(args.json, information.encode())
    operators = operators_of(model_for(bundle, engine.recipe))
    print_engine(engine, read_layers(information, operators))
    return 0


def _find(bundle: Bundle, wanted: str) -> KeptEngine:
    """The engine that was asked for.

    Raises:
        BackendError: it has not been built on this device.
    """
    from deploy.engine.make import device_keys
    from deploy.engine.recipe import RECIPES
    from deploy.engine.store import EngineStore
    from deploy.errors import BackendError

    store = EngineStore(device_keys(bundle))
    found = store.preferred() if wanted == "auto" else store.find(RECIPES[wanted])
    if found is None:
        raise BackendError(
            f"this device has no {'' if wanted == 'auto' else wanted + ' '}engine of {bundle.root}."
            f" Make it with: gemscan build {bundle.root}"
        )
    return found


def print_engine(engine: KeptEngine, insight: Insight) -> None:
    """The layers as a table, then what they come to."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print(_table(insight))
    record = engine.record
    console.print(
        f"{record.recipe}, made from {record.made_from} by TensorRT {record.key.tensorrt} "
        f"for {record.key.gpu} (compute capability {record.key.capability})",
        markup=False,
    )
    for line in insight.summary():
        console.print(line, markup=False)
    if engine.recipe.precision == "int8":
        for layer in insight.not_int8:
            console.print(f"not in INT8: {_types(layer)}  {layer.name}", markup=False)


def _table(insight: Insight) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("", "layer", "kind", "types", "fused"):
        table.add_column(heading)
    for i, layer in enumerate(insight.layers):
        name = layer.name if len(layer.name) <= NAME_WIDTH else layer.name[: NAME_WIDTH - 1] + "…"
        table.add_row(
            str(i), escape(name), escape(layer.kind), _types(layer), " + ".join(layer.fused)
        )
    return table


def _types(layer: Layer) -> str:
    return f"{' '.join(layer.takes)} -> {' '.join(layer.gives)}"
