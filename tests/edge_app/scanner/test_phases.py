"""The phases alone, with looks that are written down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.locate import Stone
from edge_app.scanner.look import TrayLook, TrayState
from edge_app.scanner.phases import Phase, Phases

RED, GREEN = (80.0, 180.0, 110.0), (90.0, 100.0, 120.0)
EMPTY = TrayLook(TrayState.EMPTY)
STEP_S = 0.125


def at_rest(x: int = 300, size: int = 100, colour: tuple[float, float, float] = RED) -> TrayLook:
    box = Stone(x, 150, size, size, 0.05)
    return TrayLook(TrayState.ONE_STONE, box, (box,), 0.8, colour)


def moving(x: int) -> TrayLook:
    return replace(at_rest(x), state=TrayState.MOVING)


def hand(x: int = 280, width: int = 360) -> TrayLook:
    """One that covers the picture from `x` on."""
    return TrayLook(TrayState.HAND, None, (Stone(x, 80, width, 250, 0.3),))


class Followed:
    """Phases that are shown eight looks a second; verdicts come after three."""

    def __init__(self) -> None:
        self.phases = Phases()
        self.events: list[str] = []
        self._at_s = self._settling = 0.0

    def show(self, look: TrayLook, count: int = 1) -> Followed:
        for _ in range(count):
            self.events += [event.value for event in self.phases.update(look, self._at_s)]
            self._at_s += STEP_S
            settling = self.phases.phase is Phase.SETTLING and look.state is TrayState.ONE_STONE
            self._settling = self._settling + 1 if settling else 0
            if self._settling == 3:
                self.phases.settle()
        return self


def with_verdict() -> Followed:
    followed = Followed().show(EMPTY, 3).show(at_rest(), 5)
    assert followed.phases.phase is Phase.VERDICT
    return followed


def test_a_stone_goes_through_the_phases_once():
    followed = Followed()
    seen = []
    for look in (EMPTY, hand(), moving(250), at_rest(), at_rest(), at_rest(), EMPTY, EMPTY, EMPTY):
        followed.show(look)
        seen.append(followed.phases.phase.value)
    followed.show(EMPTY, 20)

    assert seen == ["empty"] * 3 + ["settling"] * 2 + ["verdict"] * 3 + ["lifted"]
    assert followed.phases.phase is Phase.EMPTY
    assert followed.events == ["arrived", "lifted"]


def test_it_was_lifted_when_its_place_was_first_bare():
    followed = with_verdict().show(EMPTY, 5)

    assert followed.phases.lifted_s == pytest.approx(8 * STEP_S)


def test_a_stone_that_is_gone_before_its_verdict_is_dropped():
    followed = Followed().show(at_rest(), 2).show(EMPTY, 5)

    assert followed.events == ["arrived", "dropped"]
    assert followed.phases.phase is Phase.EMPTY


def test_a_moment_out_of_sight_while_it_settles_changes_nothing():
    followed = Followed().show(at_rest(), 1).show(moving(302)).show(at_rest(), 4)

    assert followed.events == ["arrived"]


def test_a_stone_that_is_lost_from_sight_for_one_frame_is_the_same():
    followed = with_verdict().show(EMPTY).show(at_rest(), 3)

    assert followed.events == ["arrived"]


def test_a_stone_that_is_turned_under_a_hand_is_the_same():
    turned = at_rest(310, 108, (84.0, 176.0, 112.0))

    followed = with_verdict().show(hand(), 10).show(turned, 3)

    assert followed.events == ["arrived", "resumed"]
    assert followed.phases.phase is Phase.VERDICT


@pytest.mark.parametrize(
    "other",
    [at_rest(colour=GREEN), at_rest(size=160), at_rest(420)],
    ids=["colour", "size", "place"],
)
def test_a_stone_that_was_swapped_under_a_hand_is_a_new_one(other: TrayLook):
    followed = with_verdict().show(hand(), 10).show(other, 5)

    assert followed.events == ["arrived", "lifted", "arrived"]
    assert followed.phases.phase is Phase.VERDICT


def test_a_like_stone_is_a_new_one_where_the_place_was_bare_in_between():
    """The hand was still over another part of the tray."""
    followed = with_verdict().show(hand(), 3).show(hand(500, 140), 2).show(hand(), 3)
    followed.show(at_rest(), 5)

    assert followed.events == ["arrived", "lifted", "arrived"]


def test_a_swap_between_two_frames_is_seen():
    followed = with_verdict().show(at_rest(colour=GREEN), 5)

    assert followed.events == ["arrived", "lifted", "arrived"]


def test_where_looks_are_few_a_like_stone_elsewhere_is_a_new_one():
    """A slow device may see nothing of what happens between two stones."""
    followed = with_verdict()
    followed.phases.update(at_rest(380), 2.0)

    assert followed.phases.phase is Phase.SETTLING
    assert followed.phases.update(at_rest(383), 2.5) == []


def test_a_stone_that_is_pushed_across_the_tray_is_the_same():
    followed = with_verdict()
    for x in range(300, 480, 20):
        followed.show(moving(x))
    followed.show(at_rest(480), 3)

    assert followed.events == ["arrived"]
    assert followed.phases.phase is Phase.VERDICT


def test_a_second_stone_beside_it_and_away_again_changes_nothing():
    two = TrayLook(TrayState.SEVERAL, None, (at_rest().stone, Stone(500, 150, 90, 90, 0.04)))

    followed = with_verdict().show(two, 10).show(at_rest(), 3)

    assert followed.events == ["arrived", "resumed"]


def test_of_two_stones_the_one_that_stays_is_new():
    two = TrayLook(TrayState.SEVERAL, None, (at_rest().stone, at_rest(480).stone))

    followed = with_verdict().show(two, 10).show(at_rest(480), 5)

    assert followed.events == ["arrived", "lifted", "arrived"]


@pytest.mark.parametrize(("after", "events"), [(RED, ["resumed"]), (GREEN, ["lifted", "arrived"])])
def test_after_a_lost_camera_the_stone_is_compared(after, events: list[str]):
    followed = with_verdict()
    followed.phases.interrupt()

    followed.show(at_rest(colour=after), 3)

    assert followed.events == ["arrived", *events]


def test_while_the_tray_is_learnt_anew_the_stone_is_not_taken_for_lifted():
    followed = with_verdict().show(TrayLook(TrayState.STARTING), 8).show(at_rest(), 3)

    assert followed.events == ["arrived", "resumed"]


def test_a_lost_camera_ends_the_settling():
    followed = Followed().show(at_rest())
    followed.phases.interrupt()

    assert followed.phases.phase is Phase.EMPTY
    assert followed.show(at_rest()).events == ["arrived", "arrived"]


def test_a_verdict_outside_of_settling_is_refused():
    with pytest.raises(RuntimeError, match="empty"):
        Phases().settle()
