"""Corrections and lessons beside a loop that must not wait."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from deploy.backends.base import Prediction
from deploy.errors import RecordError, SettingsError, StorageError
from deploy.record.reader import RecordReader
from deploy.record.stones import Entry, new_key
from deploy.render.scene import TrayScene
from edge_app.desk.desk import Desk
from edge_app.desk.lessons import MOST_VIEWS, NotNowError, UnknownKindError
from edge_app.feed import Look
from edge_app.record.recorder import Recorder
from edge_app.record.store import Store, UnknownStoneError
from edge_app.sources.base import Frame
from tests.desks import embedding, look, make_desk, scanned, until
from tests.loops import naming_stones

FPS = 12


def entries(folder: Path) -> list[Entry]:
    with RecordReader(folder) as reader:
        return list(reader.entries())


def take(desk: Desk, *views) -> int:
    """Take a view of each look that comes while the operator waits."""
    with ThreadPoolExecutor() as pool:
        for view in views:
            taken = pool.submit(desk.lessons.take_view)
            until(lambda taken=taken, view=view: desk.view(view) or taken.done())
    return taken.result()[1]


def teach(desk: Desk, label: str, *seeds: int) -> None:
    desk.lessons.begin(label)
    take(desk, *(look(new_key(), seed) for seed in seeds))
    desk.lessons.save()


def test_a_stone_is_corrected_on_the_tray_and_it_is_written_with_the_stone(desk, recorder, folder):
    stone = scanned()
    desk.view(look(stone.key))

    desk.correct(stone.key, "  Red  Spinel ", "RI 1.718")

    assert desk.corrected(stone.key) == "Red Spinel"
    assert desk.revision == 0
    desk.keep(stone)
    until(lambda: desk.revision == 2)
    (entry,) = entries(folder)
    assert (entry.stone.key, entry.names, entry.correction.note) == (
        stone.key,
        ("Red Spinel",),
        "RI 1.718",
    )
    assert desk.corrected(stone.key) == "Red Spinel"


def test_a_correction_takes_the_spelling_that_is_known(desk, folder):
    """Of the bundle, whose labels are cat and dog; of a correction; of one that waits."""
    stones = [scanned() for _ in range(4)]
    for stone in stones[:3]:
        desk.view(look(stone.key))
        desk.keep(stone)
    desk.view(look(stones[3].key))
    desk.correct(stones[0].key, "  CAT ")
    desk.correct(stones[1].key, "Garnet Red")
    desk.correct(stones[3].key, "E\u0301meraude")

    desk.correct(stones[1].key, "garnet  RED")
    desk.correct(stones[2].key, "\u00e9MERAUDE")

    assert [entry.names for entry in entries(folder)] == [
        ("cat",),
        ("Garnet Red",),
        ("\u00c9meraude",),
    ]
    assert desk.labels() == ["cat", "dog", "\u00c9meraude", "Garnet Red"]


def test_a_lesson_takes_the_spelling_that_is_known(desk, recorder):
    teach(desk, "Kunzite", 1)
    recorder.teach("Peridot", [embedding(3)], [look(new_key()).crop_bgr], "f" * 64).result(20)

    assert [desk.lessons.begin(text) for text in ("DOG", "kunzite", "PERIDOT", "Topaz")] == [
        "dog",
        "Kunzite",
        "Peridot",
        "Topaz",
    ]
    teach(desk, "KUNZITE", 2)
    assert desk.lessons.kinds() == {"Kunzite": 2}
    assert desk.labels() == ["cat", "dog", "Kunzite", "Peridot"]


def test_a_spelling_that_was_taught_before_can_still_be_forgotten(desk, recorder):
    recorder.teach("CAT", [embedding(3)], [look(new_key()).crop_bgr], "f" * 64).result(20)

    desk.lessons.forget("CAT")

    with pytest.raises(UnknownKindError):
        desk.lessons.forget("CAT")


def test_of_several_corrections_on_the_tray_the_last_one_is_written(desk, folder):
    stone = scanned()
    desk.view(look(stone.key))
    desk.correct(stone.key, "Garnet")
    desk.correct(stone.key, "Spinel")
    desk.keep(stone)
    until(lambda: desk.revision == 2)

    assert entries(folder)[0].names == ("Spinel",)


def test_a_stone_that_was_lifted_already_is_corrected_at_once(desk, folder):
    old, last = scanned(), scanned()
    for stone in (old, last):
        desk.view(look(stone.key))
        desk.keep(stone)

    desk.correct(old.key, "Garnet")
    desk.correct(last.key, "Spinel")

    assert [entry.names for entry in entries(folder)] == [("Garnet",), ("Spinel",)]
    assert (desk.corrected(old.key), desk.corrected(last.key)) == ("", "Spinel")


def test_a_stone_that_never_had_a_verdict_takes_its_correction_along(desk, folder):
    dropped, next_one = new_key(), scanned()
    desk.view(look(dropped))
    desk.correct(dropped, "Garnet")
    desk.view(look(next_one.key))
    desk.keep(next_one)
    until(lambda: desk.revision == 1)

    assert entries(folder)[0].correction is None
    assert desk.corrected(dropped) == desk.corrected(next_one.key) == ""
    with pytest.raises(UnknownStoneError, match="was not recorded"):
        desk.correct(dropped, "Garnet")


def test_no_correction_overtakes_its_stone(desk, folder):
    """However the operator's press and the stone's last frame meet."""
    stones = [scanned() for _ in range(20)]
    with ThreadPoolExecutor() as pool:
        for stone in stones:
            desk.view(look(stone.key))
            pressed = pool.submit(desk.correct, stone.key, "Garnet")
            desk.keep(stone)
            pressed.result(20)
            until(lambda: desk.revision % 2 == 0)

    assert [entry.names for entry in entries(folder)] == [("Garnet",)] * len(stones)


@pytest.mark.parametrize(("label", "note"), [("", ""), ("x" * 101, ""), ("Ruby", "x" * 1001)])
def test_a_name_or_a_note_that_cannot_be_kept_is_refused_at_once(desk, label, note):
    key = new_key()
    desk.view(look(key))
    with pytest.raises(SettingsError):
        desk.correct(key, label, note)
    assert desk.corrected(key) == ""


def test_a_disk_that_fails_never_reaches_the_loop_and_is_told_to_the_operator(
    desk, recorder, folder, caplog
):
    first, second = scanned(), scanned()
    desk.view(look(first.key))
    desk.keep(first)
    until(lambda: desk.revision == 1)
    shutil.rmtree(folder)

    desk.view(look(second.key))
    desk.correct(second.key, "Spinel")
    desk.keep(second)

    with pytest.raises(StorageError, match="is gone"):
        desk.correct(first.key, "Garnet")
    assert "a correction is not kept" in caplog.text
    assert (desk.revision, recorder.missed) == (1, 1)


def test_a_correction_that_would_be_lost_with_its_stone_is_refused(desk, recorder, folder):
    first, second = scanned(), scanned()
    desk.view(look(first.key))
    desk.keep(first)
    until(lambda: desk.revision == 1)
    shutil.rmtree(folder)
    with pytest.raises(StorageError):
        desk.correct(first.key, "Garnet")

    desk.view(look(second.key))

    with pytest.raises(StorageError, match="is gone"):
        desk.correct(second.key, "Spinel")
    assert desk.corrected(second.key) == ""


def test_a_disk_that_hangs_keeps_no_operator_waiting_for_ever(desk, monkeypatch, folder):
    stone, answers = scanned(), threading.Event()
    monkeypatch.setattr("edge_app.record.written.WRITE_TIMEOUT_S", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", lambda *_: answers.wait(20))
        desk.view(look(stone.key))
        desk.keep(stone)
        with pytest.raises(StorageError, match="does not answer"):
            desk.correct(stone.key, "Garnet")
        answers.set()
        until(lambda: desk.revision == 1)


def test_a_run_that_keeps_nothing_says_so_when_it_is_asked_to(folder, bundle, fakes):
    desk = make_desk(None, folder, bundle, fakes.FixedBackend([1, 0]))
    stone = scanned()
    desk.view(look(stone.key))
    desk.keep(stone)

    for ask in (
        lambda: desk.correct(stone.key, "Ruby"),
        lambda: desk.lessons.begin("Ruby"),
        lambda: desk.lessons.forget("Ruby"),
    ):
        with pytest.raises(NotNowError, match="keeps no stones"):
            ask()
    assert desk.taught(embedding(1)) is None
    assert desk.labels() == list(bundle.labels)


def test_a_taught_kind_is_named_at_once_and_after_the_next_start(
    desk, recorder, folder, bundle, fakes
):
    assert desk.taught(embedding(1)) is None

    teach(desk, "Kunzite", 1, 1)

    assert desk.lessons.kinds() == {"Kunzite": 2}
    found = desk.taught(embedding(1))
    assert (found.label, found.similarity) == ("Kunzite", pytest.approx(1, abs=1e-3))
    assert desk.taught(embedding(2)) is None
    assert desk.revision == 1
    recorder.close()
    with Recorder(folder) as again:
        next_run = make_desk(again, folder, bundle, fakes.FixedBackend([1, 0]))
        until(lambda: next_run.taught(embedding(1)))


def test_a_forgotten_kind_is_named_no_more(desk):
    teach(desk, "Kunzite", 1)
    teach(desk, "Iolite", 2)

    desk.lessons.forget("Kunzite")

    assert desk.lessons.kinds() == {"Iolite": 1}
    assert desk.taught(embedding(1)) is None
    with pytest.raises(UnknownKindError, match="no kind named “Kunzite”"):
        desk.lessons.forget("Kunzite")


def test_what_was_taught_before_is_known_once_the_record_can_be_read(folder, bundle, fakes):
    """As when the scanner before this one still ends."""
    before = Store(folder)
    before.teach("Kunzite", [embedding(1)], [look("").crop_bgr], bundle.network_digest)
    with Recorder(folder) as recorder:
        desk = make_desk(recorder, folder, bundle, fakes.FixedBackend([1, 0]))
        with pytest.raises(RecordError, match="written by another"):
            recorder.forget("Iolite").result(20)
        before.close()

        assert desk.lessons.kinds() == {}
        desk.keep(scanned())
        until(lambda: desk.lessons.kinds() == {"Kunzite": 1})


def test_a_view_is_taken_of_what_lies_there_after_the_press(desk):
    desk.lessons.begin("Kunzite")
    before = look(new_key(), 1)
    desk.view(before)
    later = look(new_key(), 2)

    take(desk, later)
    later.embedding[:] = later.crop_bgr[:] = 0  # the loop's memory is used again
    desk.lessons.save()

    assert desk.taught(embedding(2))
    assert desk.taught(before.embedding) is None


def test_without_a_stone_at_rest_no_view_is_taken(desk, monkeypatch):
    monkeypatch.setattr(desk.lessons, "look_timeout_s", 0.05)
    desk.lessons.begin("Kunzite")
    for _ in range(2):
        with pytest.raises(NotNowError, match="no stone lies still"):
            desk.lessons.take_view()
    assert take(desk, look(new_key())) == 1


def test_two_who_press_at_once_get_two_looks(desk):
    desk.lessons.begin("Kunzite")
    with ThreadPoolExecutor() as pool:
        taken = [pool.submit(desk.lessons.take_view) for _ in range(2)]
        until(lambda: len(desk.lessons._waiting) == 2)
        desk.view(look(new_key(), 1))
        desk.view(look(new_key(), 2))

    assert sorted(t.result() for t in taken) == [("Kunzite", 1), ("Kunzite", 2)]


def test_a_lesson_has_one_to_ten_views_and_there_is_one_at_a_time(desk):
    for ask in (desk.lessons.take_view, desk.lessons.save):
        with pytest.raises(NotNowError, match="no lesson is open"):
            ask()
    desk.lessons.begin("Kunzite")
    with pytest.raises(NotNowError, match="no views yet"):
        desk.lessons.save()
    take(desk, look(new_key()))
    desk.lessons.begin("Iolite")
    assert take(desk, *(look(new_key()) for _ in range(MOST_VIEWS))) == MOST_VIEWS
    with pytest.raises(NotNowError, match="10 views at most"):
        desk.lessons.take_view()
    desk.lessons.cancel()
    desk.lessons.cancel()
    with pytest.raises(NotNowError, match="no lesson is open"):
        desk.lessons.save()


def test_a_lesson_that_ends_while_a_view_is_waited_for_takes_none(desk):
    desk.lessons.begin("Kunzite")
    with ThreadPoolExecutor() as pool:
        taken = pool.submit(desk.lessons.take_view)
        until(lambda: desk.lessons._waiting)
        desk.lessons.begin("Iolite")
        desk.view(look(new_key()))
        with pytest.raises(NotNowError, match="ended meanwhile"):
            taken.result()


def test_a_lesson_that_cannot_be_written_stays_open(desk, folder, monkeypatch):
    desk.lessons.begin("Kunzite")
    take(desk, look(new_key(), 1))
    with monkeypatch.context() as patch:
        patch.setattr(Store, "teach", _full)
        with pytest.raises(StorageError, match="no space"):
            desk.lessons.save()
    assert desk.taught(embedding(1)) is None

    desk.lessons.save()

    assert desk.lessons.kinds() == {"Kunzite": 1}


def _full(*_):
    raise StorageError("no space is left")


def test_names_to_pick_from_are_each_there_once(desk):
    teach(desk, "Kunzite", 1)
    for label in ("Zircon", "Kunzite", "dog"):
        stone = scanned()
        desk.view(look(stone.key))
        desk.keep(stone)
        desk.correct(stone.key, label)

    assert desk.labels() == ["cat", "dog", "Kunzite", "Zircon"]


class Model:
    """Not sure of anything; each stone of the scene has an embedding of its own."""

    name, precision = "unsure", "fp32"

    def __init__(self) -> None:
        self.seed = 0

    def infer(self, batch) -> Prediction:
        logits = np.log(np.array([[0.55, 0.45]], np.float32))
        return Prediction(logits, embedding(self.seed)[None])

    def close(self) -> None: ...


class Counter:
    """The loop over a drawn tray, of which the test says what happens next."""

    name, live, fps = "counter", True, None
    dropped = missed = losses = losses_last_hour = 0

    def __init__(self, desk: Desk, manifest, overlay) -> None:
        self.model = Model()
        self._scene = TrayScene(("Ruby", "Emerald"), seed=1, size=(640, 360))
        self._scene_s = 0.0
        self._frames = 0
        self._overlay = overlay
        calls = {"on_stone": desk.keep, "on_view": desk.view, "taught": desk.taught}
        self.loop = naming_stones(self, self.model, manifest, calls=calls, overlay=overlay)

    def look(self) -> Look:
        self._frames += 1
        image = self._scene.draw(self._scene_s, self._frames)
        return Look(Frame(image, self._frames / FPS, self._frames))

    def go_on(self, seconds: float) -> None:
        """Stones come and go for so long."""
        for _ in range(round(seconds * FPS)):
            self._scene_s += 1 / FPS
            self.loop.step()

    def lie_still(self) -> None:
        self.loop.step()

    @property
    def reading(self):
        return self._overlay.readings[-1]


def test_the_whole_way_from_the_tray_to_the_record_and_back(desk, folder, manifest, fakes):
    counter = Counter(desk, manifest, fakes.NotingOverlay())
    counter.go_on(1.0)
    first = counter.reading.stone
    desk.correct(first, "Tsavorite", "by its RI")
    assert desk.corrected(counter.reading.stone) == "Tsavorite"

    counter.model.seed = 1
    counter.go_on(3.5)  # the second stone lies there
    desk.lessons.begin("Kunzite")
    with ThreadPoolExecutor() as pool:
        for _ in range(2):
            taken = pool.submit(desk.lessons.take_view)
            until(lambda taken=taken: counter.lie_still() or taken.done())
            assert taken.result()[0] == "Kunzite"
    desk.lessons.save()
    until(lambda: counter.lie_still() or counter.reading.provisional)
    assert counter.reading.provisional.label == "Kunzite"
    counter.go_on(4.0)
    desk.lessons.forget("Kunzite")
    until(lambda: counter.lie_still() or not counter.reading.provisional)
    counter.loop.close()
    until(lambda: desk.revision == 6)  # three stones, a correction, a lesson, and it forgotten

    one, two, three = entries(folder)
    assert (one.stone.key, one.stone.kind, one.names) == (first, "list", ("Tsavorite",))
    assert (two.stone.kind, two.names, two.correction) == ("taught", ("Kunzite",), None)
    assert three.stone.kind == "list"
    with RecordReader(folder) as reader:
        assert reader.taught() == []


def test_a_look_costs_the_loop_next_to_nothing(desk):
    view = look(new_key())
    desk.view(view)
    began = time.perf_counter()
    for _ in range(1000):
        desk.view(view)
    assert (time.perf_counter() - began) / 1000 < 0.001
