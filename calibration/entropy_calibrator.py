"""TensorRT's own INT8 calibration: `IInt8EntropyCalibrator2`, for TensorRT below 11.

It is the second way to INT8, beside Q/DQ. TensorRT runs the float model on pictures, chooses one
range for each tensor by entropy, and decides by itself where INT8 pays.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from calibration.calibrator_pictures import CalibrationPictures, calibration_pictures
from deploy.arrays import ByteArray
from deploy.bundle import Bundle, cache_folder
from deploy.engine.builder import MakeCalibrator
from deploy.engine.cuda import Gpu
from deploy.engine.recipe import INT8_CALIBRATOR
from deploy.engine.source import source_digest
from deploy.errors import BackendError, StorageError
from deploy.files import write_bytes

log = logging.getLogger(__name__)

T = TypeVar("T")


class CalibrationError(BackendError):
    """TensorRT's calibration did not see what it should have seen."""


def prepare_calibrator(
    bundle: Bundle, images: Path | None, gpu: Gpu
) -> tuple[MakeCalibrator, dict[str, list[str]]]:
    """What `deploy.engine.child` needs to build with the calibrator.

    Args:
        images: a folder of photographs, or None: the squares that the bundle keeps.

    Returns:
        A function from the `tensorrt` module to a calibrator, and the digests of the pictures
        that it shows, by class.

    Raises:
        DataError: there are no pictures that can serve.
    """
    pictures = calibration_pictures(bundle, images)

    def make(trt: Any) -> Any:
        show = Show(gpu, pictures.squares, _cache_path(bundle, pictures, trt))
        return new_calibrator(trt, show)

    return make, pictures.digests


def _cache_path(bundle: Bundle, pictures: CalibrationPictures, trt: Any) -> Path:
    """A table of ranges belongs to one model, one set of pictures and one TensorRT."""
    source = source_digest(bundle, INT8_CALIBRATOR)
    bound_to = hashlib.sha256(f"{source} {trt.__version__} ".encode())
    for square in pictures.squares:
        bound_to.update(square.tobytes())
    return cache_folder() / "calibration" / f"{bound_to.hexdigest()[:32]}.cache"


class Show:
    """Shows prepared pictures to TensorRT one by one, and remembers what went wrong.

    The binding swallows an exception in a calibrator, and takes it for the end of the pictures:
    the engine would be calibrated on fewer than asked. So each is kept, and `finish` raises it.
    """

    def __init__(self, gpu: Gpu, squares: Sequence[ByteArray], cache: Path) -> None:
        """Nothing is allocated yet.

        Args:
            squares: each (size, size, 3) uint8, RGB, C-contiguous.
            cache: where TensorRT's table of ranges is kept for the next build.
        """
        self._gpu = gpu
        self._squares = squares
        self._cache = cache
        self._memory: Any = None
        self._error: Exception | None = None
        self._shown = 0
        self._table_kept = False

    def next(self, names: list[str]) -> list[int] | None:
        """The address of the next picture on the GPU; None when all were shown."""
        return self._guarded(lambda: self._upload(names))

    def read_cache(self) -> bytes | None:
        """The table of an earlier calibration on the same pictures, or None."""
        return self._guarded(self._read)

    def write_cache(self, table: bytes) -> None:
        """Keep a table of all pictures; of fewer, a later build would trust it."""
        if self._error is None and self._shown == len(self._squares):
            self._guarded(lambda: self._keep(table))

    def finish(self) -> None:
        """Free the GPU's memory. Call it when the build is over, whatever its end.

        Raises:
            CalibrationError: something failed inside the build, or not every picture was seen.
        """
        memory, self._memory = self._memory, None
        if memory is not None:
            with self._gpu.active():
                memory.free()
        seen = f"{self._shown} of {len(self._squares)} pictures"
        if self._error is not None:
            raise CalibrationError(
                f"calibration failed after {seen}: {self._error}"
            ) from self._error
        if self._shown < len(self._squares) and not self._table_kept:
            raise CalibrationError(f"TensorRT looked at {seen} only")

    def _upload(self, names: list[str]) -> list[int] | None:
        if len(names) != 1:
            raise CalibrationError(f"the model has the inputs {names}; one was expected")
        if self._shown == len(self._squares):
            return None
        with self._gpu.active() as cuda:
            if self._memory is None:
                self._memory = cuda.mem_alloc(int(self._squares[0].nbytes))
            cuda.memcpy_htod(self._memory, self._squares[self._shown])
        self._shown += 1
        return [int(self._memory)]

    def _read(self) -> bytes | None:
        try:
            table = self._cache.read_bytes()
        except OSError:  # none, or another user's: it is calibrated anew
            return None
        log.info("the ranges of an earlier calibration are used: %s", self._cache)
        self._table_kept = True
        return table

    def _keep(self, table: bytes) -> None:
        try:
            write_bytes(self._cache, table)
        except StorageError as exc:  # the engine is worth more
            log.warning("%s", exc)

    def _guarded(self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except Exception as exc:  # the binding's boundary: beyond it nothing would be told
            self._error = self._error or exc
            return None


def new_calibrator(trt: Any, show: Show) -> Any:
    """TensorRT's face of a show. One picture a batch, as an ONNX network takes them."""

    class EntropyCalibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self.finish = show.finish

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: list[str]) -> list[int] | None:
            return show.next(names)

        def read_calibration_cache(self) -> bytes | None:
            return show.read_cache()

        def write_calibration_cache(self, cache: Any) -> None:
            show.write_cache(bytes(cache))  # the memory is lent for this call alone

    return EntropyCalibrator()
