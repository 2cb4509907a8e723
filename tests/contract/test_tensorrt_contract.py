"""The project's code and the fake TensorRT, held to the recorded API of nine real versions."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.contract.tensorrt import api
from tests.contract.tensorrt.guards import Guards
from tests.contract.tensorrt.uses import Source, problems

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("deploy", "calibration", "edge_app")
FEWEST_NAMES = 60
# The calibrator is reached only through `deploy.engine.builder`, which asks for this first.
REACHED_ONLY_WITH = {"calibration/entropy_calibrator.py": "IInt8EntropyCalibrator2"}


# ---- the project's code -----------------------------------------------------------------


def project_files() -> dict[str, str]:
    """The text of every file that may speak to TensorRT, by its path."""
    paths = [path for place in PLACES for path in sorted((ROOT / place).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def project_guards(files: dict[str, str]) -> Guards:
    return Guards([Source(text) for text in files.values()], REACHED_ONLY_WITH)


def test_the_project_asks_tensorrt_only_for_what_every_version_has():
    """Or tests for it first."""
    files = project_files()
    guards = project_guards(files)
    found = {where: problems(text, guards, where) for where, text in files.items()}

    assert [f"{where}, {said}" for where, (all_said, _) in found.items() for said in all_said] == []
    assert sum(count for _, count in found.values()) >= FEWEST_NAMES


def test_files_excused_from_testing_are_reached_behind_a_test():
    """The excuse holds only while the one caller asks `has_calibrators`, and that asks for it."""
    files = project_files()
    guards = project_guards(files)
    builder = ast.parse(files["deploy/engine/builder.py"])
    asking = [n for n in ast.walk(builder) if isinstance(n, ast.Name) and n.id == "has_calibrators"]

    assert asking
    assert set(REACHED_ONLY_WITH.values()) <= guards.made["has_calibrators"]


SNIPPETS = {
    "a misspelt method": ("builder.create_netwerk(0)", "Builder.create_netwerk is in no version"),
    "a misspelt class": ("trt.Bilder(logger)", "Bilder is in no version"),
    "a misspelt enum member": ("trt.MemoryPoolType.WORKSPAZE", "WORKSPAZE is in no version"),
    "a wrong keyword": ("builder.create_network(flag=0)", "is not called so in"),
    "an argument too many": ("context.execute_async_v3(1, 2)", "is not called so in"),
    "an argument too few": ("context.set_tensor_address('image')", "is not called so in"),
    "a name of 8.x alone": ("engine.num_bindings", "not in 10.0.1, 10.3.0"),
    "a name that 11 lost": ("config.set_flag(trt.BuilderFlag.INT8)", "not in 11.0.0.114"),
    "a name that 8 lacks": ("config.progress_monitor = 1", "not in 8.5.2.2, 8.6.1"),
    "a property that is fixed": ("engine.num_layers = 1", "cannot be assigned in"),
    "a type that 11 fixed": ("network.get_input(0).dtype = 1", "cannot be assigned in 11.0.0.114"),
    "a test for nothing": ("hasattr(trt.BuilderFlag, 'INT9')", "no version has BuilderFlag.INT9"),
    "what a call gives": ("network.get_input(0).shap", "ITensor.shap is in no version"),
    "what a variable was given": ("e = parser.get_error(0); e.decs()", "ParserError.decs"),
    "a private attribute": ("self._engine.get_tensor_nam(0)", "ICudaEngine.get_tensor_nam"),
    "a test for something else": (
        "if hasattr(trt, 'Builder'): config.int8_calibrator = 1",
        "IBuilderConfig.int8_calibrator is used without a test",
    ),
    "a test that decides nothing": (
        "hasattr(trt, 'IProgressMonitor'); config.progress_monitor = 1",
        "IBuilderConfig.progress_monitor is used without a test",
    ),
    "a test the wrong way round": (
        "if not hasattr(trt, 'IProgressMonitor'): config.progress_monitor = 1",
        "IBuilderConfig.progress_monitor is used without a test",
    ),
    "a test on the other branch": (
        "x = 0 if hasattr(engine, 'num_bindings') else engine.num_bindings",
        "ICudaEngine.num_bindings is used without a test",
    ),
    "an early end the wrong way round": (
        "if hasattr(trt, 'IProgressMonitor'): return\n    config.progress_monitor = 1",
        "IBuilderConfig.progress_monitor is used without a test",
    ),
    "one test or another": (
        "if x or hasattr(trt, 'IProgressMonitor'): config.progress_monitor = 1",
        "IBuilderConfig.progress_monitor is used without a test",
    ),
}


def checked(code: str) -> list[str]:
    text = f"def work(self, trt, builder, config, network, engine, context, parser):\n    {code}\n"
    return problems(text, Guards([Source(text)]))[0]


@pytest.mark.parametrize(("code", "words"), SNIPPETS.values(), ids=SNIPPETS.keys())
def test_code_that_some_tensorrt_would_refuse_is_found(code, words):
    said = checked(code)

    assert len(said) == 1
    assert words in said[0]


GOOD = {
    "a name of all versions": "config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1)",
    "keywords": "builder.create_network(flags=0)",
    "a test with hasattr": "if hasattr(trt, 'IProgressMonitor'): config.progress_monitor = 1",
    "getattr": "flag = getattr(trt.BuilderFlag, 'FP16', None)",
    "a variable from getattr": (
        "flag = getattr(trt.BuilderFlag, 'INT8', None)\n"
        "    if flag is not None:\n        config.int8_calibrator = 1"
    ),
    "an early end": (
        "if not hasattr(trt, 'IInt8EntropyCalibrator2'):\n        return\n"
        "    config.int8_calibrator = 1"
    ),
    "an early end for several reasons": (
        "if x is None or not hasattr(trt, 'IInt8EntropyCalibrator2'):\n        return\n"
        "    config.int8_calibrator = 1"
    ),
    "a test in the same expression": (
        "x = hasattr(engine, 'num_bindings') and engine.num_bindings"
    ),
    "an enum member's name": "trt.DataType.FLOAT.name",
    "objects of the project": "settings.create_netwerk(0)",
}


@pytest.mark.parametrize("code", GOOD.values(), ids=GOOD.keys())
def test_code_that_every_tensorrt_takes_is_let_through(code):
    assert checked(code) == []


OWN = {
    "a parameter": "def work(trt, engine: KeptEngine | None):\n    engine.path\n",
    "an attribute": (
        "class A:\n    engine: KeptEngine\n    def work(self, trt):\n        self.engine.path\n"
    ),
    "an attribute from a parameter": (
        "class A:\n    def __init__(self, trt, cache: Path):\n        self._cache = cache\n"
        "    def work(self):\n        self._cache.exists()\n"
    ),
    "a function's result": (
        "def find() -> KeptEngine: ...\ndef work(trt):\n    engine = find()\n    engine.path\n"
    ),
}


@pytest.mark.parametrize("text", OWN.values(), ids=OWN.keys())
def test_what_is_annotated_as_the_projects_own_is_no_tensorrt_object(text):
    assert problems(text, Guards([Source(text)]))[0] == []


# ---- the fake ---------------------------------------------------------------------------


@pytest.mark.parametrize("tensorrt_pose", api.VERSIONS, indirect=True)
def test_the_fake_has_nothing_that_its_version_has_not(tensorrt_pose):
    assert extra(importlib.import_module("tensorrt"), tensorrt_pose.version) == []


@pytest.mark.parametrize("tensorrt_pose", api.VERSIONS, indirect=True)
def test_the_fake_has_every_member_of_its_versions_enumerations(tensorrt_pose):
    trt = importlib.import_module("tensorrt")
    for name, cut in api.RECORDS[tensorrt_pose.version]["classes"].items():
        numbers = {
            n: int(m) for n, m in getattr(getattr(trt, name, None), "__members__", {}).items()
        }
        assert numbers == cut.get("enum", {}), name


@pytest.mark.parametrize("tensorrt_pose", ["10.3.0"], indirect=True)
def test_a_fake_that_has_too_much_is_found(tensorrt_pose):
    trt = importlib.import_module("tensorrt")
    trt.IRefiter = type("IRefiter", (), {})
    trt.Builder.build_cuda_engine = lambda self, network: None
    trt.Builder.create_network = lambda self, flag=0: None
    trt.ICudaEngine.num_layers = trt.IBuilderConfig.progress_monitor
    trt.BuilderFlag.INT9 = trt.BuilderFlag.INT8

    assert extra(trt, "10.3.0") == [
        "Builder.build_cuda_engine",
        "Builder.create_network(flag)",
        "BuilderFlag.INT9",
        "ICudaEngine.num_layers can be assigned",
        "IRefiter",
    ]


def extra(trt: ModuleType, version: str) -> list[str]:
    """What a fake has and a version has not, by name, in order."""
    found: list[str] = []
    for name, value in sorted(vars(trt).items()):
        if name.startswith("_") or isinstance(value, ModuleType) or name == "annotations":
            continue
        if name == "Any":
            continue
        if api.entry(version, name) is None:
            found.append(name)
        elif isinstance(value, type):
            found += extra_members(value, version, name)
    return found


def extra_members(cls: type, version: str, name: str) -> list[str]:
    """The same for a class's public members."""
    found: list[str] = []
    for member in (m for m in dir(cls) if not m.startswith("_")):
        if name == "IHostMemory" and not isinstance(inspect.getattr_static(cls, member), property):
            continue  # a bytearray's own, which it hides (see the fake's tests)
        if not hasattr(cls, "__members__") or member in cls.__members__ or member.isupper():
            found += extra_member(cls, version, f"{name}.{member}")
    return found


def extra_member(cls: type, version: str, dotted: str) -> list[str]:
    record, value = api.entry(version, dotted), inspect.getattr_static(cls, dotted.split(".")[1])
    if record is None:
        return [dotted]
    if isinstance(value, property):
        return [f"{dotted} can be assigned"] if value.fset and not record["set"] else []
    if inspect.isfunction(value):
        names = {p[0] for v in api.VERSIONS for way in ways(v, dotted) for p in way["args"]}
        own = [n for n in inspect.signature(value).parameters if n != "self"]
        return [f"{dotted}({n})" for n in own if n not in names]
    return []


def ways(version: str, dotted: str) -> Any:
    found = api.entry(version, dotted)
    return found if isinstance(found, list) else []
