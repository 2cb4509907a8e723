"""The fake TensorRT calibrates by the rules of the real one, where that has calibrators."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import bench, net
from tests.fakes.bench import Bench, Rig, active, picture

pytestmark = pytest.mark.parametrize("tensorrt_pose", ["8.6", "10.3", "10.16"], indirect=True)


def calibrator_of(trt, cuda, pictures, *, cache=None, fails_at=None, address=None):
    """Shows pictures from device memory; `.names`, `.cache` and `.lent` tell what TensorRT did."""

    class Calibrator(trt.IInt8EntropyCalibrator2):
        def __init__(self):
            trt.IInt8EntropyCalibrator2.__init__(self)
            self.memory = cuda.mem_alloc(int(np.prod(net.SHAPE)))
            self.shown, self.names, self.cache, self.lent = 0, [], None, None

        def get_batch_size(self):
            return 1

        def get_batch(self, names):
            if self.shown == fails_at:
                raise OSError("the card was pulled out")
            self.names.append(names)
            if self.shown == len(pictures):
                return None
            cuda.memcpy_htod(self.memory, pictures[self.shown])
            self.shown += 1
            return [address or int(self.memory)]

        def read_calibration_cache(self):
            return cache

        def write_calibration_cache(self, cache):
            self.cache, self.lent = bytes(cache), cache

    return Calibrator()


def built_with(calibrator):
    made = Bench(net.float_model()).allow("INT8")
    made.config.int8_calibrator = calibrator
    return made, made.build()


def calibrated(cuda, pictures, **settings):
    """(bench, plan, calibrator), the calibrator's memory freed."""
    calibrator = calibrator_of(bench.tensorrt(), cuda, pictures, **settings)
    made, plan = built_with(calibrator)
    calibrator.memory.free()
    return made, plan, calibrator


def logits_of(cuda, plan, shown):
    rig = Rig(cuda, plan)
    try:
        return rig.run(shown)
    finally:
        rig.close()


def test_every_picture_is_asked_for_by_the_inputs_name(tensorrt_pose):
    with active() as cuda:
        _, plan, calibrator = calibrated(cuda, [picture(1), picture(2)])

    assert plan is not None
    assert calibrator.shown == 2
    assert calibrator.names == [["image"]] * 3


def test_the_engine_is_quantized_by_what_was_shown(tensorrt_pose):
    """Ranges from dark pictures clip a bright one."""
    shown = picture(9)
    with active() as cuda:
        bright = calibrated(cuda, [picture(1), picture(2)])[1]
        dark = calibrated(cuda, [picture(1, largest=20)])[1]
        exact = logits_of(cuda, bench.plan(), shown)
        errors = [np.abs(logits_of(cuda, p, shown) - exact).max() for p in (bright, dark)]

    assert 0 < errors[0] < 0.2 * errors[1]


def test_the_cache_is_lent_for_the_call_alone(tensorrt_pose):
    with active() as cuda:
        _, _, calibrator = calibrated(cuda, [picture(1)])

    assert calibrator.cache.startswith(b"TRT-")
    assert b"EntropyCalibration2" in calibrator.cache
    with pytest.raises(ValueError, match="released"):
        bytes(calibrator.lent)


def test_a_cache_replaces_the_pictures(tensorrt_pose):
    with active() as cuda:
        _, first, calibrator = calibrated(cuda, [picture(1)])
        _, second, again = calibrated(cuda, [picture(2)], cache=calibrator.cache)
        same = [logits_of(cuda, p, picture(5)) for p in (first, second)]

    assert again.shown == 0
    np.testing.assert_allclose(*same, rtol=1e-5)


def test_another_versions_cache_is_skipped(tensorrt_pose):
    with active() as cuda:
        _, _, calibrator = calibrated(cuda, [picture(1)])
        foreign = b"TRT-7000" + calibrator.cache[calibrator.cache.index(b"-Entropy") :]
        _, plan, again = calibrated(cuda, [picture(2)], cache=foreign)

    assert plan is not None
    assert again.shown == 1


def test_an_exception_in_a_calibrator_ends_the_pictures_and_not_the_build(tensorrt_pose, capsys):
    with active() as cuda:
        _, plan, calibrator = calibrated(cuda, [picture(1), picture(2)], fails_at=1)

    assert plan is not None
    assert calibrator.shown == 1
    assert "Exception caught in get_batch(): OSError: the card was" in capsys.readouterr().err


@pytest.mark.parametrize("pictures", [[], None], ids=["no picture", "no calibrator"])
def test_without_any_range_the_build_fails(tensorrt_pose, pictures):
    with active() as cuda:
        if pictures is None:
            made, plan = built_with(None)
        else:
            made, plan, _ = calibrated(cuda, pictures)

    assert plan is None
    assert "Calibration failure occurred with no scaling factors detected" in made.log.errors()


def test_a_batch_that_is_not_on_the_device_loses_it(tensorrt_pose):
    with active() as cuda:
        made, plan, _ = calibrated(cuda, [picture(1)], address=4096)

        assert plan is None
        assert "illegal memory access" in made.log.errors()
        with pytest.raises(cuda.LogicError):
            cuda.mem_get_info()


def test_quantized_files_are_not_calibrated(tensorrt_pose):
    with active() as cuda:
        calibrator = calibrator_of(bench.tensorrt(), cuda, [picture(1)])
        made = Bench(net.quantized_model()).allow("INT8")
        made.config.int8_calibrator = calibrator
        assert made.build() is not None
        calibrator.memory.free()

    assert calibrator.shown == 0
    assert ("WARNING", "Calibrator won't be used in explicit precision mode.") in made.log.said
