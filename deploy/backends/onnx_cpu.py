"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import Any

from deploy.arrays import ByteArray
from deploy.backends.base import Prediction, check_batch
from deploy.bundle import EMBEDDING_SIZE, Bundle
from deploy.errors import BackendError, BundleError, require
from deploy.unsigned import for_this_processor

REMEDY = "pip install onnxruntime"

# Else its threads wait for the next picture at full speed, for 16 ms and more after each.
NO_SPINNING_BETWEEN_RUNS = ("session.force_spinning_stop", "1")


class OnnxCpuBackend:
    """ONNX Runtime on the CPU: the default on every device, and the reference."""

    name = "onnx-cpu"

    def __init__(
        self,
        bundle: Bundle,
        precision: str = "auto",
        *,
        threads: int = 0,
        model: bytes | None = None,
    ) -> None:
        """Open a bundle's model.

        Args:
            threads: how many work on one picture; 0 lets ONNX Runtime decide.
            model: another form of the bundle's model, of that precision, to run in its place.

        Raises:
            BundleError: the model is not one of this project's, or not of this bundle.
            MissingDependencyError: ONNX Runtime is not installed.
        """
        self.precision = precision if model else bundle.choose_precision(precision)
        self._size_px = bundle.manifest.input.size_px
        self._session = _open_session(bundle, self.precision, threads, model)
        _check_shapes(self._session, bundle)
        self._input_name: str = self._session.get_inputs()[0].name

    def infer(self, batch: ByteArray) -> Prediction:
        """Map (N, size, size, 3) uint8 RGB to (N, C) logits and (N, 2048) embeddings.

        Raises:
            BackendError: ONNX Runtime failed, for want of memory for one.
        """
        check_batch(batch, self._size_px)
        try:
            logits, embedding = self._session.run(None, {self._input_name: batch})
        except Exception as exc:  # ONNX Runtime's errors share no base class but this one
            raise BackendError(f"ONNX Runtime failed on a batch of {len(batch)}: {exc}") from exc
        return Prediction(logits, embedding)

    def close(self) -> None:
        """Nothing to release: the session goes with the object."""

    def __enter__(self) -> OnnxCpuBackend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_session(bundle: Bundle, precision: str, threads: int, other: bytes | None) -> Any:
    ort = require("onnxruntime", remedy=REMEDY)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry(*NO_SPINNING_BETWEEN_RUNS)
    try:
        model = other or _stored_model(bundle, precision)
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # ONNX Runtime's errors share no base class but this one
        raise BundleError(
            f"the {precision} model of {bundle.root} cannot be loaded: {exc}"
        ) from exc


def _stored_model(bundle: Bundle, precision: str) -> bytes | str:
    model = bundle.model(precision)
    return for_this_processor(model) if precision == "int8" else str(model)


def _check_shapes(session: Any, bundle: Bundle) -> None:
    size_px = bundle.manifest.input.size_px
    takes = [(node.type, list(node.shape)[1:]) for node in session.get_inputs()]
    gives = {node.name: list(node.shape)[1:] for node in session.get_outputs()}
    if takes != [("tensor(uint8)", [size_px, size_px, 3])]:
        raise BundleError(
            f"{bundle.root}: the model takes {takes}, but bundle.json says "
            f"(N, {size_px}, {size_px}, 3) uint8. The files do not belong together."
        )
    if gives != {"logits": [len(bundle.labels)], "embedding": [EMBEDDING_SIZE]}:
        raise BundleError(
            f"{bundle.root}: the model gives {gives}, but bundle.json has {len(bundle.labels)} "
            f"labels and embeddings of {EMBEDDING_SIZE}. The files do not belong together."
        )
