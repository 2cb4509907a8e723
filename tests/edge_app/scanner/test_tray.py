"""What lies on the tray, told on drawn trays of several colours."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import pytest

from deploy.arrays import ByteArray
from edge_app.scanner.look import TrayLook, TrayState
from edge_app.scanner.tray import Tray
from tests.trays import HEIGHT, Laid, lay, photographed, reach_in, shaded, tray

FPS = 10
KINDS = ("white", "grey", "black", "velvet", "tinted")
TWO = (Laid("Ruby", x=200), Laid("Emerald", x=430))


class Watched:
    """A tray that is shown picture after picture, each for some frames."""

    def __init__(self) -> None:
        self.tray = Tray()
        self.frames = 0

    def show(
        self, picture: ByteArray, frames: int = 4, blur: float = 0.0, noise: float = 2.0
    ) -> TrayLook:
        for _ in range(frames):
            image = photographed(picture, self.frames, blur, noise)
            look = self.tray.look(image, self.frames / FPS)
            self.frames += 1
        return look

    def states(self, pictures: Iterable[ByteArray]) -> list[str]:
        return [self.show(picture, frames=1).state.value for picture in pictures]


def begun(ground: ByteArray) -> Watched:
    """One that has learnt the empty tray."""
    watched = Watched()
    assert watched.show(ground, frames=6).state is TrayState.EMPTY
    return watched


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "stone",
    [
        Laid("Emerald"),
        Laid("Danburite", x=250),
        Laid("Almandine", side=60, y=200),
        Laid("Jade", side=250),
        Laid("Iolite", shadow=0.9, mirrored=0.4),
    ],
    ids=lambda stone: stone.label,
)
def test_one_stone_is_found_where_it_lies(kind: str, stone: Laid):
    ground = tray(kind)

    look = begun(ground).show(lay(ground, stone))

    assert look.state is TrayState.ONE_STONE
    assert look.stone is not None
    assert look.stone.x + look.stone.width / 2 == pytest.approx(stone.x, abs=0.12 * stone.side)
    assert look.stone.y + look.stone.height / 2 == pytest.approx(stone.y, abs=0.12 * stone.side)
    assert 0.4 * stone.side < max(look.stone.width, look.stone.height) < 1.1 * stone.side
    assert look.focus > 0.3
    assert look.message == ""


@pytest.mark.parametrize("kind", KINDS)
def test_two_stones_are_several_apart_and_side_by_side(kind: str):
    ground = tray(kind)
    touching = Laid("Jade", x=260, side=120), Laid("Emerald", x=366, side=120)

    assert begun(ground).show(lay(ground, *TWO)).state is TrayState.SEVERAL
    assert begun(ground).show(lay(ground, *touching)).state is TrayState.SEVERAL


@pytest.mark.parametrize("kind", KINDS)
def test_a_hand_is_a_hand_with_a_stone_and_without(kind: str):
    ground = tray(kind)
    watched = begun(ground)

    assert watched.show(reach_in(ground, (350, 180))).state is TrayState.HAND
    stone = lay(ground, Laid("Emerald", x=200))
    assert watched.show(reach_in(stone, (350, 180))).state is TrayState.HAND
    assert watched.show(stone).state is TrayState.ONE_STONE


def test_a_stone_over_the_pictures_edge_is_told_to_be_there():
    ground = tray("grey")
    watched = begun(ground)

    look = watched.show(lay(ground, Laid("Emerald", x=12)), frames=10)

    assert look.state is TrayState.EDGE
    assert "middle" in look.message


def test_a_blurred_stone_is_out_of_focus_and_not_when_it_is_sharp_again():
    ground = tray("grey")
    stone = lay(ground, Laid("Emerald"))
    watched = begun(ground)

    assert watched.show(stone, blur=5).state is TrayState.OUT_OF_FOCUS
    soft, sharp = watched.show(stone, blur=1.5), watched.show(stone)
    assert sharp.state is TrayState.ONE_STONE
    assert soft.focus < 0.8 * sharp.focus


def test_focus_does_not_depend_on_how_a_stone_stands_out():
    focus = [
        begun(ground := tray(kind)).show(lay(ground, Laid("Emerald"))).focus
        for kind in ("white", "black")
    ]

    assert focus[0] == pytest.approx(focus[1], abs=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_shadows_and_a_change_of_light_are_no_stones(kind: str):
    ground = tray(kind)
    watched = begun(ground)

    shadows = [shaded(ground, x, 180, 120, 0.35) for x in (150, 250, 350)]
    assert watched.states(shadows) == ["empty"] * 3
    assert watched.show((ground * 0.85).astype(np.uint8)).state is TrayState.EMPTY
    darker = (lay(ground, Laid("Emerald")) * 0.85).astype(np.uint8)
    assert watched.show(darker).state is TrayState.ONE_STONE


def test_a_soft_light_mirrored_in_a_black_tray_is_no_stone():
    glow = np.zeros((HEIGHT, 640, 3), np.float32)
    cv2.circle(glow, (420, 120), 60, (70, 70, 70), -1)
    mirrored = cv2.add(tray("black"), cv2.GaussianBlur(glow, (0, 0), 25).astype(np.uint8))

    assert begun(tray("black")).show(mirrored).state is TrayState.EMPTY


@pytest.mark.parametrize("noise", [0.0, 8.0, 16.0])
def test_the_cameras_own_noise_is_learnt_with_the_tray(noise: float):
    ground = tray("grey")
    watched = Watched()

    assert watched.show(ground, frames=8, noise=noise).state is TrayState.EMPTY
    assert watched.show(lay(ground, Laid("Emerald")), noise=noise).state is TrayState.ONE_STONE
    assert watched.show(ground, noise=noise).state is TrayState.EMPTY


def test_specks_of_dust_are_not_asked_to_be_removed():
    ground = tray("grey")
    dusty = ground.copy()
    for x in (100, 300, 500):
        cv2.circle(dusty, (x, 150), 3, (230, 230, 230), -1)
    watched = begun(ground)

    assert watched.show(dusty).state is TrayState.EMPTY
    assert watched.show(lay(dusty, Laid("Emerald"))).state is TrayState.ONE_STONE


def test_a_stone_that_slides_is_moving_and_one_that_turns_lies_still():
    ground = tray("grey")
    watched = begun(ground)

    sliding = [lay(ground, Laid("Emerald", x=250 + 12 * i)) for i in range(5)]
    turning = [lay(ground, Laid("Emerald", turned=0.05 * i)) for i in range(8)]
    assert watched.states(sliding) == ["moving"] * 5
    assert watched.states(turning)[2:] == ["one stone"] * 6


@pytest.mark.parametrize("kind", KINDS)
def test_a_stone_that_lies_there_at_the_start_is_seen_and_its_place_learnt_later(kind: str):
    ground = tray(kind)
    watched = Watched()

    assert watched.show(lay(ground, Laid("Emerald")), frames=8).state is TrayState.ONE_STONE
    assert watched.show(ground).state is TrayState.EMPTY
    assert watched.show(lay(ground, Laid("Almandine", x=350))).state is TrayState.ONE_STONE


def test_two_stones_at_the_start_are_several():
    assert Watched().show(lay(tray("grey"), *TWO), frames=8).state is TrayState.SEVERAL


def test_what_was_learnt_by_mistake_is_unlearnt_when_it_is_gone():
    """A thing in the corner passes for part of the tray at the start."""
    ground = tray("grey")
    card = ground.copy()
    card[:120, :160] = (40, 60, 160)
    watched = Watched()

    assert watched.show(card, frames=8).state is TrayState.EMPTY
    assert watched.show(ground).state is TrayState.EMPTY
    assert watched.show(lay(ground, Laid("Emerald", x=170, y=100))).state is TrayState.ONE_STONE


def test_a_hand_at_the_start_is_not_taken_for_a_stone():
    ground = tray("grey")
    watched = Watched()

    seen = watched.states([reach_in(ground, (300, 180))] * 8)
    assert "one stone" not in seen
    assert watched.show(ground, frames=8).state is TrayState.EMPTY
    assert watched.show(lay(ground, Laid("Emerald", x=400))).state is TrayState.ONE_STONE


def test_a_stone_that_lies_for_long_is_never_learnt():
    ground = tray("grey")
    watched = begun(ground)
    stone = photographed(lay(ground, Laid("Danburite")), 1)

    looks = [watched.tray.look(stone, 10.0 + minute * 60) for minute in range(120)]
    looks += [watched.tray.look(stone, 7300 + i / FPS) for i in range(3)]

    assert looks[-1].state is TrayState.ONE_STONE
    assert watched.tray.look(photographed(ground, 3), 7301).state is TrayState.EMPTY


def test_a_slow_change_of_the_empty_tray_is_followed():
    ground = tray("grey")
    watched = begun(ground)
    lamp = np.linspace(0, 1, 640)[None, :, None]  # one that comes up on the right

    for i in range(60):
        stronger = np.clip(ground * (1 + i / 120 * lamp), 0, 255).astype(np.uint8)
        look = watched.tray.look(photographed(stronger, i), 10 + i)
        assert look.state is TrayState.EMPTY
    assert watched.tray.look(photographed(ground, 61), 70.1).state is TrayState.EMPTY


def test_another_tray_is_learnt_after_a_moment():
    watched = begun(tray("grey"))
    marble = cv2.resize(
        np.random.default_rng(3).integers(90, 250, (9, 16, 3), np.uint8), (640, HEIGHT)
    )

    watched.show(marble, frames=40)

    assert watched.show(marble).state is TrayState.EMPTY


def test_a_picture_that_never_holds_still_is_not_learnt():
    watched = Watched()
    waving = [reach_in(tray("grey"), (200 + 40 * (i % 5), 180)) for i in range(10)]

    assert set(watched.states(waving)) == {"starting"}


@pytest.mark.parametrize("shape", [(16, 16), (120, 160), (1080, 1920)])
def test_frames_of_any_size_and_a_change_of_it_are_taken(shape: tuple[int, int]):
    tray = Tray()
    for i in range(6):
        tray.look(np.full((48, 64, 3), 90, np.uint8), i / FPS)

    looks = [tray.look(np.full((*shape, 3), 128, np.uint8), 1 + i / FPS) for i in range(7)]

    assert looks[0].state is TrayState.STARTING
    assert looks[-1].state is TrayState.EMPTY
