"""Write down which names and arguments picamera2 has, as far as this project may use them.

    python -m tests.contract.picamera2_dump --out tests/contract/picamera2.json

picamera2 cannot be imported without libcamera, so its source is read as text: the wheels of the
versions below are had from the package registry into a folder that is kept between calls. Names
and arguments only, no documentation.

libcamera's Python bindings are C++. What they are asked for here was read out of
`src/py/libcamera/py_transform.cpp` and `src/libcamera/control_ids_core.yaml` of
raspberrypi/libcamera, and stands in LIBCAMERA below.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

# The oldest of Raspberry Pi OS Bookworm, one of its later updates, and the newest.
VERSIONS = ("0.3.12", "0.3.31", "0.3.38")
CLASSES = {"Picamera2": "picamera2.py", "CompletedRequest": "request.py"}
CACHE = Path(tempfile.gettempdir()) / "gemscan-picamera2"
LIBCAMERA = {
    "Transform": {
        "methods": {"__init__": "(self, rotation=0, hflip=False, vflip=False, transpose=False)"},
        "attributes": ["hflip", "transpose", "vflip"],
    },
    "controls": [
        *("AeEnable", "AnalogueGain", "AwbEnable", "ColourGains", "ExposureTime"),
        *("FrameDurationLimits", "AeLocked", "AwbLocked", "DigitalGain", "FrameDuration", "Lux"),
        *("AfMode", "LensPosition"),
    ],
}


class UnavailableError(Exception):
    """The package cannot be had now."""


def download(version: str) -> dict[str, str]:
    """The text of a version's modules, by their names.

    Raises:
        UnavailableError: no registry can be reached.
    """
    CACHE.mkdir(exist_ok=True)
    if not (found := wheels(version)):
        said = fetch(version)
        found = wheels(version)
        if not found:
            raise UnavailableError(said)
    with zipfile.ZipFile(found[0]) as wheel:
        return {
            name.removeprefix("picamera2/"): wheel.read(name).decode()
            for name in wheel.namelist()
            if re.fullmatch(r"picamera2/\w+\.py", name)
        }


def wheels(version: str) -> list[Path]:
    return list(CACHE.glob(f"picamera2-{version}-*.whl"))


def fetch(version: str) -> str:
    """Have pip put a wheel into the cache, and give what it said last."""
    words = [
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--retries",
        "0",
        "--timeout",
        "5",
    ]
    words += ["--dest", str(CACHE), f"picamera2=={version}"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", *words], capture_output=True, text=True, timeout=30
        )
    except subprocess.TimeoutExpired:
        return "the registry does not answer"
    return (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]


def dump(modules: dict[str, str]) -> dict[str, Any]:
    """The record of one version, from the text of its modules."""
    trees = {name: ast.parse(modules[name]) for name in ("request.py", "picamera2.py")}
    config = ast.parse(modules["configuration.py"])
    return {
        "classes": {name: dump_class(find(trees[file], name)) for name, file in CLASSES.items()},
        "camera_configuration": fields(find(config, "CameraConfiguration")),
        "stream_configuration": fields(find(config, "StreamConfiguration")),
        "camera_info": sorted(camera_info(find(trees["picamera2.py"], "Picamera2"))),
    }


def find(tree: ast.AST, name: str) -> Any:
    """A class or function by its name; of overloads the last, which is the real one."""
    kinds = (ast.ClassDef, ast.FunctionDef)
    return [n for n in ast.walk(tree) if isinstance(n, kinds) and n.name == name][-1]


def dump_class(cls: ast.ClassDef) -> dict[str, Any]:
    """Public methods, and everything that can be read or set as an attribute."""
    methods, attributes = {}, set()
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and (
            not node.name.startswith("_") or node.name == "__init__"
        ):
            marks = {ast.unparse(mark) for mark in node.decorator_list}
            if marks & {"property", "classproperty"} or any(m.endswith(".setter") for m in marks):
                attributes.add(node.name)
            else:
                methods[node.name] = signature(node, static="staticmethod" in marks)
    attributes |= {
        node.attr
        for node in ast.walk(cls)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) == "self"
        and not node.attr.startswith("_")
    }
    return {"methods": dict(sorted(methods.items())), "attributes": sorted(attributes)}


def signature(function: ast.FunctionDef, *, static: bool) -> str:
    """The arguments without their types; "static" in front where there is no self."""
    arguments = function.args
    for one in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        one.annotation = None
    return f"{'static ' if static else ''}({ast.unparse(arguments)})"


def fields(cls: ast.ClassDef) -> list[str]:
    """The keys that a configuration may have."""
    for node in cls.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_ALLOWED_FIELDS":
            return sorted(ast.literal_eval(node.value))
    raise ValueError(f"{cls.name} has no _ALLOWED_FIELDS")


def camera_info(cls: ast.ClassDef) -> set[str]:
    """What `global_camera_info` says of each camera."""
    function = find(cls, "global_camera_info")
    constants = [n.value for n in ast.walk(function) if isinstance(n, ast.Constant)]
    return {one for one in constants if isinstance(one, str) and re.fullmatch(r"[A-Z]\w+", one)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    args = parser.parse_args()
    versions = {version: dump(download(version)) for version in VERSIONS}
    args.out.write_text(compact({"versions": versions, "libcamera": LIBCAMERA}))


def compact(record: dict[str, Any]) -> str:
    """JSON with a list of words on one line."""
    text = json.dumps(record, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


if __name__ == "__main__":
    main()
