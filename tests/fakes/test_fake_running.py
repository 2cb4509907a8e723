"""The fake TensorRT runs engines by the rules of the real one. Each test is one rule."""

from __future__ import annotations

import ctypes
import threading

import numpy as np
import onnxruntime
import pytest

from tests.fakes import bench, net
from tests.fakes.bench import Rig, active, opened, picture


@pytest.fixture
def rig(tensorrt_pose):
    with active() as cuda:
        made = Rig(cuda, bench.plan())
        yield made
        made.close()


def reference(shown):
    session = onnxruntime.InferenceSession(net.float_model(), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"image": shown})[0]


def test_an_engine_computes_what_its_file_does(rig):
    np.testing.assert_allclose(rig.run(picture(1)), reference(picture(1)), rtol=1e-5)


def test_nothing_is_computed_before_the_stream_is_waited_for(rig):
    assert rig.start(picture(1))
    assert np.isnan(rig.logits).all()
    rig.stream.synchronize()
    np.testing.assert_allclose(rig.logits, reference(picture(1)), rtol=1e-5)


def test_a_picture_that_is_overwritten_too_early_is_not_the_one_computed(rig):
    rig.start(picture(1))
    rig.image[:] = picture(2)
    rig.stream.synchronize()

    np.testing.assert_allclose(rig.logits, reference(picture(2)), rtol=1e-5)


@pytest.mark.parametrize("tensorrt_pose", ["8.6", "10.3", "10.16"], indirect=True)
def test_float16_rounds_what_comes_out(tensorrt_pose):
    with active() as cuda:
        made = Rig(cuda, bench.plan(net.float_model(), "FP16"))
        logits = made.run(picture(1))
        made.close()

    exact = reference(picture(1))
    assert (logits == logits.astype(np.float16)).all()
    assert (logits != exact).any()
    np.testing.assert_allclose(logits, exact, rtol=2e-3)


def test_work_starts_only_where_a_context_is_current(rig):
    started = []
    thread = threading.Thread(
        target=lambda: started.append(rig.context.execute_async_v3(rig.stream.handle))
    )
    thread.start()
    thread.join()

    assert started == [False]
    assert "invalid device context" in rig.log.errors()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rig: rig.context.set_tensor_address("logits", 0), "Address is not set"),
        (
            lambda rig: rig.context.set_tensor_address("logits", int(rig.memory["logits"]) + 4),
            "is not aligned to 256 bytes",
        ),
    ],
)
def test_work_does_not_start_with_a_wrong_address(rig, spoil, words):
    spoil(rig)

    assert not rig.context.execute_async_v3(rig.stream.handle)
    assert words in rig.log.errors()


def test_work_does_not_start_with_an_open_shape(tensorrt_pose):
    engine, log = opened(bench.plan())
    context = engine.create_execution_context()
    with active() as cuda:
        assert not context.execute_async_v3(cuda.Stream().handle)
    assert "Input shapes not specified: ['image']" in log.errors()


def test_work_does_not_start_on_a_stream_that_is_none(rig):
    assert not rig.context.execute_async_v3(12345)


def test_wrong_names_and_shapes_are_false_and_a_line_in_the_log(rig):
    assert not rig.context.set_tensor_address("nothing", int(rig.memory["image"]))
    assert not rig.context.set_input_shape("image", (2, 8, 8, 3))
    assert not rig.context.set_input_shape("logits", (1, 5))
    assert "invalid tensor name: nothing" in rig.log.errors()
    assert "do not satisfy any optimization profiles" in rig.log.errors()


def test_an_address_that_was_freed_loses_the_device(tensorrt_pose, rig):
    rig.memory["embedding"].free()
    rig.memory["embedding"] = rig.cuda.mem_alloc(16)
    rig.context.set_tensor_address("embedding", int(rig.memory["embedding"]) + 4096)

    assert rig.context.execute_async_v3(rig.stream.handle)
    with pytest.raises(rig.cuda.LogicError, match="illegal memory access"):
        rig.stream.synchronize()
    assert not rig.context.execute_async_v3(rig.stream.handle)


