"""The enumerations, members and numbers taken from the record."""

from __future__ import annotations

from typing import Any, ClassVar

from tensorrt._record import CLASSES, KNOWN, VERSION


class Enum:
    """As pybind11 makes them: int() works, comparing with int and shifting by one do not."""

    __members__: ClassVar[dict[str, Any]] = {}
    _ordered = False

    def __init__(self, value: int) -> None:
        names = [n for n, m in self.__members__.items() if m.value == int(value)]
        if not names:
            raise ValueError(f"{value} is not a valid {type(self).__name__}")
        self.name, self.value = names[0], int(value)

    def __int__(self) -> int:
        return self.value

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: Any) -> bool:
        if not self._ordered or type(other) is not type(self):
            return NotImplemented
        return bool(self.value < other.value)

    def __le__(self, other: Any) -> bool:
        return self == other or self < other

    def __gt__(self, other: Any) -> bool:
        return bool(other < self)

    def __ge__(self, other: Any) -> bool:
        return bool(other <= self)

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __repr__(self) -> str:
        return f"<{self}: {self.value}>"


def new_enum(name: str, numbers: dict[str, int], *, ordered: bool = False) -> Any:
    """An enumeration with its members as class attributes."""
    cls = type(name, (Enum,), {"__members__": {}, "_ordered": ordered, "__module__": "tensorrt"})
    for member, number in numbers.items():
        value = cls.__new__(cls)
        value.name, value.value = member, number  # type: ignore[attr-defined]
        cls.__members__[member] = value  # type: ignore[attr-defined]
        setattr(cls, member, value)
    return cls


ENUMS = {name: new_enum(name, cut["enum"]) for name, cut in CLASSES.items() if "enum" in cut}
KNOWN.update(ENUMS)
# Nested in a class, and so not in the record; these numbers are the same in all versions.
SEVERITIES = ("INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE")
Severity = new_enum("Severity", {n: i for i, n in enumerate(SEVERITIES)}, ordered=True)
KNOWN["ILogger.Severity"] = Severity

DataType = ENUMS["DataType"]
BuilderFlag = ENUMS["BuilderFlag"]
ErrorCode = ENUMS["ErrorCode"]
TYPED_BY_FILE = not hasattr(BuilderFlag, "INT8")  # 11: every network is strongly typed
HAS_TYPED_NETWORKS = hasattr(ENUMS["NetworkDefinitionCreationFlag"], "STRONGLY_TYPED")
IS_8 = VERSION.startswith("8.")  # for what the parser and messages do, which no record tells


def flag_bit(enum_class: Any, name: str) -> int:
    """The bit of a flag; 0 where the version has no such flag."""
    member = getattr(enum_class, name, None)
    return 0 if member is None else 1 << int(member)
