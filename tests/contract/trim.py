#!/usr/bin/env python3
"""Cut recorded APIs of TensorRT's Python bindings down to what this project's tests need.

    python tests/contract/trim.py DUMPS/*.json --out tests/contract/tensorrt

A dump is what a script wrote that imported real bindings and read their classes: names, kinds,
signatures, writability, enum numbers, and documentation. The documentation is NVIDIA's and is
left out; names and signatures are facts. In what is written

    a method     is a list of its overloads, each {"args": [[name, type, default?]...], "to": type}
    a property   is {"type": ..., "set": whether it can be assigned}
    an enum      is {name: number}

and pybind11's spellings, which changed over the years, are brought to one (`SPELLINGS`).
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

# What the project and its fakes use, or may reasonably come to use.
CLASSES = [
    "ILogger",
    "Logger",
    "Builder",
    "BuilderFlag",
    "IBuilderConfig",
    "NetworkDefinitionCreationFlag",
    "INetworkDefinition",
    "ITensor",
    "ILayer",
    "LayerType",
    "DataType",
    "TensorFormat",
    "TensorIOMode",
    "TensorLocation",
    "Dims",
    "IHostMemory",
    "IOptimizationProfile",
    "ITimingCache",
    "MemoryPoolType",
    "ProfilingVerbosity",
    "TacticSource",
    "PreviewFeature",
    "HardwareCompatibilityLevel",
    "DeviceType",
    "EngineCapability",
    "QuantizationFlag",
    "CalibrationAlgoType",
    "IInt8Calibrator",
    "IInt8EntropyCalibrator",
    "IInt8EntropyCalibrator2",
    "IInt8LegacyCalibrator",
    "IInt8MinMaxCalibrator",
    "IProgressMonitor",
    "IProfiler",
    "Profiler",
    "Runtime",
    "ICudaEngine",
    "IExecutionContext",
    "ExecutionContextAllocationStrategy",
    "EngineInspector",
    "LayerInformationFormat",
    "OnnxParser",
    "OnnxParserFlag",
    "ParserError",
    "ErrorCode",
    "ISerializationConfig",
    "SerializationFlag",
    "TempfileControlFlag",
    "EngineStat",
]
# Building a network by hand is what the ONNX parser is there for.
LEFT_OUT = {"INetworkDefinition": r"^(add_|mark_weights|unmark_weights)"}

SPELLINGS = (
    (r"typing(?:_extensions)?\.SupportsInt(?: \| typing(?:_extensions)?\.SupportsIndex)?", "int"),
    (
        r"typing(?:_extensions)?\.SupportsFloat(?: \| typing(?:_extensions)?\.SupportsIndex)?",
        "float",
    ),
    (r"(?:typing_extensions|collections\.abc)\.Buffer", "buffer"),
    (r"collections\.abc\.Sequence\[", "List["),
    (r"\blist\[", "List["),
    (r"\b(?:types|typing_extensions)\.CapsuleType", "capsule"),
    (r"nvinfer1::(?:v_1_0::)?(?=I[A-Z]|[A-Z])", ""),
    (r"nvonnxparser::(?=[A-Z])", ""),
    (r"\bILogger::Severity\b", "ILogger.Severity"),
    (r"\bIParserError\b", "ParserError"),
    (r"\bIEngineInspector\b", "EngineInspector"),
    (r"\bIRuntime\b", "Runtime"),
)


def spelled(text: str | None) -> str:
    """A type as this project writes it; "object" where the binding names none."""
    for pattern, replacement in SPELLINGS:
        text = re.sub(pattern, replacement, text or "object")
    return str(text)


def parameters(signature: str) -> list[list[str]]:
    """The parameters of "name(self: A, b: C = d) -> E", less the first: [name, type, default?]."""
    inside = signature[signature.index("(") + 1 : signature.rindex(")")]
    between = r", (?=\w+:)" if ":" in inside else ", "  # a type may hold commas of its own
    parts = re.split(between, inside) if inside else []
    return [parameter(part) for part in parts]


def parameter(text: str) -> list[str]:
    """One parameter as [name, type] or [name, type, default]."""
    head, has_default, default = text.partition(" = ")
    name, _, kind = head.partition(":")
    return [name.strip(), spelled(kind.strip() or None), *([default] if has_default else [])]


def overload(signature: str, *, bound: bool) -> dict[str, Any]:
    """A signature's parameters, without `self` for a method, and what it returns."""
    head, _, result = signature.partition(" -> ")
    return {"args": parameters(head)[1 if bound else 0 :], "to": spelled(result or None)}


def trimmed_member(record: dict[str, Any]) -> Any:
    """A method, property or attribute, as the module's docstring says."""
    if record["kind"] == "method":
        return [overload(text, bound=True) for text in record.get("signatures", [])]
    if record["kind"] == "property":
        return {"type": spelled(record.get("type")), "set": bool(record.get("writable"))}
    return {"is": record["kind"]}


def trimmed_class(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """A class: its bases, its constructor, its enum numbers, and all its members but LEFT_OUT."""
    skip = re.compile(LEFT_OUT.get(name, r"(?!)"))
    cut: dict[str, Any] = {"bases": record["bases"]} if record.get("bases") else {}
    if record.get("init"):
        cut["init"] = [overload(text, bound=True) for text in record["init"]]
    if "enum" in record:
        numbers = {key: item["value"] for key, item in record["enum"].items()}
        cut["enum"] = dict(sorted(numbers.items(), key=lambda item: (item[1], item[0])))
    members = {key: item for key, item in record.get("members", {}).items() if not skip.match(key)}
    cut["members"] = {key: trimmed_member(item) for key, item in members.items()}
    return cut


def trimmed(api: dict[str, Any]) -> dict[str, Any]:
    """One version's record."""
    functions = {
        name: [overload(text, bound=False) for text in record.get("signatures", [])]
        for name, record in api["functions"].items()
    }
    classes = {n: trimmed_class(n, api["classes"][n]) for n in CLASSES if n in api["classes"]}
    # What else exists is named, so that "no such class" and "not recorded here" stay apart.
    others = sorted(set(api["classes"]) - set(classes))
    return {
        "version": api["version"],
        "constants": api["constants"],
        "functions": functions,
        "others": others,
        "classes": classes,
    }


def written(record: dict[str, Any]) -> str:
    """JSON with a line for each class, so that two versions can be compared line by line."""
    compact = {"separators": (",", ":"), "sort_keys": False}
    lines = [f"{json.dumps(k)}:{json.dumps(v, **compact)}" for k, v in record["classes"].items()]
    rest = {key: value for key, value in record.items() if key != "classes"}
    head = json.dumps(rest, **compact)[:-1]
    return head + ',\n"classes":{\n' + ",\n".join(lines) + "\n}}\n"


def main() -> None:
    """Trim every dump named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dumps", type=Path, nargs="+", help="JSON files of whole APIs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the trimmed ones")
    args = parser.parse_args()
    for path in args.dumps:
        api = json.loads(path.read_text(encoding="utf-8"))
        target = args.out / path.name
        target.write_text(written(trimmed(api)), encoding="utf-8")
        print(f"{target}: {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
