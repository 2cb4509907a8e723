"""Does a stone look like one of the kinds that the model knows? Confidence cannot tell.

A model of 15 kinds shares its confidence among them, whatever lies on the tray. The embedding
tells more: in it every kind that the model knows is a cloud, and so are the *others*, pictures of
what it does not know. Taking all clouds as equally wide, which kind an embedding belongs to is
told by one linear function for each (Fisher 1936, "The use of multiple measurements in taxonomic
problems"). The familiarity is the function of the kind that the model names, less those of the
others together.

How it is fitted: train/confidence. What it was compared with: docs/confidence.md.
"""

from __future__ import annotations

import tokenize
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.arrays import FloatArray
from deploy.bundle import EMBEDDING_SIZE, FAMILIARITY, Bundle
from deploy.errors import BundleError
from deploy.files import storage_errors

# What NumPy raises for a file that is no array, whatever else it may be.
NO_ARRAY = (OSError, ValueError, EOFError, SyntaxError, MemoryError, tokenize.TokenError)


@dataclass(frozen=True)
class Familiarity:
    """Linear functions of an embedding: the known kinds' in label order, then the others'.

    planes: (2049, C + B) float32; the last row is what each function adds.
    known: C, the number of labels.
    """

    planes: FloatArray
    known: int

    def score(self, logits: FloatArray, embedding: FloatArray) -> float:
        """How familiar one picture is; higher is more so, in natural logarithms of odds.

        Args:
            logits: (C,) float32; the highest says which kind the model names.
            embedding: (2048,) float32, as the network gives it.
        """
        values = features(embedding) @ self.planes[:-1] + self.planes[-1]
        others = values[self.known :]
        most = others.max()
        together = most + np.log(np.exp(others - most).sum())
        return float(values[int(np.argmax(logits))] - together)


def features(embedding: FloatArray) -> FloatArray:
    """(..., 2048) embeddings as vectors of length 1, after a square root.

    The embedding is an average of what is never negative: roots make its spread even, and a
    length of 1 takes out most of the light's strength.
    """
    roots = np.sqrt(np.maximum(embedding, 0))
    length = np.sqrt(np.square(roots).sum(axis=-1, keepdims=True))
    return np.asarray(roots / np.maximum(length, 1e-12), np.float32)


def read_familiarity(bundle: Bundle) -> Familiarity | None:
    """What a bundle's decision needs to tell the familiar; None where it does not ask.

    Raises:
        BundleError: the file is missing, or is not one of this bundle.
    """
    if bundle.manifest.decision.familiar_at_least is None:
        return None
    path = bundle.root / FAMILIARITY
    if FAMILIARITY not in bundle.manifest.files:
        raise BundleError(f"{bundle.root} decides by familiarity, but lists no {FAMILIARITY}.")
    try:
        with path.open("rb") as file:  # `np.load` takes a zip too, and gives no array then
            planes = np.lib.format.read_array(file, allow_pickle=False)
    except NO_ARRAY as exc:
        raise BundleError(f"{path} cannot be read ({exc}). Copy the bundle again.") from exc
    known = len(bundle.labels)
    fits = planes.ndim == 2 and len(planes) == EMBEDDING_SIZE + 1 and planes.shape[1] > known
    if planes.dtype != np.float32 or not fits or not np.isfinite(planes).all():
        raise BundleError(
            f"{path} holds {planes.shape} {planes.dtype}, not finite numbers for {known} labels. "
            "Make it again with: gemscan confidence BUNDLE --images DIR"
        )
    return Familiarity(np.ascontiguousarray(planes), known)


def write_familiarity(root: Path, familiarity: Familiarity) -> None:
    """Write `familiarity.npy` into a bundle that is being made.

    Raises:
        StorageError: it cannot be written.
    """
    with storage_errors(root / FAMILIARITY):
        np.save(root / FAMILIARITY, familiarity.planes, allow_pickle=False)
