from __future__ import annotations

import cv2
import numpy as np
import pytest

from deploy.render.scene import TrayScene
from edge_app.capture.likeness import KeptPictures, signature
from tests.trays import Laid, lay, photographed, tray

GROUND = tray()


def shot(grain: int = 0, **laid: object):
    return photographed(lay(GROUND, Laid(**laid)), grain)  # type: ignore[arg-type]


@pytest.fixture
def kept() -> KeptPictures:
    kept = KeptPictures()
    kept.add(signature(shot()), "Ruby")
    return kept


def again(picture):
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1)


@pytest.mark.parametrize(
    "picture",
    [shot(5), shot(5, turned=0.03), shot(5, x=321), again(shot()), cv2.resize(shot(), (480, 270))],
    ids=["noise", "2 degrees", "1 pixel", "JPEG 40", "smaller"],
)
def test_nearly_the_same_picture_is_known(kept, picture):
    assert kept.classes_like(signature(picture)) == {"Ruby"}


@pytest.mark.parametrize(
    "picture",
    [
        shot(5, turned=0.35),
        shot(5, x=332),
        shot(5, seed=2),
        shot(5, label="Almandine"),
        photographed(GROUND, 5),
    ],
    ids=["20 degrees", "12 pixels", "another ruby", "almandine", "no stone"],
)
def test_a_stone_that_was_turned_moved_or_changed_is_new(kept, picture):
    assert kept.classes_like(signature(picture)) == set()


def test_of_a_stone_of_the_demo_that_turns_every_few_pictures_one_is_new():
    """It lies there for 3 s and turns by 9 degrees a second: at five pictures a second."""
    scene, kept = TrayScene(["Emerald"], seed=0, size=(640, 360)), KeptPictures()

    for number in range(15):
        seen = signature(scene.draw(number / 5, number))
        if not kept.classes_like(seen):
            kept.add(seen, "Emerald")

    assert 3 <= len(kept) <= 10


def test_what_was_removed_is_forgotten_and_the_rest_is_not():
    rng, kept = np.random.default_rng(0), KeptPictures()
    seen = rng.integers(0, 256, (200, 32, 32, 3), dtype=np.uint8)
    numbers = [kept.add(one, f"class {n}") for n, one in enumerate(seen)]

    for number in numbers[::2]:
        kept.remove(number)

    found = [kept.classes_like(one) for one in seen]
    assert found == [{f"class {n}"} if n % 2 else set() for n in range(200)]
    assert len(kept) == 100


def test_the_coarse_search_rules_out_nothing_that_is_alike():
    rng, kept = np.random.default_rng(0), KeptPictures()
    seen = rng.integers(20, 236, (50, 32, 32, 3), dtype=np.uint8)
    for n, one in enumerate(seen):
        kept.add(one, str(n))

    for away in (-14, 14, 15):
        near = [kept.classes_like((one + away).astype(np.uint8)) for one in seen.astype(int)]
        assert near == [{str(n)} if abs(away) <= 14 else set() for n in range(50)]
