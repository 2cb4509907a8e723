"""Write down which names and arguments `pycuda.driver` has, as far as this project may use them.

    python -m tests.contract.pycuda_dump --out tests/contract/pycuda.json

needs an importable pycuda: on a board the installed one, elsewhere `build_pycuda.py` beside this.
Names and arguments only, no documentation. In what is written

    a function   is a list of its overloads, each "(arguments) -> what it gives"
    an argument  is "name", "name=default", or "_" where it has no name and so takes no keyword
    a class      is its bases, its methods (without self; "static" in front where there is none)
                 and its properties; a class without __init__ cannot be made by a program
    an error     is the name of its base
    constants    are lists of names
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from pathlib import Path
from typing import Any

CLASSES = ["Device", "Context", "Stream", "Event", "DeviceAllocation"]
CLASSES += ["HostPointer", "PagelockedHostAllocation", "RegisteredHostMemory"]
ERRORS = ["Error", "MemoryError", "LogicError", "LaunchError", "RuntimeError"]
CONSTANTS = ["event_flags", "ctx_flags", "host_alloc_flags", "mem_host_register_flags"]
# With `device_attribute` one may write device.warp_size: pycuda looks such names up there.
CONSTANTS += ["device_attribute"]
FUNCTIONS = re.compile(
    r"^(init$|get_|mem_|memcpy_(htod|dtoh|dtod)|memset_|pagelocked_|register_|(to|from)_device)"
)
KEPT_DUNDERS = {"__init__", "__int__", "__index__", "__getattr__"}
# One overload, as Boost.Python writes it: name( (type)arg [, (type)arg=default]) -> type :
OVERLOAD = re.compile(r"^(?P<name>\w+)\((?P<args>.*)\) -> (?P<to>\w+) :$", re.MULTILINE)
ARGUMENT = re.compile(r"\((?P<type>\w+)\)(?P<name>\w+)(?:=(?P<default>[^\],\[)]+))?")


def dump(driver: Any) -> dict[str, Any]:
    """The record of a `pycuda.driver` module, real or fake."""
    public = {name: value for name, value in vars(driver).items() if not name.startswith("_")}
    return {
        "functions": {
            name: overloads(value)
            for name, value in sorted(public.items())
            if callable(value) and not isinstance(value, type) and FUNCTIONS.match(name)
        },
        "classes": {name: dump_class(public[name]) for name in CLASSES if name in public},
        "aliases": {
            name: value.__name__
            for name, value in sorted(public.items())
            if isinstance(value, type) and value.__name__ in CLASSES and value.__name__ != name
        },
        "errors": {name: public[name].__bases__[0].__name__ for name in ERRORS if name in public},
        "constants": {name: constants(public[name]) for name in CONSTANTS if name in public},
    }


def dump_class(cls: type) -> dict[str, Any]:
    """Methods and properties, inherited ones left to the bases."""
    methods, properties = {}, []
    for name, value in sorted(vars(cls).items()):
        if name.startswith("_") and name not in KEPT_DUNDERS:
            continue
        if isinstance(value, property):
            properties.append(name)
        elif isinstance(value, staticmethod):
            methods[name] = [f"static {one}" for one in overloads(value.__func__)]
        elif found := callable(value) and overloads(value, has_self=True):
            methods[name] = found
    bases = [base.__name__ for base in cls.__bases__ if base.__name__ in CLASSES]
    return {"bases": bases, "methods": methods, "properties": properties}


def overloads(function: Any, *, has_self: bool = False) -> list[str]:
    """Every way of calling it; none for Boost.Python's object that refuses construction."""
    found = [
        (boost_arguments(one["args"]), one["to"])
        for one in OVERLOAD.finditer(function.__doc__ or "")
    ]
    if not found and inspect.isfunction(function):
        found = [(python_arguments(function), "object")]
    return [f"({', '.join(words[has_self:])}) -> {to}" for words, to in found]


def boost_arguments(text: str) -> list[str]:
    """The arguments in a line of Boost.Python's; optional ones stand in brackets there."""
    words = []
    for match in ARGUMENT.finditer(text):
        name = "_" if re.fullmatch(r"arg\d+", match["name"]) else match["name"]
        optional = "[" in text[: match.start()]
        default = match["default"] or ("..." if optional else None)
        words.append(name if default is None else f"{name}={default.strip()}")
    return words


def python_arguments(function: Any) -> list[str]:
    """The arguments of a function written in Python."""
    words = []
    for parameter in inspect.signature(function).parameters.values():
        no_keyword = parameter.kind is inspect.Parameter.POSITIONAL_ONLY
        name = "_" if no_keyword else parameter.name
        if parameter.default is not inspect.Parameter.empty:
            name += f"={parameter.default!r}"
        words.append(name)
    return words


def constants(group: Any) -> list[str]:
    """The names in an enumeration of Boost.Python or Python, or in a class that serves as one."""
    names = getattr(group, "names", None) or getattr(group, "__members__", None) or vars(group)
    return sorted(name for name in names if not name.startswith("_"))


def with_versions(driver: Any) -> dict[str, Any]:
    """A record that says of what it is one."""
    import pycuda

    cuda = ".".join(str(part) for part in driver.get_version())
    return {"pycuda": pycuda.VERSION_TEXT, "cuda": cuda, **dump(driver)}


def main() -> None:
    import pycuda.driver

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="file to write; otherwise it is printed")
    args = parser.parse_args()
    text = compact(with_versions(pycuda.driver))
    if args.out is None:
        print(text, end="")
    else:
        args.out.write_text(text)


def compact(record: dict[str, Any]) -> str:
    """JSON with a list of words on one line."""
    text = json.dumps(record, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


if __name__ == "__main__":
    main()
