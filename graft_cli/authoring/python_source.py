"""A Python file as its text: what its names mean and what its constants are, without running it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

MAX_SOURCE = 1 << 20
"""Bytes of one file."""
MAX_MODULES = 32
"""Files that a file may take types from, those in turn included."""
_MAX_STEPS = 32
_MAX_NUMBER = 2**64

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.LShift: lambda left, right: left << min(right, 64),
    ast.Pow: lambda left, right: left ** min(right, 64),
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
}


class SourceError(ValueError):
    """Something in a file is not what a declaration can be made of; says where and why."""

    def __init__(self, source: Source, node: ast.AST | int, reason: str) -> None:
        super().__init__(reason)
        self.file = str(source.path)
        self.line = node if isinstance(node, int) else getattr(node, "lineno", 0)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class External:
    """A name of a module that is not read: `typing.List`; of a module itself, `name` is empty."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Defined:
    """A class, or the right side of an assignment, with the file that it stands in."""

    source: Source
    node: ast.expr | ast.ClassDef


Meaning: TypeAlias = External | Defined


@dataclass(eq=False)
class Source:
    """One file, and the modules beside it that it imports."""

    path: Path
    tree: ast.Module
    names: dict[str, Meaning] = field(default_factory=dict)
    modules: dict[str, Source] = field(default_factory=dict)
    """All that have been read, shared by the files that import one another."""

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read a file and what it imports from its own folder.

        Raises:
            SourceError: it is no Python, or too large.
            OSError: it cannot be read.
        """
        return _read(path, {})

    def meaning(self, node: ast.expr) -> Meaning | None:
        """Tell what a name or `module.name` stands for; None for anything else, and for names that are not there."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id) or External("builtins", node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = self.names.get(node.value.id)
            if isinstance(module, External) and not module.name:
                beside = self.modules.get(module.module)
                return beside.names.get(node.attr) if beside else External(module.module, node.attr)
        return None

    def constant(self, node: ast.expr, steps: int = 0) -> Any:  # noqa: C901 - a case for each form
        """Work out a constant: literals, arithmetic, names of constants, members of enums, datetimes.

        Raises:
            SourceError: it is none.
        """
        if steps > _MAX_STEPS:
            raise SourceError(self, node, "this is too involved; write the value itself")
        match node:
            case ast.Constant(value=value) if not isinstance(value, bytes | complex) and value is not ...:
                return value
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self.constant(item, steps + 1) for item in items]
            case ast.Dict(keys=keys, values=values) if all(keys):
                return {
                    self.constant(key, steps + 1): self.constant(value, steps + 1)
                    for key, value in zip(keys, values, strict=True)
                    if key is not None
                }
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._number(operand, steps)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
                return self._arithmetic(
                    node, _OPERATORS[type(op)], self._number(left, steps), self._number(right, steps)
                )
            case ast.Attribute(value=owner, attr=attribute):
                return self._member(node, owner, attribute, steps)
            case ast.Name():
                found = self.meaning(node)
                if isinstance(found, Defined) and isinstance(found.node, ast.expr):
                    return found.source.constant(found.node, steps + 1)
            case ast.Call(func=called) if self.meaning(called) == External("datetime", "datetime"):
                return self._datetime(node, steps)
            case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value="nan" | "inf" | "-inf" as text)]):
                return float(text)
            case ast.Call(func=called, args=[given]) if self.meaning(called) == External("graft_extension", "Ref"):
                return self.constant(given, steps + 1)
        raise SourceError(self, node, f"{ast.unparse(node)} is worked out when the file runs; write the value itself")

    def member(self, owner: ast.ClassDef, name: str, value: ast.expr, steps: int = 0) -> Any:
        """Work out the value of a member of an enum; `auto()` is the name in small letters in a `StrEnum`.

        Raises:
            SourceError: it is no constant.
        """
        is_auto = isinstance(value, ast.Call) and self.meaning(value.func) == External("enum", "auto")
        if is_auto and any(self.meaning(base) == External("enum", "StrEnum") for base in owner.bases):
            return name.lower()
        return self.constant(value, steps)

    def _number(self, node: ast.expr, steps: int) -> int | float:
        value = self.constant(node, steps + 1)
        if isinstance(value, int | float) and abs(value) <= _MAX_NUMBER:
            return value
        raise SourceError(self, node, f"{ast.unparse(node)} is no number that can be reckoned with here")

    def _arithmetic(self, node: ast.expr, reckon: Callable[[Any, Any], Any], left: float, right: float) -> Any:
        try:
            return reckon(left, right)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise SourceError(self, node, f"{ast.unparse(node)}: {error}") from None

    def _member(self, node: ast.expr, owner: ast.expr, attribute: str, steps: int) -> Any:
        if attribute == "value":
            return self.constant(owner, steps + 1)
        found = self.meaning(owner)
        if isinstance(found, Defined) and isinstance(found.node, ast.ClassDef):
            for statement in found.node.body:
                match statement:
                    case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == attribute:
                        return found.source.member(found.node, name, value, steps + 1)
        elif isinstance(found := self.meaning(node), Defined) and isinstance(found.node, ast.expr):
            return found.source.constant(found.node, steps + 1)
        raise SourceError(self, node, f"there is no constant {ast.unparse(node)} here; write the value itself")

    def _datetime(self, call: ast.Call, steps: int) -> Any:
        from datetime import UTC, datetime

        given = [self.constant(item, steps + 1) for item in call.args[:7]]
        zones = [ast.unparse(word.value) for word in call.keywords]
        if zones and [word.arg for word in call.keywords] == ["tzinfo"] and zones[0].endswith(("utc", "UTC")):
            zones = []
        try:
            if not zones:
                return datetime(*given).replace(tzinfo=UTC)  # noqa: DTZ001 - it has one at once
        except (TypeError, ValueError):
            pass
        raise SourceError(self, call, "write a date as datetime(2026, 1, 1, tzinfo=timezone.utc)")


