"""What runs a model. One implementation per file; `open_backend` chooses."""

from __future__ import annotations

from deploy.backends.base import Backend, Prediction
from deploy.backends.choose import BACKENDS, open_backend

__all__ = ["BACKENDS", "Backend", "Prediction", "open_backend"]
