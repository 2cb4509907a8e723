"""Find what a Python source asks of `pycuda.driver`, and hold it to the record of the real one.

Types are followed as far as assignments tell them: `stream = cuda.Stream()` makes every
`stream` in that file a Stream. The module itself is known by its name, `cuda` or `_cuda`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DRIVER = "pycuda.driver"
ARRAY = "array over page-locked memory"
MODULE_NAMES = {"cuda", "_cuda"}
NOT_OURS = {"torch"}  # torch.cuda is something else
ROUNDS = 4  # a type may reach a name through this many assignments


@dataclass(frozen=True)
class Use:
    """One attribute of the driver or of one of its objects, and the call of it, if it is one."""

    line: int
    owner: str
    of_class: bool
    name: str
    call: ast.Call | None = None

    def __str__(self) -> str:
        return f"line {self.line}: {self.owner}.{self.name}"


class Record:
    """What `pycuda.json` says."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record

    def class_named(self, name: str) -> str | None:
        """The class behind a name of the module, aliases followed."""
        name = self._record["aliases"].get(name, name)
        return name if name in self._record["classes"] else None

    def in_module(self, name: str) -> bool:
        groups = ("functions", "classes", "aliases", "errors", "constants")
        return any(name in self._record[group] for group in groups)

    def overloads(self, owner: str, name: str) -> list[str] | None:
        """Ways of calling a function or method; None where there is no such thing."""
        if owner == DRIVER:
            cls = self.class_named(name)
            if cls is None:
                found: list[str] | None = self._record["functions"].get(name)
                return found
            return self._record["classes"][cls]["methods"].get("__init__", [])
        for one in self._lineage(owner):
            if name in self._record["classes"][one]["methods"]:
                return list(self._record["classes"][one]["methods"][name])
        return None

    def is_property(self, owner: str, name: str) -> bool:
        properties = (self._record["classes"][one]["properties"] for one in self._lineage(owner))
        constants = self._record["constants"]["device_attribute"]
        return any(name in some for some in properties) or (
            owner == "Device" and name.upper() in constants
        )

    def _lineage(self, cls: str) -> Iterator[str]:
        yield cls
        for base in self._record["classes"][cls]["bases"]:
            yield from self._lineage(base)


class Types:
    """What expressions of one file are, as far as it can be told."""

    def __init__(self, tree: ast.AST, record: Record) -> None:
        self._record = record
        self._known: dict[str, str] = {}
        for _ in range(ROUNDS):
            for target, value in _assignments(tree):
                found = self.of(value)
                if found is not None:
                    self._known[ast.unparse(target)] = found

    def of(self, node: ast.expr) -> str | None:
        """DRIVER, ARRAY, the name of a class that this is an object of, or None."""
        known = self._known.get(ast.unparse(node))
        if known is not None:
            return known
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return self._of_call(node.func)
        if isinstance(node, ast.Name) and node.id in MODULE_NAMES:
            return DRIVER
        if isinstance(node, ast.Attribute):
            if node.attr in MODULE_NAMES and ast.unparse(node.value) not in NOT_OURS:
                return DRIVER
            if node.attr == "base" and self.of(node.value) == ARRAY:
                return "PagelockedHostAllocation"
        return None

    def class_of(self, node: ast.expr) -> str | None:
        """The class that an expression such as `cuda.Context` names."""
        if isinstance(node, ast.Attribute) and self.of(node.value) == DRIVER:
            return self._record.class_named(node.attr)
        return None

    def _of_call(self, function: ast.Attribute) -> str | None:
        owner = self.of(function.value) or self.class_of(function.value)
        if owner == DRIVER:
            if function.attr.startswith("pagelocked_"):
                return ARRAY
            if (cls := self._record.class_named(function.attr)) is not None:
                return cls
        if owner is None or owner == ARRAY:
            return None
        ways = self._record.overloads(owner, function.attr) or ["() -> None"]
        return self._record.class_named(ways[0].rpartition("-> ")[2])


def _assignments(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _pairs(target, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            yield node.target, node.value


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=False)
    else:
        yield target, value


def uses(source: str, record: Record) -> list[Use]:
    """Everything that a source asks of the driver, in the order of its lines."""
    tree = ast.parse(source)
    types = Types(tree, record)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        cls = types.class_of(node.value)
        owner = cls or types.of(node.value)
        if owner is not None and owner != ARRAY:
            found.append(Use(node.lineno, owner, cls is not None, node.attr, calls.get(id(node))))
    return sorted(found, key=lambda use: use.line)


def problem(use: Use, record: Record) -> str | None:
    """What is wrong with a use, or None."""
    ways = record.overloads(use.owner, use.name)
    if use.owner == DRIVER and not record.in_module(use.name):
        return f"{use}: there is no such name"
    if use.owner != DRIVER and ways is None and not record.is_property(use.owner, use.name):
        return f"{use}: there is no such method or property"
    if use.call is None or ways is None:
        return None
    if use.of_class and not all(way.startswith("static") for way in ways):
        return f"{use}: called on the class, but it needs an object"
    if not any(_fits(use.call, way) for way in ways):
        return f"{use}: takes {' or '.join(ways) or 'no arguments, and cannot be made'}"
    return None


def arguments(way: str) -> list[str]:
    """The words between the parentheses of an overload."""
    return [word for word in way[way.index("(") + 1 : way.rindex(")")].split(", ") if word]


def _fits(call: ast.Call, way: str) -> bool:
    if any(isinstance(word, ast.Starred) for word in call.args):
        return True
    accepted = arguments(way)
    names = [word.partition("=")[0] for word in accepted]
    given = [word.arg for word in call.keywords]
    after = names[len(call.args) :]
    required = [word for word in accepted[len(call.args) :] if "=" not in word]
    return (
        len(call.args) <= len(accepted)
        and all(name in after and name != "_" for name in given)
        and all(word in given for word in required)
    )


def sources(root: Path) -> Iterator[Path]:
    """The project's files that speak to pycuda."""
    for package in ("deploy", "calibration", "edge_app"):
        for path in sorted((root / package).rglob("*.py")):
            if "cuda" in path.read_text():
                yield path