def test_the_device_is_lost_at_the_inference_that_the_settings_name(tensorrt_pose, rig):
    tensorrt_pose.gpu.configure(lose_after=1)
    rig.run(picture(1))

    assert rig.start(picture(1))
    with pytest.raises(rig.cuda.LogicError, match="illegal memory access"):
        rig.stream.synchronize()


def test_the_launch_that_the_settings_name_is_refused(tensorrt_pose, rig):
    tensorrt_pose.gpu.configure(unwilling_after=1)
    rig.run(picture(1))
    assert not rig.context.execute_async_v3(rig.stream.handle)
    assert rig.context.execute_async_v3(rig.stream.handle)
    rig.stream.synchronize()


def test_two_contexts_on_two_streams_do_not_wait_for_each_other(rig):
    other = Rig(rig.cuda, bench.plan())
    rig.start(picture(1))
    other.start(picture(2))
    other.stream.synchronize()

    assert np.isnan(rig.logits).all()
    np.testing.assert_allclose(other.logits, reference(picture(2)), rtol=1e-5)
    rig.stream.synchronize()
    other.close()


def test_an_inference_takes_the_time_that_the_settings_name(tensorrt_pose, rig):
    tensorrt_pose.gpu.configure(kernel_ms=7.5)
    began, ended = rig.cuda.Event().record(rig.stream), rig.cuda.Event()
    assert rig.context.execute_async_v3(rig.stream.handle)
    ended.record(rig.stream).synchronize()

    assert began.time_till(ended) == pytest.approx(7.5)


def recorded(gpu, rig, work):
    """(code of the end, runnable graph): `work` recorded from the rig's stream."""
    stream, graph, runnable = (ctypes.c_void_p(v) for v in (rig.stream.handle, 0, 0))
    assert gpu.driver.cuStreamBeginCapture_v2(stream, ctypes.c_int(1)) == 0
    try:
        work()
    finally:
        code = gpu.driver.cuStreamEndCapture(stream, ctypes.byref(graph))
    if code == 0:
        gpu.driver.cuGraphInstantiateWithFlags(ctypes.byref(runnable), graph, 0)
        gpu.driver.cuGraphDestroy(graph)
    return code, runnable


def test_a_recorded_graph_runs_when_it_is_started_and_not_before(tensorrt_pose, rig):
    gpu = tensorrt_pose.gpu
    rig.run(picture(1))
    _, runnable = recorded(gpu, rig, lambda: rig.start(picture(2)))
    np.testing.assert_allclose(rig.logits, reference(picture(1)), rtol=1e-5)
    for seed in (3, 4):
        rig.image[:] = picture(seed)
        assert gpu.driver.cuGraphLaunch(runnable, ctypes.c_void_p(rig.stream.handle)) == 0
        assert np.isnan(rig.logits).all()
        rig.stream.synchronize()
        np.testing.assert_allclose(rig.logits, reference(picture(seed)), rtol=1e-5)

    assert gpu.state()["graph_launches"] == 2
    assert gpu.driver.cuGraphExecDestroy(runnable) == 0


def test_waiting_or_allocating_spoils_a_recording(tensorrt_pose, rig):
    rig.run(picture(1))
    for spoil in (rig.stream.synchronize, lambda: rig.cuda.mem_alloc(4)):

        def work(spoil=spoil):
            with pytest.raises(rig.cuda.LogicError, match="stream is capturing"):
                spoil()

        assert recorded(tensorrt_pose.gpu, rig, work)[0] == 901


def test_a_first_inference_cannot_be_recorded(tensorrt_pose, rig):
    started = []
    _, runnable = recorded(
        tensorrt_pose.gpu,
        rig,
        lambda: started.append(rig.context.execute_async_v3(rig.stream.handle)),
    )
    tensorrt_pose.gpu.driver.cuGraphExecDestroy(runnable)

    assert started == [False]
