"""Familiarity and thresholds: fitted on clouds of points, and by the commands on drawn blobs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import gemscan
from deploy.backends import open_backend
from deploy.bundle import EMBEDDING_SIZE, FAMILIARITY, Bundle, load_bundle
from deploy.decision import Decision
from deploy.evaluation.scores import auroc
from deploy.familiarity import features, read_familiarity
from deploy.golden.check import check_golden
from deploy.golden.familiarity import LEAST_TOLERANCE, read_golden_familiarity
from deploy.golden.golden import read_golden
from deploy.locate import find_stone
from train.confidence.collect import Seen, find_sides
from train.confidence.discriminant import fit_familiarity, scores
from train.confidence.fit import Looked, Settings, fit_confidence
from train.confidence.judged import Judged
from train.confidence.nothing import empty_trays
from train.confidence.rows import joined
from train.confidence.stand_ins import shuffle_parts, turn_hues
from train.confidence.thresholds import Asked
from train.confidence.views import views
from train.confidence_command import table
from train.export.trained import read_run

LABELS = ("Ruby", "Jade", "Opal")
OTHERS = ("Amber", "Coral", "Pearl", "Topaz", "Zircon", "Sphene")


def cloud(kind: str, count: int, seed: int, views_of_each: int = 1) -> Seen:
    """Pictures whose embeddings lie round a place of their kind; sure of the nearest label."""
    place = np.random.default_rng(list(kind.encode())).gamma(0.3, 1, EMBEDDING_SIZE)
    rng = np.random.default_rng(seed)
    n = count * views_of_each
    embedding = place * np.exp(rng.normal(0, 0.7, (n, EMBEDDING_SIZE)))
    logits = rng.normal(0, 1, (n, len(LABELS))).astype(np.float32)
    logits[:, LABELS.index(kind) if kind in LABELS else 0] += 6
    number = np.repeat(np.arange(count), views_of_each)
    plain = np.tile(np.arange(views_of_each) == 0, count)
    return Seen(logits, embedding.astype(np.float32), np.array([kind] * n), number, plain)


@pytest.fixture(scope="module")
def looked() -> Looked:
    return Looked(
        teaching=joined([cloud(kind, 12, seed=1) for kind in LABELS]),
        judging=joined([cloud(kind, 8, seed=2, views_of_each=2) for kind in LABELS]),
        others=joined([cloud(kind, 6, seed=3) for kind in OTHERS]),
        background=cloud("~nothing", 4, seed=4),
    )


def test_a_kind_that_no_fit_has_seen_is_less_familiar_than_the_known(looked: Looked):
    seen = joined([looked.teaching, looked.others])

    familiarity = fit_familiarity(seen.embedding, list(seen.kinds), LABELS)

    stranger = cloud("Malachite", 20, seed=5)
    known = scores(familiarity, looked.judging.logits, looked.judging.embedding)
    unknown = scores(familiarity, stranger.logits, stranger.embedding)
    assert familiarity.planes.shape == (EMBEDDING_SIZE + 1, len(LABELS) + len(OTHERS))
    assert auroc(list(known), list(unknown)) > 0.95


@pytest.mark.parametrize("count", [30, 60])
def test_fewer_pictures_than_numbers_in_an_embedding_give_the_same_functions(count: int):
    embedding = np.random.default_rng(6).gamma(1, 1, (count, 40)).astype(np.float32)
    kinds = ["Ruby", "Jade", "Amber"] * (count // 3)

    found = fit_familiarity(embedding, kinds, ("Ruby", "Jade"), shrinkage=0.3).planes

    points, numbers = features(embedding).astype(float), np.tile(np.arange(3), count // 3)
    centres = np.stack([points[numbers == i].mean(axis=0) for i in range(3)])
    away = points - centres[numbers]
    spread = away.T @ away / (count - 3)
    spread = 0.7 * spread + 0.3 * np.trace(spread) / 40 * np.eye(40)
    assert np.allclose(found[:-1], np.linalg.solve(spread, centres.T), rtol=1e-3, atol=1e-2)
    assert np.allclose(found[-1], -0.5 * (centres.T * found[:-1]).sum(axis=0), rtol=1e-3)


def test_familiarity_cannot_be_fitted_without_others_or_without_a_label(looked: Looked):
    known = looked.teaching
    with pytest.raises(ValueError, match="some other kind"):
        fit_familiarity(known.embedding, list(known.kinds), LABELS)
    with pytest.raises(ValueError, match="every label"):
        fit_familiarity(known.embedding, list(known.kinds), (*LABELS, "Beryl"))


def test_what_is_measured_adds_up_and_has_the_right_numbers(looked: Looked):
    measured = fit_confidence(looked, LABELS, Settings()).measured

    assert measured.unknown is not None
    assert (measured.known.named.n, measured.known_views.named.n) == (24, 48)
    assert (measured.unknown.named.n, measured.kinds) == (36, 6)
    for fate in (measured.known, measured.known_views, measured.unknown):
        assert fate.named.share + fate.listed.share + fate.referred.share == pytest.approx(1)
    assert measured.auroc_low <= measured.auroc <= measured.auroc_high
    assert measured.auroc > measured.auroc_confidence


def test_thresholds_come_of_the_folds_and_familiarity_of_the_model(looked: Looked):
    alone = fit_confidence(looked, LABELS, Settings())
    rng = np.random.default_rng(9)
    targets = np.tile(np.arange(3), 20)
    logits = rng.normal(0, 1, (60, 3)) + 2 * np.eye(3)[targets]
    everything = np.ones(60, bool)
    folds = Judged(
        logits.astype(np.float32), rng.normal(5, 1, 60), targets, np.arange(60), everything
    )

    fitted = fit_confidence(looked, LABELS, Settings(), folds)

    assert fitted.decision == folds.choose(Asked()) != alone.decision
    assert np.array_equal(fitted.familiarity.planes, alone.familiarity.planes)
    assert fitted.measured.known.named.n == 60
    assert fitted.measured.auroc == alone.measured.auroc


def test_with_few_kinds_of_others_the_unknown_are_not_measured(looked: Looked):
    two = replace(looked, others=looked.others.where(np.isin(looked.others.kinds, OTHERS[:2])))

    fitted = fit_confidence(two, LABELS, Settings())

    assert fitted.measured.unknown is None
    assert fitted.measured.as_json()["auroc"] is None
    assert "takes 5 other kinds, and --others holds 2" in table(Decision(), fitted)


def test_the_first_view_is_the_picture_and_the_others_are_not():
    picture = np.random.default_rng(0).integers(60, 190, (40, 50, 3), dtype=np.uint8)

    first, *others = views(picture, 3, np.random.default_rng(1))

    assert np.array_equal(first, picture)
    assert all(view.shape == picture.shape and view.dtype == np.uint8 for view in others)
    assert len({view.tobytes() for view in (first, *others)}) == 4


def test_turned_hues_change_colours_and_leave_greys():
    picture = np.full((4, 8, 3), 90, np.uint8)
    picture[:, 4:] = (0, 0, 200)  # red, as B, G, R

    turned = turn_hues(picture, 120)

    assert (turned[:, :4] == 90).all()
    assert turned[0, 5].tolist() == [0, 200, 0]


@pytest.mark.parametrize("shape", [(40, 50, 3), (41, 33, 3), (3, 9, 3)])
def test_shuffling_keeps_every_pixel_of_the_square(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    shuffled = shuffle_parts(picture, np.random.default_rng(2))

    side = min(shape[:2]) // 4 * 4
    assert shuffled.shape == ((side, side, 3) if side else shape)
    if side:
        top, left = ((length - side) // 2 for length in shape[:2])
        square = picture[top : top + side, left : left + side]
        assert not np.array_equal(shuffled, square)
        assert sorted(map(tuple, shuffled.reshape(-1, 3))) == sorted(
            map(tuple, square.reshape(-1, 3))
        )


def test_empty_trays_differ_and_show_nothing_but_felt():
    trays = empty_trays()

    assert len({tray.tobytes() for tray in trays}) == len(trays)
    assert all(tray.dtype == np.uint8 and tray.shape == (288, 288, 3) for tray in trays)
    assert sum(find_stone(tray) is not None for tray in trays) <= 1


@pytest.fixture(scope="module")
def exported(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("confidence") / "blobs3"
    assert gemscan.main(["export", str(finished_run), str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three pictures of each of six plain colours, and of rubies, which are known."""
    folder = tmp_path_factory.mktemp("strangers")
    rng = np.random.default_rng(3)
    for number, kind in enumerate((*OTHERS, "Ruby")):
        (folder / kind).mkdir()
        for index in range(3):
            colour = rng.integers(0, 256, 3)
            noise = rng.integers(-9, 10, (48, 48, 3))
            picture = np.clip(colour + noise + number, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / kind / f"{index}.png"), picture)
    return folder


