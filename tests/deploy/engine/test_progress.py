"""How far a build is, out of TensorRT's nested phases."""

from __future__ import annotations

import logging
import sys
from threading import Event

import pytest

from deploy.engine import progress
from deploy.engine.progress import Phase, PhaseTracker, build_line

Told = list[tuple[str, int, int]]


@pytest.fixture
def told(monkeypatch) -> Told:
    """Everything that was shown; nothing is left out for coming too soon."""
    monkeypatch.setattr(progress, "SAY_EVERY_S", 0.0)
    return []


def tracker(told: Told, cancel: Event | None = None) -> PhaseTracker:
    def show(phase: Phase) -> None:
        told.append((phase.name, phase.done, phase.steps))

    return PhaseTracker(show, cancel or Event())


def go_through(build: PhaseTracker, phase: str, parent: str | None, steps: int, inside=()) -> None:
    """A phase from start to finish; in each of its steps the phases `inside` run as well."""
    build.start(phase, parent, steps)
    for step in range(steps):
        for name, inner_steps in inside:
            go_through(build, name, phase, inner_steps)
        assert build.step(phase, step)
    build.finish(phase)


def test_of_nested_phases_the_one_of_the_most_steps_is_shown_and_only_goes_forward(told: Told):
    build = tracker(told)
    build.start("Building engine", None, 5)
    build.step("Building engine", 0)

    go_through(build, "Tactic selection", "Building engine", 300, [("Timing", 3)])

    long = [done for name, done, _ in told if name == "Tactic selection"]
    assert long[0] == 0
    assert long == sorted(long)
    assert long[-1] == 300
    assert not any(name == "Timing" for name, _, _ in told)


def test_a_phase_that_its_parent_runs_again_begins_anew_and_never_passes_its_end(told: Told):
    build = tracker(told)

    go_through(build, "Building engine", None, 3, [("Fusing", 4), ("Timing", 6)])

    assert told.count(("Timing", 0, 6)) == told.count(("Timing", 6, 6)) == 3
    assert {name for name, _, _ in told} == {"Building engine", "Fusing", "Timing"}
    assert all(0 <= done <= steps for _, done, steps in told)
    assert told[-1] == ("Building engine", 3, 3)


def test_of_two_phases_as_long_the_inner_one_moves_and_is_shown(told: Told):
    build = tracker(told)
    build.start("Building engine", None, 8)
    build.start("Tactic selection", "Building engine", 8)
    build.step("Tactic selection", 2)

    assert told[-1] == ("Tactic selection", 3, 8)


def test_a_phase_without_a_known_parent_takes_the_place_of_all(told: Told):
    build = tracker(told)
    build.start("Calibration", None, 500)
    build.start("Building engine", None, 4)

    assert told[-1] == ("Building engine", 0, 4)


def test_the_end_of_a_phase_ends_what_is_inside_it(told: Told):
    build = tracker(told)
    build.start("outer", None, 2)
    build.start("middle", "outer", 50)
    build.start("inner", "middle", 90)
    build.finish("middle")
    build.step("outer", 0)

    assert told[-1] == ("outer", 1, 2)
    build.finish("outer")
    assert build.longest is None


@pytest.mark.parametrize(("steps", "step"), [(0, 0), (-1, 0), (3, 9)])
def test_numbers_that_make_no_sense_do_no_harm(told: Told, steps, step):
    build = tracker(told)
    build.step("not started", 0)
    build.start("odd", None, steps)
    build.step("odd", step)
    build.start("inside", "a parent that nobody started", steps)
    build.step("inside", step)
    build.finish("never started")
    build.finish("inside")
    build.finish("inside")

    assert len(told) == 4
    assert all(0 <= done <= steps and steps >= 1 for _, done, steps in told)


def test_it_speaks_a_few_times_a_second_and_no_more():
    """Tactics are timed by the thousand, and each line crosses a pipe."""
    told: Told = []

    go_through(tracker(told), "Building engine", None, 20, [("Tactic selection", 50)])

    assert 1 <= len(told) < 100


def test_cancelling_stops_the_next_step_and_stays_cancelled(told: Told):
    cancel = Event()
    build = tracker(told, cancel)
    build.start("Building engine", None, 3)
    assert build.step("Building engine", 0)
    assert not build.cancelled

    cancel.set()

    assert not build.step("Building engine", 1)
    cancel.clear()
    assert not build.step("Building engine", 2)
    assert build.cancelled


def test_where_nobody_watches_a_line_is_logged_now_and_then(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    with build_line("building fp16") as show:
        show(Phase("Tactic selection", 40, 10))
        assert not caplog.text
        monkeypatch.setattr(progress, "LOG_EVERY_S", 0.0)
        show(Phase("Tactic selection", 40, 11))

    assert "building fp16: 0 s, Tactic selection 11 of 40" in caplog.text


def be_a_terminal(monkeypatch) -> None:
    """Let stderr be what somebody looks at."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")


def test_on_a_terminal_the_phase_stands_below_the_build(monkeypatch, capsys):
    be_a_terminal(monkeypatch)
    with build_line("building fp16") as show:
        show(Phase("Fusing", 4))
        show(Phase("Tactic selection", 40, 10))

    printed = capsys.readouterr()
    assert "building fp16" in printed.err
    assert "Tactic selection" in printed.err
    assert "10/40" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("name", ["Timing [layer1]", "Timing [/layer1/conv/Conv]"])
def test_a_phase_is_shown_as_tensorrt_names_it_whatever_is_in_the_name(monkeypatch, capsys, name):
    """Brackets would be markup; a closing one that nothing opened would end the build."""
    be_a_terminal(monkeypatch)
    with build_line("building fp16") as show:
        show(Phase(name, 4, 1))

    assert name in capsys.readouterr().err
