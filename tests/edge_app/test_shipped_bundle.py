"""The bundle that comes with gemscan is right on the processor that runs these tests."""

from __future__ import annotations

import pytest

from deploy.backends import open_backend
from deploy.bundle import load_bundle
from deploy.golden.check import check_golden
from edge_app.defaults import SHIPPED_BUNDLE


@pytest.mark.parametrize("root", sorted(SHIPPED_BUNDLE.parent.iterdir()), ids=lambda p: p.name)
def test_a_shipped_bundle_gives_its_golden_logits(root):
    """Opening refuses it else, and `make demo` with it."""
    bundle = load_bundle(root)

    with open_backend(bundle, "onnx-cpu") as backend:
        gap = check_golden(bundle, backend)

    assert gap is not None