def _read(path: Path, modules: dict[str, Source], name: str = "") -> Source:
    with path.open("rb") as file:
        data = file.read(MAX_SOURCE + 1)
    source = Source(path, ast.Module([], []), modules=modules)
    if len(data) > MAX_SOURCE:
        raise SourceError(source, 0, f"it has more than {MAX_SOURCE >> 20} MiB; at most that is read")
    try:
        source.tree = ast.parse(data)
    except SyntaxError as error:
        raise SourceError(source, error.lineno or 0, f"it is no Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(source, 0, f"it is no Python: {error}") from None
    if name:
        modules[name] = source
    for statement in source.tree.body:
        _take_names(source, statement)
    return source


def _take_names(source: Source, statement: ast.stmt) -> None:
    match statement:
        case ast.Import(names=names):
            for item in names:
                _beside(source, item.name)
                source.names[item.asname or item.name.partition(".")[0]] = External(item.name, "")
        case ast.ImportFrom(module=str(module), names=names, level=0):
            beside = _beside(source, module)
            for item in names:
                # What a module beside does not define is let stand as a name that nobody knows.
                known = beside.names.get(item.name) if beside else None
                source.names[item.asname or item.name] = known or External(module, item.name)
        case ast.ClassDef(name=name):
            source.names[name] = Defined(source, statement)
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            source.names[name] = Defined(source, value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            source.names[name] = Defined(source, value)
        case ast.If(body=body, orelse=orelse) | ast.Try(body=body, orelse=orelse):
            for inner in [*orelse, *body]:
                _take_names(source, inner)


def _beside(source: Source, module: str) -> Source | None:
    """Read a module that lies in the same folder, as Python would find it there; None if there is none."""
    if "." in module or module == "graft_extension":
        return None
    if module in source.modules:
        return source.modules[module]
    path = source.path.parent / f"{module}.py"
    if not path.is_file() or len(source.modules) >= MAX_MODULES:
        return None
    return _read(path, source.modules, module)
