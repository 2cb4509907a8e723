from __future__ import annotations

from edge_app.capture.hold import HeldButton


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_held_button_that_falls_silent_is_let_go_after_a_second():
    clock = Clock()
    button = HeldButton(clock)
    assert not button.on

    for _ in range(10):
        button.tell(on=True)
        clock.now += 0.9
        assert button.on

    clock.now += 0.11
    assert not button.on


def test_letting_go_ends_it_at_once_but_a_short_press_lasts_for_one_picture():
    clock = Clock()
    button = HeldButton(clock)

    button.tell(on=True)
    clock.now += 0.05
    button.tell(on=False)
    assert button.on
    clock.now += 0.21
    assert not button.on

    button.tell(on=True)
    clock.now += 0.6
    button.tell(on=True)
    button.tell(on=False)
    assert not button.on


def test_letting_go_of_a_button_that_is_not_held_does_nothing():
    button = HeldButton(Clock())

    button.tell(on=False)

    assert not button.on
