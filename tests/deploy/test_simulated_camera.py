"""The simulated camera: what is known of light and lenses comes out of it."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.render.camera import REFERENCE_K, SimulatedCamera, falloff, light_bgr
from deploy.render.scene import TrayScene
from deploy.render.tray import make_tray
from deploy.srgb import to_encoded, to_linear

GREYS = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)


def test_under_the_reference_light_it_changes_nothing():
    assert np.array_equal(SimulatedCamera().shoot(GREYS), GREYS)
    assert light_bgr(REFERENCE_K) == pytest.approx([1, 1, 1], abs=0.002)


def test_srgb_there_and_back_is_the_same():
    values = np.linspace(0, 1, 1001)

    assert np.allclose(to_encoded(to_linear(values)), values, atol=1e-6)
    assert to_linear(0.5) == pytest.approx(0.2140, abs=1e-4)  # half the scale is a fifth of light


@pytest.mark.parametrize(
    ("kelvin", "xy"),
    [
        (2856, (0.4476, 0.4074)),  # CIE illuminant A
        (5003, (0.3457, 0.3585)),  # D50
        (5503, (0.3324, 0.3474)),  # D55
        (7504, (0.2990, 0.3149)),  # D75
    ],
)
def test_known_illuminants_have_their_colours(kelvin, xy):
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )

    xyz = to_xyz @ light_bgr(float(kelvin))[::-1]

    assert xyz[1] == pytest.approx(1, abs=0.002)
    assert xyz[:2] / xyz.sum() == pytest.approx(xy, abs=0.002)


def test_a_stop_is_twice_the_light_and_the_sensor_clips():
    shot = SimulatedCamera(stops=1.0).shoot(GREYS)[0, :, 0]

    assert to_linear(shot[100] / 255) == pytest.approx(2 * to_linear(100 / 255), rel=0.01)
    assert (shot[190:] == 255).all()


def test_the_corners_lose_what_was_asked_for_and_the_middle_nothing():
    field = falloff(91, 161, 0.4)

    assert field[45, 80] == pytest.approx(1)
    assert field[[0, 0, -1, -1], [0, -1, 0, -1]] == pytest.approx([0.6] * 4)


@pytest.mark.parametrize("wrong", [{"kelvin": 900}, {"stops": 20}, {"vignette": 1}])
def test_a_camera_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SimulatedCamera(**wrong)


def test_an_empty_scene_is_the_tray_alone():
    scene = TrayScene(("Emerald",), seed=1, size=(160, 90))

    empty = scene.draw_empty(0).astype(int)

    assert np.abs(empty - make_tray(160, 90, np.random.default_rng([1, 1]))).mean() < 3
    assert np.abs(empty - scene.draw(0.0, 0)).mean() > 5
