"""A stand-in for TensorRT's Python bindings, in the version that FAKE_TENSORRT names.

It builds "engines" that ONNX Runtime runs on the CPU, on the fake device's memory. Names,
signatures and enum members are the recorded ones of that version; see tests/fakes/README.md.
"""

from __future__ import annotations

from typing import Any

from tensorrt import (
    _base,
    _builder,
    _engine,
    _enums,
    _execution,
    _inspect,
    _network,
    _parser,
    _record,
)

__version__ = _record.VERSION

_PARTS = (
    *(_base.ILogger, _base.Logger, _base.Dims, _base.IProfiler, _base.IProgressMonitor),
    *(_base.IInt8Calibrator, _base.IInt8EntropyCalibrator2, _base.IInt8MinMaxCalibrator),
    *(_builder.Builder, _builder.IBuilderConfig, _builder.IOptimizationProfile),
    *(_builder.ITimingCache, _network.INetworkDefinition, _network.ITensor, _network.ILayer),
    *(_parser.OnnxParser, _parser.ParserError, _engine.Runtime, _engine.ICudaEngine),
    *(_execution.IExecutionContext, _inspect.EngineInspector, _base.IHostMemory),
)
for _part in _PARTS:
    if _record.shaped(_part):
        globals()[_part.__name__] = _part
globals().update(_enums.ENUMS)
for _name, _value in _record.RECORD["constants"].items():
    globals()[_name] = getattr(_enums.DataType, _value.partition(".")[2])
for _function in (_base.nptype, _base.volume, _base.init_libnvinfer_plugins):
    if _function.__name__ in _record.RECORD["functions"]:
        globals()[_function.__name__] = _function


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module 'tensorrt' has no attribute '{name}'")
