"""Opening a backend proves it, and its face is checked against the bundle."""

from __future__ import annotations

import logging
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from deploy.backends import choose, open_backend
from deploy.backends.onnx_cpu import OnnxCpuBackend
from deploy.bundle import Bundle, edit_bundle, load_bundle
from deploy.errors import BackendError, BundleError
from deploy.files import write_json
from deploy.golden.check import check_golden
from deploy.golden.golden import EXPECTED, Said


def with_golden(bundle: Bundle, *, shift: float, tolerance: float = 0.05) -> Bundle:
    """Give a bundle one golden picture whose expected logits are off by `shift`."""
    picture = np.full((50, 60, 3), (40, 90, 200), np.uint8)
    logits = (np.array([200.0, 90.0, 40.0]) / 32 + shift).tolist()  # as the colour model computes
    with edit_bundle(bundle.root, start_from=bundle) as draft:
        (draft.root / "golden").mkdir()
        cv2.imwrite(str(draft.root / "golden" / "0.png"), picture)
        said = {
            "pictures": ["0.png"],
            "logits": {"fp32": [logits]},
            "tolerance": {"fp32": tolerance},
            "why": "one colour has no rounding",
        }
        write_json(draft.root / EXPECTED, said)
    return load_bundle(bundle.root)


def test_a_backend_that_gives_the_expected_logits_opens(tiny_bundle: Bundle):
    bundle = with_golden(tiny_bundle, shift=0.0)

    with open_backend(bundle, precision="fp32") as backend:
        assert check_golden(bundle, backend) < 1e-3
        assert (backend.name, backend.precision) == ("onnx-cpu", "fp32")


def test_a_backend_that_computes_otherwise_is_refused_with_the_gap(tiny_bundle: Bundle):
    bundle = with_golden(tiny_bundle, shift=0.2)

    with pytest.raises(BackendError, match=r"differs by 0\.200, allowed is 0\.050"):
        open_backend(bundle, precision="fp32")


def test_what_onnx_runtime_fails_of_is_a_backends_error(tiny_bundle: Bundle, monkeypatch):
    class OutOfMemory:
        def run(self, *_: object) -> None:
            raise RuntimeError("bad allocation")

    backend = OnnxCpuBackend(tiny_bundle)
    monkeypatch.setattr(backend, "_session", OutOfMemory())

    with pytest.raises(BackendError, match="ONNX Runtime failed on a batch of 1: bad allocation"):
        backend.infer(np.zeros((1, 32, 32, 3), np.uint8))


def test_swapped_red_and_blue_would_be_noticed(tiny_bundle: Bundle, monkeypatch):
    import deploy.golden.golden as golden

    bundle = with_golden(tiny_bundle, shift=0.0)
    straight = golden.preprocess_picture
    monkeypatch.setattr(
        golden, "preprocess_picture", lambda *words: straight(*words)[:, :, ::-1].copy()
    )
    with pytest.raises(BackendError, match="golden picture differs"):
        open_backend(bundle, precision="fp32")


def test_logits_that_are_not_numbers_are_refused(tiny_bundle: Bundle, monkeypatch):
    from deploy.golden import check as golden_check

    bundle = with_golden(tiny_bundle, shift=0.0)
    nothing = np.full((1, 3), np.nan, np.float32)
    monkeypatch.setattr(golden_check, "infer_one_by_one", lambda *_: Said(nothing, nothing))
    with pytest.raises(BackendError, match="nan"):
        open_backend(bundle, precision="fp32")


def test_a_backend_nobody_knows_is_refused_with_the_list(tiny_bundle: Bundle):
    with pytest.raises(BackendError, match="known are auto, onnx-cpu"):
        open_backend(tiny_bundle, "abacus")


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, 31, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 3), np.float32),
        np.zeros((32, 32, 3), np.uint8),
    ],
)
def test_a_batch_of_another_shape_or_type_is_refused(tiny_bundle: Bundle, batch):
    with (
        OnnxCpuBackend(tiny_bundle, "fp32") as backend,
        pytest.raises(BackendError, match=r"takes \(N, 32, 32, 3\) uint8"),
    ):
        backend.infer(batch)


def test_a_model_of_another_bundle_is_refused(tiny_bundle: Bundle):
    from dataclasses import replace

    with edit_bundle(tiny_bundle.root, start_from=tiny_bundle) as draft:
        draft.manifest = replace(tiny_bundle.manifest, labels=("one", "two"))

    with pytest.raises(BundleError, match="do not belong together"):
        open_backend(load_bundle(tiny_bundle.root), precision="fp32")


def test_a_file_that_is_no_model_is_refused(
    tiny_bundle: Bundle, add_json: Callable[[Bundle, str, object], Bundle]
):
    broken = add_json(tiny_bundle, "model.onnx", {"not": "a model"})

    with pytest.raises(BundleError, match="cannot be loaded"):
        open_backend(broken, precision="fp32")


def test_between_pictures_the_processor_is_to_rest(tiny_bundle: Bundle):
    """Threads would wait for the next one at full speed; so small a model never wakes them."""
    with OnnxCpuBackend(tiny_bundle, threads=4) as backend:
        options = backend._session.get_session_options()
        assert options.get_session_config_entry("session.force_spinning_stop") == "1"


@pytest.mark.parametrize(
    ("installed", "missing"),
    [
        ((), "no tensorrt and no pycuda here"),
        (("tensorrt",), "no pycuda here"),
        (("pycuda",), "no tensorrt here"),
    ],
)
def test_auto_tries_tensorrt_only_where_all_of_it_is_installed(
    tiny_bundle: Bundle, monkeypatch, caplog, installed, missing
):
    monkeypatch.setattr(choose, "find_spec", lambda name: name if name in installed else None)
    caplog.set_level(logging.INFO)

    with open_backend(tiny_bundle) as backend:
        assert backend.name == "onnx-cpu"

    assert f"({missing})" in caplog.text
