"""What the project relies on in the real pycuda: copies, streams, events, and graphs under it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tests.contract.pycuda_helpers import (
    check,
    check_in_context,
    count,
    in_thread,
    raises,
)

# ---- copies, streams, events -----------------------------------------------------------------


@check_in_context
def copies_run_when_they_are_waited_for(cuda: Any) -> None:
    stream, memory = cuda.Stream(), cuda.mem_alloc(400)
    sent, back = (cuda.pagelocked_zeros(100, np.float32) for _ in range(2))
    sent[:] = np.arange(100)
    cuda.memcpy_htod_async(memory, sent, stream)
    cuda.memcpy_dtoh_async(back, memory, stream)
    assert not back.any()
    sent[0] = 42  # too early: the copy has not run yet
    stream.synchronize()
    assert back.tolist() == [42, *range(1, 100)]
    assert stream.is_done()
    assert count("pageable_copies") == 0
    cuda.memcpy_htod_async(memory, np.zeros(100, np.float32), stream)
    assert count("pageable_copies") == 1


@check_in_context
def what_cannot_be_copied_is_refused(cuda: Any) -> None:
    stream, memory = cuda.Stream(), cuda.mem_alloc(8)
    array = cuda.pagelocked_zeros(8, np.uint8)
    with raises(ValueError, "not contiguous"):
        cuda.memcpy_htod_async(memory, array[::2], stream)
    with raises(TypeError, "pycuda::stream"):
        cuda.memcpy_htod_async(memory, array, stream.handle)
    with raises(TypeError, "did not match C++ signature"):
        cuda.memcpy_htod_async(dst=memory, src=array, stream=stream)
    with raises(cuda.LogicError, "invalid argument"):
        cuda.memcpy_htod_async(memory, cuda.pagelocked_zeros(9, np.uint8), stream)
    with raises(BufferError, "not writable"):
        cuda.memcpy_dtoh(b"12345678", memory)


@check_in_context
def events_mark_a_stream_and_measure_it(cuda: Any) -> None:
    stream, memory = cuda.Stream(), cuda.mem_alloc(8)
    array = cuda.pagelocked_zeros(8, np.uint8)
    began, ended = cuda.Event(), cuda.Event(cuda.event_flags.BLOCKING_SYNC)
    with raises(cuda.LogicError, "invalid resource handle"):  # never recorded
        began.time_till(ended)
    assert began.record(stream) is began
    cuda.memcpy_htod_async(memory, array, stream)
    ended.record(stream)
    with raises(cuda.RuntimeError, "device not ready"):
        began.time_till(ended)
    assert not ended.query()
    assert ended.synchronize() is ended
    assert ended.query()
    assert began.time_till(ended) == ended.time_since(began) > 0
    assert isinstance(stream.handle, int)


@check_in_context
def a_stream_waits_for_an_event_of_another(cuda: Any) -> None:
    first, second, mark = cuda.Stream(), cuda.Stream(), cuda.Event()
    memory = cuda.mem_alloc(8)
    sent, back = (cuda.pagelocked_zeros(8, np.uint8) for _ in range(2))
    sent[:] = 9
    cuda.memcpy_htod_async(memory, sent, first)
    mark.record(first)
    second.wait_for_event(mark)
    cuda.memcpy_dtoh_async(back, memory, second)
    second.synchronize()
    assert (back == 9).all()
    assert first.is_done()


@check
def a_failed_device_fails_every_later_call(cuda: Any) -> None:
    from deploy.engine.cuda import Gpu
    from deploy.errors import DeviceLostError

    gpu = Gpu()
    with gpu.active():
        held = [cuda.mem_alloc(8), cuda.pagelocked_zeros(8, np.uint8)]
    os.environ["STANDIN_CUDA_FAIL"] = "cuMemcpyHtoD:2:700"  # 700: illegal address

    def copy() -> None:
        with gpu.active():
            cuda.memcpy_htod(*held)

    copy()
    with raises(DeviceLostError, "an illegal memory access was encountered"):
        copy()
    with raises(DeviceLostError, "an illegal memory access was encountered"):
        gpu.free_bytes()
    held.clear()
    gpu.close()
    assert count("primary") == 0


# ---- CUDA graphs, which pycuda does not have ---------------------------------------------------


@check_in_context
def work_recorded_as_a_graph_runs_again_with_new_contents(cuda: Any) -> None:
    from deploy.engine.graph import Graph

    assert not hasattr(cuda, "Graph")
    assert not hasattr(cuda.Stream, "begin_capture")
    stream, memory = cuda.Stream(), cuda.mem_alloc(8)
    sent, back = (cuda.pagelocked_zeros(8, np.uint8) for _ in range(2))

    def work() -> None:
        cuda.memcpy_htod_async(memory, sent, stream)
        cuda.memcpy_dtoh_async(back, memory, stream)

    graph = Graph(stream.handle, work)
    stream.synchronize()
    assert not back.any()  # recorded, not run
    for value in (3, 4):
        sent[:] = value
        graph.launch()
        assert not (back == value).any()
        stream.synchronize()
        assert (back == value).all()
    graph.close()
    graph.close()


@check_in_context
def work_that_cannot_be_recorded_leaves_a_stream_that_works(cuda: Any) -> None:
    from deploy.engine.graph import Graph, GraphError

    stream, memory = cuda.Stream(), cuda.mem_alloc(8)
    array = cuda.pagelocked_zeros(8, np.uint8)
    with raises((GraphError, cuda.Error), "failed"):
        Graph(stream.handle, lambda: cuda.mem_alloc(8).free())
    with raises((GraphError, cuda.Error), "failed"):
        Graph(stream.handle, stream.synchronize)
    cuda.memcpy_htod_async(memory, array, stream)
    stream.synchronize()


@check_in_context
def another_thread_may_allocate_while_a_graph_is_recorded(cuda: Any) -> None:
    from deploy.engine.graph import Graph

    context, stream, memory = cuda.Context.get_current(), cuda.Stream(), cuda.mem_alloc(8)
    array = cuda.pagelocked_zeros(8, np.uint8)

    def elsewhere() -> None:
        context.push()
        cuda.mem_alloc(8).free()
        cuda.Context.pop()

    def work() -> None:
        cuda.memcpy_htod_async(memory, array, stream)
        in_thread(elsewhere)

    graph = Graph(stream.handle, work)
    graph.launch()
    stream.synchronize()
    graph.close()
