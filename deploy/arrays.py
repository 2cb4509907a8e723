"""The array types that cross between the parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

ByteArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Json = dict[str, Any]
