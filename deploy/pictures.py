"""Picture files: which there are in a folder, and their pixels as a camera would give them."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from deploy.arrays import ByteArray
from deploy.errors import DataError, PictureError
from deploy.files import reading_errors

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm"})

# What Pillow raises, beside errors that say what is wrong, for damaged EXIF, TIFF tags and chunks.
DAMAGED = (LookupError, ArithmeticError, TypeError, EOFError, struct.error, zlib.error)

# Large scans are welcome; Pillow's refusal (twice this, as a DecompressionBombError) still guards
# against a small file that claims gigapixels, so its earlier warning says nothing useful here.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def find_pictures(folder: Path) -> list[Path]:
    """Every picture file below a folder, by name, in a stable order.

    Hidden files and what lies in hidden folders are left out. A folder that is not there, or is
    a file, holds none. Links to folders below it are not followed.

    Raises:
        DataError: a folder may not be read.
    """
    with reading_errors(folder, DataError):
        return sorted(
            path
            for path in _visible_files(folder)
            if path.suffix.lower() in SUFFIXES and path.is_file()
        )


def _visible_files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _refuse(error: OSError) -> None:
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error


def read_picture(path: Path) -> ByteArray:
    """Read a picture file the way a camera would have delivered it.

    Turned upright by its EXIF orientation. Greyscale, palette, CMYK and 16-bit pictures become
    8-bit colour; transparency is laid over white; of an animation the first picture counts.

    Returns:
        (H, W, 3) uint8, BGR, C-contiguous.

    Raises:
        PictureError: not there, empty, truncated, damaged, not a picture, or unreasonably large.
    """
    return _decode(path, path)


def decode_picture(data: bytes, path: Path) -> ByteArray:
    """The same from a file's bytes, which were read already; `path` is for the message.

    Raises:
        PictureError: as `read_picture`.
    """
    return _decode(io.BytesIO(data), path)


def _decode(source: Path | BinaryIO, path: Path) -> ByteArray:
    try:
        with Image.open(source) as image:
            upright = ImageOps.exif_transpose(image)
            rgb = np.asarray(_to_rgb(upright, whole=image.format != "TIFF"))
    except UnidentifiedImageError as exc:
        raise PictureError(_unreadable(path, _why_unidentified(path))) from exc
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as exc:
        raise PictureError(_unreadable(path, str(exc))) from exc
    except DAMAGED as exc:
        raise PictureError(_unreadable(path, f"damaged: {exc!r}")) from exc
    return np.ascontiguousarray(rgb[:, :, ::-1])


def _unreadable(path: Path, why: str) -> str:
    return f"{path} cannot be read as a picture ({why}). Replace or remove it."


def _why_unidentified(path: Path) -> str:
    with contextlib.suppress(OSError):  # gone by now
        if path.stat().st_size == 0:
            return "the file is empty"
    return "not a known picture format"


def _to_rgb(image: Image.Image, *, whole: bool) -> Image.Image:
    """whole: grey of more than 8 bits uses all of its 16."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bit(image, whole=whole or image.mode.startswith("I;16"))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(image: Image.Image, *, whole: bool) -> Image.Image:
    """Pillow's own conversion of 16-bit grey clips everything above 255 to white.

    Of the 32-bit numbers of a TIFF nothing says which one is white: the least of the usual ones
    that none exceeds.

    Raises:
        ValueError: there are larger ones, or one that is no number.
    """
    values = np.asarray(image, dtype=np.float64)
    tops = (65535.0,) if whole else (1.0, 255.0, 65535.0)
    top = next((top for top in tops if values.max() <= top), None)
    if top is None:
        raise ValueError(f"grey values up to {values.max():g}, where 65535 is the most")
    return Image.fromarray((np.clip(values / top, 0, 1) * 255 + 0.5).astype(np.uint8))
