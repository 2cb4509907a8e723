"""What the project relies on in the real pycuda, seen over the stand-in driver: contexts, memory.

`test_pycuda_contract.py` runs each check in a process of its own, so that a crash is that check's
failure. By hand, in the environment that `build_pycuda.py` prints:

    python -m tests.contract.pycuda_checks NAME...
"""

from __future__ import annotations

import ctypes
import signal
import sys
import time
import warnings
from typing import Any

import numpy as np

import tests.contract.pycuda_stream_checks  # noqa: F401  # its checks are listed with these
from tests.contract.pycuda_helpers import (
    check,
    check_in_context,
    count,
    current,
    in_thread,
    killed_by,
    left_over,
    raises,
    run_checks,
)

# ---- contexts and threads ---------------------------------------------------------------


@check
def nothing_works_without_a_context(cuda: Any) -> None:
    missing = "invalid device context"
    for work in (lambda: cuda.mem_alloc(8), lambda: cuda.pagelocked_empty(8, np.uint8)):
        with raises(cuda.LogicError, missing):
            work()
    for make in (cuda.Stream, cuda.Event):
        with raises(cuda.LogicError, f"{missing} - no currently active context?"):
            make()
    with raises(cuda.LogicError, "cannot pop non-current context"):
        cuda.Context.pop()
    assert cuda.Context.get_current() is None


@check
def two_threads_share_one_context_by_pushing_it(cuda: Any) -> None:
    context = cuda.Device(0).retain_primary_context()

    def work() -> None:
        context.push()
        try:
            memory = cuda.mem_alloc(64)
            cuda.memset_d8(memory, 7, 64)
            seen = np.zeros(64, np.uint8)
            cuda.memcpy_dtoh(seen, memory)
            assert (seen == 7).all()
            memory.free()
        finally:
            cuda.Context.pop()
        assert count("stack") == 0

    in_thread(work)
    in_thread(work)
    work()
    context.detach()
    assert left_over() == {}


@check
def a_thread_that_ends_with_a_context_pushed_aborts_the_process(cuda: Any) -> None:
    context = cuda.Device(0).retain_primary_context()

    def push_and_end() -> None:
        in_thread(context.push)
        time.sleep(10)  # the thread's own clean-up may come after `join`

    assert killed_by(push_and_end) == signal.SIGABRT
    context.detach()


@check
def a_context_that_is_dropped_without_detach_is_not_released(cuda: Any) -> None:
    context = cuda.Device(0).retain_primary_context()
    del context  # pycuda takes it for one that it made itself, calls cuCtxDetach, and warns
    assert left_over() == {"primary": 1}


@check
def detach_on_another_thread_needs_the_context_to_be_pushed(cuda: Any) -> None:
    context = cuda.Device(0).retain_primary_context()
    in_thread(context.detach)
    assert count("primary") == 1  # nothing was released, and nothing was said
    other = cuda.Device(0).retain_primary_context()

    def push_and_detach() -> None:
        other.push()
        other.detach()
        assert cuda.Context.get_current() is None

    in_thread(push_and_detach)
    assert count("primary") == 1  # only the one that was lost above


@check
def the_projects_gpu_can_be_closed_on_any_thread(cuda: Any) -> None:
    from deploy.engine.cuda import Gpu, first_gpu

    model, gpu = first_gpu(), Gpu()
    assert (model.name, model.capability) == (f"{cuda.Device(0).name()} (8 SM)", "8.7")
    in_thread(lambda: np.testing.assert_equal(gpu.free_bytes(), cuda.Device(0).total_memory()))
    in_thread(gpu.close)
    gpu.close()
    assert left_over() == {}


@check
def what_is_dropped_on_a_thread_without_the_context_is_lost(cuda: Any) -> None:
    with current(cuda) as context, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        box = [cuda.mem_alloc(8)]
        in_thread(box.clear)
        assert "out-of-thread context could not be cleaned up" in str(said[0].message)
        assert count("device") == 1
        box.append(cuda.mem_alloc(8))

        def with_context() -> None:
            context.push()
            box.clear()
            cuda.Context.pop()

        in_thread(with_context)
        assert count("device") == 1
    assert left_over() == {"device": 1}


@check
def what_is_dropped_after_detach_is_lost(cuda: Any) -> None:
    context = cuda.Device(0).retain_primary_context()
    context.push()
    memory = cuda.mem_alloc(8)
    cuda.Context.pop()
    context.detach()
    del memory
    assert left_over() == {"device": 1}


# ---- memory -------------------------------------------------------------------------------


@check_in_context
def a_device_address_is_no_address_of_the_cpu(cuda: Any) -> None:
    memory = cuda.mem_alloc(16)
    assert killed_by(lambda: ctypes.string_at(int(memory), 1)) == signal.SIGSEGV
    memory.free()


@check_in_context
def out_of_memory_is_pycudas_own_error_and_can_be_survived(cuda: Any) -> None:
    assert not issubclass(cuda.MemoryError, MemoryError)
    free, total = cuda.mem_get_info()
    assert free == total
    most = cuda.mem_alloc(free - 100)
    with raises(cuda.MemoryError, "cuMemAlloc failed: out of memory"):
        cuda.mem_alloc(101)
    assert cuda.mem_get_info() == (100, total)
    most.free()
    cuda.mem_alloc(101).free()


@check_in_context
def freeing_twice_is_an_error(cuda: Any) -> None:
    memory, array = cuda.mem_alloc(8), cuda.pagelocked_empty(8, np.uint8)
    for what in (memory, array.base):
        what.free()
        with raises(cuda.LogicError, "free failed: invalid resource handle"):
            what.free()


@check_in_context
def sizes_and_addresses_must_be_pythons_own_integers(cuda: Any) -> None:
    memory, array = cuda.mem_alloc(8), cuda.pagelocked_empty([2, 4], np.uint8)
    with raises(TypeError, "did not match C++ signature"):
        cuda.mem_alloc(np.int64(8))
    with raises(TypeError, "numpy.int64"):
        cuda.pagelocked_empty((np.int64(2), 4), np.uint8)
    with raises(TypeError, "did not match C++ signature"):
        cuda.memcpy_htod(np.uint64(int(memory)), array)
    cuda.memcpy_htod(int(memory), array)


@check_in_context
def a_page_locked_array_is_an_array_whose_base_frees_it(cuda: Any) -> None:
    array = cuda.pagelocked_empty((1, 3, 4), np.float32)
    assert (array.shape, array.dtype) == ((1, 3, 4), np.float32)
    assert array.flags.c_contiguous
    assert isinstance(array.base, cuda.HostAllocation)
    assert not isinstance(array[0].base, cuda.HostAllocation)  # a view's base is the array
    assert count("host") == 1
    array.base.free()
    assert count("host") == 0
    array = cuda.pagelocked_zeros(5, np.uint8)


if __name__ == "__main__":
    run_checks(sys.argv[1:])
