"""`gemscan build`: its table, its JSON, its exit codes and its flags."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from deploy.bundle import Bundle, edit_bundle, load_bundle
from deploy.engine import score
from deploy.engine.bindings import load_tensorrt
from deploy.engine.builder import limits_for
from deploy.engine.make import device_keys
from deploy.engine.recipe import RECIPES
from deploy.engine.store import EngineStore
from deploy.golden.golden import read_golden, write_golden
from gemscan import main
from tests.builds import BuildsHere, build_here
from tests.nets import write_float_bundle

only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


@pytest.fixture
def stones(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared / "stones", tmp_path / "stones")
    return tmp_path / "stones"


@pytest.fixture
def bundle(prepared: Path, tmp_path: Path) -> Bundle:
    shutil.copytree(prepared / "bundle", tmp_path / "bundle")
    return load_bundle(tmp_path / "bundle")


@pytest.fixture
def builds(monkeypatch) -> BuildsHere:
    return build_here(monkeypatch)


def build(bundle: Bundle, *words: object) -> int:
    return main(["build", str(bundle.root), *map(str, words)])


def expecting_wrong(bundle: Bundle) -> Bundle:
    """The same, with golden logits that nothing gives."""
    golden = read_golden(bundle)
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        for logits in golden.logits.values():
            logits[0][0] += 50.0
        write_golden(draft.root, golden)
    return load_bundle(bundle.root)


def test_on_every_tensorrt_it_builds_what_can_be_built_and_shows_it(
    tensorrt_pose, bundle: Bundle, stones: Path, tmp_path: Path, capsys, monkeypatch
):
    """With processes of their own, as on a device."""
    monkeypatch.setattr(score, "RUNS", 2)
    eleven = tensorrt_pose.version == "11.4"

    code = build(bundle, "--images", stones, "--json", tmp_path / "out" / "build.json")

    printed = capsys.readouterr().out
    assert code == 0
    for name in ("int8-qdq", "int8-calibrator", "fp16"):
        assert f"\n {name} " in f"\n{printed}"
    assert ("int8-calibrator: TensorRT 11.4" in printed) == eleven
    assert printed.count("not built") == eleven
    assert "100.0% of 18" in printed
    assert "+0.00" in printed
    assert printed.count("kept") == 1
    assert printed.rstrip().endswith(".engine")
    said = json.loads((tmp_path / "out" / "build.json").read_text())
    assert set(said) == {"winner", "engines"}
    assert f"{said['winner']} will run: " in printed
    assert set(said["engines"]["int8-calibrator"]) == {"problem"} or not eleven
    record = said["engines"]["fp16"]
    assert record["scores"]["n"] == 18
    assert record["timing"]["engine_p50_ms"] == pytest.approx(4.0, abs=0.1)
    assert record["key"]["tensorrt"] == load_tensorrt().__version__
    assert "tensorrt" in sys.modules  # it was asked for its version, and the build was elsewhere


@only_10
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["int8-qdq", "int8-calibrator", "fp16"]),
        (["--int8", "qdq"], ["int8-qdq", "fp16"]),
        (["--int8", "calibrator"], ["int8-calibrator", "fp16"]),
        (["--precision", "int8"], ["int8-qdq", "int8-calibrator"]),
        (["--precision", "int8", "--int8", "qdq"], ["int8-qdq"]),
        (["--precision", "fp16"], ["fp16"]),
        (["--precision", "fp32"], ["fp32"]),
    ],
)
def test_the_flags_choose_what_is_built(
    tensorrt_pose, bundle: Bundle, stones: Path, builds, words, expected
):
    assert build(bundle, "--images", stones, *words) == 0
    assert builds.recipes == expected


@only_10
def test_without_pictures_the_golden_ones_decide_and_the_calibrator_says_what_it_needs(
    tensorrt_pose, bundle: Bundle, builds, capsys
):
    assert build(bundle) == 0

    printed = capsys.readouterr().out
    assert "int8-calibrator: TensorRT's calibrator needs photographs: give --images" in printed
    row = next(line for line in printed.splitlines() if line.split()[:1] == ["fp16"])
    assert row.split()[4:6] == ["-", "-"]  # neither agreement nor loss


@only_10
def test_kept_squares_serve_the_calibrator_without_a_folder(
    tensorrt_pose, bundle: Bundle, stones: Path, builds, tmp_path: Path
):
    words = ["calibrate", bundle.root, "--images", stones, "--count", 12, "--method", "minmax"]
    assert main([*map(str, words), "--keep-images", "--threads", "1"]) == 0

    assert build(bundle, "--int8", "calibrator", "--json", tmp_path / "said.json") == 0

    record = json.loads((tmp_path / "said.json").read_text())["engines"]["int8-calibrator"]
    assert sum(map(len, record["calibration"].values())) == 12


@only_10
def test_the_calibrator_alone_without_pictures_builds_nothing_and_that_is_code_2(
    tensorrt_pose, bundle: Bundle, builds, capsys
):
    assert build(bundle, "--precision", "int8", "--int8", "calibrator") == 2
    assert "There is no engine" in capsys.readouterr().out


@pytest.mark.parametrize("tensorrt_pose", ["11.4"], indirect=True)
def test_the_calibrator_on_tensorrt_11_is_refused_in_a_sentence(
    tensorrt_pose, bundle: Bundle, stones: Path, builds, capsys
):
    words = ["--precision", "int8", "--int8", "calibrator", "--images", stones]
    assert build(bundle, *words) == 2

    said = f"int8-calibrator: TensorRT {load_tensorrt().__version__} has no calibrators any more"
    assert said in capsys.readouterr().out
    assert builds.built == []


@only_10
def test_a_bundle_of_float32_alone_is_built_without_qdq(
    tensorrt_pose, tmp_path: Path, stones: Path, builds, capsys
):
    floating = write_float_bundle(tmp_path / "floating")

    assert build(floating, "--images", stones) == 0

    assert "int8-qdq: the bundle holds no INT8 model: gemscan calibrate" in capsys.readouterr().out
    assert builds.recipes == ["int8-calibrator", "fp16"]


@only_10
def test_where_no_engine_is_right_float32_is_tried_and_the_code_is_1(
    tensorrt_pose, bundle: Bundle, builds, capsys, tmp_path: Path
):
    wrong = expecting_wrong(bundle)

    assert build(wrong, "--int8", "qdq", "--json", tmp_path / "said.json") == 1

    printed = capsys.readouterr().out
    assert builds.recipes == ["int8-qdq", "fp16", "fp32"]
    assert printed.count("not right") == 3
    assert printed.count("differs by") == 3
    assert "--backend onnx-cpu still is" in printed
    assert json.loads((tmp_path / "said.json").read_text())["winner"] is None
    assert EngineStore(device_keys(wrong)).best() is None


@only_10
def test_brackets_in_a_message_are_printed_as_they_are(
    tensorrt_pose, bundle: Bundle, builds, capsys
):
    """TensorRT's own are full of them, and they would be markup to what prints the table."""
    tensorrt_pose.gpu.configure(fail="no kernel for [/layer1/conv] in {ForeignNode[a...b]}")

    assert build(bundle, "--precision", "fp32") == 2
    assert "no kernel for [/layer1/conv] in {ForeignNode[a...b]}" in capsys.readouterr().out


