"""From frames to one result for each stone, with a model that is told the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from deploy.arrays import ByteArray
from deploy.backends.base import Prediction
from deploy.bundle import EMBEDDING_SIZE, SCHEMA, Manifest
from deploy.decision import LIST, Decision
from deploy.errors import FrameError
from deploy.locate import find_stone
from deploy.preprocess import Framing, InputSpec, SquareBox, box_around
from deploy.render.scene import REST_S, SLIDE_S, TrayScene
from edge_app.live.eye import Seen
from edge_app.scanner import ScannedStone, Scanner
from edge_app.scanner.look import TrayState
from tests.trays import Laid, lay, photographed, reach_in, tray

LABELS = (
    "Alexandrite", "Almandine", "Benitoite", "Cats Eye", "Carnelian", "Beryl Golden", "Danburite",
    "Diamond", "Emerald", "Fluorite", "Garnet Red", "Hessonite", "Iolite", "Jade", "Kunzite",
)  # fmt: skip
FPS = 10
STAY_S = SLIDE_S + REST_S + SLIDE_S


class Told:
    """A model that says what the test lays down."""

    name, precision = "told", "fp32"

    def __init__(self) -> None:
        self.truth = "Emerald"
        self.logits: dict[str, float] | None = None
        self.calls = 0

    def infer(self, batch: ByteArray) -> Prediction:
        self.calls += 1
        said = self.logits or {self.truth: 8.0}
        logits = np.array([[said.get(label, 0.0) for label in LABELS]], np.float32)
        return Prediction(logits, np.full((1, EMBEDDING_SIZE), 0.5, np.float32))

    def close(self) -> None: ...

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *_: object) -> None: ...


MANIFEST = Manifest(
    schema=SCHEMA,
    name="told",
    version="1",
    labels=LABELS,
    input=InputSpec(32),
    framing=Framing("stone", 0.1),
    decision=Decision(name_at_least=0.6),
    metrics={},
    provenance={},
)


class Bench:
    """A scanner over a tray, and all that comes out of it."""

    def __init__(self, manifest: Manifest = MANIFEST) -> None:
        self.model = Told()
        self.stones: list[ScannedStone] = []
        self.scanner = Scanner(self.model, manifest, on_stone=self.stones.append)
        self.ground = tray("grey")
        self.at_s = 0.0
        self.show(self.ground, 6)

    def show(self, picture: ByteArray, frames: int = 8) -> Seen:
        for _ in range(frames):
            grain = round(self.at_s * FPS)
            seen = self.scanner.look(photographed(picture, grain), self.at_s)
            self.at_s = (grain + 1) / FPS
        return seen

    def with_stone(self, label: str, **laid: float) -> ByteArray:
        self.model.truth = label
        return lay(self.ground, Laid(label, **laid))

    @property
    def names(self) -> list[str]:
        return [stone.verdict.text for stone in self.stones]


def test_one_stone_from_the_empty_tray_to_the_empty_tray():
    bench = Bench()
    assert bench.model.calls == 0

    picture = bench.with_stone("Emerald")
    seen = bench.show(picture)
    lifted = bench.show(bench.ground)

    assert (seen.lifted, seen.final, seen.verdict.text) == (False, True, "Emerald")
    assert (lifted.lifted, lifted.verdict.text) == (True, "Emerald")
    (stone,) = bench.stones
    assert stone.rested_s < stone.verdict_s < stone.lifted_s
    assert stone.verdict_s - stone.rested_s <= 0.4
    assert stone.lifted_s == pytest.approx(1.4)
    assert stone.frames == bench.model.calls < 8
    assert stone.embedding == pytest.approx(np.full(EMBEDDING_SIZE, 0.5))
    assert stone.crop_bgr.shape == (stone.box.side_px, stone.box.side_px, 3)
    assert stone.crop_bgr[..., 1].mean() > stone.crop_bgr[..., 2].mean()  # green


def test_the_network_sees_the_square_that_the_bundle_asks_for():
    bench = Bench()
    picture = bench.with_stone("Emerald", x=200.0)
    boxes = [bench.show(picture, 1).box for _ in range(5)]

    expected = box_around(find_stone(picture), 0.1, 360, 640)
    seen = boxes[-1]
    assert (seen.x, seen.y, seen.side_px) == pytest.approx(
        (expected.x, expected.y, expected.side_px), abs=4
    )

    central = Bench(replace(MANIFEST, framing=Framing("centre", 0.0)))
    scans = [central.show(central.with_stone("Emerald"), 1) for _ in range(5)]
    assert SquareBox(140, 0, 360) in [scan.box for scan in scans]


def test_a_stone_beside_a_central_square_is_asked_to_the_middle():
    bench = Bench(replace(MANIFEST, framing=Framing("centre", 0.0)))

    scan = bench.show(bench.with_stone("Emerald", x=90.0))

    assert scan.prompt == TrayState.EDGE.message
    assert bench.model.calls == 0


def test_while_the_stone_lies_still_the_network_rests_and_wakes_when_it_is_turned():
    bench = Bench()
    still = bench.with_stone("Emerald")
    bench.show(still, 10)

    before = bench.model.calls
    bench.show(still, 30)
    resting = bench.model.calls - before
    for i in range(30):
        bench.show(bench.with_stone("Emerald", turned=0.35 * (i + 1)), 1)
    turning = bench.model.calls - before - resting

    assert 6 <= resting <= 10  # three a second, of ten
    assert turning > 20
    assert bench.stones == []


def test_turning_the_stone_refines_the_verdict_and_it_stays_one_stone():
    bench = Bench()
    first = bench.show(bench.with_stone("Emerald"))
    assert first.verdict.text == "Emerald"

    for turn in range(1, 7):
        picture = lay(bench.ground, Laid("Emerald", turned=0.5 * turn))
        bench.model.truth = "Jade"
        bench.show(reach_in(picture, (330, 180)), 3)
        bench.show(picture, 6)
    bench.show(bench.ground)

    (stone,) = bench.stones
    assert stone.verdict.text == "Jade"


def test_a_stone_swapped_by_hand_is_a_second_one():
    bench = Bench()
    first = bench.with_stone("Emerald")
    bench.show(first)
    bench.show(reach_in(first, (250, 180)), 3)
    second = bench.with_stone("Almandine")
    bench.show(reach_in(second, (250, 180)), 3)
    bench.show(second)
    bench.show(bench.ground)

    assert bench.names == ["Emerald", "Almandine"]


def test_two_stones_a_hand_and_a_blur_get_no_verdict():
    bench = Bench()
    two = lay(bench.ground, Laid("Ruby", x=200), Laid("Emerald", x=430))

    assert bench.show(two).prompt == TrayState.SEVERAL.message
    assert bench.show(reach_in(bench.ground, (300, 180))).prompt == TrayState.HAND.message
    assert bench.model.calls == 0
    assert bench.show(bench.ground).verdict is None


def test_close_kinds_are_a_list_with_their_family_and_the_test_that_tells_them():
    bench = Bench()
    picture = bench.with_stone("Almandine")
    bench.model.logits = {"Almandine": 8.0, "Hessonite": 7.9}
    garnets = bench.show(picture)
    bench.show(bench.ground)
    bench.model.logits = {"Emerald": 8.0, "Jade": 7.9}
    others = bench.show(bench.with_stone("Emerald"))

    assert garnets.verdict.kind == others.verdict.kind == LIST
    assert garnets.hint.startswith("garnet: hydrostatic balance")
    assert others.hint.startswith("polariscope (refraction): Emerald double")


def test_a_run_that_ends_reports_the_stone_that_lies_there_once():
    bench = Bench()
    bench.show(bench.with_stone("Emerald"))
    bench.scanner.close()
    bench.scanner.close()

    assert bench.names == ["Emerald"]
    assert bench.stones[0].lifted_s is None


def test_a_lost_camera_keeps_a_stone_that_is_still_there_and_ends_one_that_is_not():
    bench = Bench()
    first = bench.with_stone("Emerald")
    bench.show(first)
    bench.scanner.blink()
    bench.show(first)
    assert bench.stones == []

    bench.scanner.blink()
    bench.show(bench.with_stone("Almandine"))
    assert bench.names == ["Emerald"]


def test_what_is_no_frame_is_refused():
    with pytest.raises(FrameError, match="uint8"):
        Bench().scanner.look(np.zeros((48, 64), np.uint8), 1.0)


class SameStones(TrayScene):
    """Cuts each kind once: what is tested is who comes when, and cutting costs the most."""

    def _made(self, number: int):
        kept = self.__dict__.setdefault("_kept", {})
        kind = number % len(self._labels)
        if kind not in kept:
            kept[kind] = super()._made(number)
        return kept[kind]


def frames_of(scene: TrayScene, stones: int, fps: int) -> Iterator[tuple[float, int, ByteArray]]:
    for index in range(int((stones * STAY_S - SLIDE_S) * fps)):
        at_s = index / fps
        yield at_s, scene.at(at_s)[0], scene.draw(at_s, index)


def scan_demo(scene: TrayScene, stones: int, fps: int) -> Bench:
    bench = Bench()
    bench.scanner = Scanner(bench.model, MANIFEST, on_stone=bench.stones.append)
    for at_s, number, image in frames_of(scene, stones, fps):
        bench.model.truth = LABELS[number % len(LABELS)]
        bench.scanner.look(image, at_s)
    bench.scanner.close()
    return bench


def test_the_demo_gives_each_stone_once_and_quickly():
    bench = scan_demo(TrayScene(LABELS, seed=1, size=(480, 270)), 4, fps=30)

    assert bench.names == list(LABELS[:4])
    assert all(stone.verdict_s - stone.rested_s < 0.3 for stone in bench.stones)
    # From the moment it comes to rest in the scene.
    waits = [stone.verdict_s - i * STAY_S for i, stone in enumerate(bench.stones)][1:]
    assert max(waits) < 0.5


@pytest.mark.slow
def test_five_hundred_stones_are_five_hundred_results_in_order():
    bench = scan_demo(SameStones(LABELS, seed=2, size=(160, 90)), 500, fps=6)

    assert bench.names == [LABELS[i % len(LABELS)] for i in range(500)]
    rested = [stone.rested_s for stone in bench.stones]
    assert rested == sorted(rested)
