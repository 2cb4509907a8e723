"""A bundle is whole and unaltered, or it is refused."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.bundle import MODEL_FILES, Bundle, edit_bundle, load_bundle
from deploy.errors import BundleError, SettingsError


def change(bundle: Bundle, **fields: object) -> Path:
    path = bundle.root / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return bundle.root


def test_a_bundle_comes_back_as_it_was_written(tiny_bundle: Bundle):
    again = load_bundle(tiny_bundle.root)

    assert again.manifest == tiny_bundle.manifest
    assert again.precisions == ("int8", "fp32")
    assert again.choose_precision() == "int8"


def test_a_missing_file_is_named(tiny_bundle: Bundle):
    (tiny_bundle.root / "model.onnx").unlink()

    with pytest.raises(BundleError, match=r"model\.onnx is missing"):
        load_bundle(tiny_bundle.root)


def test_one_changed_byte_in_a_model_is_noticed(tiny_bundle: Bundle):
    path = tiny_bundle.root / "model.int8.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(BundleError, match="SHA-256 differs"):
        load_bundle(tiny_bundle.root)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"schema": 99}, "made by a newer gemscan"),
        ({"labels": ["one"]}, "at least two different names"),
        ({"labels": "Ruby"}, "labels must be a list"),
        ({"input": {"size_px": "224"}}, "size_px must be int"),
        ({"input": {"size_px": 224, "mean": 0.5}}, "“mean”, which is not known"),
        ({"framing": {"method": "guess", "margin": 0.0}}, "framing method “guess”"),
        ({"framing": {"method": "centre"}}, "framing lacks “margin”"),
        ({"decision": {}}, "decision lacks “familiar_at_least”, “list_at_least”"),
        ({"extra": 1}, "“extra”, which is not known"),
        ({"files": {}}, "lists no model"),
        ({"files": {"../secret": "0", "model.onnx": "0"}}, "names a file outside itself"),
    ],
)
def test_a_manifest_that_does_not_fit_says_where(tiny_bundle: Bundle, fields, said):
    root = change(tiny_bundle, **fields)

    with pytest.raises(BundleError, match=said):
        load_bundle(root)


def test_a_manifest_without_a_field_names_it(tiny_bundle: Bundle):
    path = tiny_bundle.root / "bundle.json"
    said = json.loads(path.read_text())
    del said["framing"]
    path.write_text(json.dumps(said))

    with pytest.raises(BundleError, match="lacks “framing”"):
        load_bundle(tiny_bundle.root)


def test_a_manifest_cut_short_is_refused(tiny_bundle: Bundle):
    path = tiny_bundle.root / "bundle.json"
    path.write_text(path.read_text()[:100])

    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(tiny_bundle.root)


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path):
    with pytest.raises(BundleError, match=r"there is no bundle\.json"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("prefix", ["", "tiny/"])
def test_a_zip_serves_wherever_the_folder_does(tiny_bundle, tmp_path, monkeypatch, prefix):
    monkeypatch.setenv("GEMSCAN_CACHE", str(tmp_path / "cache"))
    archive = tmp_path / "tiny.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in tiny_bundle.root.iterdir():
            packed.write(path, prefix + path.name)

    assert load_bundle(archive).manifest == tiny_bundle.manifest
    assert load_bundle(archive).digest == tiny_bundle.digest  # now from the cache


def test_a_zip_that_reaches_outside_writes_nothing_there(tmp_path, monkeypatch):
    monkeypatch.setenv("GEMSCAN_CACHE", str(tmp_path / "cache"))
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("bundle.json", "{}")
        packed.writestr("../../escaped.txt", "out")

    with pytest.raises(BundleError, match="outside itself"):
        load_bundle(archive)
    assert not list(tmp_path.rglob("escaped.txt"))


def test_a_zip_cut_short_is_refused(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("GEMSCAN_CACHE", str(tmp_path / "cache"))
    whole = Path(shutil.make_archive(str(tmp_path / "whole"), "zip", tiny_bundle.root))
    short = tmp_path / "short.zip"
    short.write_bytes(whole.read_bytes()[:-200])

    with pytest.raises(BundleError, match="not a whole zip"):
        load_bundle(short)


def test_an_edit_that_fails_leaves_the_bundle_as_it_was(tiny_bundle: Bundle):
    with (
        pytest.raises(RuntimeError, match="half way"),
        edit_bundle(tiny_bundle.root, start_from=tiny_bundle) as draft,
    ):
        (draft.root / "model.int8.onnx").write_bytes(b"half")
        raise RuntimeError("half way")

    assert load_bundle(tiny_bundle.root).manifest == tiny_bundle.manifest
    assert [p.name for p in tiny_bundle.root.parent.iterdir()] == [tiny_bundle.root.name]


def test_an_edit_of_a_bundle_that_changed_meanwhile_is_refused(tiny_bundle: Bundle):
    """Another command's thresholds, say: this one was worked out without them."""
    with edit_bundle(tiny_bundle.root, start_from=tiny_bundle) as other:
        other.manifest = replace(tiny_bundle.manifest, version="2")

    with (
        pytest.raises(BundleError, match="changed by another command meanwhile"),
        edit_bundle(tiny_bundle.root, start_from=tiny_bundle) as late,
    ):
        late.manifest = replace(tiny_bundle.manifest, version="3")

    assert load_bundle(tiny_bundle.root).manifest.version == "2"


