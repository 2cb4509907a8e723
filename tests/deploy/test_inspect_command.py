"""`gemscan inspect`: an engine's layers, and what does not run in INT8."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from deploy.bundle import Bundle, load_bundle
from deploy.engine.layers import Insight, Layer
from deploy.engine.make import BuildSettings, device_keys, find_or_build, find_or_build_recipe, note
from deploy.engine.recipe import FP16, INT8_CALIBRATOR, INT8_QDQ
from deploy.engine.record import Scores, Timing
from deploy.engine.store import EngineStore
from deploy.inspect_command import NAME_WIDTH, print_engine
from gemscan import main
from tests.builds import build_here

only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


@pytest.fixture
def bundle(prepared: Path, tmp_path: Path, monkeypatch) -> Bundle:
    build_here(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")  # in 80 a long name goes over several lines
    shutil.copytree(prepared / "bundle", tmp_path / "bundle")
    return load_bundle(tmp_path / "bundle")


def inspect(bundle: Bundle, *words: object) -> int:
    return main(["inspect", str(bundle.root), *map(str, words)])


def not_int8(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith("not in INT8: ")]


def test_layers_fusions_and_what_is_not_int8_are_printed(
    tensorrt_pose, bundle: Bundle, capsys, tmp_path: Path
):
    find_or_build(bundle, "int8", BuildSettings())

    assert inspect(bundle, "--json", tmp_path / "said.json") == 0

    printed = capsys.readouterr().out
    assert "b1.c3 + b1.add + b1.out" in printed
    assert "Conv + Add + Relu" in printed
    assert "residual additions in one layer with their Conv: 3 of 3" in printed
    assert "int8-qdq, made from the INT8 model by TensorRT " + tensorrt_pose.version in printed
    assert "Fake Orin" in printed
    assert "do not say their types" not in printed
    left = not_int8(printed)
    assert [line for line in left if line.endswith(" logits")]
    assert not [line for line in left if "b1." in line]
    said = json.loads((tmp_path / "said.json").read_text())
    assert f"{len(said['Layers'])} layers, " in printed


@only_10
def test_of_an_fp16_engine_nobody_expects_int8(tensorrt_pose, bundle: Bundle, capsys):
    find_or_build(bundle, "fp16", BuildSettings())

    assert inspect(bundle, "--engine", "fp16") == 0

    printed = capsys.readouterr().out
    assert "FP16" in printed
    assert "fp16, made from the float32 model" in printed
    assert not_int8(printed) == []


@only_10
def test_the_engine_of_tensorrts_calibrator_is_shown_too(
    tensorrt_pose, bundle: Bundle, prepared: Path, capsys
):
    store = EngineStore(device_keys(bundle))
    settings = BuildSettings(images=prepared / "stones", module="calibration.engine_child")
    find_or_build_recipe(bundle, store, INT8_CALIBRATOR, settings)

    assert inspect(bundle, "--engine", "int8-calibrator") == 0
    assert "int8-calibrator, made from the float32 model" in capsys.readouterr().out


@only_10
def test_without_a_choice_it_shows_the_engine_that_runs(tensorrt_pose, bundle: Bundle, capsys):
    store = EngineStore(device_keys(bundle))
    for recipe, ms in ((INT8_QDQ, 2.0), (FP16, 1.0)):
        engine = find_or_build_recipe(bundle, store, recipe, BuildSettings())
        note(store, engine, scores=Scores(), timing=Timing(ms, ms, ms, graph=False))

    assert inspect(bundle) == 0
    assert "\nfp16, made from" in capsys.readouterr().out


@only_10
@pytest.mark.parametrize("words", [[], ["--engine", "int8-qdq"]])
def test_a_missing_engine_is_a_sentence_with_the_command_to_run(
    tensorrt_pose, bundle: Bundle, capsys, words
):
    find_or_build(bundle, "fp16", BuildSettings()) if words else None

    assert inspect(bundle, *words) == 2

    message = capsys.readouterr().err
    assert f"no {words[1] + ' ' if words else ''}engine of {bundle.root}" in message
    assert f"gemscan build {bundle.root}" in message
    assert "Traceback" not in message


@only_10
def test_a_spoilt_engine_is_not_opened_to_look_into_it(
    tensorrt_pose, bundle: Bundle, capsys, caplog
):
    engine = find_or_build(bundle, "int8", BuildSettings())
    data = bytearray(engine.path.read_bytes())
    data[-1] ^= 1
    engine.path.write_bytes(data)

    assert inspect(bundle) == 2
    assert "SHA-256 differs" in caplog.text
    assert "gemscan build" in capsys.readouterr().err


@only_10
def test_a_computer_without_a_gpu_is_a_sentence(tensorrt_pose, bundle: Bundle, capsys):
    tensorrt_pose.gpu.configure(cuda="absent")

    assert inspect(bundle) == 2
    assert "the NVIDIA driver cannot start" in capsys.readouterr().err


@only_10
def test_names_with_brackets_are_printed_whole_and_long_ones_cut_in_the_table(
    tensorrt_pose, bundle: Bundle, capsys
):
    engine = find_or_build(bundle, "int8", BuildSettings())
    long = "{ForeignNode[/layer4/Conv...[/fc]]}" * 4
    layers = (
        Layer("[/stem]", "Myelin[/x]", ("FP16",), ("INT8",), ("Conv",)),
        Layer(long, "kgen", ("FP16",), ("FP32",), ()),
        Layer("silent", "kgen", ("?",), ("?",), ()),
    )

    print_engine(engine, Insight(layers))

    printed = capsys.readouterr().out
    assert "[/stem]" in printed
    assert "Myelin[/x]" in printed
    assert long[: NAME_WIDTH - 1] + "…" in printed
    assert not_int8(printed) == [
        "not in INT8: FP16 -> INT8  [/stem]",
        f"not in INT8: FP16 -> FP32  {long}",
    ]
    assert "1 layers that compute do not say their types" in printed
