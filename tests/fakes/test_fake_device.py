"""The fixture finds what a test leaves behind, and the fake TensorRT runs over another pycuda."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from tests.fakes import bench, net
from tests.fakes.bench import picture

ROOT = Path(__file__).resolve().parents[2]
TEST = """
import pytest

@pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)
def test_it(tensorrt_pose):
    import pycuda.driver as cuda
    import numpy as np
    cuda.init()
    context = cuda.Device(0).retain_primary_context()
    context.push()
    {what}
    cuda.Context.pop()
    context.detach()
"""
LEFT = {
    "nothing": ("", "1 passed"),
    "device memory": ("global kept; kept = cuda.mem_alloc(8)", "left on the device: .*8 bytes"),
    "page-locked memory": (
        "global kept; kept = cuda.pagelocked_empty(8, 'u1')",
        "left on the device: .*8 page-locked bytes",
    ),
    "a context on a thread": (
        "import threading\n    thread = threading.Thread(target=context.push, name='Late')\n"
        "    thread.start()\n    thread.join()",
        "left on the device: .*1 contexts on thread Late",
    ),
    "the primary context": (
        "global kept; kept = cuda.Device(0).retain_primary_context()",
        "left on the device: .*the primary context, 1 times",
    ),
    "a broken rule that someone swallowed": (
        "try: cuda.memcpy_htod_async(cuda.mem_alloc(1), np.zeros(1, 'u1'))\n"
        "    except AssertionError: pass",
        "rules broken: .*not page-locked",
    ),
}


@pytest.mark.parametrize(("what", "words"), LEFT.values(), ids=LEFT.keys())
def test_what_a_test_leaves_behind_fails_it(tmp_path, what, words):
    path = tmp_path / "test_one.py"
    path.write_text(TEST.format(what=what))
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", f"--rootdir={tmp_path}"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) == (not what)
    assert re.search(words, done.stdout)


def other_pycuda() -> ModuleType:
    """A `pycuda.driver` whose device memory is the host's, as over a stand-in driver."""
    module = ModuleType("pycuda.driver")

    def memcpy_dtoh(dest, src):
        ctypes.memmove(dest.ctypes.data, int(src), dest.nbytes)

    def memcpy_htod(dest, src):
        ctypes.memmove(int(dest), src.ctypes.data, src.nbytes)

    module.Error = type("Error", (Exception,), {})
    module.Context = SimpleNamespace(get_current=lambda: "one", synchronize=lambda: None)
    module.memcpy_dtoh, module.memcpy_htod = memcpy_dtoh, memcpy_htod
    return module


def test_over_another_pycuda_the_work_is_done_at_once(tensorrt_pose, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycuda.driver", other_pycuda())
    engine = bench.tensorrt().Runtime(bench.new_log()).deserialize_cuda_engine(bench.plan())
    context = engine.create_execution_context()
    context.set_input_shape("image", net.SHAPE)
    image, logits = picture(1), np.zeros((1, 5), np.float32)
    embedding = np.zeros((1, 4), np.float32)
    for name, array in (("image", image), ("logits", logits), ("embedding", embedding)):
        context.set_tensor_address(name, array.ctypes.data)
    assert context.execute_async_v3(4242)

    session = onnxruntime.InferenceSession(net.float_model(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(logits, session.run(["logits"], {"image": image})[0], rtol=1e-5)
