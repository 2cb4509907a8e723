from __future__ import annotations

import dataclasses
from threading import Event

import cv2
import numpy as np
import pytest

from deploy.errors import BackendError, CameraError
from edge_app import loop
from edge_app.loop import run_loop
from edge_app.sources.base import Frame

DOG = [0.1, 0.9]
CAT = [0.9, 0.1]


def run(source, backend, manifest, **options):
    with source:
        return run_loop(source, backend, manifest, **options)


def test_one_missed_frame_is_counted_and_the_loop_goes_on(fakes, manifest, frames):
    """A camera hiccup costs one frame, never the run."""
    first, last = frames(2)
    source = fakes.ScriptedSource([first, CameraError("no frame within 2.0 s"), last])
    overlay = fakes.NotingOverlay()

    stats = run(source, fakes.FixedBackend(DOG), manifest, overlay=overlay)

    assert overlay.texts == ["dog", "dog"]
    assert (stats.frames, stats.camera_errors) == (2, 1)
    assert stats.labels == {"dog": 2}


def test_a_live_camera_that_misses_a_frame_goes_on_too(fakes, manifest, frames):
    source = fakes.ScriptedSource([CameraError("no frame"), *frames(1)], live=True)

    stats = run(source, fakes.FixedBackend(DOG), manifest)

    assert (stats.frames, stats.camera_errors) == (1, 1)


def test_a_source_that_only_fails_ends_the_run_with_its_error(fakes, manifest, monkeypatch):
    monkeypatch.setattr(loop, "GIVE_UP_AFTER_ERRORS", 5)

    with pytest.raises(CameraError, match="the camera gave no frame"):
        run(fakes.BrokenSource([]), fakes.FixedBackend(DOG), manifest)


def test_a_stalled_camera_shows_a_dark_picture_that_says_so(fakes, manifest, frames, monkeypatch):
    """The last picture would pass for what lies on the tray now."""
    monkeypatch.setattr(loop, "DARK_AFTER_S", 0.0)
    source = fakes.ScriptedSource([*frames(1), CameraError("no frame")])
    overlay, sink = fakes.NotingOverlay(), fakes.ListSink()

    run(source, fakes.FixedBackend(DOG), manifest, overlay=overlay, sinks=[sink])

    assert overlay.texts == ["dog", loop.STALLED]
    assert sink.images[1].shape == sink.images[0].shape
    assert not sink.images[1].any()


@pytest.mark.parametrize(("level", "state"), [(0, "black picture"), (128, "no picture")])
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
        on_change=lambda verdict: stop.set(),
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
        on_change=lambda verdict: said.append(verdict.text),
    )

    assert said == ["cat", "dog"]


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
    stages = ("preprocess", "infer", "decide", "draw", "show", "latency")
    assert {name: counts[name] for name in stages} == dict.fromkeys(stages, 3)
