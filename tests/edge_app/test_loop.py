from __future__ import annotations

import dataclasses
from threading import Event

import cv2
import numpy as np
import pytest

from deploy.decision import Decision
from deploy.errors import BackendError, CameraError
from deploy.record.stones import Provisional
from deploy.render.scene import TrayScene
from edge_app.feed import Look, open_feed
from edge_app.live.states import CameraState
from edge_app.sources.base import Frame
from tests.loops import naming_frames, naming_stones

DOG = [0.1, 0.9]
CAT = [0.9, 0.1]


def run(
    source,
    backend,
    manifest,
    made=naming_frames,
    *,
    stop=None,
    frames=0,
    at_own_pace=False,
    **parts,
):
    with open_feed(source, stop) as feed:
        loop = made(feed, backend, manifest, **parts)
        return loop.run(frames=frames, at_own_pace=at_own_pace, stop=stop)


class ScriptedFeed:
    """Gives the looks that the test wrote down."""

    name, live, fps = "script", True, None
    dropped = missed = losses = losses_last_hour = 0

    def __init__(self, looks):
        self._looks = iter(looks)

    def look(self):
        return next(self._looks, None)

    def reopen(self, why, *, afresh=False):
        raise AssertionError(why)


def test_a_file_that_breaks_off_ends_the_run_with_its_error(fakes, manifest, frames):
    source = fakes.ScriptedSource([*frames(2), CameraError("torn")])

    with pytest.raises(CameraError, match="torn"):
        run(source, fakes.FixedBackend(DOG), manifest)


def test_every_state_of_delivery_is_drawn_told_and_keeps_the_network_out(fakes, manifest, frames):
    first, second, third = frames(3)
    looks = [
        Look(None, CameraState.STARTING),
        Look(first, CameraState.STARTING),
        Look(second),
        Look(None),
        Look(None, CameraState.STALLED, "nothing for 2 s"),
        Look(None, CameraState.LOST, "next try in 1 s"),
        Look(third),
    ]
    backend, overlay, sink = fakes.FixedBackend(DOG), fakes.NotingOverlay(), fakes.ListSink()
    told = []

    stats = naming_frames(
        ScriptedFeed(looks),
        backend,
        manifest,
        overlay=overlay,
        sinks=[sink],
        on_state=lambda state, note: told.append((state.value, note)),
    ).run()

    assert overlay.texts == ["starting", "dog", "stalled", "lost", "dog"]
    assert told == [
        ("starting", ""),
        ("live", ""),
        ("stalled", "nothing for 2 s"),
        ("lost", "next try in 1 s"),
        ("live", ""),
    ]
    assert (backend.calls, stats.frames) == (2, 3)
    assert stats.states == {"starting": 2, "stalled": 1, "lost": 1}
    assert overlay.readings[3].note == "next try in 1 s"


def test_a_stalled_camera_shows_a_dark_picture(fakes, manifest, frames):
    """The last picture would pass for what lies on the tray now."""
    sink = fakes.ListSink()
    looks = [Look(frames(1)[0]), Look(None, CameraState.STALLED)]

    naming_frames(ScriptedFeed(looks), fakes.FixedBackend(DOG), manifest, sinks=[sink]).run()

    assert sink.images[1].shape == sink.images[0].shape
    assert sink.images[0].any()
    assert not sink.images[1].any()


def test_a_camera_that_was_never_there_is_shown_as_lost(fakes, manifest):
    sink = fakes.ListSink()

    naming_frames(
        ScriptedFeed([Look(None, CameraState.LOST)]),
        fakes.FixedBackend(DOG),
        manifest,
        sinks=[sink],
    ).run()

    assert sink.images[0].shape == (720, 1280, 3)


def test_a_slow_camera_keeps_its_state_between_two_frames(fakes, manifest):
    dark = np.random.default_rng(0).integers(16, 40, (64, 64, 3), dtype=np.uint8)
    looks = [Look(Frame(dark, 0.0, 0)), Look(None), Look(Frame(dark.copy(), 0.5, 1)), Look(None)]
    told = []

    naming_frames(
        ScriptedFeed(looks),
        fakes.FixedBackend(DOG),
        manifest,
        on_state=lambda state, note: told.append(state.value),
    ).run()

    assert told == ["too dark"]


def test_a_key_in_the_window_is_answered_while_no_frame_comes(fakes, manifest):
    window = fakes.ListSink()
    window.poll = lambda: False

    stats = naming_frames(
        ScriptedFeed([Look(None)] * 5), fakes.FixedBackend(DOG), manifest, sinks=[window]
    ).run()

    assert (stats.frames, window.images) == (0, [])


