"""The fake `pycuda.driver` keeps the rules of the real one. Each test is one rule."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.fakes.bench import active, driver

pytestmark = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


def in_thread(work):
    """Run in another thread; what it raised, or None."""
    raised = []

    def guarded():
        try:
            work()
        except Exception as exc:
            raised.append(exc)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    return raised[0] if raised else None


# ---- contexts ---------------------------------------------------------------------------


NO_CONTEXT = "explicit_context_dependent failed: invalid device context - no currently active"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.mem_alloc(4), "cuMemAlloc failed: invalid device context"),
        (lambda c: c.mem_get_info(), "cuMemGetInfo failed: invalid device context"),
        (lambda c: c.pagelocked_empty(1, "u1"), "cuMemHostAlloc failed: invalid device context"),
        (lambda c: c.Stream(), NO_CONTEXT),
        (lambda c: c.Event(), NO_CONTEXT),
        (lambda c: c.Context.synchronize(), "cuCtxSynchronize failed: invalid device context"),
        (lambda c: c.Context.pop(), "context::pop failed: .*cannot pop non-current context"),
    ],
)
def test_a_call_without_a_current_context_fails(tensorrt_pose, call, words):
    cuda = driver()

    with pytest.raises(cuda.LogicError, match=words):
        call(cuda)


def test_the_driver_must_be_started_first(tensorrt_pose):
    import pycuda.driver as cuda

    with pytest.raises(cuda.LogicError, match="initialization error"):
        cuda.Device.count()


def test_a_context_is_current_on_the_thread_that_pushed_it_alone(tensorrt_pose):
    with active() as cuda:
        raised = in_thread(lambda: cuda.mem_get_info())

        assert isinstance(raised, cuda.LogicError)
        assert cuda.mem_get_info()[0] > 0


def test_pushing_around_the_work_makes_it_possible_in_any_thread(tensorrt_pose):
    with active() as cuda:
        context = cuda.Context.get_current()

        def work():
            context.push()
            cuda.mem_alloc(8).free()
            cuda.Context.pop()

        assert in_thread(work) is None


def test_a_context_left_on_a_thread_is_noticed(tensorrt_pose):
    with active() as cuda:
        in_thread(cuda.Context.get_current().push)

        assert any("contexts on thread" in line for line in tensorrt_pose.gpu.left_over())
    tensorrt_pose.may_leave = True


def test_detaching_on_another_thread_releases_nothing(tensorrt_pose):
    context = driver().Device(0).retain_primary_context()

    assert in_thread(context.detach) is None
    assert tensorrt_pose.gpu.left_over() == ["the primary context, 1 times"]
    tensorrt_pose.may_leave = True


def test_detaching_on_another_thread_works_where_it_is_current(tensorrt_pose):
    context = driver().Device(0).retain_primary_context()

    def work():
        context.push()
        context.detach()

    assert in_thread(work) is None
    assert tensorrt_pose.gpu.left_over() == []


def test_detaching_twice_is_an_error(tensorrt_pose):
    cuda = driver()
    context = cuda.Device(0).retain_primary_context()
    context.detach()

    with pytest.raises(cuda.LogicError, match="cannot detach from invalid context"):
        context.detach()


def test_a_context_of_its_own_is_refused(tensorrt_pose):
    with pytest.raises(tensorrt_pose.gpu.RuleBroken, match="retain_primary_context"):
        driver().Device(0).make_context()
    tensorrt_pose.may_break = True


def test_a_process_that_ends_with_a_context_left_is_aborted(tensorrt_pose):
    code = "import pycuda.driver as c; c.init(); x = c.Device(0).retain_primary_context(); x.push()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == -6
    assert "context stack was not empty" in done.stderr


def test_a_missing_device_and_a_broken_driver_are_different_errors(tensorrt_pose):
    import pycuda.driver as cuda

    tensorrt_pose.gpu.configure(cuda="absent")
    with pytest.raises(cuda.RuntimeError, match="no CUDA-capable device is detected"):
        cuda.init()
    tensorrt_pose.gpu.configure(cuda="broken")
    with pytest.raises(cuda.Error, match="unknown error"):
        cuda.init()


def test_pycudas_errors_are_not_the_built_in_ones_of_the_same_name(tensorrt_pose):
    cuda = driver()
    kinds = (cuda.MemoryError, cuda.LogicError, cuda.LaunchError, cuda.RuntimeError)

    assert all(issubclass(kind, cuda.Error) for kind in kinds)
    assert not any(issubclass(kind, (MemoryError, RuntimeError)) for kind in kinds)


# ---- memory -----------------------------------------------------------------------------


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


# ---- copies -----------------------------------------------------------------------------


@pytest.fixture
def pair(tensorrt_pose):
    """(cuda, stream, page-locked array of 4 bytes, device memory of 4 bytes)."""
    with active() as cuda:
        stream, host = cuda.Stream(), cuda.pagelocked_empty(4, np.uint8)
        memory = cuda.mem_alloc(4)
        yield cuda, stream, host, memory
        memory.free()
        host.base.free()
        del stream


def on_device(cuda, memory):
    back = np.empty(4, np.uint8)
    cuda.memcpy_dtoh(back, memory)
    return list(back)


def test_a_queued_copy_lands_when_its_stream_is_waited_for(pair):
    cuda, stream, host, memory = pair
    cuda.memcpy_htod(memory, np.array([1, 2, 3, 4], np.uint8))
    cuda.memcpy_dtoh_async(host, memory, stream)
    early = list(host)
    stream.synchronize()

    assert early == [255] * 4
    assert list(host) == [1, 2, 3, 4]


def test_a_queued_copy_reads_its_source_when_it_runs(pair):
    cuda, stream, host, memory = pair
    host[:] = 1
    cuda.memcpy_htod_async(memory, host, stream)
    host[:] = 2  # too early
    stream.synchronize()

    assert on_device(cuda, memory) == [2] * 4


def test_waiting_for_one_stream_does_not_run_another(pair):
    cuda, stream, host, memory = pair
    cuda.memcpy_htod(memory, bytes(4))
    cuda.memcpy_dtoh_async(host, memory, stream)
    other = cuda.Stream()
    other.synchronize()
    early = list(host)
    cuda.Context.synchronize()

    assert (early, list(host)) == ([255] * 4, [0] * 4)


def test_a_stream_told_to_wait_for_an_event_does(pair):
    cuda, stream, host, memory = pair
    cuda.memcpy_htod(memory, bytes(4))
    cuda.memcpy_dtoh_async(host, memory, stream)
    other = cuda.Stream()
    other.wait_for_event(cuda.Event().record(stream))
    other.synchronize()

    assert list(host) == [0] * 4


def test_waiting_for_an_event_runs_what_was_queued_before_it_alone(pair):
    cuda, stream, host, memory = pair
    cuda.memcpy_htod(memory, bytes(4))
    cuda.memcpy_dtoh_async(host, memory, stream)
    event = cuda.Event().record(stream)
    later = cuda.pagelocked_empty(4, np.uint8)
    cuda.memcpy_dtoh_async(later, memory, stream)
    assert not event.query()
    event.synchronize()

    assert event.query()
    assert (list(host), list(later)) == ([0] * 4, [255] * 4)
    stream.synchronize()
    later.base.free()


def test_a_plain_copy_waits_for_the_streams_before_it(pair):
    cuda, stream, host, memory = pair
    host[:] = 5
    cuda.memcpy_htod_async(memory, host, stream)

    assert on_device(cuda, memory) == [5] * 4


def test_a_plain_copy_does_not_wait_for_a_stream_made_non_blocking(pair):
    cuda, _, host, memory = pair
    cuda.memcpy_htod(memory, bytes(4))
    loose = cuda.Stream(1)
    host[:] = 5
    cuda.memcpy_htod_async(memory, host, loose)

    assert on_device(cuda, memory) == [0] * 4
    loose.synchronize()
    assert on_device(cuda, memory) == [5] * 4


@pytest.mark.parametrize("direction", ["htod", "dtoh"])
def test_queueing_a_copy_of_memory_that_is_not_page_locked_breaks_a_rule(
    tensorrt_pose, pair, direction
):
    cuda, stream, _, memory = pair
    plain = np.zeros(4, np.uint8)
    with pytest.raises(tensorrt_pose.gpu.RuleBroken, match="not page-locked"):
        if direction == "htod":
            cuda.memcpy_htod_async(memory, plain, stream)
        else:
            cuda.memcpy_dtoh_async(plain, memory, stream)
    assert len(tensorrt_pose.gpu.broken_rules) == 1
    tensorrt_pose.may_break = True


def test_an_array_with_gaps_is_refused(pair):
    cuda, stream, _, memory = pair
    gaps = np.zeros((4, 2), np.uint8)[:, 0]
    with pytest.raises(ValueError, match="contiguous"):
        cuda.memcpy_htod(memory, gaps)
    with pytest.raises(ValueError, match="contiguous"):
        cuda.memcpy_htod_async(memory, gaps, stream)


def test_a_read_only_destination_is_refused(pair):
    cuda, _, _, memory = pair
    fixed = np.zeros(4, np.uint8)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        cuda.memcpy_dtoh(fixed, memory)


def test_a_copy_past_the_end_is_refused_and_does_no_harm(pair):
    cuda, stream, _, memory = pair
    with pytest.raises(cuda.LogicError, match="cuMemcpyHtoD failed: invalid argument"):
        cuda.memcpy_htod(memory, bytes(5))
    stream.synchronize()


def test_a_streams_handle_is_a_number_that_pycuda_itself_does_not_take(pair):
    cuda, stream, host, memory = pair
    assert isinstance(stream.handle, int)
    with pytest.raises(TypeError):
        cuda.memcpy_htod_async(memory, host, stream.handle)


def test_freeing_waits_for_the_work_that_uses_it(pair):
    cuda, stream, host, _ = pair
    source = cuda.mem_alloc(4)
    cuda.memcpy_htod(source, bytes(4))
    cuda.memcpy_dtoh_async(host, source, stream)
    source.free()

    assert list(host) == [0] * 4


# ---- time -------------------------------------------------------------------------------


def test_events_tell_the_devices_own_time_in_milliseconds(pair):
    cuda, stream, host, memory = pair
    began, ended = cuda.Event().record(stream), cuda.Event()
    cuda.memcpy_htod_async(memory, host, stream)
    ended.record(stream).synchronize()

    assert began.time_till(ended) == pytest.approx(0.05)
    assert ended.time_since(began) == began.time_till(ended)


def test_time_is_not_to_be_had_from_events_without_it(pair):
    cuda, stream, *_ = pair
    began, ended = cuda.Event().record(stream), cuda.Event()
    with pytest.raises(cuda.LogicError, match="invalid resource handle"):
        began.time_till(ended)  # never recorded
    ended.record(stream)
    with pytest.raises(cuda.RuntimeError, match="device not ready"):
        began.time_till(ended)  # not reached yet
    untimed = cuda.Event(cuda.event_flags.DISABLE_TIMING).record(stream)
    stream.synchronize()
    with pytest.raises(cuda.LogicError, match="invalid resource handle"):
        began.time_till(untimed)


# ---- a lost device ----------------------------------------------------------------------


def test_after_a_fault_every_call_fails_and_freeing_does_not(tensorrt_pose, pair):
    cuda, stream, host, memory = pair
    spare = cuda.mem_alloc(4)
    tensorrt_pose.gpu.lose()
    for call in (
        stream.synchronize,
        cuda.Context.synchronize,
        cuda.mem_get_info,
        lambda: cuda.mem_alloc(4),
        lambda: cuda.memcpy_htod_async(memory, host, stream),
    ):
        with pytest.raises(cuda.LogicError, match="an illegal memory access was encountered"):
            call()
    spare.free()


def test_settings_that_do_not_exist_are_refused(tensorrt_pose):
    with pytest.raises(ValueError, match="fre_mb"):
        tensorrt_pose.gpu.configure(fre_mb=1)
    os.environ["FAKE_GPU"] = "{}"


def test_a_child_process_has_the_same_device_and_reports_what_it_left(tensorrt_pose, tmp_path):
    report = tmp_path / "report.json"
    tensorrt_pose.gpu.configure(name="Fake Thor", report=str(report))
    code = "import pycuda.driver as c; c.init(); print(c.Device(0).name())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "Fake Thor\n"
    assert '"left_over": []' in report.read_text()
