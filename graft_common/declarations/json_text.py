"""JSON read strictly, and written: what it leaves open is closed, so that one text has one meaning."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import orjson

from graft_common.errors import GraftError, value_not_supported
from graft_common.values import INT64_MAX, INT64_MIN, MAX_DEPTH, Value

Json: TypeAlias = Value
"""What `parse` returns: a value without binaries and dates."""

ARGUMENTS = "arguments"
"""What errors call the whole of the arguments."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MAX_SHOWN = 40


def parse(data: bytes, what: str = ARGUMENTS) -> Json:
    """Read JSON strictly: no name twice, no NaN, no half of a surrogate pair; every integer is one of 64 bits.

    Args:
        data: the JSON as UTF-8.
        what: what it is called in errors.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED [place, value, reason].
    """
    value = read(data, what)
    check(value, what)
    return value


def read(data: bytes, what: str = ARGUMENTS) -> Json:
    """Read JSON as `parse` does, but leave it to `check` whether a call can carry what it holds.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED [what, "", reason].
    """
    try:
        value: Json = _decoder.decode(data.decode())
        if _SURROGATE.search(data):
            orjson.loads(data)
    except UnicodeDecodeError as error:
        raise value_not_supported(
            what, "", f"not JSON in UTF-8: the byte at {error.start} is no part of a text"
        ) from None
    except (ValueError, RecursionError) as error:
        raise value_not_supported(what, "", f"not JSON: {_reason(error)}") from None
    return value


def check(value: Json, what: str) -> None:
    """Check that a call can carry what was read: integers of 64 bits, finite numbers, 64 levels.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED [place, value, reason]; the place begins with `what`.
    """
    if not _fits(value, MAX_DEPTH):
        raise _unfit(value, what, MAX_DEPTH)


def dump(value: object) -> bytes:
    """Write what `write` and `write_untyped` return.

    Raises:
        ValueError: a text in it holds half a surrogate pair.
    """
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"it cannot be written as JSON: {error}") from error


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # None is what it wants
        raise ValueError(f'the name "{shown(twice)}" stands twice in one object')
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f'{word} is no JSON; where a float is due, write "{word}" as a string')


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"it nests more than {MAX_DEPTH} deep"
    text = str(error)
    # Python's own words for an integer of thousands of digits speak of its settings.
    return "an integer has more digits than 64 bits" if text.startswith("Exceeds the limit") else text


def _fits(value: Json, depth: int) -> bool:
    """Tell whether there is nothing in it that JSON holds and no call carries."""
    if isinstance(value, list):
        items: Iterable[Json] = value
    elif isinstance(value, dict):
        items = value.values()
    else:
        return _is_in_range(value)
    if depth <= 0:
        return False
    for item in items:
        kind = type(item)
        if kind is str:
            continue
        if not (_fits(item, depth - 1) if kind is list or kind is dict else _is_in_range(item)):
            return False
    return True


def _is_in_range(value: Json) -> bool:
    if type(value) is int:
        return INT64_MIN <= value <= INT64_MAX
    return type(value) is not float or math.isfinite(value)


def _unfit(value: Json, place: str, depth: int) -> GraftError:
    """Tell where and what it is in a value that does not fit."""
    steps: Iterable[tuple[str, Json]] = ()
    if isinstance(value, list):
        steps = ((f"[{number}]", item) for number, item in enumerate(value))
    elif isinstance(value, dict):
        steps = ((f".{shown(key)}", item) for key, item in value.items())
    elif isinstance(value, float):
        return value_not_supported(place, "", "the number is larger than a double can be")
    else:
        return value_not_supported(place, shown(str(value)), "integers have 64 bits")
    if depth <= 0:
        return value_not_supported(ARGUMENTS, "", f"it nests more than {MAX_DEPTH} deep")
    step, item = next((step, item) for step, item in steps if not _fits(item, depth - 1))
    return _unfit(item, place + step, depth - 1)


def shown(text: str) -> str:
    """Return the beginning of a text that may be long."""
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
