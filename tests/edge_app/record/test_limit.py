"""A record keeps below its size; what an operator said stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deploy.errors import RecordError
from deploy.record.pictures import picture_paths
from deploy.record.place import DATABASE, PICTURES
from deploy.record.reader import RecordReader
from edge_app.record.limit import BATCH
from edge_app.record.store import Store

FILES_OF_ONE = 2


def entries(folder: Path) -> list:
    with RecordReader(folder) as reader:
        return list(reader.entries())


def size_of(folder: Path) -> int:
    return sum(p.stat().st_size for p in (folder / PICTURES).rglob("*.jpg"))


def test_the_oldest_pictures_go_first_and_every_row_stays(tmp_path, stone, pictures):
    with Store(tmp_path, limit_bytes=500_000) as store:
        for _ in range(40):
            store.add(stone(), pictures)

    kept = [entry.has_pictures for entry in entries(tmp_path)]
    assert len(kept) == 40
    assert kept == sorted(kept)  # False before True
    assert 5 < sum(kept) < 35
    assert len(list((tmp_path / PICTURES).rglob("*.jpg"))) == FILES_OF_ONE * sum(kept)
    assert size_of(tmp_path) + (tmp_path / DATABASE).stat().st_size < 530_000


def test_corrected_stones_keep_everything(tmp_path, stone, pictures):
    corrected = stone()
    with Store(tmp_path, limit_bytes=200_000) as store:
        store.add(corrected, pictures)
        store.correct(corrected.key, "Spinel")
        for _ in range(40):
            store.add(stone(), pictures)

    with RecordReader(tmp_path) as reader:
        assert reader.thumbnail(corrected.key)
    assert all(path.is_file() for path in picture_paths(tmp_path, corrected))
    assert next(e.id for e in entries(tmp_path) if e.has_pictures) == 1


def test_the_oldest_is_by_order_and_not_by_a_clock_that_was_set_back(tmp_path, stone, pictures):
    with Store(tmp_path, limit_bytes=300_000) as store:
        for number in range(30):
            at = f"20{40 - number}-01-01T00:00:00.000Z"
            store.add(stone(laid_at=at, lifted_at=at), pictures)

    kept = [entry.has_pictures for entry in entries(tmp_path)]
    assert kept == sorted(kept)
    assert not all(kept)
    days = [path.name for path in (tmp_path / PICTURES).iterdir()]
    assert len(days) == sum(kept)  # the folder of a day goes with its last picture


def test_without_pictures_left_thumbnails_and_embeddings_go(tmp_path, stone, pictures):
    first = stone()
    with Store(tmp_path, limit_bytes=100_000) as store:
        store.add(first, pictures)
        for _ in range(29):
            store.add(stone(), pictures)
        assert store._limit.used_bytes < 140_000
    assert len(entries(tmp_path)) == 30
    with RecordReader(tmp_path) as reader, pytest.raises(RecordError, match="no such picture"):
        reader.thumbnail(first.key)


def test_taught_stones_alone_above_the_limit_are_kept_and_said_once(
    tmp_path, stone, pictures, caplog
):
    views = [np.ones(2048, np.float32)] * 10
    with Store(tmp_path, limit_bytes=50_000) as store:
        store.teach("Kunzite", views, [pictures.frame_bgr] * 10, "d" * 64)
        for _ in range(3):
            store.add(stone(), pictures)

    with RecordReader(tmp_path) as reader:
        assert len(reader.taught()) == 10
    assert caplog.text.count("with corrected and taught stones alone") == 1


def test_the_limit_counts_what_was_there_before(tmp_path, stone, pictures):
    with Store(tmp_path) as store:
        for _ in range(20):
            store.add(stone(), pictures)
    before = size_of(tmp_path)
    with Store(tmp_path, limit_bytes=before // 2) as store:
        store.add(stone(), pictures)
    assert size_of(tmp_path) < before // 2


def test_a_limit_that_was_lowered_is_reached_over_the_next_stones(
    tmp_path, stone, pictures, monkeypatch
):
    monkeypatch.setattr("edge_app.record.limit.MOST_BATCHES", 1)
    with Store(tmp_path) as store:
        for _ in range(16):
            store.add(stone(), pictures)
    with Store(tmp_path, limit_bytes=1) as store:
        store.add(stone(), pictures)
        assert sum(entry.has_pictures for entry in entries(tmp_path)) == 17 - BATCH
        store.add(stone(), pictures)
    assert sum(entry.has_pictures for entry in entries(tmp_path)) == 18 - 2 * BATCH