def test_export_puts_familiarity_into_the_bundle(exported: Path):
    bundle = load_bundle(exported)

    familiarity = read_familiarity(bundle)

    assert familiarity is not None
    assert familiarity.planes.shape == (EMBEDDING_SIZE + 1, 3 + 3 * 5 + 1)  # stand-ins, trays
    assert bundle.manifest.metrics["confidence"]["pictures"]["judging"] == 3
    assert bundle.manifest.metrics["confidence"]["unknown"] is None


def test_extra_pictures_take_no_photographs_place_at_export(finished_run: Path, more_blobs: Path):
    run = read_run(finished_run, "best")

    assert {p.path.parent.parent for p in run.extra} == {more_blobs}
    assert len(run.extra) == 6
    assert len(run.teaching) == 24
    assert not any(p.path.is_relative_to(more_blobs) for p in run.teaching)


def test_export_keeps_the_familiarity_of_the_golden_pictures(exported: Path):
    bundle = load_bundle(exported)

    golden, kept = read_golden(bundle), read_golden_familiarity(bundle)

    assert golden is not None
    assert kept is not None
    assert {precision: len(rows) for precision, rows in kept.values.items()} == {
        "fp32": len(golden.pictures)
    }
    assert kept.tolerance["fp32"] >= LEAST_TOLERANCE
    with open_backend(bundle, "onnx-cpu") as backend:
        assert check_golden(bundle, backend) is not None


