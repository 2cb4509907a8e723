"""What a device loads, and what it must do without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gemscan

ROOT = Path(gemscan.__file__).parent
ABSENT_ON_A_DEVICE = (
    *("torch", "torchvision", "tensorrt", "pycuda", "picamera2", "libcamera"),
    *("onnx", "sklearn", "onnxruntime", "scipy", "matplotlib", "jinja2"),
)

IMPORT_ALL = f"""
import importlib, sys
from pathlib import Path
for name in {ABSENT_ON_A_DEVICE!r}:
    sys.modules[name] = None  # importing it raises ImportError
for package in ("deploy", "edge_app"):
    for path in sorted(Path(package).rglob("*.py")):
        parts = path.with_suffix("").parts
        importlib.import_module(".".join(p for p in parts if p != "__init__"))
"""

RUN = """
import sys
import gemscan
code = gemscan.main(sys.argv[1:])
heavy = ("torch", "torchvision", "onnx", "sklearn", "scipy", "matplotlib", "rich", "tensorrt")
print("loaded:", sorted(set(heavy) & set(sys.modules)))
raise SystemExit(code)
"""


def python(code: str, *words) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_device_module_is_imported_without_the_heavy_libraries():
    python(IMPORT_ALL)


def test_a_run_loads_nothing_but_what_the_backend_needs(bundle, video):
    """The float32 model needs no `onnx`; the INT8 one is rewritten with it on x86."""
    words = ("run", "--bundle", bundle.root, "--source", video, "--display", "none")
    out = python(RUN, *words, "--record", bundle.root.parent / "out.avi")

    assert out.splitlines()[-1] == "loaded: []"


def test_help_loads_no_array_library():
    code = "import sys, gemscan\ntry:\n    gemscan.main(['VERB', '--help'])\n"
    code += "except SystemExit: pass\nprint('loaded:', {'numpy', 'cv2'} & set(sys.modules))"
    for verb in ("run", "log", "bench", "cameras", "calibrate-camera", "doctor"):
        assert python(code.replace("VERB", verb)).splitlines()[-1] == "loaded: set()"
