"""Engines in the cache folder: kept whole, and refused, by name, when anything is amiss."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.engine.process import ROOT
from deploy.engine.recipe import FP16, FP32, INT8_CALIBRATOR, INT8_QDQ, RECIPES, Recipe
from deploy.engine.record import SCHEMA, EngineRecord, Key, Scores, Timing
from deploy.engine.store import EngineStore, KeptEngine
from deploy.errors import BackendError, StorageError
from tests.deploy.engine.locks import is_free

KEY = Key("b" * 64, "Orin (8 SM)", "8.7", "10.3.0")
KEYS = dict.fromkeys(RECIPES, KEY)
PLAN = bytes(range(256)) * 8

HOLDER = """
import sys
from deploy.engine.store import EngineStore
with EngineStore({}).locked() as lock:
    print("held", flush=True)
    sys.stdin.read()
"""
# Holds the lock, gives it to a child as a build does, and says the child's process id.
PARENT = """
import subprocess, sys
from deploy.engine.store import EngineStore
with EngineStore({}).locked() as lock:
    child = subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=[lock])
    print(child.pid, flush=True)
    child.wait()
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> EngineStore:
    monkeypatch.setenv("GEMSCAN_CACHE", str(tmp_path / "cache"))
    return EngineStore(KEYS)


def record_of(recipe: Recipe, plan: bytes = PLAN, **changes) -> EngineRecord:
    record = EngineRecord(
        schema=SCHEMA,
        key=KEY,
        recipe=recipe.name,
        sha256=hashlib.sha256(plan).hexdigest(),
        size_bytes=len(plan),
        flags=("INT8", "FP16"),
        workspace_mb=64,
        built_s=1.5,
        built_at="2026-01-01T00:00:00+00:00",
        made_from="the INT8 model",
        calibration={"Ruby": ["0123456789abcdef"]},
    )
    return dataclasses.replace(record, **changes)


def keep(store: EngineStore, recipe: Recipe = INT8_QDQ, **changes) -> KeptEngine:
    with store.locked():
        plan = store.engine_path(recipe).with_name(".plan")
        plan.parent.mkdir(exist_ok=True)
        plan.write_bytes(PLAN)
        store.put(recipe, plan, record_of(recipe, **changes))
    found = store.find(recipe)
    assert found is not None
    return found


def scored(ms: float, *failures: str) -> dict[str, object]:
    return {"scores": Scores(failures=failures), "timing": Timing(ms, ms, ms, graph=False)}


def edit(engine: KeptEngine, **changes) -> None:
    """Change fields of a sidecar; "key.gpu" is written key__gpu."""
    path = engine.path.with_suffix(".json")
    said = json.loads(path.read_text())
    for name, value in changes.items():
        outer, _, inner = name.partition("__")
        if inner:
            said[outer][inner] = value
        else:
            said[outer] = value
    path.write_text(json.dumps(said))


def test_an_engine_comes_back_with_all_that_was_said_of_it(store: EngineStore):
    scores = Scores(0.01, 500, 480, 0.99, 0.002, ("one", "two"))
    kept = keep(store, scores=scores, timing=Timing(1.0, 1.2, 1.5, graph=True))

    assert kept.record == record_of(
        INT8_QDQ, scores=scores, timing=Timing(1.0, 1.2, 1.5, graph=True)
    )
    assert kept.recipe == INT8_QDQ
    assert kept.read() == PLAN
    assert not list(store.root.rglob(".*"))


def test_a_store_that_is_not_there_holds_nothing_and_says_nothing(store: EngineStore, caplog):
    assert store.find(INT8_QDQ) is None
    assert store.best() is None
    assert store.preferred() is None
    assert not caplog.text


def truncate(engine: KeptEngine) -> None:
    engine.path.write_bytes(PLAN[:-1])


def empty(engine: KeptEngine) -> None:
    engine.path.write_bytes(b"")


def flip_one_bit(engine: KeptEngine) -> None:
    engine.path.write_bytes(PLAN[:100] + bytes([PLAN[100] ^ 1]) + PLAN[101:])


def lose_engine(engine: KeptEngine) -> None:
    engine.path.unlink()


def lose_sidecar(engine: KeptEngine) -> None:
    engine.path.with_suffix(".json").unlink()


def garble_sidecar(engine: KeptEngine) -> None:
    engine.path.with_suffix(".json").write_text('{"schema": 1, "key"')


def binary_sidecar(engine: KeptEngine) -> None:
    engine.path.with_suffix(".json").write_bytes(b"\xff\xfe\x00")


def list_for_a_sidecar(engine: KeptEngine) -> None:
    engine.path.with_suffix(".json").write_text("[1, 2]")


def unreadable_engine(engine: KeptEngine) -> None:
    """A folder cannot be read by anyone; permissions do not stop root."""
    engine.path.unlink()
    engine.path.mkdir()
    edit(engine, size_bytes=engine.path.stat().st_size)


