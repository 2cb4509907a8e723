"""`gemscan calibrate` from a float32 bundle and a folder of pictures to an INT8 bundle."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import shutil
import tempfile
from importlib import metadata

import numpy as np
import onnx
import pytest

from calibration import golden_int8
from calibration.calibrate import Settings, calibrate_bundle
from calibration.ranges import measure_ranges
from calibration.rules import check_rules
from deploy.backends import open_backend
from deploy.bundle import edit_bundle, load_bundle
from deploy.errors import BundleError, StorageError
from deploy.golden.golden import Golden, read_golden, write_golden
from gemscan import main

FEW = Settings(count=12, threads=1)


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def calibrated(float_bundle, stones):
    calibrate_bundle(float_bundle, stones, FEW)
    return load_bundle(float_bundle.root)


def test_the_command_adds_int8_and_prints_the_agreement(float_bundle, stones, capsys):
    words = ["calibrate", str(float_bundle.root), "--images", str(stones)]
    assert main([*words, "--count", "12", "--method", "minmax", "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert "12 pictures of 3 classes" in said
    assert "agreement" in said
    assert load_bundle(float_bundle.root).precisions == ("int8", "fp32")


def test_a_bundle_for_devices_leaves_float32_out(float_bundle, stones, squares, capsys):
    words = ["calibrate", str(float_bundle.root), "--images", str(stones), "--int8-only"]
    assert main([*words, "--count", "12", "--method", "minmax", "--threads", "1"]) == 0

    assert "agreement" in capsys.readouterr().out  # float32 served for that
    bundle = load_bundle(float_bundle.root)
    assert bundle.precisions == ("int8",)
    with open_backend(bundle, threads=1) as backend:
        assert backend.infer(squares[:1]).logits.shape == (1, 3)


def test_the_written_graph_obeys_the_rules(calibrated):
    assert check_rules(onnx.load(str(calibrated.model("int8")))) == []


def test_int8_says_what_float32_says(calibrated, squares):
    with open_backend(calibrated, precision="fp32", threads=1) as fp32:
        expected = fp32.infer(squares)
    with open_backend(calibrated, precision="int8", threads=1) as int8:
        found = int8.infer(squares)
    assert np.array_equal(found.logits.argmax(1), expected.logits.argmax(1))
    assert furthest(found.logits, expected.logits) < 0.02  # seen: 0.009
    assert furthest(found.embedding, expected.embedding) < 0.08  # seen: 0.039
    assert np.corrcoef(found.embedding.ravel(), expected.embedding.ravel())[0, 1] > 0.999


def furthest(found, expected) -> float:
    """The largest difference, as a share of the largest value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def test_the_record_says_which_pictures_gave_which_ranges(calibrated):
    record = calibrated.read_json("calibration.json")
    assert (record["method"], record["count"], record["seed"]) == ("percentile", 12, 0)
    assert {label: len(found) for label, found in record["digests"].items()} == {
        "ruby": 4,
        "emerald": 4,
        "lapis_lazuli": 4,
    }
    assert set(record["ranges"]) >= {"transpose", "pool", "b1.c3", "b3.out"}
    assert set(record["versions"]) == {"onnx", "onnxruntime"}


def test_golden_logits_of_int8_are_added_with_a_tolerance_and_its_reason(calibrated):
    golden = read_golden(calibrated)
    assert len(golden.logits["int8"]) == len(golden.pictures)
    seen = re.findall(r" (\d+\.\d+)(?:;|\.$)", golden.why.split("Seen:")[1])
    assert len(seen) == 5
    gap = max(map(float, seen))  # written with three digits
    assert golden.tolerance["int8"] == pytest.approx(max(0.05, 2 * gap), abs=2e-3)
    assert golden.why.startswith("fp32: none here. int8: ")
    assert "the signed graph as TensorRT and ARM run it" in golden.why


@pytest.mark.parametrize(
    ("gaps", "tolerance"), [((0.001, 0.02, 0, 0, 0), 0.05), ((0, 0.1, 0.2, 0, 0.15), 0.4)]
)
def test_golden_logits_may_stray_twice_the_largest_gap_and_never_less_than_a_little(
    calibrated, monkeypatch, gaps, tolerance
):
    rest = iter(gaps)
    monkeypatch.setattr(golden_int8, "largest_gap", lambda *_: next(rest))

    with edit_bundle(calibrated.root, start_from=calibrated) as draft:
        assert golden_int8.add_golden_int8(draft.as_bundle()) == tolerance

    assert read_golden(load_bundle(calibrated.root)).tolerance["int8"] == tolerance


def test_a_second_calibration_replaces_the_first(calibrated, stones):
    calibrate_bundle(calibrated, stones, Settings(count=9, method="minmax", threads=1, seed=3))
    again = load_bundle(calibrated.root)
    assert again.read_json("calibration.json")["method"] == "minmax"
    assert read_golden(again).why.count("int8: ") == 1


def test_a_bundle_without_golden_pictures_is_calibrated_too(float_bundle, stones):
    manifest = json.loads((float_bundle.root / "bundle.json").read_text())
    shutil.rmtree(float_bundle.root / "golden")
    manifest["files"] = {"model.onnx": manifest["files"]["model.onnx"]}
    (float_bundle.root / "bundle.json").write_text(json.dumps(manifest))
    done = calibrate_bundle(load_bundle(float_bundle.root), stones, FEW)
    assert done.golden_tolerance is None


