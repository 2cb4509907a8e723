"""The fake pycuda's copies, streams and events keep the rules of the real ones."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.fakes.bench import active

pytestmark = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


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


def test_a_stream_made_non_blocking_does_not_wait_for_the_default_one(pair):
    cuda, stream, host, memory = pair
    cuda.memset_d8_async(memory, 0, 4)
    cuda.Context.synchronize()
    cuda.memset_d8_async(memory, 9, 4)  # on the default stream
    loose = cuda.Stream(1)
    for waiting, expected in ((loose, [0] * 4), (stream, [9] * 4)):
        cuda.memcpy_dtoh_async(host, memory, waiting)
        waiting.synchronize()
        assert list(host) == expected


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