@only_10
def test_what_is_kept_is_built_again_with_force_alone(tensorrt_pose, bundle: Bundle, builds):
    for words in ([], [], ["--force"]):
        assert build(bundle, "--precision", "fp16", *words) == 0

    assert builds.recipes == ["fp16", "fp16"]


@only_10
def test_a_forced_build_that_fails_leaves_what_was_kept(tensorrt_pose, bundle: Bundle, builds):
    assert build(bundle, "--precision", "fp16") == 0
    builds.failing = {"fp16"}

    assert build(bundle, "--precision", "fp16", "--force") == 2

    assert EngineStore(device_keys(bundle)).best("fp16") is not None


@pytest.fixture
def given_caches(tensorrt_pose, monkeypatch) -> list[bytes]:
    """What TensorRT was given of earlier measurements, build by build."""
    given: list[bytes] = []
    config = load_tensorrt().IBuilderConfig
    real = config.create_timing_cache

    def create(self, stored):
        given.append(bytes(stored))
        return real(self, stored)

    monkeypatch.setattr(config, "create_timing_cache", create)
    return given


@only_10
def test_the_timing_cache_is_written_and_given_to_the_next_build(
    tensorrt_pose, bundle: Bundle, builds, given_caches, tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["--precision", "fp16", "--timing-cache", "times.cache"]

    assert build(bundle, *words) == 0
    written = Path("times.cache").read_bytes()
    assert build(bundle, *words, "--force") == 0

    assert written
    assert given_caches == [b"", written]


@only_10
@pytest.mark.parametrize("device", ["another", "none"])
def test_a_foreign_timing_cache_is_refused_with_a_warning_and_the_build_goes_on(
    tensorrt_pose, bundle: Bundle, builds, tmp_path: Path, caplog, device
):
    cache = tmp_path / "times.cache"
    words = ["--precision", "fp16", "--timing-cache", cache]
    tensorrt_pose.gpu.configure(name="Fake Xavier")
    assert build(bundle, *words) == 0
    if device == "none":
        cache.write_bytes(b"no timing cache")
    tensorrt_pose.gpu.configure(name="Fake Orin")
    assert "timing cache" not in caplog.text

    assert build(bundle, *words) == 0

    assert "timing cache is of another device" in caplog.text


@only_10
def test_the_workspace_reaches_tensorrt_and_the_record(
    tensorrt_pose, bundle: Bundle, builds, monkeypatch
):
    pools: dict[str, int] = {}
    config = load_tensorrt().IBuilderConfig

    def remember(self, pool, size) -> None:
        pools[pool.name] = size

    monkeypatch.setattr(config, "set_memory_pool_limit", remember)
    assert build(bundle, "--precision", "fp16", "--workspace-mb", 300) == 0
    assert pools["WORKSPACE"] == 300 << 20

    monkeypatch.setattr("deploy.engine.cuda.available_bytes", lambda: 0)
    found = []
    for free_mb in (8192, 1500, 64):
        tensorrt_pose.gpu.configure(free_mb=free_mb)
        assert build(bundle, "--precision", "fp16", "--force") == 0
        found.append(pools["WORKSPACE"])
    assert found == [limits_for(mb << 20, None).workspace for mb in (8192, 1500, 64)]
    assert found[0] > found[1] > found[2]
    assert found[1] < 1500 << 20
    monkeypatch.setattr("deploy.engine.cuda.available_bytes", lambda: 3 << 30)
    assert build(bundle, "--precision", "fp16", "--force") == 0
    assert pools["WORKSPACE"] == 768 << 20  # of a Jetson's memory the page cache counts as free
    kept = EngineStore(device_keys(bundle)).find(RECIPES["fp16"])
    assert kept.record.workspace_mb << 20 == pools["WORKSPACE"]


@only_10
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--images", "nowhere"], "nowhere is not a folder"),
        (["--images", "empty"], "holds no pictures"),
        (["--images", "broken"], "no readable picture"),
    ],
)
def test_pictures_that_cannot_serve_are_one_sentence_and_code_2(
    tensorrt_pose, bundle: Bundle, builds, tmp_path: Path, monkeypatch, capsys, words, said
):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("broken/Ruby").mkdir(parents=True)
    Path("broken/Ruby/a.png").write_bytes(b"no picture")

    assert build(bundle, "--precision", "fp16", *words) == 2

    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message