def test_the_corrected_picture_is_classified_and_shown(fakes, manifest, frames):
    class Darker:
        def correct(self, raw_bgr):
            return raw_bgr // 2

        def moved(self, raw_bgr, at_s):
            return False

    sink = fakes.ListSink()
    (frame,) = frames(1)
    before = frame.image_bgr.copy()

    naming_frames(
        ScriptedFeed([Look(frame)]),
        fakes.FixedBackend(DOG),
        manifest,
        light=Darker(),
        sinks=[sink],
    ).run()

    np.testing.assert_array_equal(sink.images[0], before // 2)


@pytest.mark.parametrize(("level", "state"), [(0, "black"), (128, "frozen")])
def test_a_picture_that_shows_nothing_is_a_state_and_never_classified(
    fakes, manifest, level, state
):
    backend, overlay = fakes.FixedBackend(DOG), fakes.NotingOverlay()
    dead = Frame(np.full((48, 64, 3), level, np.uint8), captured_at=0.0, index=0)

    stats = run(fakes.ScriptedSource([dead]), backend, manifest, overlay=overlay)

    assert overlay.texts == [state]
    assert (backend.calls, stats.frames, stats.states) == (0, 1, {state: 1})


def test_a_small_stone_on_a_black_tray_is_classified(fakes, manifest):
    image = np.zeros((720, 1280, 3), np.uint8)
    image[300:420, 580:700] = (40, 60, 200)
    source = fakes.ScriptedSource([Frame(image, captured_at=0.0, index=0)])

    assert run(source, fakes.FixedBackend(DOG), manifest).labels == {"dog": 1}


def test_the_run_ends_after_the_frames_that_were_asked_for(fakes, manifest, frames):
    stats = run(fakes.ScriptedSource(frames(9)), fakes.FixedBackend(DOG), manifest, frames=4)

    assert stats.frames == 4


def test_a_closed_window_ends_the_run_and_the_recording_gets_the_last_frame(
    fakes, manifest, frames
):
    window, recording = fakes.ListSink(stop_after=3), fakes.ListSink()

    run(
        fakes.ScriptedSource(frames(9)),
        fakes.FixedBackend(DOG),
        manifest,
        sinks=[window, recording],
    )

    assert (len(window.images), len(recording.images)) == (3, 3)


def test_a_window_that_is_closed_between_two_slow_frames_ends_the_run(fakes, manifest, frames):
    window = fakes.ListSink()
    window.poll = lambda: False

    stats = run(
        fakes.ScriptedSource(frames(9), fps=0.01),
        fakes.FixedBackend(DOG),
        manifest,
        sinks=[window],
        at_own_pace=True,
    )

    assert stats.frames == 1


def test_a_wish_to_stop_ends_the_run(fakes, manifest, frames):
    stop = Event()
    source = fakes.ScriptedSource(frames(9))

    stats = run(
        source,
        fakes.FixedBackend(DOG),
        manifest,
        stop=stop,
        on_change=lambda seen: stop.set(),
    )

    assert stats.frames == 1


def test_only_a_change_of_verdict_is_told(fakes, manifest, picture):
    other = 255 - picture  # another stone: the average starts anew
    images = [picture, picture, other, other]
    script = [Frame(image.copy(), 0.0, i) for i, image in enumerate(images)]
    said = []

    run(
        fakes.ScriptedSource(script, fps=30.0),
        fakes.FixedBackend(CAT, CAT, DOG, DOG),
        manifest,
        on_change=lambda seen: said.append(seen.verdict.text),
    )

    assert said == ["cat", "dog"]


def test_a_taught_name_is_told_once_in_place_of_what_the_bundle_says(fakes, manifest):
    """The list below it may change; the stone's name does not."""
    scene = TrayScene(("Ruby",), seed=1, size=(640, 360))
    script = [Frame(scene.draw(i / 30, i), i / 30, i) for i in range(45)]
    told, unsure = [], Decision(name_at_least=0.99)

    run(
        fakes.ScriptedSource(script, fps=30.0),
        fakes.FixedBackend(DOG),
        dataclasses.replace(manifest, decision=unsure),
        naming_stones,
        on_change=told.append,
        calls={"taught": lambda embedding: Provisional("Tsavorite", 0.97)},
    )

    assert [seen.provisional.label for seen in told] == ["Tsavorite"]


def test_a_verdict_is_told_again_after_a_time_without_one(fakes, manifest, picture):
    black = np.zeros_like(picture)
    script = [Frame(image.copy(), 0.0, i) for i, image in enumerate([picture, black, picture])]
    said = []

    run(
        fakes.ScriptedSource(script, fps=30.0),
        fakes.FixedBackend(CAT),
        manifest,
        on_change=lambda seen: said.append(seen.verdict.text),
    )

    assert said == ["cat", "cat"]


def test_one_odd_frame_does_not_change_the_label(fakes, manifest, frames):
    backend = fakes.FixedBackend(DOG, DOG, CAT, DOG)
    overlay = fakes.NotingOverlay()

    run(fakes.ScriptedSource(frames(4), fps=30.0), backend, manifest, overlay=overlay)

    assert overlay.texts == ["dog"] * 4


def test_latency_counts_from_the_camera(fakes, manifest, frames):
    old = [dataclasses.replace(f, captured_at=f.captured_at - 5) for f in frames(1)]
    overlay = fakes.NotingOverlay()

    stats = run(
        fakes.ScriptedSource(old, live=True), fakes.FixedBackend(DOG), manifest, overlay=overlay
    )

    assert overlay.readings[0].latency_ms > 5000
    assert stats.as_json()["latency"]["p50_ms"] > 5000


def test_a_file_has_no_camera_and_its_latency_starts_when_a_frame_is_taken(fakes, manifest, frames):
    old = [dataclasses.replace(f, captured_at=f.captured_at - 5) for f in frames(1)]
    overlay = fakes.NotingOverlay()

    run(fakes.ScriptedSource(old), fakes.FixedBackend(DOG), manifest, overlay=overlay)

    assert overlay.readings[0].latency_ms < 5000


def test_an_error_of_the_backend_reaches_the_caller(fakes, manifest, frames):
    class FailingBackend(fakes.FixedBackend):
        def infer(self, batch):
            raise BackendError("the device is gone")

    with pytest.raises(BackendError, match="the device is gone"):
        run(fakes.ScriptedSource(frames(2)), FailingBackend(DOG), manifest)


def test_opencv_leaves_the_cores_to_the_model(fakes, manifest, frames):
    cv2.setNumThreads(2)

    run(fakes.ScriptedSource(frames(1)), fakes.FixedBackend(DOG), manifest)

    assert cv2.getNumThreads() == 1


def test_every_stage_is_timed(fakes, manifest, frames):
    stats = run(
        fakes.ScriptedSource(frames(3)),
        fakes.FixedBackend(DOG),
        manifest,
        overlay=fakes.NotingOverlay(),
        sinks=[fakes.ListSink()],
    )

    counts = {name: spread.samples for name, spread in stats.times.spreads().items()}
    stages = ("gate", "preprocess", "infer", "decide", "draw", "show", "latency")
    assert {name: counts[name] for name in stages} == dict.fromkeys(stages, 3)


def test_stones_are_told_apart_on_request_and_the_last_one_is_reported(fakes, manifest):
    scene = TrayScene(("Ruby",), seed=1, size=(640, 360))
    looks = [Look(Frame(scene.draw(i / 30, i), i / 30, i)) for i in range(45)]
    backend, overlay, stones = fakes.FixedBackend(DOG), fakes.NotingOverlay(), []

    stats = naming_stones(
        ScriptedFeed(looks),
        backend,
        manifest,
        overlay=overlay,
        calls={"on_stone": stones.append},
        trouble=lambda: "the disk is full",
    ).run()

    assert [stone.verdict.text for stone in stones] == ["dog"]
    assert stats.labels["dog"] == backend.calls < 45
    assert {reading.trouble for reading in overlay.readings} == {"the disk is full"}
    assert not overlay.readings[0].final
    assert overlay.readings[-1].final


def test_a_camera_that_was_away_drops_a_stone_without_a_verdict(fakes, manifest):
    scene = TrayScene(("Ruby",), seed=1, size=(640, 360))
    looks = [Look(Frame(scene.draw(i / 30, i), i / 30, i)) for i in range(6)]
    stones = []

    naming_stones(
        ScriptedFeed([*looks, Look(None, CameraState.LOST)]),
        fakes.FixedBackend(DOG),
        manifest,
        calls={"on_stone": stones.append},
    ).run()

    assert stones == []


def test_a_second_stone_of_the_same_kind_is_told_as_well(fakes, manifest):
    """The tray is hardly bare between the two, and the first one's verdict is still shown."""
    scene = TrayScene(("Ruby",), seed=1, size=(284, 160))
    looks = [Look(Frame(scene.draw(i / 8, i), i / 8, i)) for i in range(8 * 6)]
    said, stones = [], []

    naming_stones(
        ScriptedFeed(looks),
        fakes.FixedBackend(DOG),
        manifest,
        on_change=lambda seen: said.append(seen.verdict.text),
        calls={"on_stone": stones.append},
    ).run()

    assert (len(stones), said) == (2, ["dog", "dog"])
