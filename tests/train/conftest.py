"""Pictures for the training tests: blobs of a class's colour, each another photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import gemscan
from tests.train.steady import STEADY
from train.run import training

Train = Callable[..., int]
NOTHING = ("--weights", "none")
COLOURS_BGR = {"Ruby": (60, 20, 200), "Peridot": (60, 190, 120), "Sapphire": (190, 70, 30)}


def draw_blob(colour_bgr: tuple[int, int, int], seed: int, size_px: int = 72) -> np.ndarray:
    """A noisy ellipse of one colour somewhere on a textured grey ground."""
    rng = np.random.default_rng(seed)
    picture = cv2.resize(rng.integers(90, 200, (6, 6, 3), dtype=np.uint8), (size_px, size_px))
    centre = tuple(int(v) for v in rng.integers(size_px // 3, 2 * size_px // 3, 2))
    axes = tuple(int(v) for v in rng.integers(size_px // 5, size_px // 3, 2))
    cv2.ellipse(picture, centre, axes, int(rng.integers(180)), 0, 360, colour_bgr, -1)
    noise = rng.integers(-12, 13, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums of floats depend on the number of threads: runs that are compared all have one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def train() -> Train:
    """`gemscan train FOLDER --out RUN` at 32 px from nothing, two epochs, and more flags.

    The page at its end takes longer than such a run, and is left out unless `report` asks for it.
    """

    def run(folder: Path, out: Path, *flags: str, report: bool = False) -> int:
        words = ["train", str(folder), "--out", str(out), "--size", "32", "--batch", "8"]
        words += ["--epochs", "2", "--device", "cpu"]
        words += [*(() if "--weights" in flags else NOTHING), *flags]
        with pytest.MonkeyPatch.context() as patch:
            if not report:
                patch.setattr(training, "_write_report", lambda *_: None)
            return gemscan.main(words)

    return run


def draw_folder(folder: Path, per_class: int, seed: int) -> Path:
    for number, (name, colour) in enumerate(COLOURS_BGR.items()):
        (folder / name).mkdir()
        for index in range(per_class):
            picture = draw_blob(colour, seed=seed + 100 * number + index)
            cv2.imwrite(str(folder / name / f"{index}.png"), picture)
    return folder


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nine pictures of each of three classes; tests only read it."""
    return draw_folder(tmp_path_factory.mktemp("blobs"), per_class=9, seed=0)


@pytest.fixture(scope="session")
def more_blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two other pictures of each class."""
    return draw_folder(tmp_path_factory.mktemp("more"), per_class=2, seed=1000)


@pytest.fixture(scope="session")
def steady_run(train: Train, blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on `blobs` with `STEADY` flags, which others are compared with; tests only read it."""
    run = tmp_path_factory.mktemp("steady") / "run"
    assert train(blobs, run, *STEADY) == 0
    return run


@pytest.fixture(scope="session")
def finished_run(
    train: Train, blobs: Path, more_blobs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run on `blobs` with `more_blobs` as extra pictures; tests only read it."""
    run = tmp_path_factory.mktemp("finished") / "run"
    assert train(blobs, run, "--extra", str(more_blobs)) == 0
    return run


@pytest.fixture(scope="session")
def exported(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of `finished_run`; tests only read it."""
    bundle = tmp_path_factory.mktemp("exported") / "blobs3"
    assert gemscan.main(["export", str(finished_run), str(bundle)]) == 0
    return bundle
