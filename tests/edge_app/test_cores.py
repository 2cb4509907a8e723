"""NumPy's own threads stay away from the cores that the model needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edge_app.machine.cores import BLAS_THREADS, leave_cores_to_the_model


def test_who_has_set_the_number_of_threads_is_obeyed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(BLAS_THREADS, "3")
    leave_cores_to_the_model()
    assert os.environ[BLAS_THREADS] == "3"


@pytest.mark.parametrize("module", ["edge_app.run_command", "edge_app.bench.bench_command"])
def test_numpy_is_not_there_before_it_can_be_told(module: str):
    """It reads the number when it is loaded, and never again."""
    words = f"import sys, gemscan, {module}; print('numpy' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "False"
