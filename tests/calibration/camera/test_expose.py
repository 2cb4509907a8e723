"""White ends between 80 and 90 %, wherever it starts, or the reason is said."""

from __future__ import annotations

import math

import pytest

from calibration.camera.expose import Exposed, set_exposure, steady_exposures
from calibration.camera.measure import white_level
from deploy.render.camera import SimulatedCamera

START_US = 8000.0


class Bench:
    """A simulated camera with an exposure that can be set, before a tray."""

    def __init__(self, camera, tray, *, shortest=50.0, longest=1e6, step=1.0, reference="white"):
        self._camera, self._tray, self._reference = camera, tray, reference
        self._limits, self._step = (shortest, longest), step
        self.held_us = START_US
        self.looks = 0

    def look(self) -> float:
        self.looks += 1
        stops = self._camera.stops + math.log2(self.held_us / START_US)
        return white_level(self._camera.exposed(stops).shoot(self._tray), self._reference)

    def hold(self, exposure_us: float) -> float:
        low, high = self._limits
        self.held_us = min(max(round(exposure_us / self._step) * self._step, low), high)
        return self.held_us

    def settle(self) -> Exposed:
        return set_exposure(self.look, self.hold, START_US)


@pytest.mark.parametrize("stops", [-3, -1.5, -0.5, 0, 1, 2, 3])
@pytest.mark.parametrize("kelvin", [2700, 6504])
def test_white_ends_between_80_and_90_percent_from_three_stops_away(stops, kelvin, trays):
    bench = Bench(SimulatedCamera(kelvin, stops, 0.3), trays.white((90, 160)))

    exposed = bench.settle()

    assert 0.80 <= exposed.level <= 0.90
    assert exposed.problem == ""
    assert exposed.exposure_us == bench.held_us
    assert bench.looks <= 6


def test_a_grey_card_lies_far_below_and_white_still_ends_there(trays):
    card = trays.white((90, 160), level=118)
    bench = Bench(SimulatedCamera(5000, -2, 0.3), card, reference="grey")

    assert 0.80 <= bench.settle().level <= 0.90


def test_a_camera_with_coarse_steps_ends_at_the_nearest(trays):
    bench = Bench(SimulatedCamera(6504, 1, 0.0), trays.white((90, 160)), step=1000.0)

    exposed = bench.settle()

    assert exposed.exposure_us % 1000 == 0
    assert 0.80 <= exposed.level <= 0.90


def test_the_longest_exposure_that_is_too_short_is_said(trays):
    exposed = Bench(SimulatedCamera(6504, -3), trays.white((90, 160)), longest=16_000.0).settle()

    assert exposed.exposure_us == 16_000
    assert exposed.problem == (
        "at the camera's longest exposure white lies at 54%: turn the light up"
    )


def test_the_shortest_exposure_that_is_too_long_is_said(trays):
    exposed = Bench(SimulatedCamera(6504, 3), trays.white((90, 160)), shortest=4000.0).settle()

    assert exposed.exposure_us == 4000
    assert "at the camera's shortest exposure white lies at 100%" in exposed.problem


def test_a_camera_that_does_not_obey_ends_the_search(trays):
    bench = Bench(SimulatedCamera(6504, -2), trays.white((90, 160)))

    exposed = set_exposure(bench.look, lambda _: None, START_US)

    assert exposed.exposure_us == START_US
    assert bench.looks == 1


def test_exposures_without_flicker_are_multiples_of_half_a_mains_period():
    assert steady_exposures(Exposed(9_500.0, 0.85)) == pytest.approx([10_000, 8_333.3], abs=0.1)
    assert steady_exposures(Exposed(26_000.0, 0.85)) == pytest.approx([30_000, 25_000])


def test_below_half_a_mains_period_there_is_no_exposure_without_flicker():
    assert steady_exposures(Exposed(2_000.0, 0.85)) == []
