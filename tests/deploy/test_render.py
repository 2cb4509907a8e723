"""Drawn stones: the same for a seed, different for a label, and right in their optics."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from deploy.errors import DataError
from deploy.pictures import find_pictures, read_picture
from deploy.render import LOOKS, look_of, render_folder, render_stone, stone_sprite
from deploy.render.cuts import OUTLINES, outline, solid
from deploy.render.facets import refract
from deploy.render.light import make_light
from deploy.render.stone import make_stone

ROOT = Path(__file__).parents[2]


def _mean_colour(label: str, count: int = 6) -> np.ndarray:
    """Mean BGR of the stone's own pixels over some stones."""
    means = []
    for seed in range(count):
        bgr, alpha = stone_sprite(label, np.random.default_rng(seed), 64)
        means.append((bgr * alpha[..., None]).sum(axis=(0, 1)) / alpha.sum())
    return np.mean(means, axis=0)


@pytest.mark.parametrize("label", sorted(LOOKS))
def test_a_stone_is_drawn_again_to_the_pixel_from_the_same_seed(label):
    first = render_stone(label, np.random.default_rng(3), size_px=96)
    second = render_stone(label, np.random.default_rng(3), size_px=96)

    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert not np.array_equal(first, render_stone(label, np.random.default_rng(4), size_px=96))


def test_a_sprite_covers_its_middle_fades_at_its_edge_and_leaves_the_corners_free():
    _, alpha = stone_sprite("Garnet Red", np.random.default_rng(1), 120)

    assert alpha.dtype == np.float32
    assert alpha[60, 60] == 1
    assert alpha[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    assert ((alpha > 0.05) & (alpha < 0.95)).any()


def test_each_stone_has_the_colour_of_its_kind():
    """Whatever cut, depth and light the seed chose, a jeweller's one-word colour holds."""
    blue, green, red = 0, 1, 2
    strongest = {"Emerald": green, "Jade": green, "Iolite": blue, "Benitoite": blue}
    strongest |= dict.fromkeys(("Almandine", "Garnet Red", "Hessonite", "Carnelian"), red)

    found = {label: int(_mean_colour(label).argmax()) for label in strongest}

    assert found == strongest


def test_what_the_demo_lays_to_be_taught_looks_like_what_it_is():
    blue, green, red = _mean_colour("Amethyst")
    assert blue > red > green

    blue, green, red = _mean_colour("Peridot")
    assert green > red > blue


def test_the_two_red_garnets_differ_in_lightness():
    assert _mean_colour("Garnet Red").sum() > 1.2 * _mean_colour("Almandine").sum()


def test_a_diamond_has_more_contrast_than_a_danburite():
    def contrast(label: str) -> float:
        greys = []
        for seed in range(8):
            bgr, alpha = stone_sprite(label, np.random.default_rng(seed), 96)
            grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)[alpha > 0.99].astype(float)
            greys.append(grey.std() / grey.mean())
        return float(np.median(greys))

    assert contrast("Diamond") > contrast("Danburite")


def test_an_unknown_name_has_a_look_that_does_not_change_from_one_process_to_the_next():
    """Python's own hash of a string does; the drawn look must not."""
    code = "from deploy.render import look_of; print(look_of('Unobtainium'))"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == str(look_of("Unobtainium"))
    assert look_of("Unobtainium") != look_of("Kryptonite")


@pytest.mark.parametrize("cut", sorted(OUTLINES))
def test_a_cut_is_a_closed_body_with_its_table_up_and_its_point_down(cut):
    rng = np.random.default_rng(5)
    points = outline(cut, rng)
    body = solid(cut, points, 1.7, rng)
    above, below = body.normals[:, 2] > 0, body.normals[:, 2] < 0

    assert np.allclose(np.linalg.norm(body.normals, axis=1), 1, atol=1e-5)
    assert (body.offsets > 0).all()  # the middle of the girdle is inside every facet
    assert above.any()
    assert below.any()
    assert body.normals[:, 2].max() == 1  # the table
    assert np.hypot(*points.T).max() == pytest.approx(1, abs=1e-5)


def test_refraction_obeys_snell_and_reflects_all_light_beyond_the_critical_angle():
    angle = np.radians([0.0, 20.0, 50.0])
    rays = np.stack([np.sin(angle), np.zeros(3), np.cos(angle)], axis=1).astype(np.float32)
    normal = np.broadcast_to(np.array([0, 0, 1], np.float32), rays.shape)

    bent, reflectance = refract(rays, normal, 1.5)

    assert bent[1, 0] == pytest.approx(1.5 * np.sin(angle[1]), abs=1e-5)
    assert reflectance[0] == pytest.approx(0.04, abs=1e-3)  # ((1.5 - 1) / (1.5 + 1)) squared
    assert reflectance[2] == 1  # the critical angle of glass is 41.8 degrees


def test_a_traced_stone_can_be_lit_again_and_glitters():
    """Turning the light changes facets, not the outline."""
    rng = np.random.default_rng(2)
    stone = make_stone("Diamond", rng, 80)
    light = make_light(rng, np.full(3, 0.5, np.float32))

    bgr, alpha = stone.lit(light, 80)
    turned_bgr, turned_alpha = stone.lit(light.turned(0.3), 80)

    assert np.array_equal(alpha, turned_alpha)
    assert not np.array_equal(bgr, turned_bgr)


def test_a_folder_of_stones_is_readable_and_grows_without_changing_what_is_there(tmp_path):
    render_folder(tmp_path / "few", ["Jade"], 1, seed=7, size_px=48)
    written = render_folder(tmp_path / "more", ["Cats Eye", "Jade"], 2, seed=7, size_px=48)

    names = [p.relative_to(tmp_path / "more").as_posix() for p in find_pictures(tmp_path / "more")]
    assert written == 4
    assert names == [
        "Cats Eye/cats_eye_000.jpg",
        "Cats Eye/cats_eye_001.jpg",
        "Jade/jade_000.jpg",
        "Jade/jade_001.jpg",
    ]
    first = read_picture(tmp_path / "few/Jade/jade_000.jpg")
    assert first.shape == (48, 48, 3)
    assert np.array_equal(first, read_picture(tmp_path / "more/Jade/jade_000.jpg"))


@pytest.mark.parametrize("name", ["../outside", "a/b", ".hidden"])
def test_a_class_name_that_is_no_folder_name_is_refused_before_anything_is_drawn(tmp_path, name):
    with pytest.raises(DataError, match="cannot be the name"):
        render_folder(tmp_path / "out", ["Jade", name], 1, size_px=48)

    assert not (tmp_path / "out").exists()
