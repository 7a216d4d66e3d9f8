"""Whether a predicate holds for a resource.

Equality and order are of numbers where both sides are numbers, of texts otherwise; a property that is absent or null
equals nothing but null, and is neither less nor greater than anything (ComparisonPredicate.java). Ambari cuts the
difference of two numbers that come as strings down to an integer, so that there `1.5` equals `1`: here it does not.

A resource fits what is asked of its sub-resources when one of them does. As in Ambari, the conditions on sub-resources
of one name that are joined by `&` are for one and the same of them, and a resource without any fits none, not even `!`
(QueryImpl.java, ExtendedResourcePredicateVisitor.java).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gateway.ambari.query.predicate import (
    And,
    Comparison,
    In,
    IsEmpty,
    Matches,
    Not,
    Operator,
    Or,
    Predicate,
    first_name,
    first_names,
    leaves,
    restricted,
    with_negations_inside,
)
from gateway.ambari.query.values import Properties, Value, is_map, look_up, number_of, text_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource with the sub-resources that a predicate may look at."""

    properties: Properties
    children: Mapping[str, Sequence[Resource]] = field(default_factory=dict)
    """By name, `versions`; a name stands here also where there are none."""


Test = Callable[[Properties], bool]
"""Tells of a resource's own properties whether they fit."""

Matcher = Callable[[Resource], bool]
"""Tells of a resource whether it fits."""


def matcher(predicate: Predicate) -> Matcher:
    """Prepare a predicate once, for many resources."""
    test = compiled(predicate)
    reaching = first_names(predicate)
    by_names: dict[frozenset[str], Matcher] = {}

    def matches(resource: Resource) -> bool:
        if reaching.isdisjoint(resource.children):
            return test(resource.properties)
        names = reaching.intersection(resource.children)
        if names not in by_names:
            by_names[names] = _joined_matcher(predicate, names)
        return by_names[names](resource)

    return matches


def compiled(predicate: Predicate) -> Test:
    """Prepare a predicate for properties alone; what it asks of sub-resources is then asked of these."""
    match predicate:
        case And(operands):
            return _all_of([compiled(operand) for operand in operands])
        case Or(operands):
            return _any_of([compiled(operand) for operand in operands])
        case Not(operand):
            test = compiled(operand)
            return lambda properties: not test(properties)
        case IsEmpty(name):
            return lambda properties: _is_empty(name, properties)
        case Matches(name, pattern):
            return _where_present(name, lambda value: pattern.fits(text_of(value)))
        case In(name):
            texts, numbers = predicate.texts, predicate.numbers
            return _where_present(name, lambda value: text_of(value) in texts or number_of(value) in numbers)
        case Comparison():
            return _comparison(predicate)


def _all_of(tests: Sequence[Callable[[T], bool]]) -> Callable[[T], bool]:
    def all_fit(subject: T) -> bool:
        for test in tests:  # noqa: SIM110 - twice as fast as all() with a generator, and run for every resource
            if not test(subject):
                return False
        return True

    return all_fit


def _any_of(tests: Sequence[Callable[[T], bool]]) -> Callable[[T], bool]:
    def any_fits(subject: T) -> bool:
        for test in tests:  # noqa: SIM110 - as above
            if test(subject):
                return True
        return False

    return any_fits


def _where_present(name: str, test: Callable[[Value], bool]) -> Test:
    def present_and_fits(properties: Properties) -> bool:
        value = look_up(properties, name)
        return value is not None and test(value)

    return present_and_fits


def _comparison(comparison: Comparison) -> Test:
    name, wanted, number = comparison.property, comparison.value, comparison.number
    if comparison.operator is Operator.NOT_EQUAL:
        equal = _comparison(replace(comparison, operator=Operator.EQUAL))
        return lambda properties: not equal(properties)
    if wanted is None:
        return lambda properties: look_up(properties, name) is None
    compares_texts = _COMPARES_TEXTS[comparison.operator]
    if number is None:
        return _where_present(name, lambda value: compares_texts(text_of(value), wanted))
    compares_numbers = _COMPARES_NUMBERS[comparison.operator]

    def compares(value: Value) -> bool:
        own = number_of(value)
        return compares_texts(text_of(value), wanted) if own is None else compares_numbers(own, number)

    return _where_present(name, compares)


_COMPARES_TEXTS: Mapping[Operator, Callable[[str, str], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_EQUAL: operator.ge,
}
_COMPARES_NUMBERS: Mapping[Operator, Callable[[float, float], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_EQUAL: operator.ge,
}


def _is_empty(name: str, properties: Properties) -> bool:
    value = look_up(properties, name)
    if value is not None:
        return (is_map(value) or isinstance(value, str | Sequence)) and not value
    category = name + "/"
    return not any(other.startswith(category) for other in properties)


_Joined = tuple[Resource, Mapping[str, Sequence[Resource]]]
"""A resource, and by name those of its sub-resources that do what is asked of them."""


def _joined_matcher(predicate: Predicate, names: frozenset[str]) -> Matcher:
    inside = with_negations_inside(predicate)
    test = _joined_test(inside, names)
    of_children = {name: matcher(restricted(inside, name)) for name in names}

    def matches(resource: Resource) -> bool:
        fitting = {name: [*filter(fits, resource.children[name])] for name, fits in of_children.items()}
        return test((resource, fitting))

    return matches


def _joined_test(predicate: Predicate, names: frozenset[str]) -> Callable[[_Joined], bool]:
    match predicate:
        case And(operands):
            return _all_of([_joined_test(operand, names) for operand in operands])
        case Or(operands):
            return _any_of([_joined_test(operand, names) for operand in operands])
    [leaf] = leaves(predicate)
    name = first_name(leaf.property)
    if name not in names:
        test = compiled(predicate)
        return lambda joined: test(joined[0].properties)
    if leaf.property == name:
        is_wanted = isinstance(leaf, IsEmpty)
        is_negated = isinstance(predicate, Not)
        return lambda joined: is_wanted and bool(joined[0].children[name]) is is_negated
    child_fits = matcher(restricted(predicate, name))
    return lambda joined: any(map(child_fits, joined[1][name]))
