"""The fake TensorRT builds by the rules of the real one. Each test is one rule."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fakes import net
from tests.fakes.bench import Bench


def test_a_plan_is_a_buffer_and_little_else(tensorrt_pose):
    made = Bench(net.float_model()).build()

    assert made.nbytes == len(bytes(memoryview(made)))
    for wrong in (lambda: made[0], lambda: len(made), lambda: made.decode()):
        with pytest.raises((TypeError, AttributeError)):
            wrong()


def test_an_open_batch_needs_a_profile(tensorrt_pose):
    made = Bench(net.float_model(), shape=None)

    assert made.build() is None
    assert "no optimization profile has been defined" in made.log.errors()


def test_a_fixed_batch_needs_none(tensorrt_pose):
    assert Bench(net.float_model(batch=1), shape=None).build() is not None


def test_a_network_without_a_file_is_not_built(tensorrt_pose):
    made = Bench(b"", shape=None)

    assert made.build() is None
    assert "at least one output" in made.log.errors()


def test_quantized_files_need_the_int8_flag_where_typing_is_weak(tensorrt_pose):
    made = Bench(net.quantized_model())
    built = made.build()

    assert (built is not None) == (tensorrt_pose.version == "11.4")
    if built is None:
        assert "int8 is not configured in the builder" in made.log.errors()
    assert Bench(net.quantized_model()).allow("INT8", "FP16").build() is not None


@pytest.mark.parametrize("tensorrt_pose", ["10.3", "10.16"], indirect=True)
def test_strongly_typed_networks_take_no_precision_flags(tensorrt_pose):
    made = Bench(net.quantized_model(), typed=True)
    assert made.build() is not None
    assert made.allow("FP16").build() is None
    assert "strongly typed" in made.log.errors()


@pytest.mark.parametrize("tensorrt_pose", ["8.6"], indirect=True)
def test_version_8_wants_an_explicit_batch(tensorrt_pose):
    made = Bench(b"", shape=None)
    network = made.builder.create_network()
    assert made.trt.OnnxParser(network, made.log).parse(net.float_model(batch=1))

    assert made.builder.build_serialized_network(network, made.config) is None
    assert "EXPLICIT_BATCH" in made.log.errors()


def test_bytes_are_read_by_a_cast_alone(tensorrt_pose):
    nodes = net.nodes()
    cast, turn = nodes[0], nodes[1]
    turn.input[0], cast.input[0] = "image", "nchw_bytes"
    turn.output[0], cast.output[0] = "nchw_bytes", "nchw"
    made = Bench(net.model_of([turn, cast, *nodes[2:]], net.weights()))

    assert made.parsed
    assert made.build() is None
    assert "cannot read type UINT8" in made.log.errors()


def test_a_build_fails_where_the_settings_say_so(tensorrt_pose):
    tensorrt_pose.gpu.configure(fail="Error Code 10: Internal Error (Could not find any tactic.)")
    made = Bench(net.float_model())

    assert made.build() is None
    assert "Could not find any tactic" in made.log.errors()


@pytest.mark.parametrize(("how", "code"), [("kill", -9), ("abort", -6), ("segfault", -11)])
@pytest.mark.parametrize("tensorrt_pose", ["8.6"], indirect=True)
def test_a_build_dies_where_the_settings_say_so(tensorrt_pose, how, code):
    tensorrt_pose.gpu.configure(crash=how)
    text = "from tests.fakes import bench; bench.plan()"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, check=False)

    assert done.returncode == code


def monitor_of(trt, stop_at=None):
    class Monitor(trt.IProgressMonitor):
        def __init__(self):
            trt.IProgressMonitor.__init__(self)
            self.heard = []

        def phase_start(self, phase_name, parent_phase, num_steps):
            self.heard.append(("start", phase_name, parent_phase, num_steps))

        def step_complete(self, phase_name, step):
            self.heard.append(("step", step))
            return step != stop_at

        def phase_finish(self, phase_name):
            self.heard.append(("finish", phase_name))

    return Monitor()


WITH_MONITOR = pytest.mark.parametrize("tensorrt_pose", ["10.3", "10.16", "11.4"], indirect=True)


@WITH_MONITOR
def test_a_monitor_hears_every_phase_and_step(tensorrt_pose):
    tensorrt_pose.gpu.configure(steps=3)
    made = Bench(net.float_model())
    made.config.progress_monitor = monitor = monitor_of(made.trt)
    made.build()

    assert monitor.heard == [
        ("start", "Building engine", None, 3),
        ("start", "Tactic selection", "Building engine", 3),
        *[("step", step) for step in range(3)],
        ("finish", "Tactic selection"),
        ("finish", "Building engine"),
    ]


@WITH_MONITOR
def test_a_monitor_that_says_false_ends_the_build(tensorrt_pose):
    made = Bench(net.float_model())
    made.config.progress_monitor = monitor = monitor_of(made.trt, stop_at=1)

    assert made.build() is None
    assert [heard for heard in monitor.heard if heard[0] == "step"] == [("step", 0), ("step", 1)]
    assert made.log.errors() == ""


def test_a_timing_cache_serves_the_device_it_was_made_on(tensorrt_pose):
    made = Bench(net.float_model())
    assert made.config.set_timing_cache(made.config.create_timing_cache(b""), False)
    made.build()
    kept = bytes(memoryview(made.config.get_timing_cache().serialize()))

    again = Bench(net.float_model()).config
    assert again.set_timing_cache(again.create_timing_cache(kept), False)
    tensorrt_pose.gpu.configure(name="Fake Thor")
    other = Bench(net.float_model()).config
    cache = other.create_timing_cache(kept)
    assert not other.set_timing_cache(cache, False)
    assert other.set_timing_cache(cache, True)


def test_bytes_that_are_no_timing_cache_make_none(tensorrt_pose):
    made = Bench(net.float_model())

    assert made.config.create_timing_cache(b"rubbish") is None
    assert "Magic tag does not match" in made.log.errors()
