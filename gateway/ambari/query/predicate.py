"""A predicate as a tree: what it is made of, which properties it uses, and what it asks of sub-resources."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from gateway.ambari.query.patterns import Pattern
from gateway.ambari.query.values import number_of


class Operator(StrEnum):
    """How a property is compared with a value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class And:
    """All hold; without operands it always holds."""

    operands: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one holds; without operands it never does."""

    operands: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold."""

    operand: Predicate


@dataclass(frozen=True)
class Comparison:
    """A property compared with a value; None, written as nothing at the end of a query, is that there is none."""

    property: str
    operator: Operator
    value: str | None

    @cached_property
    def number(self) -> float | None:
        """The value as a number."""
        return number_of(self.value)


@dataclass(frozen=True)
class In:
    """A property equals one of some values."""

    property: str
    values: tuple[str, ...]

    @cached_property
    def texts(self) -> frozenset[str]:
        """The values that are no numbers."""
        return frozenset(value for value in self.values if number_of(value) is None)

    @cached_property
    def numbers(self) -> frozenset[float]:
        """The values that are numbers."""
        return frozenset(number for value in self.values if (number := number_of(value)) is not None)


@dataclass(frozen=True, slots=True)
class IsEmpty:
    """A property is an empty map, list or string or absent, or no property is in the category of that name."""

    property: str


@dataclass(frozen=True, slots=True)
class Matches:
    """All of a property's text fits a regular expression."""

    property: str
    pattern: Pattern


Leaf = Comparison | In | IsEmpty | Matches
Predicate = And | Or | Not | Leaf

ALWAYS = And(())


def leaves(predicate: Predicate) -> Iterator[Leaf]:
    """Give what looks at a property, from left to right."""
    match predicate:
        case And(operands) | Or(operands):
            for operand in operands:
                yield from leaves(operand)
        case Not(operand):
            yield from leaves(operand)
        case _:
            yield predicate


def properties_of(predicate: Predicate) -> frozenset[str]:
    """Return the ids of all properties that a predicate uses, those of sub-resources with their path."""
    return frozenset(leaf.property for leaf in leaves(predicate))


def first_names(predicate: Predicate) -> frozenset[str]:
    """Return the names with which the properties begin: where one is that of a sub-resource, Ambari shows that too."""
    return frozenset(first_name(leaf.property) for leaf in leaves(predicate))


def first_name(path: str) -> str:
    """Return what stands before the first `/`."""
    return path.partition("/")[0]


def string_equalities(predicate: Predicate, properties: Collection[str]) -> dict[str, str]:
    """Return what some properties must equal for the predicate to hold, so that others can filter by it beforehand.

    Only where the value is no number: `1.0` also equals `1`, which no filter by text knows. What is
    returned is necessary and not sufficient; the predicate still decides.
    """
    found: dict[str, str] = {}
    pending: list[Predicate] = [predicate]
    while pending:
        match pending.pop():
            case And(operands):
                pending.extend(reversed(operands))
            case Comparison(name, Operator.EQUAL, str(value)) | In(name, (value,)):
                if name in properties and number_of(value) is None:
                    found.setdefault(name, value)
            case _:
                pass
    return found


def restricted(predicate: Predicate, child: str) -> Predicate:
    """Return what a predicate asks of the sub-resources of that name, in their own property ids.

    It always holds where the predicate asks nothing of them. Ambari shows only the sub-resources for which it holds
    (SubResourcePredicateVisitor.java).
    """
    return _restricted(with_negations_inside(predicate), child + "/")


def with_negations_inside(predicate: Predicate) -> Predicate:
    """Return the same with every `Not` directly around what looks at a property."""
    match predicate:
        case And(operands):
            return And(tuple(map(with_negations_inside, operands)))
        case Or(operands):
            return Or(tuple(map(with_negations_inside, operands)))
        case Not(And(operands)):
            return Or(tuple(with_negations_inside(Not(operand)) for operand in operands))
        case Not(Or(operands)):
            return And(tuple(with_negations_inside(Not(operand)) for operand in operands))
        case Not(Not(operand)):
            return with_negations_inside(operand)
        case _:
            return predicate


def _restricted(predicate: Predicate, prefix: str) -> Predicate:
    match predicate:
        case And(operands):
            asked = [part for operand in operands if (part := _restricted(operand, prefix)) != ALWAYS]
            return asked[0] if len(asked) == 1 else And(tuple(asked))
        case Or(operands):
            parts = tuple(_restricted(operand, prefix) for operand in operands)
            return ALWAYS if ALWAYS in parts else Or(parts)
        case Not(operand):
            part = _restricted(operand, prefix)
            return ALWAYS if part == ALWAYS else Not(part)
        case _:
            if not predicate.property.startswith(prefix):
                return ALWAYS
            return replace(predicate, property=predicate.property[len(prefix) :])
