from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.backends import Prediction, open_backend
from deploy.bundle import load_bundle
from deploy.errors import BundleError, DataError
from deploy.evaluation.evaluate import Evaluation, evaluate
from deploy.evaluation.evaluate_command import report
from deploy.evaluation.reading import AHEAD, LabelMatcher, read_ahead
from deploy.evaluation.scores import Scored, score, score_classes, score_decisions, wilson_interval
from deploy.folders import LabelledPicture, find_labelled
from gemscan import main


def run(bundle, folder: Path) -> Evaluation:
    with open_backend(bundle, "onnx-cpu") as backend:
        return evaluate(bundle, backend, find_labelled(folder))


def paint(path: Path, rgb: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 40, 3), rgb, np.uint8)).save(path)


def scored(label: str, prediction: str, rank: int | None = 0, kind: str = "name") -> Scored:
    return Scored("x.png", label, rank is not None, prediction, 0.9, rank, kind, rank == 0)


def test_a_model_that_is_always_right_scores_one(tiny_bundle, stones):
    evaluation = run(tiny_bundle, stones)

    assert (evaluation.overall.n, evaluation.overall.top1) == (12, 1.0)
    assert [(row.label, row.n, row.top1) for row in evaluation.per_class] == [
        ("Ruby", 4, 1.0),
        ("Emerald", 4, 1.0),
        ("Lapis Lazuli", 4, 1.0),
    ]
    assert evaluation.precision == "int8"
    assert evaluation.images_per_s > 0


def test_a_class_that_is_mistaken_says_for_what(tiny_bundle, stones):
    paint(stones / "Ruby" / "green.png", (20, 200, 40))

    ruby = run(tiny_bundle, stones).per_class[0]

    assert (ruby.n, ruby.top1, ruby.mistaken_for, ruby.mistaken_n) == (5, 0.8, "Emerald", 1)


@pytest.mark.parametrize("folder", ["lapis_lazuli", "LAPIS-LAZULI", "LapisLazuli", "Lapis Lazuli"])
def test_a_folder_is_known_however_it_writes_the_label(folder):
    assert LabelMatcher(("Ruby", "Lapis Lazuli")).index(folder) == 1


def test_a_folder_copied_from_a_mac_is_known():
    """It keeps the letter and its accent as two characters."""
    matcher = LabelMatcher(("Ruby", "Améthyste"))

    assert matcher.index("Ame\u0301thyste") == matcher.index("ame\u0301thyste") == 1


def test_a_folder_with_exactly_the_label_is_that_label():
    matcher = LabelMatcher(("rose-quartz", "Rose Quartz"))
    assert (matcher.index("rose-quartz"), matcher.index("Rose Quartz")) == (0, 1)


def test_pictures_of_unknown_classes_are_scored_apart(tiny_bundle, stones):
    paint(stones / "Opal" / "grey.png", (90, 90, 90))
    paint(stones / "Opal" / "red.png", (220, 20, 30))

    evaluation = run(tiny_bundle, stones)

    assert evaluation.overall.n == 12
    assert evaluation.overall.top1 == 1.0
    assert (evaluation.decided_unknown.named, evaluation.decided_unknown.referred) == (0.5, 0.5)
    assert "2 pictures of classes that the bundle does not know (Opal): refers 50.0%" in report(
        evaluation
    )


def test_an_unreadable_picture_is_named_and_the_rest_is_scored(tiny_bundle, stones, caplog):
    (stones / "Ruby" / "broken.jpg").write_bytes(b"")

    evaluation = run(tiny_bundle, stones)

    assert evaluation.overall.n == 12
    assert evaluation.unreadable == (str(stones / "Ruby" / "broken.jpg"),)
    assert "broken.jpg" in caplog.text
    assert "the file is empty" in caplog.text
    assert "1 left out" in report(evaluation)


def test_nothing_readable_is_an_error(tiny_bundle, tmp_path):
    (tmp_path / "bad" / "Ruby").mkdir(parents=True)
    (tmp_path / "bad" / "Ruby" / "broken.jpg").write_bytes(b"no picture")

    with pytest.raises(DataError, match="none of the 1 pictures"):
        run(tiny_bundle, tmp_path / "bad")


def test_pictures_from_training_are_reported_apart_with_a_warning(tiny_bundle, stones, add_json):
    digests = [p.digest() for p in find_labelled(stones)]
    paint(stones / "Ruby" / "green.png", (20, 200, 40))  # unseen, and wrong
    said = {"training": digests[:5], "validation": digests[5:7]}

    evaluation = run(add_json(tiny_bundle, "training.json", said), stones)

    assert (evaluation.seen.n, evaluation.seen.top1) == (5, 1.0)
    assert (evaluation.validation.n, evaluation.unseen.n) == (2, 6)
    assert evaluation.unseen.top1 == pytest.approx(5 / 6)
    assert evaluation.overall.n == 13
    assert "warning: the model was trained on 5 of these pictures" in report(evaluation)


def test_calibration_pictures_are_counted(tiny_bundle, stones, add_json):
    digests = [p.digest() for p in find_labelled(stones)]
    bundle = add_json(tiny_bundle, "calibration.json", {"digests": {"Ruby": digests[:3]}})

    evaluation = run(bundle, stones)

    assert evaluation.n_calibration == 3
    assert evaluation.unseen.n == 12
    assert "3 of these chose the INT8 ranges" in report(evaluation)


def test_without_records_there_is_no_warning(tiny_bundle, stones):
    assert "warning" not in report(run(tiny_bundle, stones))