def test_keep_images_puts_the_squares_into_the_bundle(float_bundle, stones):
    calibrate_bundle(float_bundle, stones, Settings(count=9, threads=1, keep_images=True))
    bundle = load_bundle(float_bundle.root)
    kept = {name for name in bundle.manifest.files if name.startswith("calibration/")}
    digests = bundle.read_json("calibration.json")["digests"]
    assert kept == {f"calibration/{c}/{d}.png" for c, found in digests.items() for d in found}
    calibrate_bundle(bundle, stones, Settings(count=9, threads=1))
    assert not any("calibration/" in n for n in load_bundle(bundle.root).manifest.files)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_calibration_that_is_stopped_leaves_the_bundle_as_it_was(
    stop, float_bundle, stones, monkeypatch
):
    before = files_of(float_bundle.root)

    def stopped(*_):
        raise stop

    monkeypatch.setattr("calibration.calibrate.add_golden_int8", stopped)
    with pytest.raises((KeyboardInterrupt, OSError)):
        calibrate_bundle(float_bundle, stones, FEW)
    assert files_of(float_bundle.root) == before
    assert [path.name for path in float_bundle.root.parent.glob(".bundle*")] == []


def test_a_bundle_without_float32_is_refused(calibrated, stones):
    manifest = json.loads((calibrated.root / "bundle.json").read_text())
    del manifest["files"]["model.onnx"]
    (calibrated.root / "model.onnx").unlink()
    (calibrated.root / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="holds no fp32 model"):
        calibrate_bundle(load_bundle(calibrated.root), stones, FEW)


def test_a_zip_is_refused_before_any_work(tmp_path, float_bundle, stones, capsys):
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", float_bundle.root)
    assert main(["calibrate", packed, "--images", str(stones)]) == 2
    assert "If it is a zip, unpack it first." in capsys.readouterr().err


def test_a_folder_without_pictures_ends_with_one_sentence(tmp_path, float_bundle, capsys):
    (tmp_path / "empty").mkdir()
    words = ["calibrate", str(float_bundle.root), "--images", str(tmp_path / "empty")]
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def command(bundle, stones, *more):
    return main(["calibrate", str(bundle), "--images", str(stones), "--threads", "1", *more])


def test_scores_of_the_int8_model_before_go_and_those_of_float32_stay(float_bundle, stones):
    scores = [{"precision": "int8", "top1": 1.0}, {"precision": "fp32", "top1": 0.9}]
    metrics = {"validation": {"n": 3}, "evaluation": scores}
    with edit_bundle(float_bundle.root, start_from=float_bundle) as draft:
        draft.manifest = dataclasses.replace(float_bundle.manifest, metrics=metrics)

    calibrate_bundle(load_bundle(float_bundle.root), stones, FEW)

    after = load_bundle(float_bundle.root).manifest.metrics
    assert after == {"validation": {"n": 3}, "evaluation": scores[1:]}


def test_it_works_from_inside_the_bundle(float_bundle, stones, monkeypatch, capsys):
    monkeypatch.chdir(float_bundle.root)

    assert command(".", os.path.relpath(stones), "--count", "12") == 0

    assert "agreement" in capsys.readouterr().out
    assert load_bundle(float_bundle.root).precisions == ("int8", "fp32")


def test_a_bundle_behind_a_link_is_calibrated_where_it_lies(float_bundle, stones):
    link = float_bundle.root.with_name("current")
    link.symlink_to(float_bundle.root)

    assert command(link, stones, "--count", "12") == 0

    assert link.is_symlink()
    assert load_bundle(float_bundle.root).precisions == ("int8", "fp32")


def test_pictures_that_cannot_be_read_afterwards_do_not_spoil_what_is_done(
    float_bundle, stones, capsys
):
    """All readable ones serve for calibration, so nothing is left to compare the models on."""
    (stones / "ruby" / "empty.png").touch()

    assert command(float_bundle.root, stones) == 0

    assert "were not compared: there is no readable picture" in capsys.readouterr().out


def test_a_picture_that_is_gone_afterwards_does_not_spoil_what_is_done(
    float_bundle, stones, monkeypatch, capsys
):
    def read_and_removed(bundle, *args, **more):
        done = calibrate_bundle(bundle, *args, **more)
        monkeypatch.setattr("pathlib.Path.read_bytes", unreadable)
        return done

    def unreadable(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr("calibration.calibrate.calibrate_bundle", read_and_removed)

    assert command(float_bundle.root, stones, "--count", "12") == 0
    assert "were not compared" in capsys.readouterr().out


def test_an_onnxruntime_of_another_package_name_will_do(float_bundle, stones, monkeypatch):
    """onnxruntime-gpu is the module onnxruntime too, and pip knows no package of that name."""

    def unknown(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", unknown)
    calibrate_bundle(float_bundle, stones, FEW)


def test_no_room_for_the_model_that_is_measured_is_one_sentence(model_path, monkeypatch):
    def full(*_args, **_more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(StorageError, match="could not be written: No space left"):
        measure_ranges(model_path, [], "minmax")


def test_golden_logits_that_are_no_numbers_are_refused(tmp_path):
    golden = Golden(("a.png",), {"int8": [[0.0, float("nan")]]}, {"int8": 0.1}, "")

    with pytest.raises(BundleError, match="logits that are no numbers"):
        write_golden(tmp_path, golden)


@pytest.mark.parametrize("option", ["--threads", "--count"])
def test_a_number_below_its_least_is_refused_by_name(float_bundle, stones, capsys, option):
    with pytest.raises(SystemExit):
        main(["calibrate", str(float_bundle.root), "--images", str(stones), option, "-1"])

    assert f"{option}: must be a number from" in capsys.readouterr().err
