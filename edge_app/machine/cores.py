"""Whose the processor's cores are: the model's."""

from __future__ import annotations

import os

BLAS_THREADS = "OPENBLAS_NUM_THREADS"


def leave_cores_to_the_model() -> None:
    """Let NumPy multiply with one thread; to be called before it is first imported.

    The loop multiplies a few thousand numbers a frame. OpenBLAS would wake a thread for each
    core for that, which then wait for more at full speed. Who has set the number is obeyed.
    """
    os.environ.setdefault(BLAS_THREADS, "1")