def test_the_decision_is_counted_by_what_the_operator_reads():
    pictures = [
        scored("Ruby", "Ruby"),
        scored("Ruby", "Opal", rank=1),
        scored("Ruby", "Ruby", kind="list"),
        scored("Ruby", "Ruby", kind="refer"),
    ]

    decided = score_decisions(pictures)

    assert (decided.named, decided.listed, decided.referred) == (0.5, 0.25, 0.25)
    assert (decided.named_right, decided.listed_right) == (0.5, 1.0)


def test_top5_counts_a_label_among_the_first_five():
    pictures = [scored("Ruby", "Opal", rank) for rank in (0, 4, 5)]
    assert score(pictures).top5 == pytest.approx(2 / 3)


def test_the_most_common_confusion_is_the_one_that_is_told():
    pictures = [scored("Ruby", name, rank=1) for name in ("Opal", "Jade", "Jade")]
    row = score_classes(pictures, ("Ruby", "Jade"))[0]
    assert (row.mistaken_for, row.mistaken_n) == ("Jade", 2)


@pytest.mark.parametrize(
    ("right", "n", "expected"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I.
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0, 0.1611))],
)
def test_the_interval_is_wilsons(right, n, expected):
    assert wilson_interval(right, n) == pytest.approx(expected, abs=1e-4)


def test_an_interval_of_nothing_is_not_a_number():
    assert all(math.isnan(end) for end in wilson_interval(0, 0))


def test_only_a_few_pictures_are_read_ahead(tiny_bundle, tmp_path, monkeypatch):
    """A hundred thousand pictures must not lie in memory while the network works."""
    paint(tmp_path / "Ruby" / "0.png", (220, 20, 30))
    asked = []

    def pictures():
        for i in range(100):
            asked.append(i)
            yield LabelledPicture(tmp_path / "Ruby" / "0.png", "Ruby")

    reading = read_ahead(tiny_bundle, pictures())  # type: ignore[arg-type]
    next(reading)
    next(reading)
    reading.close()

    assert len(asked) <= AHEAD + 2


def test_pictures_come_in_the_order_given(tiny_bundle, stones):
    pictures = find_labelled(stones)
    assert [read.picture for read in read_ahead(tiny_bundle, pictures)] == pictures


def test_the_command_prints_and_writes_every_number(tiny_bundle, stones, tmp_path, capsys):
    paint(stones / "Opal" / "grey.png", (90, 90, 90))

    code = main(
        ["evaluate", str(tiny_bundle.root), str(stones), "--json", str(tmp_path / "out.json")]
    )

    assert code == 0
    printed = capsys.readouterr().out
    assert "Lapis Lazuli" in printed
    assert "top-1 100.00%" in printed
    said = json.loads((tmp_path / "out.json").read_text())
    assert (said["n"], said["top1"], said["top5"]) == (12, 1.0, 1.0)
    assert len(said["pictures"]) == 13
    assert {"path", "label", "prediction", "confidence"} <= set(said["pictures"][0])
    assert said["seen"]["n"] == 0
    assert said["seen"]["top1"] is None
    assert said["unknown"]["classes"] == ["Opal"]
    assert said["images_per_s"] > 0
    assert [row["label"] for row in said["per_class"]] == list(tiny_bundle.labels)


def test_save_adds_the_scores_and_keeps_the_models(tiny_bundle, stones):
    for _ in range(2):
        assert main(["evaluate", str(tiny_bundle.root), str(stones), "--save"]) == 0

    after = load_bundle(tiny_bundle.root)
    first, second = after.manifest.metrics["evaluation"]
    assert (first["top1"], first["n"], first["pictures"]) == (1.0, 12, "stones")
    assert second["precision"] == "int8"
    assert after.manifest.files == tiny_bundle.manifest.files
    assert after.digest == tiny_bundle.digest


def test_save_into_a_zip_is_refused_before_the_work(tmp_path, stones, capsys):
    (tmp_path / "b.zip").write_bytes(b"")
    assert main(["evaluate", str(tmp_path / "b.zip"), str(stones), "--save"]) == 2
    assert "unpack it first" in capsys.readouterr().err


def test_a_precision_that_is_not_there_is_refused(int8_bundle, stones):
    with pytest.raises(BundleError, match="holds no fp32 model"):
        open_backend(int8_bundle, "onnx-cpu", "fp32")
    assert main(["evaluate", str(int8_bundle.root), str(stones), "--precision", "fp32"]) == 2


def test_a_model_that_gives_no_numbers_is_never_right(tiny_bundle, stones):
    class Broken:
        name, precision = "broken", "fp32"

        def infer(self, batch):
            return Prediction(np.full((1, 3), np.nan, np.float32), np.zeros((1, 2048), np.float32))

    evaluation = evaluate(tiny_bundle, Broken(), find_labelled(stones))  # type: ignore[arg-type]

    assert evaluation.overall.top1 == 0.0
    json.dumps(evaluation.to_json(), allow_nan=False)


def test_save_works_from_inside_the_bundle(tiny_bundle, stones, monkeypatch):
    monkeypatch.chdir(tiny_bundle.root)

    assert main(["evaluate", ".", str(stones), "--save"]) == 0

    assert len(load_bundle(tiny_bundle.root).manifest.metrics["evaluation"]) == 1


@pytest.mark.parametrize("threads", ["-1", "many", "1000000"])
def test_a_number_of_threads_that_cannot_be_is_refused(tmp_path, capsys, threads):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(tmp_path), str(tmp_path), "--threads", threads])

    assert stopped.value.code == 2
    assert "--threads: must be a number from 0 to 1024" in capsys.readouterr().err
