"""What schemathesis must know of Ambari's REST interface that OpenAPI has no words for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import schemathesis
from schemathesis import Case, DeserializationContext, HookContext, Response
from schemathesis.core import NOT_SET

OPERATORS = frozenset("&|!()<>=")


@schemathesis.deserializer("text/plain")
def read_plain(context: DeserializationContext, response: Response) -> Any:
    """Read the JSON that answers are, though they are marked as plain text; only the server's 431 is really that."""
    return response.text if response.status_code == 431 else json.loads(response.content)


@schemathesis.hook
def filter_case(context: HookContext, case: Case) -> bool:
    """Leave out what schemas cannot say.

    Some things are read as if they were not there: empty values and names, `to` beside `from`, objects
    with nothing in them. Operators in a value count as such, though they are encoded. And 1.0 is an integer to JSON
    Schema, but not to Java's Long.
    """
    query = case.query if isinstance(case.query, dict) else {}
    given = [item for value in query.values() for item in (value if isinstance(value, list) else [value])]
    if {"from", "to"} <= query.keys() or any(item == "" or OPERATORS & {*str(item)} for item in given):
        return False
    return not any(value == {} or isinstance(value, float) for value in values_in(case.body))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Send the header against forged requests with methods that are not answered: without it they are told of that."""
    verbs = {verb.upper() for verb in case.operation.schema.raw_schema["paths"][case.operation.path]}
    if case.method.upper() not in verbs:
        case.headers = {**(case.headers or {}), "X-Requested-By": "schemathesis"}


def values_in(value: Any) -> Iterator[Any]:
    """Yield a value and all that is in it."""
    if value is NOT_SET:
        return
    yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from values_in(item)
