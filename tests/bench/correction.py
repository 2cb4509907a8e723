"""What a camera's correction costs at 1280 x 720 on one core, beside other ways to write it.

python -m tests.bench.correction
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from calibration.camera.correct import WHITE_AT, Correction, written_white
from calibration.camera.measure import measure
from calibration.camera.profile import CameraProfile
from calibration.camera.settings import CameraSettings
from calibration.camera.watch import LightWatch
from deploy.render.camera import SimulatedCamera

SIZE = (720, 1280)
ROUNDS = 200


def main() -> int:
    """Measure in turns and in the thread's own processor time, since machines are shared."""
    cv2.setNumThreads(1)
    frame = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    plain, warm = _profile(5500.0), _profile(2900.0)
    factors = np.asarray(WHITE_AT / written_white(plain, SIZE), np.float32)
    forms = _forms(frame, factors)
    correction, lifting, watch = Correction(plain, SIZE), Correction(warm, SIZE), LightWatch(plain)
    forms["Correction.apply"] = lambda: correction.apply(frame)
    exact = np.clip(np.rint(frame * factors.astype(np.float64)), 0, 255)
    errors = {name: np.abs(form() - exact) for name, form in forms.items()}
    for name, times in _timed(forms).items():
        error = f"off by {errors[name].mean():.2f} levels, at most {errors[name].max():.0f}"
        print(f"{name:32} {_spread(times)}  {error}")
    others: dict[str, Callable[[], Any]] = {
        "Correction.apply, warm lamp": lambda: lifting.apply(frame),
        "LightWatch.look": lambda: watch.look(frame, 0.0),
    }
    for name, times in _timed(others).items():
        print(f"{name:32} {_spread(times)}")
    return 0


def _profile(kelvin: float) -> CameraProfile:
    tray = SimulatedCamera(kelvin, -1.2, 0.4).shoot(np.full((*SIZE, 3), 255, np.uint8))
    return measure([tray]).profile("simulated", CameraSettings(), ())


def _forms(frame: Any, factors: Any) -> dict[str, Callable[[], Any]]:
    """Other ways, each into a buffer of its own that is used again."""
    steps, out = np.rint(factors * 256).astype(np.uint16), np.empty_like(frame)
    wide, floats = np.empty(frame.shape, np.uint32), np.empty(frame.shape, np.float32)

    def fixed_point() -> Any:
        np.multiply(frame, steps, out=wide, dtype=np.uint32)
        np.right_shift(np.add(wide, 128, out=wide), 8, out=wide)
        return np.minimum(wide, 255, out=out, casting="unsafe")

    def by_numpy() -> Any:
        np.add(np.multiply(frame, factors, out=floats), 0.5, out=floats)
        return np.minimum(floats, 255, out=out, casting="unsafe")

    return {
        "OpenCV, bytes x float32": lambda: cv2.multiply(frame, factors, dst=out, dtype=cv2.CV_8U),
        "NumPy, bytes x 16 bits": fixed_point,
        "NumPy, bytes x float32": by_numpy,
    }


def _timed(forms: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(ROUNDS):
        for name, form in forms.items():
            started = time.thread_time()
            form()
            times[name].append(time.thread_time() - started)
    return times


def _spread(times: list[float]) -> str:
    p50, p95 = np.percentile(np.array(times[10:]) * 1000, (50, 95))
    return f"p50 {p50:6.3f} ms, p95 {p95:6.3f} ms"


if __name__ == "__main__":
    raise SystemExit(main())
