"""Feature tests: what makes it safe to use a name that some version lacks.

A use is covered by a test for a name that no more versions have than have the used one, if the
test decides whether the use is reached: the condition around it, or an early end before it.
A test is `hasattr(x, "NAME")`, a variable assigned from `getattr(x, "NAME", None)`, or a call of
(or a variable assigned from) a function of the project that makes such a test itself. Its sense
counts: behind `if not hasattr(x, "NAME")` nothing is certain.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tests.contract.tensorrt import api

ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def called_name(call: ast.Call) -> str:
    """The bare name of what is called, "" for anything else."""
    return call.func.id if isinstance(call.func, ast.Name) else ""


def tested_name(source: Any, call: ast.Call) -> list[str]:
    """The recorded names that a hasattr or getattr looks for; [] where it is about other things."""
    if len(call.args) < (3 if called_name(call) == "getattr" else 2):
        return []
    holder = call.args[0]
    is_module = isinstance(holder, ast.Name) and holder.id == "trt"
    owner = "" if is_module else source.owner(holder)
    if owner is None:
        return []
    names = strings_of(source, call.args[1], call)
    return [f"{owner}.{name}" if owner else name for name in names]


def strings_of(source: Any, node: ast.expr, at: ast.AST) -> list[str]:
    """The strings that an expression can be, as far as literals and assignments tell."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return [s for item in node.elts for s in strings_of(source, item, at)]
    if isinstance(node, ast.Dict):
        return [s for item in node.values for s in strings_of(source, item, at)]
    if isinstance(node, ast.Subscript):
        return strings_of(source, node.value, at)
    if isinstance(node, ast.Name):
        return [
            s for value in values_of(source, node.id, at) for s in strings_of(source, value, at)
        ]
    return []


def values_of(source: Any, name: str, at: ast.AST) -> list[ast.expr]:
    """What a name is assigned from, or runs over, in the innermost scope that has it."""
    scopes = [list(ast.walk(scope)) for scope in source.functions_around(at)]
    for nodes in [*scopes, source.tree.body]:
        found = [value for node in nodes if (value := _value_for(node, name)) is not None]
        if found:
            return found
    return []


def _value_for(node: ast.AST, name: str) -> ast.expr | None:
    if isinstance(node, ast.Assign) and _is_target(node.targets, name):
        return node.value
    if isinstance(node, (ast.For, ast.comprehension)) and _is_target([node.target], name):
        return node.iter
    return None


def _is_target(targets: list[Any], name: str) -> bool:
    return any(isinstance(t, ast.Name) and t.id == name for t in targets)


class Guards:
    """The feature tests that functions of the project make.

    made: the names that are there if a function's result is true, or not None.
    elsewhere: files that are only reached where a name is there, by path.
    """

    def __init__(self, sources: list[Any], elsewhere: dict[str, str] | None = None) -> None:
        self.elsewhere = elsewhere or {}
        self.made: dict[str, set[str]] = {}
        for source in sources:
            for function in ast.walk(source.tree):
                if isinstance(function, ast.FunctionDef):
                    self.made[function.name] = self._promised(source, function)

    def _promised(self, source: Any, function: ast.FunctionDef) -> set[str]:
        """What holds at the last `return`, and what its value says."""
        last = function.body[-1]
        if not isinstance(last, ast.Return) or last.value is None:
            return set()
        found = self._features(source, last.value, True, last)
        for condition, holds in conditions(source, last):
            found |= self._features(source, condition, holds, last)
        return found

    def cover(self, source: Any, node: ast.AST, there: set[str], where: str) -> bool:
        """Whether a name that only the versions `there` have may stand at a node."""
        features = {self.elsewhere[where]} if where in self.elsewhere else set()
        for condition, holds in conditions(source, node):
            features |= self._features(source, condition, holds, node)
        return any(api.versions_with(feature) <= there for feature in features)

    def _features(self, source: Any, condition: ast.expr, holds: bool, at: ast.AST) -> set[str]:
        """The names that are there when a condition holds, or when it does not."""
        found: set[str] = set()
        for part in certain(condition, holds):
            values = [part] if isinstance(part, ast.Call) else []
            if isinstance(part, ast.Name):
                values = [v for v in values_of(source, part.id, at) if isinstance(v, ast.Call)]
            for call in values:
                found |= set(tested_name(source, call)) | self.made.get(called_name(call), set())
        return found


def certain(condition: ast.expr, holds: bool) -> Iterator[ast.expr]:
    """The parts that are true, or not None, when a condition holds, or when it does not."""
    if isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not):
        yield from certain(condition.operand, not holds)
    elif isinstance(condition, ast.BoolOp):
        if isinstance(condition.op, ast.And) == holds:  # else any one of them may be the reason
            for value in condition.values:
                yield from certain(value, holds)
    elif isinstance(condition, ast.Compare) and ast.unparse(condition.comparators[0]) == "None":
        yield from certain(condition.left, isinstance(condition.ops[0], ast.IsNot) == holds)
    elif holds:
        yield condition


def conditions(source: Any, node: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """The conditions that decide whether a node is reached, and what each must be."""
    while node in source.parents:
        child, node = node, source.parents[node]
        if isinstance(node, ast.If) and child is not node.test:
            yield node.test, child in node.body
        elif isinstance(node, ast.IfExp) and child is not node.test:
            yield node.test, child is node.body
        elif isinstance(node, ast.BoolOp):
            before = node.values[: node.values.index(child)]
            yield from ((value, isinstance(node.op, ast.And)) for value in before)
        for block in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if isinstance(block, list) and child in block:
                yield from _early_ends(block[: block.index(child)])


def _early_ends(before: list[ast.stmt]) -> Iterator[tuple[ast.expr, bool]]:
    for statement in before:
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], ENDS):
            yield statement.test, False
