"""From annotations to types, and from classes to enums and records, just as `graft_extension` takes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graft_cli.authoring.docstrings import parse_docstring
from graft_cli.authoring.python_source import Defined, External, Source, SourceError
from graft_common.declarations.literals import LiteralError, write_literal
from graft_common.declarations.model import EnumDeclaration, EnumValue, Field, Record
from graft_common.declarations.types import (
    BOOL,
    DATETIME,
    FLOAT,
    INT,
    MAX_DEPTH,
    STRING,
    DescribedType,
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    SetType,
    Type,
)
from graft_common.values import DateTime, Value

ANYTHING = DescribedType("anything")
_SCALARS: dict[External, Type] = {
    External("builtins", "str"): STRING,
    External("builtins", "int"): INT,
    External("builtins", "float"): FLOAT,
    External("builtins", "bool"): BOOL,
    External("datetime", "datetime"): DATETIME,
    External("builtins", "object"): ANYTHING,
}
_TYPING = ("typing", "typing_extensions", "collections.abc", "builtins")
_SETS = ("List", "Sequence", "list")
_MAPS = ("Dict", "Mapping", "dict")
_ENUMS = (External("enum", "Enum"), External("enum", "StrEnum"))
_WHAT_IS_TAKEN = (
    "a method takes str, int, float, bool, datetime, List[T], Dict[K, V], Optional[T], Ref[...], Any, Literal of "
    "texts, enums with text as values, dataclasses, NamedTuples and TypedDicts"
)


@dataclass(slots=True)
class Placed:
    """An enum or record, and the lines of its own and of its values or fields."""

    declared: EnumDeclaration | Record
    source: Source
    line: int
    lines: list[int] = field(default_factory=list)


class Annotations:
    """Reads annotations; what enums and records they need is gathered in `needed`, by name."""

    def __init__(self) -> None:
        self.needed: dict[str, Placed] = {}

    def type_of(self, source: Source, node: ast.expr, unnamed: str = "", depth: int = 0) -> Type:  # noqa: C901 - forms
        """Read an annotation.

        Args:
            source: the file that it stands in.
            node: the annotation.
            unnamed: what an enum of a `Literal` is called that has no name of its own.
            depth: how deep it is in others.

        Raises:
            SourceError: no declared type says the same.
        """
        if depth > MAX_DEPTH:
            raise SourceError(source, node, f"the annotation nests more than {MAX_DEPTH} deep")
        match node:
            case ast.Constant(value=str(text)):
                return self.type_of(source, _parsed(source, node, text), unnamed, depth + 1)
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return self._union(source, node, [left, right], unnamed, depth)
            case ast.Subscript(value=base, slice=inner):
                items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                return self._generic(source, node, source.meaning(base), items, unnamed, depth)
        found = source.meaning(node)
        if isinstance(found, External):
            if found.name == "Any" and found.module in _TYPING:
                return ANYTHING
            if found in _SCALARS:
                return _SCALARS[found]
            if found.name in (*_SETS, *_MAPS):
                raise SourceError(
                    source, node, f"{ast.unparse(node)} does not say of what; write {_of_what(found.name)}"
                )
        if isinstance(found, Defined):
            if isinstance(found.node, ast.ClassDef):
                return self._class(found.source, found.node)
            alias = node.id if isinstance(node, ast.Name) else unnamed
            return self.type_of(found.source, found.node, alias, depth + 1)
        raise SourceError(source, node, f"no declared type is {ast.unparse(node)}; {_WHAT_IS_TAKEN}")

    def default(self, source: Source, node: ast.expr, kind: Type) -> str:
        """Read a default as a literal of a type.

        Raises:
            SourceError: it is none, or cannot be known without running the file.
        """
        value = source.constant(node)
        try:
            return write_literal(_value(value, kind), kind)
        except LiteralError as error:
            raise SourceError(source, node, f"the default {ast.unparse(node)} is no {kind}: {error}") from None

    def _generic(
        self,
        source: Source,
        node: ast.Subscript,
        base: External | Defined | None,
        items: list[ast.expr],
        unnamed: str,
        depth: int,
    ) -> Type:
        if base == External("graft_extension", "Ref"):
            return RefType(_class_name(source, items[0]))
        if isinstance(base, External) and base.module in _TYPING:
            match base.name, items:
                case name, [of] if name in _SETS:
                    return SetType(self.type_of(source, of, unnamed, depth + 1))
                case name, [key, value] if name in _MAPS:
                    return MapType(
                        self.type_of(source, key, unnamed, depth + 1), self.type_of(source, value, unnamed, depth + 1)
                    )
                case "Optional", [of]:
                    return OptionType(self.type_of(source, of, unnamed, depth + 1))
                case "Union", _:
                    return self._union(source, node, items, unnamed, depth)
                case "Literal", _:
                    return self._literal(source, node, items, unnamed)
        raise SourceError(source, node, f"no declared type is {ast.unparse(node)}; {_WHAT_IS_TAKEN}")

    def _union(self, source: Source, node: ast.expr, items: list[ast.expr], unnamed: str, depth: int) -> Type:
        given = [item for item in items if not (isinstance(item, ast.Constant) and item.value is None)]
        if len(given) != 1 or len(items) != 2:
            raise SourceError(
                source, node, f"no declared type is {ast.unparse(node)}; of unions there is `T | None` alone"
            )
        return OptionType(self.type_of(source, given[0], unnamed, depth + 1))

    def _literal(self, source: Source, node: ast.expr, items: list[ast.expr], name: str) -> Type:
        values = [source.constant(item) for item in items]
        if not all(isinstance(value, str) for value in values):
            raise SourceError(source, node, f"{ast.unparse(node)} has values that are no text; an enum has text alone")
        declared = EnumDeclaration(name, tuple(EnumValue(value) for value in values))
        self._need(node, Placed(declared, source, node.lineno, [node.lineno] * len(values)))
        return EnumType(name)

    def _need(self, node: ast.AST, placed: Placed) -> None:
        name = placed.declared.name
        known = self.needed.setdefault(name, placed)
        if known.declared != placed.declared and (known.source, known.line) != (placed.source, placed.line):
            raise SourceError(
                placed.source, node, f"there is another {name} in {known.source.path}; rename one of the two"
            )

    def _class(self, source: Source, node: ast.ClassDef) -> Type:
        bases = [source.meaning(base) for base in node.bases]
        if any(base == External("graft_extension", "Ref") for base in bases):
            return RefType(node.name)
        if any(base in _ENUMS for base in bases):
            placed = self.needed.get(node.name)
            if placed is None or placed.line != node.lineno:
                self._need(node, _enum(source, node))
            return EnumType(node.name)
        if not self._is_record(source, node):
            raise SourceError(source, node, f"the class {node.name} is no declared type; {_WHAT_IS_TAKEN}")
        known = self.needed.get(node.name)
        if known is None or (known.source, known.line) != (source, node.lineno):
            # A record may hold itself, so its name is taken before its fields are read.
            placed = Placed(Record(node.name, ()), source, node.lineno)
            self._need(node, placed)
            fields = list(self._fields(source, node))
            doc = parse_docstring(ast.get_docstring(node))
            told = tuple(
                Field(item.name, item.type, item.doc or doc.params.get(item.name, ""), item.default)
                for item, _ in fields
            )
            placed.declared = Record(node.name, told, doc.doc)
            placed.lines = [line for _, line in fields]
        return RecordType(node.name)

    def _is_record(self, source: Source, node: ast.ClassDef) -> bool:
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if source.meaning(called) == External("dataclasses", "dataclass"):
                return True
        return _is_typed_dict(source, node) or any(
            isinstance(base, External) and base.name == "NamedTuple" for base in map(source.meaning, node.bases)
        )

    def _fields(self, source: Source, node: ast.ClassDef, depth: int = 0) -> Iterator[tuple[Field, int]]:
        """Yield the fields of a class, those that it inherits first, with their lines."""
        if depth > MAX_DEPTH:
            raise SourceError(source, node, f"the class {node.name} inherits from too many")
        own = dict(self._own_fields(source, node))
        for base in map(source.meaning, node.bases):
            if isinstance(base, Defined) and isinstance(base.node, ast.ClassDef):
                for inherited, line in self._fields(base.source, base.node, depth + 1):
                    yield own.pop(inherited.name, (inherited, line))
        yield from own.values()

    def _own_fields(self, source: Source, node: ast.ClassDef) -> Iterator[tuple[str, tuple[Field, int]]]:
        partial = _is_typed_dict(source, node) and any(
            word.arg == "total" and isinstance(word.value, ast.Constant) and word.value.value is False
            for word in node.keywords
        )
        for number, statement in enumerate(node.body):
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                    doc = _doc_behind(node.body, number)
                case _:
                    continue
            absent = partial
            match annotation:
                case ast.Subscript(value=base, slice=inner):
                    meaning = source.meaning(base)
                    word = meaning.name if isinstance(meaning, External) else ""
                    if word == "ClassVar":
                        continue
                    if word in ("NotRequired", "Required"):
                        absent, annotation = word == "NotRequired", inner
            factory, given, left_out = _default(source, value)
            if left_out:
                continue
            kind = self.type_of(source, annotation, f"{node.name}_{name}")
            if absent and not isinstance(kind, OptionType):
                kind = OptionType(kind)
            default = factory if given is None else self.default(source, given, kind)
            if default == "[]" and isinstance(kind, OptionType):
                default = None
            yield name, (Field(name, kind, doc, default), statement.lineno)


def _parsed(source: Source, node: ast.expr, text: str) -> ast.expr:
    try:
        found = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise SourceError(source, node, f"{text!r} is no annotation") from None
    for inner in ast.walk(found):
        ast.copy_location(inner, node)
    return found


def _class_name(source: Source, node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(name)):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Name(id=name):
            return name
    raise SourceError(source, node, 'write the class of a reference as Ref["VM"]')


def _is_typed_dict(source: Source, node: ast.ClassDef) -> bool:
    for base in map(source.meaning, node.bases):
        if isinstance(base, External) and base.name == "TypedDict":
            return True
        if isinstance(base, Defined) and isinstance(base.node, ast.ClassDef) and _is_typed_dict(base.source, base.node):
            return True
    return False


def _enum(source: Source, node: ast.ClassDef) -> Placed:
    values: list[EnumValue] = []
    lines: list[int] = []
    for number, statement in enumerate(node.body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=given) if not name.startswith("_"):
                pass
            case _:
                continue
        value = source.member(node, name, given)
        if not isinstance(value, str):
            raise SourceError(source, statement, f"the value of {node.name}.{name} is no text; an enum's values are")
        values.append(EnumValue(value, _doc_behind(node.body, number)))
        lines.append(statement.lineno)
    if not values:
        raise SourceError(source, node, f'the enum {node.name} has no values here; write `name = "text"` for each')
    doc = parse_docstring(ast.get_docstring(node)).doc
    return Placed(EnumDeclaration(node.name, tuple(values), doc), source, node.lineno, lines)


def _doc_behind(body: list[ast.stmt], number: int) -> str:
    """Return the text that stands alone behind a field or value."""
    match body[number + 1 : number + 2]:
        case [ast.Expr(value=ast.Constant(value=str(text)))]:
            return parse_docstring(text).doc
    return ""


def _default(source: Source, value: ast.expr | None) -> tuple[str | None, ast.expr | None, bool]:
    """Read the right side of a field: a literal if it is a factory's, an expression, whether it is no field at all."""
    if not (isinstance(value, ast.Call) and source.meaning(value.func) == External("dataclasses", "field")):
        return None, value, False
    words = {word.arg: word.value for word in value.keywords}
    init = words.get("init")
    if isinstance(init, ast.Constant) and init.value is False:
        return None, None, True
    factory = words.get("default_factory")
    match factory:
        case None:
            return None, words.get("default"), False
        case ast.Lambda(body=body):
            return None, body, False
        case ast.Name(id=name) if name in ("list", "dict", "str"):
            return {"list": "[]", "dict": "{}", "str": ""}[name], None, False
    raise SourceError(
        source, factory, f"{ast.unparse(factory)} makes a default when the file runs; write it as a lambda"
    )


def _value(value: Any, kind: Type) -> Value:
    """Give a constant the form that values of a type have on the wire."""
    match kind:
        case OptionType(of):
            return [] if value is None else [_value(value, of)]
        case SetType(of) if isinstance(value, list):
            return [_value(item, of) for item in value]
        case MapType(_, of) if isinstance(value, dict):
            return {_key(key): _value(item, of) for key, item in value.items()}
    if isinstance(value, datetime):
        return DateTime(value.strftime("%Y%m%dT%H:%M:%SZ"))
    if kind == FLOAT and type(value) is int:
        return float(value)
    return value  # type: ignore[no-any-return]  # write_literal tells what does not fit


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return key if isinstance(key, str) else str(key)


def _of_what(name: str) -> str:
    return "List[str]" if name in _SETS else "Dict[str, str]"