def unreadable_sidecar(engine: KeptEngine) -> None:
    lose_sidecar(engine)
    engine.path.with_suffix(".json").mkdir()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (truncate, "2047 bytes and should have 2048"),
        (empty, "0 bytes and should have 2048"),
        (flip_one_bit, "SHA-256 differs"),
        (lose_engine, "No such file"),
        (lose_sidecar, "No such file"),
        (garble_sidecar, "is damaged"),
        (binary_sidecar, "is damaged"),
        (list_for_a_sidecar, "int8-qdq.json"),
        (unreadable_engine, "Is a directory"),
        (unreadable_sidecar, "Is a directory"),
        (lambda e: edit(e, sha256="0" * 64), "SHA-256 differs"),
        (lambda e: edit(e, size_bytes=7), "should have 7"),
        (lambda e: edit(e, size_bytes="many"), "size_bytes"),
        (lambda e: edit(e, surprise=1), "surprise"),
        (lambda e: edit(e, schema=SCHEMA + 1), "another version of gemscan"),
        (lambda e: edit(e, recipe="fp16"), "sidecar is that of fp16"),
        (lambda e: edit(e, key__source="c" * 64), "made for another model"),
        (lambda e: edit(e, key__gpu="Orin (4 SM)"), r"another GPU, Orin \(4 SM\)"),
        (lambda e: edit(e, key__capability="7.2"), "compute capability 7.2"),
        (lambda e: edit(e, key__tensorrt="8.5.2"), "TensorRT 8.5.2"),
    ],
)
def test_whatever_is_amiss_the_engine_is_not_there_and_the_log_says_why(
    store: EngineStore, caplog, spoil, said
):
    kept = keep(store, **scored(1.0))
    spoil(kept)

    assert store.find(INT8_QDQ) is None
    assert store.best() is None
    assert store.preferred() is None
    assert "int8-qdq.engine is not used and will be built again" in caplog.text
    assert re.search(said, caplog.text)


def test_bytes_that_change_between_the_check_and_the_reading_are_refused(store: EngineStore):
    kept = keep(store)
    truncate(kept)

    with pytest.raises(BackendError, match="changed just now"):
        kept.read()


def test_a_kill_between_engine_and_sidecar_leaves_an_engine_that_is_not_there(
    store: EngineStore, monkeypatch
):
    old = keep(store)
    new = PLAN[::-1]

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(EngineStore, "write_record", killed)
    with store.locked(), pytest.raises(KeyboardInterrupt):
        plan = old.path.with_name(".plan")
        plan.write_bytes(new)
        store.put(INT8_QDQ, plan, record_of(INT8_QDQ, new))

    assert old.path.read_bytes() == new
    assert store.find(INT8_QDQ) is None


def test_a_full_disk_at_the_sidecar_is_one_sentence(store: EngineStore, monkeypatch):
    kept = keep(store)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))

    with pytest.raises(StorageError, match="could not be written: No space left"):
        store.write_record(kept.record)


def test_removing_forgets_it_and_twice_is_harmless(store: EngineStore, caplog):
    kept = keep(store)
    kept.remove()
    kept.remove()

    assert store.find(INT8_QDQ) is None
    assert not caplog.text


def test_the_best_is_the_fastest_that_passed(store: EngineStore):
    keep(store, INT8_QDQ, **scored(2.0))
    keep(store, INT8_CALIBRATOR, **scored(1.5))
    keep(store, FP16, **scored(1.0, "it is wrong"))
    keep(store, FP32)

    assert store.best().recipe == INT8_CALIBRATOR
    assert store.best("int8").recipe == INT8_CALIBRATOR
    assert store.best("fp16") is None
    assert store.best("fp32") is None  # never scored
    assert store.preferred().recipe == INT8_CALIBRATOR


def test_where_the_fastest_is_spoilt_the_next_is_the_best(store: EngineStore, caplog):
    keep(store, INT8_QDQ, **scored(2.0))
    flip_one_bit(keep(store, FP16, **scored(1.0)))

    assert store.best().recipe == INT8_QDQ
    assert "fp16.engine is not used" in caplog.text


def test_an_engine_that_was_never_scored_is_preferred_to_none(store: EngineStore):
    keep(store, FP16)

    assert store.best() is None
    assert store.preferred().recipe == FP16


def test_each_model_gpu_and_tensorrt_has_a_folder_of_its_own(store: EngineStore):
    keys = [KEY, *(dataclasses.replace(KEY, **{f.name: "9.9"}) for f in dataclasses.fields(Key))]

    assert len({EngineStore({"fp16": key}).engine_path(FP16) for key in keys}) == 5
    assert store.engine_path(FP16).parent.name == f"{'b' * 16}-orin-8-sm-sm8.7-trt10.3.0"


def test_an_engine_that_the_bundle_cannot_have_is_not_there(store: EngineStore):
    keep(store, INT8_QDQ, **scored(1.0))
    without = EngineStore({"fp16": KEY})

    assert without.find(INT8_QDQ) is None
    assert without.best() is without.preferred() is None


@pytest.mark.parametrize("place", ["file", "dev"])
def test_a_cache_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, place):
    (tmp_path / "file").write_text("")
    where = {"file": tmp_path / "file", "dev": Path("/dev/null/cache")}[place]
    monkeypatch.setenv("GEMSCAN_CACHE", str(where))

    with pytest.raises(StorageError) as told, EngineStore(KEYS).locked():
        pass

    assert str(told.value).count("could not be written") == 1
    assert "\n" not in str(told.value)


@contextmanager
def started(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is gone afterwards, whatever happened."""
    words = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def speaks(process: subprocess.Popen[str], within_s: float) -> bool:
    return bool(select.select([process.stdout], [], [], within_s)[0])


def test_a_second_process_waits_for_the_first(store: EngineStore):
    with started(HOLDER) as first:
        assert first.stdout.readline() == "held\n"
        with started(HOLDER) as second:
            assert not speaks(second, 1.0)
            first.kill()
            assert speaks(second, 20.0)
            assert second.stdout.readline() == "held\n"
            assert not is_free(store)
    assert is_free(store)


def test_the_lock_outlives_a_killed_parent_while_its_child_builds_on(store: EngineStore):
    with started(PARENT) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        assert not is_free(store)
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: is_free(store))


def wait_until(what, timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
