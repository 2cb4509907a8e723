"""The errors that a user can act on, and `require`, which raises the first of them."""

from __future__ import annotations

import importlib
from types import ModuleType


class GemscanError(Exception):
    """Something a user can act on. The message says what happened, to what, and what to do."""


class MissingDependencyError(GemscanError):
    """An optional library is needed for this step and cannot be loaded."""


class SettingsError(GemscanError):
    """A setting is missing, unknown, or out of its range."""


class PictureError(GemscanError):
    """A file that should be a picture cannot be read as one."""


class FrameError(GemscanError):
    """An array that should be a camera frame has another shape or type."""


class DataError(GemscanError):
    """A folder of pictures cannot serve for what was asked."""


class BundleError(GemscanError):
    """A model bundle is incomplete, altered, or of another make."""


class BackendError(GemscanError):
    """A model cannot be run the way that was asked."""


class BatchError(BackendError):
    """An array that should be a batch of squares has another shape or type."""


class DeviceMemoryError(BackendError):
    """The GPU, or a board whose memory the GPU shares, has no room left."""


class DeviceLostError(BackendError):
    """The GPU failed in a way that ends this process's use of it."""


class CameraError(GemscanError):
    """A source of frames is not there, or has stopped delivering."""


class RecordError(GemscanError):
    """The record of stones is damaged, of another make, in use, or lacks what was asked for."""


class StorageError(GemscanError):
    """A file cannot be written: no space, no permission, no folder."""


def require(module: str, *, remedy: str) -> ModuleType:
    """Import an optional library at the moment it is first needed.

    Raises:
        MissingDependencyError: the library, or a shared library under it, is absent.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as exc:  # OSError: a shared library is missing
        raise MissingDependencyError(
            f"{module} is needed for this step but could not be loaded: {exc}\nTo fix it: {remedy}"
        ) from exc
