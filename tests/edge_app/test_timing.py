from __future__ import annotations

import numpy as np
import pytest

from edge_app.live.timing import RateMeter, Ring, StageTimes


def test_a_full_ring_keeps_the_newest_in_order():
    ring = Ring(3)
    for value in range(5):
        ring.add(value)

    assert ring.values().tolist() == [2, 3, 4]


def test_percentiles_are_those_of_the_samples_in_milliseconds():
    times = StageTimes()
    for ms in range(1, 101):
        times.add("infer", ms / 1000)

    spread = times.spread("infer")
    assert spread is not None
    assert spread == pytest.approx((100, *np.percentile(np.arange(1, 101), (50, 95, 99))))


def test_a_stage_that_never_ran_has_no_percentiles():
    assert StageTimes().spreads() == {}


def test_moments_span_one_interval_less():
    meter = RateMeter()
    rates = [meter.tick(moment) for moment in (0.0, 0.1, 0.2, 0.3)]

    assert rates == pytest.approx([0, 10, 10, 10])


def test_the_rate_follows_the_latest_frames():
    meter = RateMeter(frames=3)
    for moment in (0, 1, 2, 2.1):
        meter.tick(moment)

    assert meter.tick(2.2) == pytest.approx(10)
