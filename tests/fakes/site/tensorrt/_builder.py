"""The builder, its configuration, optimization profiles and timing caches."""

from __future__ import annotations

from typing import Any

from tensorrt import _plan
from tensorrt._base import Dims, IHostMemory, require_cuda, say
from tensorrt._build import plan_for
from tensorrt._engine import Runtime
from tensorrt._enums import ENUMS, TYPED_BY_FILE, flag_bit
from tensorrt._network import INetworkDefinition
from tensorrt._record import Native, Stored

CREATION = ENUMS["NetworkDefinitionCreationFlag"]
VERBOSITY = ENUMS["ProfilingVerbosity"]
TACTICS = ENUMS["TacticSource"]
CACHE_MAGIC = b"ftrttime"


class IOptimizationProfile(Native):
    """_ranges: (min, opt, max) by input."""

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        shapes = tuple(min), tuple(opt), tuple(max)
        sizes = {len(shape) for shape in shapes}
        if len(sizes) != 1 or not all(a <= b <= c for a, b, c in zip(*shapes, strict=True)):
            raise ValueError(f"Invalid shapes for {input}: {shapes}")
        self._ranges[input] = shapes

    def get_shape(self, input: str) -> list[Dims]:
        return [Dims(shape) for shape in self._ranges[input]]


class ITimingCache(Native):
    """_gpu: the device it was measured on; _known: digests of what was measured."""

    def serialize(self) -> IHostMemory:
        text = "\n".join([self._gpu, *sorted(self._known)])
        return IHostMemory(CACHE_MAGIC + text.encode())

    def combine(self, input_cache: ITimingCache, ignore_mismatch: bool) -> bool:
        if input_cache._gpu != self._gpu and not ignore_mismatch:
            return False
        self._known.update(input_cache._known)
        return True

    def reset(self) -> bool:
        self._known.clear()
        return True


def gpu_mark() -> str:
    """What a timing cache is bound to."""
    return " ".join([*_plan.this_gpu().values(), _plan.VERSION])


class IBuilderConfig(Native):
    """_pools, _profiles: what was set."""

    avg_timing_iterations = Stored(1)
    builder_optimization_level = Stored(3)
    profiling_verbosity = Stored(VERBOSITY.LAYER_NAMES_ONLY)
    progress_monitor = Stored(None)
    int8_calibrator = Stored(None)
    max_aux_streams = Stored(-1)
    default_device_type = Stored(ENUMS["DeviceType"].GPU)
    DLA_core = Stored(-1)
    profile_stream = Stored(0)
    engine_capability = Stored(ENUMS["EngineCapability"].STANDARD)
    hardware_compatibility_level = Stored(None)
    plugins_to_serialize = Stored([])
    max_num_tactics = Stored(-1)
    flags = Stored(flag_bit(ENUMS["BuilderFlag"], "TF32"))

    def _has(self, name: str) -> bool:
        return bool(self.__dict__.get("_flags", 0) & flag_bit(ENUMS["BuilderFlag"], name))

    def set_flag(self, flag: Any) -> None:
        self.flags |= 1 << int(flag)

    def clear_flag(self, flag: Any) -> None:
        self.flags &= ~(1 << int(flag))

    def get_flag(self, flag: Any) -> bool:
        return bool(self.flags & (1 << int(flag)))

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._pools[int(pool)] = int(pool_size)

    def get_memory_pool_limit(self, pool: Any) -> int:
        return int(self._pools.get(int(pool), 0))

    def set_tactic_sources(self, tactic_sources: int) -> bool:
        known = sum(1 << int(source) for source in TACTICS.__members__.values())
        if int(tactic_sources) & ~known:
            return False
        self.__dict__["_tactics"] = int(tactic_sources)
        return True

    def get_tactic_sources(self) -> int:
        return int(
            self.__dict__.get("_tactics", sum(1 << int(s) for s in TACTICS.__members__.values()))
        )

    def set_preview_feature(self, feature: Any, enable: bool) -> None:
        self._previews[int(feature)] = enable

    def get_preview_feature(self, feature: Any) -> bool:
        return bool(self._previews.get(int(feature), False))

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self._profiles.append(profile)
        return len(self._profiles) - 1

    @property
    def num_optimization_profiles(self) -> int:
        return len(self._profiles)

    def set_calibration_profile(self, profile: IOptimizationProfile) -> bool:
        self.__dict__["_calibration_profile"] = profile
        return True

    def get_calibration_profile(self) -> Any:
        return self.__dict__.get("_calibration_profile")

    def create_timing_cache(self, serialized_timing_cache: Any) -> Any:
        """A cache; empty for no bytes, None, logged, for bytes that are none."""
        data = bytes(serialized_timing_cache)
        if not data:
            return ITimingCache._made(gpu=gpu_mark(), known=set())
        if not data.startswith(CACHE_MAGIC):
            words = _plan.assertion("magicTagRead == kMAGIC_TAG", "Magic tag does not match")
            return say(self._logger, "ERROR", words.partition(": ")[2])
        gpu, *known = data[len(CACHE_MAGIC) :].decode().split("\n")
        return ITimingCache._made(gpu=gpu, known=set(known))

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        if cache._gpu != gpu_mark() and not ignore_mismatch:
            say(self._logger, "ERROR", "The provided timing cache was made on another device.")
            return False
        self.__dict__["_cache"] = cache
        return True

    def get_timing_cache(self) -> Any:
        return self.__dict__.get("_cache")

    def reset(self) -> None:
        logger = self._logger
        self.__dict__.clear()
        self.__dict__.update(new_state(logger))


def new_state(logger: Any) -> dict[str, Any]:
    """A configuration's inner state."""
    return {"_logger": logger, "_pools": {}, "_profiles": [], "_previews": {}}


class Builder(Native):
    max_threads = Stored(1)

    def __init__(self, logger: Any) -> None:
        require_cuda(logger)
        self._logger = logger

    @property
    def logger(self) -> Any:
        return self._logger

    @property
    def platform_has_fast_int8(self) -> bool:
        return True

    @property
    def platform_has_fast_fp16(self) -> bool:
        return True

    @property
    def platform_has_tf32(self) -> bool:
        return True

    @property
    def num_DLA_cores(self) -> int:  # noqa: N802  # TensorRT's name
        return 0

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        typed = TYPED_BY_FILE or bool(int(flags) & flag_bit(CREATION, "STRONGLY_TYPED"))
        found: INetworkDefinition = INetworkDefinition._made(
            graph=None, shapes={}, typed=typed, flags=int(flags), logger=self._logger
        )
        return found

    def create_builder_config(self) -> IBuilderConfig:
        config: IBuilderConfig = IBuilderConfig._made()
        config.__dict__.update(new_state(self._logger))
        return config

    def create_optimization_profile(self) -> IOptimizationProfile:
        found: IOptimizationProfile = IOptimizationProfile._made(ranges={})
        return found

    def is_network_supported(self, network: INetworkDefinition, config: IBuilderConfig) -> bool:
        return True

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> Any:
        """A plan, or None with the reason logged."""
        data = plan_for(network, config, self._logger)
        return None if data is None else IHostMemory(data)

    def build_engine_with_config(self, network: INetworkDefinition, config: IBuilderConfig) -> Any:
        """An engine, or None with the reason logged."""
        data = plan_for(network, config, self._logger)
        return None if data is None else Runtime(self._logger).deserialize_cuda_engine(data)

    def reset(self) -> None:
        return None
