"""What a Python source asks of TensorRT, held to all recorded versions.

The module is known by the name `trt`. Objects are known by what they were assigned from
(`network = builder.create_network(...)`) and else by their names, which the project keeps to
(`NAMES`; `self._engine` counts as `engine`). A name that some version lacks needs a test for it
first; `guards.py` says what is one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from tests.contract.tensorrt import api
from tests.contract.tensorrt.guards import Guards, called_name, tested_name

NAMES = {
    "builder": "Builder",
    "config": "IBuilderConfig",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "engine": "ICudaEngine",
    "context": "IExecutionContext",
    "runtime": "Runtime",
    "inspector": "EngineInspector",
    "profile": "IOptimizationProfile",
    "tensor": "ITensor",
    "cache": "ITimingCache",
}
OF_ANY_MODULE = {"__version__", "__name__"}
OF_ANY_ENUM = {"name", "value", "__members__"}


@dataclass(frozen=True)
class Use:
    """One name of TensorRT in a source, and the call or assignment of it, if it is one."""

    node: ast.Attribute
    dotted: str
    call: ast.Call | None = None
    assigned: bool = False

    def __str__(self) -> str:
        return f"line {self.node.lineno}: {self.dotted}"


class Source:
    """A parsed file.

    ours: whether it is about TensorRT at all, which is to say has a name `trt`.
    """

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)
        self.parents = {c: p for p in ast.walk(self.tree) for c in ast.iter_child_nodes(p)}
        self.ours = any(
            getattr(node, "id", getattr(node, "arg", "")) == "trt" for node in ast.walk(self.tree)
        )
        self.results = {
            node.name: node.returns for node in ast.walk(self.tree) if is_function(node)
        }

    def functions_around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The functions that hold a node, innermost first."""
        while node in self.parents:
            node = self.parents[node]
            if is_function(node):
                yield node

    def dotted(self, node: ast.expr) -> str | None:
        """The recorded name that an expression stands for: a class, or a class's member."""
        if isinstance(node, ast.Call):
            called = self.dotted(node.func)
            return api.result_class(called) if called else None
        if isinstance(node, ast.Attribute):
            if is_module(node.value):
                return None if node.attr in OF_ANY_MODULE else node.attr
            owner = self.owner(node.value)
            return f"{owner}.{node.attr}" if owner else None
        return None

    def owner(self, node: ast.expr) -> str | None:
        """The recorded class whose instance, or which itself, an expression is."""
        if isinstance(node, ast.Name):
            return self._named(node, node.id)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                return self._named(node, f"self.{node.attr}")
            if is_module(node.value):
                return node.attr if node.attr in api.known_classes() else None
        dotted = self.dotted(node)
        if dotted is None or isinstance(node, ast.Call):
            return dotted
        return api.result_class(dotted)

    def _named(self, node: ast.expr, name: str) -> str | None:
        short = name.removeprefix("self.").lstrip("_")
        values = list(self._assigned(node, name))
        if name.startswith("self.") or not values:
            return NAMES.get(short) if self._is_free(node, name) else None
        found = {self._of_value(value, short) for value in values}
        return found.pop() if len(found) == 1 else None

    def _of_value(self, value: ast.expr, short: str) -> str | None:
        """The class of what a name was assigned from; a project's function that gives Any may
        give what the name says."""
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            result = self.results.get(value.func.id, ast.Name("Any"))
            return NAMES.get(short) if getattr(result, "id", "") == "Any" else None
        return None if isinstance(value, (ast.Constant, ast.Name)) else self.owner(value)

    def _assigned(self, node: ast.expr, name: str) -> Iterator[ast.expr]:
        scope = next(self.functions_around(node), self.tree)
        for found in ast.walk(scope):
            if isinstance(found, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == name for t in found.targets
            ):
                yield found.value

    def _is_free(self, node: ast.expr, name: str) -> bool:
        """Whether no annotation says that it is something else."""
        if name.startswith("self."):
            return all(says_nothing(said) for said in self._annotations(name))
        for function in self.functions_around(node):
            for arg in arguments_of(function):
                if arg.arg == name:
                    return says_nothing(arg.annotation)
        return True

    def _annotations(self, name: str) -> Iterator[ast.expr | None]:
        """Of an attribute in the class, and of the parameters that it is assigned from."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in (name, name[5:]):
                yield node.annotation
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                function = next(self.functions_around(node), None)
                given = arguments_of(function) if function else []
                yield from (a.annotation for a in given if a.arg == ast.unparse(node.value))

    def uses(self) -> list[Use]:
        """Everything that it asks of TensorRT."""
        return [use for node in ast.walk(self.tree) if (use := self._use(node))]

    def _use(self, node: ast.AST) -> Use | None:
        if not isinstance(node, ast.Attribute) or not self.ours:
            return None
        dotted = self.dotted(node)
        if dotted is None or dotted.rpartition(".")[2].startswith("__"):
            return None
        if self._is_of_enum(dotted):
            return None
        parent = self.parents[node]
        call = parent if isinstance(parent, ast.Call) and parent.func is node else None
        return Use(node, dotted, call, isinstance(node.ctx, ast.Store))

    def _is_of_enum(self, dotted: str) -> bool:
        owner, _, name = dotted.rpartition(".")
        enums = [r["classes"].get(owner, {}) for r in api.RECORDS.values()]
        return name in OF_ANY_ENUM and any("enum" in cut for cut in enums)


def is_function(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def arguments_of(function: ast.AST) -> list[ast.arg]:
    taken = function.args  # type: ignore[attr-defined]
    return [*taken.args, *taken.kwonlyargs]


def says_nothing(annotation: ast.expr | None) -> bool:
    """Whether an annotation leaves open what a thing is."""
    return annotation is None or ast.unparse(annotation) == "Any"


def is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "trt"


def problems(text: str, guards: Guards, where: str = "") -> tuple[list[str], int]:
    """What a source asks that TensorRT has not, and how many names were checked."""
    source = Source(text)
    used = source.uses()
    said = [f"{use} {trouble}" for use in used if (trouble := _problem(source, use, guards, where))]
    tests = list(_tests(source, guards))
    said += [f"line {n.lineno}: no version has {d}" for n, d in tests if not api.versions_with(d)]
    return said, len(used) + len(tests)


def _problem(source: Source, use: Use, guards: Guards, where: str) -> str | None:
    there = api.versions_with(use.dotted)
    if not there:
        return "is in no version"
    missing = api.lacking(use.dotted)
    if missing and not guards.cover(source, use.node, there, where):
        return f"is used without a test for it, and is not in {', '.join(missing)}"
    if use.assigned:
        return _not_writable(use, there)
    return _bad_call(use, there) if use.call is not None else None


def _not_writable(use: Use, there: set[str]) -> str | None:
    fixed = [v for v in sorted(there) if not api.entry(v, use.dotted).get("set")]
    return f"cannot be assigned in {', '.join(fixed)}" if fixed else None


def _bad_call(use: Use, there: set[str]) -> str | None:
    call = use.call
    assert call is not None
    spread = any(isinstance(a, ast.Starred) for a in call.args) or None in [
        k.arg for k in call.keywords
    ]
    if spread:
        return None
    keywords = [str(k.arg) for k in call.keywords]
    wrong = [v for v in sorted(there) if not api.takes(v, use.dotted, len(call.args), keywords)]
    return f"is not called so in {', '.join(wrong)}" if wrong else None


def _tests(source: Source, guards: Guards) -> Iterator[tuple[ast.Call, str]]:
    """Every hasattr and getattr with a default, as the names that they look for."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and called_name(node) in ("hasattr", "getattr"):
            for dotted in tested_name(source, node):
                yield node, dotted
