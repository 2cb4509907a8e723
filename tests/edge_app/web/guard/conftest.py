"""A certificate of its own for a test."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def certificate(tmp_path) -> Callable[..., tuple[Path, Path]]:
    """Makes a certificate for localhost that signs itself, and its key, as the docs say."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command")

    def make(name: str = "scanner", *more: str) -> tuple[Path, Path]:
        cert, key = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes"]
        words += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]
        words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        words += ["-keyout", str(key), "-out", str(cert), *more]
        subprocess.run(words, check=True, capture_output=True)
        return cert, key

    return make
