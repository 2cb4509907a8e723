"""Reading frozen dataclasses from JSON: nothing missing, nothing unknown, nothing guessed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from deploy.errors import GemscanError, SettingsError

T = TypeVar("T")


def from_mapping(
    cls: type[T], values: Any, *, where: str, error: type[GemscanError] = SettingsError
) -> T:
    """Build a dataclass from parsed JSON, refusing what does not fit.

    Args:
        cls: a dataclass; its fields may be plain types, tuples of them, dicts or dataclasses.
        values: the mapping that JSON gave.
        where: what is being read, for the message ("bundle.json: input").
        error: the kind of error to raise.

    Raises:
        error: a field is missing, unknown, or of another type. A field's default is for code
            that makes one, never for a file that says nothing: there it is missing too.
    """
    if not isinstance(values, Mapping):
        raise error(f"{where} must be an object with named fields, not {values!r}")
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    _same_names(set(names), set(values), where, error)
    hints = get_type_hints(cls)
    read = {name: _convert(hints[name], values[name], f"{where}: {name}", error) for name in names}
    try:
        return cls(**read)
    except ValueError as exc:
        raise error(f"{where}: {exc}") from exc


def _same_names(known: set[str], given: set[str], where: str, error: type[GemscanError]) -> None:
    if unknown := sorted(given - known):
        raise error(
            f"{where} has {_names(unknown)}, which is not known here; "
            f"known are {', '.join(sorted(known))}"
        )
    if missing := sorted(known - given):
        raise error(f"{where} lacks {_names(missing)}")


def _names(names: list[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _convert(hint: Any, value: Any, where: str, error: type[GemscanError]) -> Any:
    if dataclasses.is_dataclass(hint):
        return from_mapping(hint, value, where=where, error=error)  # type: ignore[arg-type]
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise error(f"{where} must be a list, not {value!r}")
        inner = get_args(hint)[0]
        return tuple(_convert(inner, item, where, error) for item in value)
    if get_origin(hint) is UnionType:  # "float | None"
        if value is None:
            return None
        some = next(kind for kind in get_args(hint) if kind is not NoneType)
        return _convert(some, value, where, error)
    kind = get_origin(hint) or hint
    if kind is float and type(value) is int:
        return float(value)
    if kind is not Any and (not isinstance(value, kind) or (kind is int and value is True)):
        raise error(f"{where} must be {_kind_name(kind)}, not {value!r}")
    return value


def _kind_name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))
