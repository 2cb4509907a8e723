"""The stone's locator, on drawn stones whose place is known, and on trays without one."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import pytest

from deploy.locate import Stone, find_stone
from deploy.render import stone_sprite
from deploy.render.ground import GROUNDS, make_ground
from deploy.render.scene import TrayScene
from deploy.render.tray import make_tray

WIDTH, HEIGHT = 640, 360
KINDS = [*GROUNDS, "black"]


class Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int


def tray(kind: str, seed: int = 0) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8 BGR: a ground under a lamp, with a sensor's noise."""
    rng = np.random.default_rng(seed)
    return photographed(make_ground(kind, WIDTH, rng)[:HEIGHT], rng)


def photographed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noisy = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], 1)


def lay(ground: np.ndarray, label: str, side: int, x: int, y: int) -> tuple[np.ndarray, Box]:
    """A drawn stone on a copy of the ground, and its box."""
    bgr, alpha = stone_sprite(label, np.random.default_rng(side), side)
    picture = ground.astype(np.float32)
    part = picture[y : y + side, x : x + side]
    part += (bgr - part) * alpha[..., None]
    rows, columns = np.nonzero(alpha > 0.5)
    left, top = int(columns.min()), int(rows.min())
    box = Box(x + left, y + top, int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return photographed(picture, np.random.default_rng(1)), box


def overlap(found: Stone | None, box: Box) -> float:
    """Intersection over union; 0 where nothing was found."""
    if found is None:
        return 0.0
    width = min(found.x + found.width, box.x + box.width) - max(found.x, box.x)
    height = min(found.y + found.height, box.y + box.height) - max(found.y, box.y)
    both = max(0, width) * max(0, height)
    return both / (found.width * found.height + box.width * box.height - both)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("label", "side", "x", "y"), [("Ruby", 90, 330, 200), ("Jade", 250, 90, 60)]
)
def test_a_stone_is_found_on_every_ground(kind: str, label: str, side: int, x: int, y: int):
    picture, box = lay(tray(kind), label, side, x, y)

    found = find_stone(picture)

    assert overlap(found, box) > 0.7
    assert found is not None
    assert found.share == found.width * found.height / (WIDTH * HEIGHT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_on_an_empty_tray_nothing_is_found(kind: str, seed: int):
    assert find_stone(tray(kind, seed)) is None


def test_a_clear_stone_on_white_is_found_by_its_outline():
    white = np.full((HEIGHT, WIDTH, 3), 250, np.uint8)
    cv2.ellipse(white, (300, 190), (80, 60), 0, 0, 360, (215, 214, 213), 4, cv2.LINE_AA)

    assert overlap(find_stone(white), Box(218, 128, 165, 125)) > 0.8


def test_a_soft_shadow_alone_is_no_stone():
    shadow = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(shadow, (300, 180), 60, 25, -1)
    light = 225 - cv2.GaussianBlur(shadow, (0, 0), 25)
    picture = np.repeat(light[:, :, None], 3, axis=2)

    assert find_stone(photographed(picture, np.random.default_rng(0))) is None


def test_the_larger_of_two_stones_is_taken():
    picture, _ = lay(tray("white"), "Ruby", 80, 60, 60)
    picture, large = lay(picture, "Emerald", 180, 330, 100)

    assert overlap(find_stone(picture), large) > 0.7


def test_a_hand_beside_the_stone_is_not_the_stone():
    ground = tray("grey")
    cv2.fillPoly(ground, [np.array([[0, 90], [150, 130], [150, 230], [0, 280]])], (120, 150, 210))
    picture, box = lay(ground, "Sapphire Blue", 110, 300, 120)

    assert overlap(find_stone(picture), box) > 0.7


def test_tweezers_that_hold_the_stone_are_left_out():
    ground = tray("white")
    cv2.line(ground, (0, 170), (330, 180), (60, 60, 60), 12)
    picture, box = lay(ground, "Garnet Red", 150, 300, 110)

    assert overlap(find_stone(picture), box) > 0.7


def test_a_stone_that_the_picture_cuts_off_is_found():
    whole = np.full((HEIGHT, WIDTH, 3), 235, np.uint8)
    cv2.circle(whole, (20, 180), 80, (40, 30, 190), -1)

    assert overlap(find_stone(whole), Box(0, 100, 101, 161)) > 0.85


@pytest.mark.parametrize("seed", range(3))
def test_where_the_counter_shows_the_tray_is_searched(seed: int):
    scene = TrayScene(("Emerald",), seed=seed, size=(WIDTH, HEIGHT))
    empty = make_tray(WIDTH, HEIGHT, np.random.default_rng([seed, 1]))

    found = find_stone(scene.draw(1.0, 0))

    assert find_stone(empty) is None
    assert found is not None
    assert 0.3 * HEIGHT < found.height < 0.85 * HEIGHT
    assert abs(found.x + found.width / 2 - WIDTH / 2) < 0.1 * HEIGHT


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (16, 16), (2000, 1000)])
def test_a_picture_of_any_shape_has_an_answer(shape: tuple[int, int]):
    assert find_stone(np.full((*shape, 3), 128, np.uint8)) is None


def test_a_border_full_of_things_tells_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (9, 16, 3), dtype=np.uint8)

    assert find_stone(cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)) is None


def test_the_box_does_not_depend_on_the_pictures_resolution():
    large, box = lay(tray("grey"), "Ruby", 160, 240, 90)
    small = cv2.resize(large, (320, 180), interpolation=cv2.INTER_AREA)

    found = find_stone(small)

    assert found is not None
    twice = Stone(2 * found.x, 2 * found.y, 2 * found.width, 2 * found.height, found.share)
    assert overlap(twice, box) > 0.75
