"""A small bundle with both models, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deploy.bundle import MODEL_FILES, Bundle, edit_bundle, load_bundle


@pytest.fixture
def bundle(prepared: Path, tmp_path: Path) -> Bundle:
    """Both models of the small network, and golden logits for both."""
    shutil.copytree(prepared / "bundle", tmp_path / "bundle")
    return load_bundle(tmp_path / "bundle")


@pytest.fixture
def int8_only(bundle: Bundle) -> Bundle:
    """The same as devices get it: without the float32 model."""
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        (draft.root / MODEL_FILES["fp32"]).unlink()
    return load_bundle(bundle.root)


@pytest.fixture
def stones(prepared: Path) -> Path:
    """Ten drawn stones of each class."""
    return prepared / "stones"
