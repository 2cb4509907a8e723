from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from calibration.camera.settings import CameraSettings
from deploy.errors import CameraError
from edge_app.bench import bench
from edge_app.bench.bench import run_bench
from edge_app.sources.base import Frame, Locked


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(bench, "WARM_UP_S", 0.05)
    monkeypatch.setattr("edge_app.feed.hold.SETTLE_S", 0.2)


class Camera:
    """Shows noise around a level. Its automatics take a moment to settle."""

    name = identity = "camera of a benchmark"
    live, fps = True, 100.0

    def __init__(self, level):
        self._level = level
        self._count = itertools.count()

    def lock(self, wanted):
        return Locked(wanted or CameraSettings())

    def read(self):
        time.sleep(0.01)
        number = next(self._count)
        noise = np.random.default_rng(number).normal(self._level, 2, (48, 64, 3))
        return Frame(np.clip(noise, 0, 255).astype(np.uint8), time.monotonic(), number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_frames_in_which_a_camera_settles_are_not_measured(fakes, manifest):
    backend = fakes.FixedBackend([0.9, 0.1])

    stats = run_bench(Camera(100), backend, manifest, seconds=0.4).stats

    assert stats.frames == sum(stats.labels.values()) > 0
    assert not stats.states


class Misses(Camera):
    """Gives its first frames badly, as one that starts."""

    def read(self):
        frame = super().read()
        if frame.index < 2:
            raise CameraError("no frame yet")
        return frame


def test_what_a_camera_missed_before_is_not_counted(fakes, manifest):
    result = run_bench(Misses(100), fakes.FixedBackend([0.9, 0.1]), manifest, seconds=0.4)

    assert result.stats.camera_errors == 0
    said = result.as_json()
    assert said["seconds"] == pytest.approx(0.2, abs=0.15)  # of the loop's turns alone
    assert said["frames"] / said["seconds"] == pytest.approx(said["fps"], rel=0.5)


class Slow:
    """A model that takes a while."""

    def __init__(self, inner, seconds):
        self._inner = inner
        self._seconds = seconds

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def infer(self, batch):
        time.sleep(self._seconds)
        return self._inner.infer(batch)


class Short(Camera):
    """Ends after so many frames, and begins anew when it is opened again."""

    def read(self):
        frame = super().read()
        return None if frame.index % 40 == 39 else frame


def test_what_a_source_dropped_before_it_ended_is_counted(fakes, manifest):
    backend = Slow(fakes.FixedBackend([0.9, 0.1]), 0.04)  # so slow that most frames are dropped

    stats = run_bench(Short(100), backend, manifest, seconds=2.0).stats

    assert stats.dropped > sum(stats.labels.values()) > 0


def test_a_covered_camera_is_no_benchmark(fakes, manifest, monkeypatch):
    monkeypatch.setattr(bench, "WARM_UPS", 2)

    with pytest.raises(CameraError, match=r"gave no frame to measure \(.*black\)"):
        run_bench(Camera(2), fakes.FixedBackend([0.9, 0.1]), manifest, seconds=1.0)


class SlowOverlay:
    """Draws nothing, and takes a while for it."""

    def draw(self, image_bgr, reading):
        time.sleep(0.03)


def test_a_loop_that_takes_as_long_again_as_its_model_has_half_the_rate(fakes, manifest, frames):
    backend = Slow(fakes.FixedBackend([0.9, 0.1]), 0.03)
    source = fakes.ScriptedSource(frames(20))

    result = run_bench(source, backend, manifest, overlay=SlowOverlay(), seconds=1.0)

    assert 0.3 < result.ratio < 0.7
    assert result.loop_fps < result.bare_fps <= 1 / 0.03
    assert not result.live
