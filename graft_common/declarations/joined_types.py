"""One set of names for the enums, records and classes that several sources declare.

Equal definitions are one. Of different ones under one name, the first keeps the name, and the others' are renamed in
all that is theirs; names are not on the wire, so that no call notices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from graft_common.declarations.model import ClassDeclaration, EnumDeclaration, Field, Method, Param, Record, Types
from graft_common.declarations.types import EnumType, MapType, OptionType, RecordType, SetType, Type

Key: TypeAlias = tuple[Literal["enum", "record"], str]
"""Enums and records have names of their own."""
_NO_NAME = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True, eq=False)
class Declarer:
    """One source, as far as types go."""

    prefix: str
    """What stands before a name that has to be another."""
    types: Types
    """All that its types may name."""
    own: frozenset[Key]
    """What it declares itself; the rest of its types it has from others."""
    classes: tuple[ClassDeclaration, ...] = ()
    methods: tuple[Method, ...] = ()
    """Those that are in force."""


Order: TypeAlias = Callable[[Sequence[Declarer]], Sequence[Declarer]]
"""Puts the sources that declare one thing in the order in which they come."""


@dataclass(slots=True)
class JoinedTypes:
    """What all sources declare, under names that are unique."""

    enums: list[EnumDeclaration] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    classes: list[ClassDeclaration] = field(default_factory=list)
    methods: dict[str, Method] = field(default_factory=dict)


def join_types(declarers: Sequence[Declarer], order: Order) -> JoinedTypes:
    """Put the types of sources together, and rename in their methods what had to be renamed.

    Args:
        declarers: the sources, in the order in which their declarations are to stand.
        order: tells who comes first where several declare the same.
    """
    return _Joining(declarers, order).joined()


def _definition(types: Types, key: Key) -> EnumDeclaration | Record:
    return types.enums[key[1]] if key[0] == "enum" else types.records[key[1]]


def _keys(types: Types) -> Iterator[Key]:
    for enum in types.enums:
        yield "enum", enum
    for record in types.records:
        yield "record", record


def _shape(definition: EnumDeclaration | Record) -> tuple[object, ...]:
    """Return what of a definition values have to hold to; words about it make no difference."""
    if isinstance(definition, EnumDeclaration):
        return tuple(value.name for value in definition.values)
    return tuple((part.name, part.type, part.default, part.secret) for part in definition.fields)


def named_types(kind: Type) -> Iterator[Key]:
    """Name the enums and records that a type names."""
    match kind:
        case EnumType(name):
            yield "enum", name
        case RecordType(name):
            yield "record", name
        case SetType(of) | OptionType(of):
            yield from named_types(of)
        case MapType(key, value):
            yield from named_types(key)
            yield from named_types(value)
        case _:
            pass


def _named_in(definition: EnumDeclaration | Record) -> Iterator[Key]:
    if isinstance(definition, Record):
        for part in definition.fields:
            yield from named_types(part.type)


def reached(types: Types, start: Iterable[Key]) -> list[Key]:
    """Name what can be reached from some enums and records, themselves included, as far as `types` has it."""
    found: dict[Key, None] = {}
    waiting = list(start)
    while waiting:
        key = waiting.pop()
        known = types.enums if key[0] == "enum" else types.records
        if key in found or key[1] not in known:
            continue
        found[key] = None
        waiting.extend(_named_in(_definition(types, key)))
    return list(found)


def named_by_method(method: Method) -> Iterator[Key]:
    """Name the enums and records that a method's parameters and result name."""
    for param in method.params:
        yield from named_types(param.type)
    if method.result is not None:
        yield from named_types(method.result.type)


