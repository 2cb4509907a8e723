"""Find what a Python source asks of picamera2 and libcamera, and hold it to the record.

Objects are known by the names that they have in this project, in NAMES; any other spelling would
escape the check, which the fewest number of uses in the test is there to notice.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LIBCAMERA = "libcamera"
MODULE = "picamera2"
NAMES = {
    "camera": "Picamera2",
    "self._camera": "Picamera2",
    "picamera2.Picamera2": "Picamera2",
    "request": "CompletedRequest",
    "arrival.request": "CompletedRequest",
    "older.request": "CompletedRequest",
    "waiting.request": "CompletedRequest",
    "flipped": "Transform",
}
# Names of variables that hold a configuration, and where the record has its keys.
KEYS = {
    "given": "camera_configuration",
    "main": "stream_configuration",
    "info": "camera_info",
}
CONTROL = re.compile(r"([A-Z][a-z]+){2,}")


@dataclass(frozen=True)
class Recorded:
    """The record of one version, with libcamera's part."""

    version: str
    entry: dict[str, Any]
    libcamera: dict[str, Any]

    def of_class(self, name: str) -> dict[str, Any]:
        found = self.libcamera if name == "Transform" else self.entry["classes"]
        return dict(found[name])

    def signature(self, owner: str, name: str) -> str | None:
        """The arguments of a method; None where there is none of that name."""
        found: str | None = self.of_class(owner)["methods"].get(name)
        return found

    def has(self, owner: str, name: str) -> bool:
        return name in self.of_class(owner)["attributes"] or self.signature(owner, name) is not None


def records(whole: dict[str, Any]) -> list[Recorded]:
    """One for each version."""
    return [Recorded(v, entry, whole["libcamera"]) for v, entry in whole["versions"].items()]


def problems(source: str, record: Recorded) -> tuple[list[str], int]:
    """What a version would refuse, and how much was looked at."""
    tree = ast.parse(source)
    found = [*_attributes(tree, record), *_calls(tree, record), *_keys(tree, record)]
    found += _controls(tree, record)
    return [said for said in found if said], len(found)


def _attributes(tree: ast.AST, record: Recorded) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (owner := NAMES.get(ast.unparse(node.value))):
            known = record.has(owner, node.attr)
            yield "" if known else f"line {node.lineno}: {owner}.{node.attr} is not there"


def _calls(tree: ast.AST, record: Recorded) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (called := _called(node.func)):
            owner, name = called
            signature = record.signature(owner, name)
            if signature is not None:
                wrong = misfit(node, signature)
                yield f"line {node.lineno}: {owner}.{name}{signature} {wrong}" if wrong else ""


def _called(function: ast.expr) -> tuple[str, str] | None:
    text = ast.unparse(function)
    if NAMES.get(text) == "Picamera2" and text.startswith(MODULE):
        return "Picamera2", "__init__"
    if text == f"{LIBCAMERA}.Transform":
        return "Transform", "__init__"
    if isinstance(function, ast.Attribute) and (owner := NAMES.get(ast.unparse(function.value))):
        return owner, function.attr
    return None


def misfit(call: ast.Call, signature: str) -> str:
    """Why a call does not fit; empty where it does."""
    static = signature.startswith("static ")
    names, required = parameters(signature)
    names, required = (names, required) if static else (names[1:], required[1:])
    after = names[len(call.args) :]
    given = [word.arg for word in call.keywords]
    if len(call.args) > len(names):
        return "is given too much"
    if unknown := [name for name in given if name not in after]:
        return f"takes no {unknown[0]}"
    if lacking := [name for name in required[len(call.args) :] if name not in given]:
        return f"lacks {lacking[0]}"
    return ""


def parameters(signature: str) -> tuple[list[str], list[str]]:
    """The names of all arguments, and of those that must be given."""
    text = signature.removeprefix("static ")
    function = ast.parse(f"def f{text}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    names = [one.arg for one in function.args.args]
    return names, names[: len(names) - len(function.args.defaults)]


def _keys(tree: ast.AST, record: Recorded) -> Iterator[str]:
    """`given["main"]`, `info.get("Model")` and `main={"size": ...}`."""
    for node in ast.walk(tree):
        for name, key, line in _asked(node):
            known = key in record.entry[KEYS[name]]
            yield "" if known else f"line {line}: {key} is no key of {KEYS[name]}"


def _asked(node: ast.AST) -> Iterator[tuple[str, str, int]]:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        if (name := ast.unparse(node.value)) in KEYS:
            yield name, str(node.slice.value), node.lineno
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name = ast.unparse(node.func.value)
        if name in KEYS and node.func.attr == "get" and isinstance(node.args[0], ast.Constant):
            yield name, str(node.args[0].value), node.lineno
    elif isinstance(node, ast.keyword) and node.arg in KEYS and isinstance(node.value, ast.Dict):
        for key in node.value.keys:
            if isinstance(key, ast.Constant):
                yield node.arg, str(key.value), node.value.lineno


def _controls(tree: ast.AST, record: Recorded) -> Iterator[str]:
    """Every text in libcamera's spelling is taken for a control."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and CONTROL.fullmatch(str(node.value)):
            known = node.value in record.libcamera["controls"]
            yield "" if known else f"line {node.lineno}: {node.value} is no control of libcamera's"


def excess(fake: type, record: Recorded, owner: str) -> list[str]:
    """What a fake class has in public and the real one has not."""
    found = []
    for name, value in sorted(vars(fake).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(value, property):
            if name not in record.of_class(owner)["attributes"]:
                found.append(f"{owner}.{name}")
        else:
            found += _excess_arguments(value, record.signature(owner, name), f"{owner}.{name}")
    return found


def _excess_arguments(value: Any, signature: str | None, where: str) -> list[str]:
    if signature is None:
        return [where]
    static = isinstance(value, staticmethod)
    if static != signature.startswith("static "):
        return [f"{where}: static or not"]
    code = (value.__func__ if static else value).__code__
    names, _ = parameters(signature)
    own = code.co_varnames[: code.co_argcount]
    return [f"{where}({name})" for name in own if name not in names]
