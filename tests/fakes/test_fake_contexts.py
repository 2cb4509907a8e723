"""The fake pycuda's contexts keep the rules of the real ones. Each test is one rule."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fakes.bench import active, driver, in_thread

pytestmark = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)


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


def test_detaching_where_it_is_current_takes_it_off_the_stack(tensorrt_pose):
    cuda = driver()
    context = cuda.Device(0).retain_primary_context()
    context.push()
    context.push()
    context.detach()

    assert cuda.Context.get_current() is None
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
