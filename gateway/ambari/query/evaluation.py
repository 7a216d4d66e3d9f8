"""Whether a predicate holds for a resource.

Equality and order are of numbers where both sides are numbers, of texts otherwise; a property that is absent or null
equals nothing but null, and is neither less nor greater than anything (ComparisonPredicate.java). Ambari cuts the
difference of two numbers that come as strings down to an integer, so that there `1.5` equals `1`: here it does not.

A resource fits what is asked of its sub-resources when one of them does. As in Ambari, the conditions on sub-resources
of one name that are joined by `&` are for one and the same of them, and a resource without any fits none, not even `!`
(QueryImpl.java, ExtendedResourcePredicateVisitor.java).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.ambari.query.predicate import (
    And,
    Comparison,
    In,
    IsEmpty,
    Leaf,
    Matches,
    Not,
    Operator,
    Or,
    Predicate,
    children_used,
    leaves,
    restricted,
    with_negations_inside,
)
from gateway.ambari.query.values import Properties, Value, is_map, look_up, number_of, text_of


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource with the sub-resources that a predicate may look at."""

    properties: Properties
    children: Mapping[str, Sequence[Resource]] = field(default_factory=dict)
    """By name, `versions`; a name stands here also where there are none."""


def holds(predicate: Predicate, properties: Properties) -> bool:
    """Tell whether a predicate holds for properties alone."""
    match predicate:
        case And(operands):
            return all(holds(operand, properties) for operand in operands)
        case Or(operands):
            return any(holds(operand, properties) for operand in operands)
        case Not(operand):
            return not holds(operand, properties)
        case _:
            return _leaf_holds(predicate, properties)


def matches(predicate: Predicate, resource: Resource) -> bool:
    """Tell whether a predicate holds for a resource with its sub-resources."""
    names = children_used(predicate, resource.children)
    if not names:
        return holds(predicate, resource.properties)
    inside = with_negations_inside(predicate)
    fitting: dict[str, list[Resource]] = {}
    for name in names:
        asked = restricted(inside, name)
        fitting[name] = [child for child in resource.children[name] if matches(asked, child)]
    return _holds_joined(inside, resource, fitting)


def _holds_joined(predicate: Predicate, resource: Resource, fitting: Mapping[str, Sequence[Resource]]) -> bool:
    match predicate:
        case And(operands):
            return all(_holds_joined(operand, resource, fitting) for operand in operands)
        case Or(operands):
            return any(_holds_joined(operand, resource, fitting) for operand in operands)
    leaf = predicate.operand if isinstance(predicate, Not) else predicate
    [looked_at] = leaves(leaf)
    name = _first(looked_at.property)
    if name not in fitting:
        return holds(predicate, resource.properties)
    if looked_at.property == name:
        none = not resource.children[name]
        return isinstance(looked_at, IsEmpty) and none is not isinstance(predicate, Not)
    asked = restricted(predicate, name)
    return any(matches(asked, child) for child in fitting[name])


def _leaf_holds(leaf: Leaf, properties: Properties) -> bool:
    match leaf:
        case IsEmpty(name):
            return _is_empty(name, properties)
        case Matches(name, pattern):
            value = look_up(properties, name)
            return value is not None and pattern.fits(text_of(value))
        case In(name):
            value = look_up(properties, name)
            return value is not None and (number_of(value) in leaf.numbers or text_of(value) in leaf.texts)
        case Comparison(name, Operator.EQUAL):
            return _equal(look_up(properties, name), leaf)
        case Comparison(name, Operator.NOT_EQUAL):
            return not _equal(look_up(properties, name), leaf)
        case Comparison(name):
            value = look_up(properties, name)
            return value is not None and _IN_ORDER[leaf.operator](_order(value, leaf))


def _equal(value: Value, comparison: Comparison) -> bool:
    if value is None or comparison.value is None:
        return value is comparison.value
    return _order(value, comparison) == 0


def _order(value: Value, comparison: Comparison) -> int:
    """Return -1, 0 or 1: the property is less than, equal to, or greater than the value that it is compared with."""
    if comparison.number is not None and (number := number_of(value)) is not None:
        return (number > comparison.number) - (number < comparison.number)
    text, other = text_of(value), comparison.value or ""
    return (text > other) - (text < other)


_IN_ORDER: Mapping[Operator, Callable[[int], bool]] = {
    Operator.LESS: lambda order: order < 0,
    Operator.LESS_EQUAL: lambda order: order <= 0,
    Operator.GREATER: lambda order: order > 0,
    Operator.GREATER_EQUAL: lambda order: order >= 0,
}


def _is_empty(name: str, properties: Properties) -> bool:
    value = look_up(properties, name)
    if value is not None:
        return (is_map(value) or isinstance(value, str | Sequence)) and not value
    category = name + "/"
    return not any(other.startswith(category) for other in properties)


def _first(path: str) -> str:
    return path.partition("/")[0]
