"""What schemathesis must know of Ambari's REST interface that OpenAPI has no words for."""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from schemathesis import Case, DeserializationContext, HookContext, Response
from schemathesis.core import NOT_SET


@schemathesis.deserializer("text/plain")
def read_plain(context: DeserializationContext, response: Response) -> Any:
    """Read the JSON that answers are, though they are marked as plain text; only the server's 431 is really that."""
    return response.text if response.status_code == 431 else json.loads(response.content)


@schemathesis.hook
def filter_case(context: HookContext, case: Case) -> bool:
    """Leave out what is read as if it were not there: an empty value at the end of a query, and empty objects."""
    query = case.query if isinstance(case.query, dict) else {}
    return "" not in query.values() and not has_empty_object(case.body)


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Send the header against forged requests with methods that are not answered: without it they are told of that."""
    verbs = {verb.upper() for verb in case.operation.schema.raw_schema["paths"][case.operation.path]}
    if case.method.upper() not in verbs:
        case.headers = {**(case.headers or {}), "X-Requested-By": "schemathesis"}


def has_empty_object(value: Any) -> bool:
    if value is NOT_SET:
        return False
    if isinstance(value, dict):
        return not value or any(has_empty_object(item) for item in value.values())
    return isinstance(value, list) and any(has_empty_object(item) for item in value)