def test_a_zip_for_a_user_without_a_home_says_what_to_set(tiny_bundle, tmp_path, monkeypatch):
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tiny_bundle.root)
    for name in ("GEMSCAN_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # no entry: KeyError

    with pytest.raises(SettingsError, match="Set GEMSCAN_CACHE"):
        load_bundle(Path(archive))


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("precious")

    with (
        pytest.raises(BundleError, match="is not a model bundle"),
        edit_bundle(tmp_path / "thesis"),
    ):
        pass
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "precious"


def test_other_thresholds_change_the_digest_and_not_the_networks(tiny_bundle: Bundle):
    decision = replace(tiny_bundle.manifest.decision, name_at_least=0.77)
    other = replace(tiny_bundle, manifest=replace(tiny_bundle.manifest, decision=decision))
    files = {**tiny_bundle.manifest.files, MODEL_FILES["fp32"]: "0" * 64}
    taught_anew = replace(tiny_bundle, manifest=replace(tiny_bundle.manifest, files=files))

    assert other.digest != tiny_bundle.digest
    assert other.network_digest == tiny_bundle.network_digest != taught_anew.network_digest


def test_metrics_and_the_name_do_not_change_the_digest_and_a_label_does(tiny_bundle: Bundle):
    digest = tiny_bundle.digest

    assert load_bundle(change(tiny_bundle, metrics={"top1": 1})).digest == digest
    assert load_bundle(change(tiny_bundle, name="other")).digest == digest
    labels = ["Spinel", *tiny_bundle.labels[1:]]
    assert load_bundle(change(tiny_bundle, labels=labels)).digest != digest


def test_asking_for_a_precision_that_is_not_there_says_how_to_get_it(int8_bundle: Bundle):
    with pytest.raises(BundleError, match="shipped ones hold INT8 alone"):
        int8_bundle.model("fp32")


def zipped(bundle: Bundle, to: Path) -> Path:
    return Path(shutil.make_archive(str(to / "whole"), "zip", bundle.root))


def test_a_zip_with_a_damaged_entry_is_refused(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("GEMSCAN_CACHE", str(tmp_path / "cache"))
    archive = zipped(tiny_bundle, tmp_path)
    with zipfile.ZipFile(archive) as packed:
        entry = packed.getinfo("model.onnx")
    data = bytearray(archive.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename)
    data[start : start + 20] = b"\xff" * 20  # what zlib finds here is no compressed data
    archive.write_bytes(data)

    with pytest.raises(BundleError, match=r"whole\.zip is not a whole zip"):
        load_bundle(archive)


@pytest.mark.parametrize(("field", "value"), [(6, 1), (8, 99)], ids=["password", "method"])
def test_a_zip_that_cannot_be_unpacked_is_refused(tiny_bundle, tmp_path, monkeypatch, field, value):
    monkeypatch.setenv("GEMSCAN_CACHE", str(tmp_path / "cache"))
    archive = zipped(tiny_bundle, tmp_path)
    data = bytearray(archive.read_bytes())
    for header, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        at = data.find(header)
        while at >= 0:
            data[at + field + shift] = value
            at = data.find(header, at + 4)
    archive.write_bytes(data)

    with pytest.raises(BundleError, match=r"whole\.zip is not a whole zip"):
        load_bundle(archive)


def test_a_damaged_copy_in_the_cache_is_unpacked_again(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("GEMSCAN_CACHE", str(tmp_path / "cache"))
    archive = zipped(tiny_bundle, tmp_path)
    (load_bundle(archive).root / "model.onnx").write_bytes(b"damaged")

    assert load_bundle(archive).manifest == tiny_bundle.manifest


def test_a_bundle_that_may_not_be_read_is_one_sentence(tiny_bundle, monkeypatch):
    def refuse(path: Path) -> None:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr("deploy.bundle.sha256", refuse)
    with pytest.raises(BundleError, match=r"onnx cannot be read: Permission denied"):
        load_bundle(tiny_bundle.root)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with (
        pytest.raises(BundleError, match=r"tiny cannot be read: Permission denied"),
        edit_bundle(tiny_bundle.root),
    ):
        pass


def test_a_file_is_never_edited_and_not_called_a_zip(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("precious")

    with (
        pytest.raises(BundleError, match=r"notes\.txt is a file"),
        edit_bundle(tmp_path / "notes.txt"),
    ):
        pass


def test_an_edit_writes_null_for_a_metric_that_is_no_number(tiny_bundle: Bundle):
    root = change(tiny_bundle, metrics={"loss": float("nan")})

    with edit_bundle(root, start_from=load_bundle(root)):
        pass

    assert load_bundle(root).manifest.metrics == {"loss": None}


def test_a_record_that_is_no_object_is_one_sentence(tiny_bundle: Bundle):
    with edit_bundle(tiny_bundle.root, start_from=tiny_bundle) as draft:
        (draft.root / "training.json").write_text("[]")

    with pytest.raises(BundleError, match="holds no object"):
        load_bundle(tiny_bundle.root).read_json("training.json")
