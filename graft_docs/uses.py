"""What uses what in an api: which methods raise an error, take or answer a type, need a role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from graft_common.declarations.api import Api
from graft_common.declarations.model import ANYONE, Method
from graft_common.declarations.types import EnumType, MapType, OptionType, RecordType, SetType, Type
from graft_common.roles import ROLES


@dataclass(frozen=True, slots=True)
class ErrorUse:
    """One error code and who raises it."""

    code: str
    forms: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """The names of its parameters, each way once, and what is told of it with those."""
    methods: tuple[str, ...]


class Uses:
    """The references of one api, each kind gathered when first asked for."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @cached_property
    def errors(self) -> Mapping[str, ErrorUse]:
        """Every declared error by its code, in the order of the codes."""
        told: dict[str, dict[tuple[str, ...], dict[str, None]]] = {}
        raised: dict[str, dict[str, None]] = {}
        for method in self._api.document.methods:
            for error in method.errors:
                docs = told.setdefault(error.code, {}).setdefault(error.params, {})
                if error.doc:
                    docs[error.doc] = None
                raised.setdefault(error.code, {})[method.name] = None
        return {
            code: ErrorUse(code, tuple((params, tuple(docs)) for params, docs in forms.items()), tuple(raised[code]))
            for code, forms in sorted(told.items())
        }

    @cached_property
    def enums(self) -> Mapping[str, tuple[str, ...]]:
        """The methods that take or answer each enum, also as a part of something."""
        return self._named(EnumType)

    @cached_property
    def records(self) -> Mapping[str, tuple[str, ...]]:
        """The methods that take or answer each record, also as a part of something."""
        return self._named(RecordType)

    @cached_property
    def roles(self) -> Mapping[str, tuple[Method, ...]]:
        """The methods for which each role is the least that may call them; `ANYONE` comes last."""
        found: dict[str, list[Method]] = {name: [] for name in (*(role.name for role in ROLES), ANYONE)}
        for method in self._api.document.methods:
            found.setdefault(method.role, []).append(method)
        return {role: tuple(methods) for role, methods in found.items()}

    def _named(self, kind: type[EnumType | RecordType]) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, dict[str, None]] = {}
        for method in self._api.document.methods:
            types = [param.type for param in method.params]
            if method.result is not None:
                types.append(method.result.type)
            for part in (part for whole in types for part in _parts(whole)):
                if isinstance(part, kind):
                    found.setdefault(part.name, {})[method.name] = None
        return {name: tuple(methods) for name, methods in found.items()}


def _parts(kind: Type) -> Iterator[Type]:
    yield kind
    match kind:
        case SetType() | OptionType():
            yield from _parts(kind.of)
        case MapType():
            yield from _parts(kind.key)
            yield from _parts(kind.value)