def test_export_says_so_where_the_pictures_that_taught_are_gone(
    finished_run: Path, tmp_path: Path, caplog
):
    run = shutil.copytree(finished_run, tmp_path / "run")
    split = (run / "split.json").read_text()
    start = split.index('"training"'), split.index('"validation"')
    (run / "split.json").write_text(
        split[: start[0]] + split[start[0] : start[1]].replace(".png", ".gone") + split[start[1] :]
    )

    assert gemscan.main(["export", str(run), str(tmp_path / "out")]) == 0

    assert "gemscan confidence BUNDLE --images DIR" in caplog.text
    bundle = load_bundle(tmp_path / "out")
    assert bundle.manifest.decision.familiar_at_least is None
    assert len(bundle.read_json("confidence.json")["judging"]) == 3


def confidence(bundle: Path, *words: object) -> int:
    return gemscan.main(["confidence", str(bundle), *map(str, words), "--threads", "1"])


def test_the_command_fits_a_bundle_anew_and_leaves_its_model(
    exported: Path, blobs: Path, strangers: Path, tmp_path: Path, capsys
):
    root = shutil.copytree(exported, tmp_path / "blobs3")
    before = load_bundle(root)
    stale = read_golden_familiarity(before)

    code = confidence(root, "--images", blobs, "--others", strangers, "--named-right", 0.9)

    after = load_bundle(root)
    said = capsys.readouterr().out
    assert code == 0
    assert "stones of 6 other kinds, each by a fit without its kind" in said
    assert "AUROC" in said
    assert after.manifest.files["model.onnx"] == before.manifest.files["model.onnx"]
    assert after.digest != before.digest
    fresh = read_golden_familiarity(after)
    assert stale is not None
    assert fresh is not None
    assert fresh.of == after.manifest.files[FAMILIARITY] != stale.of
    assert fresh.values["fp32"] != stale.values["fp32"]
    open_backend(after, "onnx-cpu").close()
    assert after.manifest.metrics["confidence"]["asked"]["named_right"] == 0.9
    assert after.manifest.metrics["confidence"]["pictures"]["others"] == 18
    assert gemscan.main(["evaluate", str(root), str(strangers)]) == 0
    assert "18 of them fitted familiarity" in capsys.readouterr().out
    assert gemscan.main(["evaluate", str(root), str(blobs)]) == 0
    assert "3 of these chose the thresholds" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(exported: Path, blobs: Path, capsys):
    before = load_bundle(exported)

    assert confidence(exported, "--images", blobs, "--dry-run") == 0

    assert load_bundle(exported).manifest == before.manifest
    assert "unknown kinds      not measured: give --others DIR" in capsys.readouterr().out


def test_pictures_that_cannot_serve_are_refused_in_one_sentence(
    exported: Path, strangers: Path, more_blobs: Path, capsys
):
    assert confidence(exported, "--images", strangers) == 2
    assert "taught the model" in capsys.readouterr().err
    assert confidence(exported, "--images", more_blobs) == 2
    assert "none is left to choose thresholds on" in capsys.readouterr().err


def test_others_of_known_kinds_alone_are_refused(exported: Path, blobs: Path, capsys):
    assert confidence(exported, "--images", blobs, "--others", blobs) == 2
    assert "kinds that it is not to know" in capsys.readouterr().err


def test_extra_pictures_teach_and_never_judge(exported: Path, blobs: Path, strangers: Path):
    bundle: Bundle = load_bundle(exported)

    sides = find_sides(bundle, [blobs], extra=strangers, others=strangers, most=5)

    assert {picture.label for picture in sides.extra} == {"Ruby"}
    assert len(sides.judging) == 3
    assert all(picture.label in OTHERS for picture in sides.others)


@pytest.mark.parametrize("target", ["1", "0.2", "most"])
def test_a_target_that_cannot_be_is_refused(tmp_path: Path, capsys, target):
    with pytest.raises(SystemExit):
        confidence(tmp_path, "--images", tmp_path, "--named-right", target)
    assert "--named-right: must be a number from 0.5 to below 1" in capsys.readouterr().err
