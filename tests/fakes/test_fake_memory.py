"""The fake pycuda's memory keeps the rules of the real one. Each test is one rule."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from tests.fakes.bench import active, in_thread

pytestmark = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


def test_what_was_copied_to_the_device_comes_back(tensorrt_pose):
    given, back = np.arange(6, dtype=np.float32), np.empty(6, np.float32)
    with active() as cuda:
        memory = cuda.mem_alloc(given.nbytes)
        cuda.memcpy_htod(memory, given)
        cuda.memcpy_dtoh(back, int(memory))
        memory.free()

    np.testing.assert_array_equal(back, given)


def test_a_device_address_is_no_host_address(tensorrt_pose):
    with active() as cuda:
        memory = cuda.mem_alloc(64)
        host = cuda.pagelocked_empty(64, np.uint8)
        assert int(memory) >= 1 << 47 > host.ctypes.data
        with pytest.raises(cuda.LogicError, match="invalid argument"):
            cuda.memcpy_htod(host.ctypes.data, bytes(64))
        memory.free()
        host.base.free()


def test_memory_runs_out_at_what_is_free(tensorrt_pose):
    tensorrt_pose.gpu.configure(free_mb=1)
    with active() as cuda:
        half = cuda.mem_alloc(700_000)
        with pytest.raises(cuda.MemoryError, match="cuMemAlloc failed: out of memory"):
            cuda.mem_alloc(700_000)
        half.free()
        cuda.mem_alloc(700_000).free()


def test_what_is_free_shrinks_with_each_allocation(tensorrt_pose):
    with active() as cuda:
        before, total = cuda.mem_get_info()
        memory = cuda.mem_alloc(1000)
        assert cuda.mem_get_info() == (before - 1000, total)
        memory.free()
        assert cuda.mem_get_info()[0] == before


def test_freeing_twice_is_an_error(tensorrt_pose):
    with active() as cuda:
        memory, host = cuda.mem_alloc(4), cuda.pagelocked_empty(4, np.uint8)
        for allocation in (memory, host.base):
            allocation.free()
            with pytest.raises(cuda.LogicError, match="free failed: invalid resource handle"):
                allocation.free()


def test_freeing_on_a_thread_without_the_context_leaks_with_a_warning(tensorrt_pose):
    caught = []
    with active() as cuda:
        memory = cuda.mem_alloc(4)

        def work():
            with pytest.warns(UserWarning, match="out-of-thread context could not be cleaned up"):
                memory.free()
            caught.append(True)

        assert in_thread(work) is None
    assert caught == [True]
    assert tensorrt_pose.gpu.left_over()
    tensorrt_pose.may_leave = True


def test_memory_that_outlives_the_last_context_is_noticed(tensorrt_pose):
    with active() as cuda:
        memory = cuda.mem_alloc(4)
    memory.free()

    assert tensorrt_pose.gpu.left_over()
    tensorrt_pose.may_leave = True


def test_a_forgotten_allocation_is_freed_with_its_object(tensorrt_pose):
    with active() as cuda:
        cuda.mem_alloc(4)
        gc.collect()
        assert not [line for line in tensorrt_pose.gpu.left_over() if "bytes" in line]


def test_page_locked_arrays_have_shape_type_order_and_a_base_that_frees(tensorrt_pose):
    with active() as cuda:
        array = cuda.pagelocked_empty((2, 3), np.float32)
        fortran = cuda.pagelocked_empty((2, 3), np.int8, order="F")
        assert (array.shape, array.dtype, array.flags.c_contiguous) == ((2, 3), np.float32, True)
        assert fortran.flags.f_contiguous
        assert isinstance(array.base, cuda.HostAllocation)
        array.base.free()
        fortran.base.free()


def test_page_locked_memory_is_spoilt_when_freed(tensorrt_pose):
    with active() as cuda:
        array = cuda.pagelocked_empty(4, np.uint8)
        array[:] = 7
        array.base.free()
        assert 7 not in array


def test_allocations_are_counted(tensorrt_pose):
    with active() as cuda:
        memory, host = cuda.mem_alloc(4), cuda.pagelocked_empty(4, np.uint8)
        stream, event = cuda.Stream(), cuda.Event()
        made = tensorrt_pose.gpu.state()
        memory.free()
        host.base.free()
        del stream, event
    counted = {name: made[name] for name in ("device", "page_locked", "streams", "events")}
    assert counted == {"device": 1, "page_locked": 1, "streams": 1, "events": 1}