@only_10
def test_a_picture_that_cannot_be_read_is_left_out_by_name(
    tensorrt_pose, bundle: Bundle, stones: Path, builds, caplog, tmp_path: Path
):
    (stones / "ruby" / "torn.png").write_bytes(b"no picture")

    assert build(bundle, "--precision", "fp16", "--images", stones, "--json", tmp_path / "j") == 0

    assert "torn.png" in caplog.text
    assert json.loads((tmp_path / "j").read_text())["engines"]["fp16"]["scores"]["n"] == 18


@only_10
@pytest.mark.parametrize("state", ["absent", "broken"])
def test_a_computer_without_a_gpu_is_one_sentence_and_code_2(
    tensorrt_pose, bundle: Bundle, builds, capsys, state
):
    tensorrt_pose.gpu.configure(cuda=state)

    assert build(bundle) == 2

    assert "--backend onnx-cpu" in capsys.readouterr().err
    assert builds.built == []


@only_10
def test_a_gpu_that_is_lost_is_code_2(tensorrt_pose, bundle: Bundle, builds, capsys):
    tensorrt_pose.may_leave = True
    tensorrt_pose.gpu.configure(lose_after=1)

    assert build(bundle, "--precision", "fp16") == 2
    assert "Start gemscan again" in capsys.readouterr().err


@only_10
def test_a_cache_that_cannot_be_written_is_said_once_and_not_three_times(
    tensorrt_pose, bundle: Bundle, builds, monkeypatch, tmp_path: Path, capsys
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GEMSCAN_CACHE", str(tmp_path / "file"))

    assert build(bundle) == 2

    said = capsys.readouterr()
    assert (said.out + said.err).count("could not be written") == 1
    assert builds.built == []


@pytest.mark.parametrize(
    "words", [["--workspace-mb", "8"], ["--precision", "int4"], ["--int8", "entropy"]]
)
def test_flags_that_make_no_sense_are_refused_at_once(tmp_path: Path, capsys, words):
    with pytest.raises(SystemExit) as stopped:
        main(["build", str(tmp_path), *words])

    assert stopped.value.code == 2
    assert words[0] in capsys.readouterr().err


@only_10
def test_ctrl_c_during_a_build_ends_with_130(tensorrt_pose, bundle: Bundle, monkeypatch, capsys):
    from deploy.engine import make

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(make, "build_in_child", interrupted)

    assert build(bundle) == 130
    assert capsys.readouterr().err == "stopped\n"
    store = EngineStore(device_keys(bundle))
    assert [path.name for path in store.root.iterdir()] == ["lock"]


@only_10
def test_the_log_says_what_is_being_built(tensorrt_pose, bundle: Bundle, builds, caplog):
    caplog.set_level(logging.INFO)

    assert build(bundle, "--precision", "fp16") == 0

    assert "building the fp16 engine of bundle for Fake Orin" in caplog.text


@only_10
def test_numbers_in_the_json_are_numbers(
    tensorrt_pose, bundle: Bundle, stones: Path, builds, tmp_path: Path
):
    """JSON has no NaN, and other programs would stumble over it."""
    unknown = tmp_path / "unknown"
    unknown.mkdir()
    for i, path in enumerate(sorted(stones.rglob("*.png"))):
        shutil.copy(path, unknown / f"{i}.png")

    words = ["--precision", "fp16", "--images", unknown, "--json", tmp_path / "said.json"]
    assert build(bundle, *words) == 0

    text = (tmp_path / "said.json").read_text()
    assert "NaN" not in text
    scores = json.loads(text)["engines"]["fp16"]["scores"]
    assert scores["loss"] is None
    assert np.isfinite(scores["agreement"])
