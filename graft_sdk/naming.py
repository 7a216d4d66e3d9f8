"""Names: from what a declaration calls a thing to what a language calls it.

A name of a declaration is split into words (`words`), the words are joined in a case (`snake`, `pascal` …), and a
`Scope` gives each thing of a scope a name of its own, none of which is a reserved word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Case: TypeAlias = Callable[[str], str]
"""Turns a declaration's name into a name of a language."""

# `VMs` and `IPv6` are one word each, `VIFMetrics` are two.
_WORD = re.compile(r"[A-Z]{2,}s(?![a-z])|IPv[46]|[A-Z]+[0-9]*(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+")
_STRANGE = re.compile(r"[^\x00-\x7f]")


def words(name: str) -> list[str]:
    """Split a name into its words, whose capitals are kept: `pool_update`, `VMRecord`, `5.6-x`.

    All of them are ASCII: other characters, and signs where there is nothing else, are words by their numbers.
    """
    found = _WORD.findall(_STRANGE.sub(lambda match: f"_u{ord(match[0]):x}_", name))
    return found or [f"x{ord(sign):x}" for sign in name] or ["empty"]


def snake(name: str) -> str:
    """Write `resize_disk`."""
    return "_".join(word.lower() for word in words(name))


def upper_snake(name: str) -> str:
    """Write `RESIZE_DISK`."""
    return snake(name).upper()


def kebab(name: str) -> str:
    """Write `resize-disk`."""
    return snake(name).replace("_", "-")


def pascal(name: str) -> str:
    """Write `ResizeDisk`, and `Vm` for `VM`."""
    return "".join(_capital(word.lower()) for word in words(name))


def camel(name: str) -> str:
    """Write `resizeDisk`, and `vm` for `VM`."""
    joined = pascal(name)
    return joined[:1].lower() + joined[1:]


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


@dataclass(frozen=True)
class Style:
    """How a language writes the names of each kind of thing, and which names it cannot use.

    A name that is reserved, or taken in its scope, is escaped; one that begins with a digit gets `digit_prefix`.
    """

    types: Case = pascal
    """Enums, records, references, errors, and whatever else is a type; all share one scope."""
    members: Case = snake
    """The classes, as the client offers them (`client.pool_update`)."""
    class_types: Mapping[str, str] = field(default_factory=lambda: {"methods": "{}_methods"})
    """The types that each class needs besides its record and reference, as `<form>: <pattern of the class's name>`;
    a template finds their names as `class_.types.<form>`."""
    record_types: Mapping[str, str] = field(default_factory=dict)
    """Further types of each record, as `<form>: <pattern of the record's type>`; `record.types.<form>`."""
    methods: Case = snake
    method_forms: Mapping[str, str] = field(default_factory=lambda: {"start": "start_{}"})
    """Further functions of each method, as `<form>: <pattern of the method's name>`; `method.forms.<form>`."""
    flat_methods: bool = False
    """Whether all methods share one scope with the types, and are named by their whole names (`volume_resize`)."""
    type_forms: tuple[str, ...] = ()
    """What else is made of a type's name in the scope of types: `{}_free`."""
    errors: str = "{}"
    """The pattern of an error's name: `{}_exception` where that is the custom."""
    params: Case = snake
    fields: Case = snake
    values: Case = upper_snake
    """The values of enums."""
    reserved: frozenset[str] = frozenset()
    """Words that are no name anywhere."""
    taken_types: frozenset[str] = frozenset()
    """Types that the SDK's own parts or the language's standard library bring into scope."""
    taken_members: frozenset[str] = frozenset()
    """Names that the client has besides the classes."""
    taken_methods: frozenset[str] = frozenset()
    taken_params: frozenset[str] = frozenset()
    """Names that a generated method uses itself."""
    taken_fields: frozenset[str] = frozenset()
    """Names that neither a record's field nor an error's parameter can have."""
    taken_error_params: frozenset[str] = frozenset()
    """Names that an error has besides its parameters."""
    taken_values: frozenset[str] = frozenset()
    own_name_taken: bool = False
    """Whether a member cannot be called as the type that it is in."""
    escape: Case = "{}_".format
    """What is done to a reserved or taken name."""
    digit_prefix: str = "_"
    number: Callable[[str, int], str] = field(default=lambda name, count: f"{name}_{count}")
    """How the second, third … thing is called whose name somebody has already."""


class Scope:
    """Gives names that are unique in one scope; equal calls in the same order give equal names."""

    def __init__(self, style: Style, case: Case, taken: Collection[str] = (), forms: Collection[str] = ()) -> None:
        """`forms` are patterns of further names that come with each that is given."""
        self._style = style
        self._case = case
        self._forms = ("{}", *forms)
        self._unusable = style.reserved | set(taken)
        self._given: set[str] = set()

    @property
    def given(self) -> frozenset[str]:
        """All names that are given, with their forms."""
        return frozenset(self._given)

    def name(self, *parts: str, case: Case | None = None) -> str:
        """Return a name for what the declaration calls so; several parts are joined as words."""
        wanted = (case or self._case)("_".join(parts))
        if wanted[:1].isdigit():
            wanted = f"{self._style.digit_prefix}{wanted}"
        if wanted in self._unusable:
            wanted = self._style.escape(wanted)
        found = wanted
        count = 1
        while any(form in self._given or form in self._unusable for form in self._all_forms(found)):
            count += 1
            found = self._style.number(wanted, count)
        self._given.update(self._all_forms(found))
        return found

    def _all_forms(self, name: str) -> Iterator[str]:
        return (pattern.format(name) for pattern in self._forms)

    def all(self, names: Iterable[str]) -> dict[str, str]:
        """Return a name for each: first for those that are written as the language wants them already, in order."""
        order = sorted(dict.fromkeys(names), key=lambda name: self._case(name) != name)
        return {name: self.name(name) for name in order}
