"""`demo://`: a scene that is always the same, and that behaves as a camera or as a file."""

from __future__ import annotations

import time

import numpy as np
import pytest

from deploy.errors import CameraError, SettingsError
from deploy.render.scene import REST_S, SLIDE_S
from edge_app.sources.demo import DemoSource
from edge_app.sources.uri import open_source

SMALL = (320, 180)


def _truths(source: DemoSource) -> list[str | None]:
    truths = []
    with source:
        while source.read() is not None:
            truths.append(source.truth)
    return truths


def test_the_first_frame_shows_a_stone_at_rest_in_the_central_square():
    with DemoSource(["Carnelian"], fps=0) as source:
        frame = source.read()

    assert frame is not None
    assert frame.index == 0
    assert source.truth == "Carnelian"
    assert frame.image_bgr.shape == (720, 1280, 3)
    assert frame.image_bgr.dtype == np.uint8
    middle, corner = frame.image_bgr[360, 640].astype(int), frame.image_bgr[80, 320].astype(int)
    assert middle[2] > middle[0] + 60  # carnelian is orange
    assert np.ptp(corner) < 40  # felt is grey


def test_stones_come_in_the_order_of_the_labels_and_move_between():
    truths = _truths(DemoSource(["Jade", "Emerald"], fps=0, size=SMALL, stones=3))

    turns = [t for t, before in zip(truths, [None, *truths], strict=False) if t != before]
    assert turns == ["Jade", None, "Emerald", None, "Jade", None]
    assert truths.count("Emerald") == round(REST_S * 30)
    assert len(truths) == round(3 * (REST_S + 2 * SLIDE_S) * 30 - SLIDE_S * 30)


def test_it_is_told_which_kinds_to_lay_and_for_how_long():
    truths = _truths(
        open_source("demo://?fps=0&stones=2&rest=0.6&kinds=Opal,Lapis%20Lazuli", ["Jade"])
    )

    assert truths.count("Opal") == truths.count("Lapis Lazuli") == 18
    assert "Jade" not in truths


@pytest.mark.parametrize("option", ["rest=0.1", "rest=long", "kinds=,"])
def test_a_rest_or_kinds_that_make_no_sense_are_refused(option):
    with pytest.raises(SettingsError, match=option.partition("=")[0]):
        open_source(f"demo://?{option}", ["Jade"])


def test_unpaced_frames_are_the_same_every_time_and_differ_from_each_other():
    def frames(seed: int) -> list[np.ndarray]:
        with DemoSource(["Iolite"], fps=0, seed=seed, size=SMALL) as source:
            return [source.read().image_bgr for _ in range(3)]

    first, second = frames(1), frames(1)

    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], frames(2)[0])


def test_a_frame_that_was_kept_is_not_changed_by_later_ones():
    """The loop may still be drawing on a frame, or writing it to a file, when the next comes."""
    with DemoSource(["Iolite"], fps=0, size=SMALL) as source:
        kept = source.read().image_bgr
        copy = kept.copy()
        source.read()

    assert np.array_equal(kept, copy)


def test_the_tray_is_empty_while_one_stone_has_left_and_the_next_has_not_come():
    with DemoSource(["Carnelian", "Jade"], fps=0, size=SMALL) as source:
        while source.read().index < round((REST_S + SLIDE_S) * 30) - 1:
            pass
        empty = source.read().image_bgr

    assert np.ptp(empty[90, 160].astype(int)) < 40


def test_a_paced_source_is_live_and_drops_the_frames_that_were_not_taken():
    with DemoSource(["Jade"], fps=50, size=SMALL) as source:
        first = source.read()
        time.sleep(0.2)
        late = source.read()

    assert source.live
    assert first.index == 0
    assert late.index >= 10  # nine frames or more passed unseen
    assert late.captured_at - first.captured_at >= 0.2


def test_an_unpaced_source_is_not_live_and_drops_nothing():
    with DemoSource(["Jade"], fps=0, size=SMALL) as source:
        indices = [source.read().index for _ in range(4)]

    assert not source.live
    assert source.fps == 30
    assert indices == [0, 1, 2, 3]


def test_after_the_last_stone_the_source_stays_ended():
    with DemoSource(["Jade"], fps=0, size=SMALL, stones=1) as source:
        while source.read() is not None:
            pass
        assert source.read() is None
        assert source.truth is None


@pytest.mark.parametrize("bad", [{"labels": []}, {"fps": -1}, {"seed": -1}])
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(CameraError, match="demo://"):
        DemoSource(**({"labels": ["Jade"]} | bad))


def test_reading_before_opening_says_so():
    with pytest.raises(CameraError, match="before it was opened"):
        DemoSource(["Jade"]).read()
