"""The recorded API of the version that is posed as, and what it does to the fake's classes.

The fake is written once, in full. What the version lacks is then removed from it: classes,
methods, parameters, enum members, properties, and the right to assign to them.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

VARIABLE = "FAKE_TENSORRT"
RECORDS = Path(__file__).resolve().parents[3] / "contract" / "tensorrt"


def _load() -> dict[str, Any]:
    """The record that FAKE_TENSORRT names, whole ("10.3.0") or by its first numbers ("10.3").

    Raises:
        ImportError: it names none, or several.
    """
    pose = os.environ.get(VARIABLE, "")
    known = sorted(path.stem for path in RECORDS.glob("*.json"))
    fitting = [v for v in known if pose and f"{v}.".startswith(f"{pose}.")]
    if len(fitting) != 1:
        raise ImportError(f"{VARIABLE} is {pose!r}; it must name one of {', '.join(known)}")
    found: dict[str, Any] = json.loads((RECORDS / f"{fitting[0]}.json").read_text(encoding="utf-8"))
    return found


RECORD = _load()
VERSION: str = RECORD["version"]
NUMBERS = tuple(int(part) for part in VERSION.split("."))[:3]
CLASSES: dict[str, Any] = RECORD["classes"]
KNOWN: dict[str, type] = {}  # the fake's classes, for the check of arguments


class Stored:
    """A property that keeps what it is given, and does nothing with it."""

    def __init__(self, default: Any) -> None:
        self.default = default

    def as_property(self, name: str) -> property:
        """The property, under the name that the class gave it."""

        def get(obj: Any) -> Any:
            return obj.__dict__.get(f"_{name}", self.default)

        def put(obj: Any, value: Any) -> None:
            obj.__dict__[f"_{name}"] = value

        return property(get, put)


class Native:
    """A class of the binding: not made from Python unless it says so, and no attributes added."""

    @classmethod
    def _made(cls, **state: Any) -> Any:
        obj = cls.__new__(cls)
        obj.__dict__.update({f"_{key}": value for key, value in state.items()})
        return obj

    def __init__(self) -> None:
        raise TypeError(f"tensorrt.{type(self).__name__}: No constructor defined!")

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not isinstance(getattr(type(self), name, None), property):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        object.__setattr__(self, name, value)


def recorded(name: str, member: str) -> Any:
    """The record of a member, looked for in the recorded base classes too; None where absent."""
    cut = CLASSES.get(name)
    if cut is None:
        return None
    if member in cut["members"]:
        return cut["members"][member]
    return next((f for base in cut.get("bases", ()) if (f := recorded(base, member))), None)


def shaped(cls: type) -> type | None:
    """Make a class what the record says it is; None where the version has no such class."""
    name = cls.__name__
    if name not in CLASSES:
        return None
    for member, value in list(vars(cls).items()):
        if member.startswith("_") or isinstance(value, type):
            continue
        record = recorded(name, member)
        if record is None:
            delattr(cls, member)
        elif isinstance(value, (property, Stored)):
            setattr(cls, member, _shaped_property(member, value, record))
        elif isinstance(record, list):
            setattr(cls, member, checked(f"{name}.{member}", value, record))
    if "init" in CLASSES[name] and "__init__" in vars(cls):
        cls.__init__ = checked(f"{name}.__init__", cls.__init__, CLASSES[name]["init"])  # type: ignore[misc]
    KNOWN[name] = cls
    return cls


def _shaped_property(name: str, value: Any, record: dict[str, Any]) -> property:
    found = value.as_property(name) if isinstance(value, Stored) else value
    if not record["set"] or found.fset is None:
        return property(found.fget)
    put = found.fset

    def checked_put(obj: Any, given: Any) -> None:
        empty = given is None and record["type"].startswith("I")
        if not (empty or fits(given, record["type"])):
            raise TypeError(f"{name}: {record['type']} expected, not {type(given).__name__}")
        put(obj, given)

    return property(found.fget, checked_put)


def checked(name: str, function: Callable[..., Any], overloads: list[Any]) -> Callable[..., Any]:
    """A method that takes only what one of its recorded signatures takes."""

    @functools.wraps(function)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        for overload in overloads:
            bound = _bound(overload["args"], args, kwargs)
            if bound is not None:
                return function(self, **bound)
        takes = [", ".join(f"{a[0]}: {a[1]}" for a in overload["args"]) for overload in overloads]
        raise TypeError(
            f"{name}(): incompatible function arguments. The following argument types are "
            f"supported: {takes}. Invoked with: {args} {kwargs}"
        )

    return method


def _bound(
    parameters: list[list[str]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any] | None:
    """Arguments by name, or None where they do not fit."""
    names = [p[0] for p in parameters]
    if len(args) > len(names) or set(kwargs) - set(names) or set(kwargs) & set(names[: len(args)]):
        return None
    given = {**dict(zip(names, args)), **kwargs}  # noqa: B905  # fewer arguments than names
    for name, kind, *default in parameters:
        if name not in given and not default:
            return None
        none_by_default = given.get(name, "") is None and default == ["None"]
        if name in given and not none_by_default and not fits(given[name], kind):
            return None
    return given


def _is_int(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, float)


def _are_ints(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_int, value))


def _is_buffer(value: Any) -> bool:
    try:
        memoryview(value)
    except TypeError:
        return hasattr(value, "_data")
    return True


FITS: dict[str, Callable[[Any], bool]] = {
    "int": _is_int,
    "float": lambda v: isinstance(v, (int, float, np.integer, np.floating)),
    "bool": lambda v: isinstance(v, (bool, np.bool_)),
    "str": lambda v: isinstance(v, str),
    "buffer": _is_buffer,
    "tuple": lambda v: isinstance(v, tuple),
    "list": lambda v: isinstance(v, list),
    "List[int]": _are_ints,
    "Dims": lambda v: _are_ints(v) or isinstance(v, KNOWN["Dims"]),
}


def fits(value: Any, kind: str) -> bool:
    """Whether pybind11 would take a value for a parameter of this type."""
    if kind in FITS:
        return FITS[kind](value)
    return isinstance(value, KNOWN[kind]) if kind in KNOWN else True
