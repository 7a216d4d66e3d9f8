"""What schemathesis must know of calls in JSON that OpenAPI has no words for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.core import NOT_SET

from graft_common.declarations.scalars import utc_time


@schemathesis.hook
def filter_case(context: HookContext, case: Case) -> bool:
    """Leave out texts in place of points in time, which JSON Schema only knows as a format that may be ignored."""
    return all(utc_time(text) for name, text in named_texts(case.body) if name == "when")


def named_texts(value: Any) -> Iterator[tuple[str, str]]:
    """Yield each text of an object with its name, in whatever depth."""
    if value is NOT_SET:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str):
                yield name, item
            yield from named_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from named_texts(item)