class _Joining:
    def __init__(self, declarers: Sequence[Declarer], order: Order) -> None:
        self.declarers = declarers
        self.holders: dict[Key, list[Declarer]] = {}
        for declarer in declarers:
            for key in _keys(declarer.types):
                self.holders.setdefault(key, []).append(declarer)
        self.order = order
        self.keepers = {key: self._first(key, holders) for key, holders in self.holders.items()}
        self.differing: dict[Declarer, set[Key]] = {declarer: set() for declarer in declarers}
        """Of each source, what cannot have its name."""
        self.tellers = self._tellers()
        """By class, the source whose words about it are shown."""
        self.names: dict[tuple[Declarer, Key], str] = {}
        self.result = JoinedTypes()

    def _first(self, key: Key, holders: Sequence[Declarer]) -> Declarer:
        """Return who keeps a name: one that declares it itself, unless there is none any more."""
        if len(holders) == 1:
            return holders[0]
        return self.order([holder for holder in holders if key in holder.own] or holders)[0]

    def _tellers(self) -> dict[str, Declarer]:
        holders: dict[str, list[Declarer]] = {}
        for declarer in self.declarers:
            for told in declarer.classes:
                holders.setdefault(told.name, []).append(declarer)
        return {name: self.order(found)[0] for name, found in holders.items()}

    def joined(self) -> JoinedTypes:
        self._compare()
        self._name()
        for declarer in self.declarers:
            self._put(declarer)
        self._put_classes()
        for declarer in self.declarers:
            for method in declarer.methods:
                self.result.methods[method.name] = self._method(declarer, method)
        return self.result

    def _compare(self) -> None:
        """Find what differs from its name's keeper, in itself or in what it names."""
        shared = [(key, holders) for key, holders in self.holders.items() if len(holders) > 1]
        changed = True
        while changed:
            changed = False
            for key, holders in shared:
                keeper = self.keepers[key]
                for holder in holders:
                    if holder is keeper or key in self.differing[holder]:
                        continue
                    if not self._same(key, holder, keeper):
                        self.differing[holder].add(key)
                        changed = True

    def _same(self, key: Key, one: Declarer, other: Declarer) -> bool:
        ours, theirs = _definition(one.types, key), _definition(other.types, key)
        if ours is not theirs and _shape(ours) != _shape(theirs):
            return False
        return all(self._meant(one, named) is self._meant(other, named) for named in _named_in(ours))

    def _meant(self, declarer: Declarer, key: Key) -> Declarer:
        """Return whose definition a source means by a name."""
        return declarer if key in self.differing[declarer] else self.keepers.get(key, declarer)

    def _name(self) -> None:
        """Give new names to what differs and is needed, in the order of the sources."""
        taken = {key for key in self.holders if self.keepers.get(key)}
        for declarer in self.declarers:
            differing = self.differing[declarer]
            if not differing:
                continue
            for key in sorted(reached(declarer.types, self._needed(declarer))):
                if key in differing:
                    name = _free_name(declarer.prefix, key, taken)
                    taken.add((key[0], name))
                    self.names[declarer, key] = name

    def _needed(self, declarer: Declarer) -> Iterator[Key]:
        """Name what of a source's types is shown: what it keeps, and what its methods and classes name."""
        yield from (key for key in _keys(declarer.types) if self.keepers[key] is declarer)
        for told in declarer.classes:
            if self.tellers[told.name] is declarer:
                yield from (("enum", name) for name in told.enums)
        for method in declarer.methods:
            yield from named_by_method(method)

    def _put(self, declarer: Declarer) -> None:
        classes = {told.name for told in declarer.classes if told.fields}
        for key in _keys(declarer.types):
            kept = self.keepers[key] is declarer
            name = key[1] if kept else self.names.get((declarer, key))
            if name is None:
                continue
            definition = _definition(declarer.types, key)
            if isinstance(definition, EnumDeclaration):
                self.result.enums.append(replace(definition, name=name) if name != key[1] else definition)
            elif not (kept and key[1] in classes):
                self.result.records.append(
                    replace(definition, name=name, fields=self._fields(declarer, definition.fields))
                )

    def _put_classes(self) -> None:
        """Describe each class as its first source does; its fields are those of the record of its name."""
        for name, first in self.tellers.items():
            told = next(told for told in first.classes if told.name == name)
            keeper = self.keepers.get(("record", name))
            fields: tuple[Field, ...] = ()
            if keeper is not None:
                own = next((own for own in keeper.classes if own.name == name), None)
                fields = self._fields(keeper, own.fields) if own is not None else ()
            enums = tuple(self.names.get((first, ("enum", enum)), enum) for enum in told.enums)
            self.result.classes.append(replace(told, fields=fields, enums=enums))

    def _fields(self, declarer: Declarer, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        if not self.differing[declarer]:
            return fields
        return tuple(replace(part, type=self._type(declarer, part.type)) for part in fields)

    def _method(self, declarer: Declarer, method: Method) -> Method:
        differing = self.differing[declarer]
        if not differing or not differing.intersection(named_by_method(method)):
            return method
        params = tuple(_typed(param, self._type(declarer, param.type)) for param in method.params)
        result = method.result and replace(method.result, type=self._type(declarer, method.result.type))
        return replace(method, params=params, result=result)

    def _type(self, declarer: Declarer, kind: Type) -> Type:
        match kind:
            case EnumType(name):
                return EnumType(self.names.get((declarer, ("enum", name)), name))
            case RecordType(name):
                return RecordType(self.names.get((declarer, ("record", name)), name))
            case SetType(of):
                return SetType(self._type(declarer, of))
            case OptionType(of):
                return OptionType(self._type(declarer, of))
            case MapType(key, value):
                return MapType(self._type(declarer, key), self._type(declarer, value))
            case _:
                return kind


def _typed(param: Param, kind: Type) -> Param:
    return param if param.type == kind else replace(param, type=kind)


def _free_name(prefix: str, key: Key, taken: set[Key]) -> str:
    start = _NO_NAME.sub("_", prefix.lower())
    if not start or start[0].isdigit():
        start = f"_{start}"
    name = wanted = f"{start}_{key[1]}"
    number = 2
    while (key[0], name) in taken:
        name = f"{wanted}_{number}"
        number += 1
    return name


def types_of(types: Types, keys: Iterable[Key]) -> Types:
    """Return a part of some types, with all that it names."""
    part = Types()
    for key in reached(types, keys):
        definition = _definition(types, key)
        if isinstance(definition, EnumDeclaration):
            part.enums[key[1]] = definition
        else:
            part.records[key[1]] = definition
    return part


def keys_of(types: Types) -> Mapping[Key, EnumDeclaration | Record]:
    """Return all enums and records by their keys."""
    return {key: _definition(types, key) for key in _keys(types)}
