"""The process that builds engines with TensorRT's calibrator at hand: `deploy.engine.child`."""

from __future__ import annotations

from calibration.entropy_calibrator import prepare_calibrator
from deploy.engine.child import main

if __name__ == "__main__":
    raise SystemExit(main(prepare_calibrator))
