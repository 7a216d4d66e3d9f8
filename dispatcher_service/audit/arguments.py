"""What audit records tell of arguments: names, and values only where the declaration says that they are no secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import orjson

from graft_common.audit import Argument
from graft_common.declarations.model import Method
from graft_common.declarations.types import DescribedType, MapType, OptionType, RecordType, SetType, Type
from graft_common.values import DateTime, Value

MAX_VALUE = 256
"""Characters of a value, about."""
MAX_VALUES = 4096
"""Bytes of all values of a record, about: many records wait in memory, and a page of them is one message."""
MAX_ARGUMENTS = 64


def arguments_of(method: Method | None, params: Sequence[Value], *, checked: bool) -> tuple[Argument, ...]:
    """Tell of the arguments of a call.

    Args:
        method: the declaration; a call without one has arguments without names, of which nothing is told.
        params: the arguments, the session left out.
        checked: whether they fit the declaration. Of others no value is told: a secret may be in the wrong place.
    """
    if method is None:
        return ()
    told, room = [], MAX_VALUES
    for param, value in zip(method.params[:MAX_ARGUMENTS], params, strict=False):
        text = value_text(value) if checked and room > 0 and param.public and _is_plain(param.type) else None
        room -= len(text.encode()) if text is not None else 0
        told.append(Argument(param.name, text))
    return tuple(told)


def without(credential: str, arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """Tell no value in which the caller's credential is, which a client may send in the place of anything."""
    if not credential or not any(argument.value and credential in argument.value for argument in arguments):
        return arguments
    return tuple(
        Argument(argument.name) if argument.value and credential in argument.value else argument
        for argument in arguments
    )


def value_text(value: Value) -> str:
    """Write a value as JSON, about as much of it as a record holds; text is cut, and so are sets and maps."""
    return _text(value, MAX_VALUE) if isinstance(value, str) else "".join(_pieces(value, MAX_VALUE))


def _pieces(value: Value, room: int) -> Iterator[str]:
    match value:
        case str():
            yield _text(value, room)
        case DateTime():
            yield _text(value.text, room)
        case bytes():
            yield f'"{len(value)} bytes"'
        case list():
            yield from _joined("[", ([item] for item in value), "]", room)
        case dict():
            yield from _joined("{", ([key, item] for key, item in value.items()), "}", room)
        case _:
            yield orjson.dumps(value).decode()


def _joined(begin: str, items: Iterable[Sequence[Value]], end: str, room: int) -> Iterator[str]:
    """Write what is in a set or a map, until there is no room."""
    yield begin
    comma = ""
    for item in items:
        if room <= 0:
            yield f'{comma}"…"' if begin == "[" else f'{comma}"…":"…"'
            break
        written = ":".join("".join(_pieces(part, room)) for part in item)
        room -= len(written) + 1
        yield comma + written
        comma = ","
    yield end


def _text(text: str, room: int) -> str:
    shown = text if len(text) <= room else f"{text[: max(room, 0)]}…"
    if not shown.isascii():
        shown = shown.encode("utf-8", "replace").decode()
    return orjson.dumps(shown).decode()


@lru_cache(maxsize=4096)
def _is_plain(kind: Type) -> bool:
    """Tell whether a type holds no record, whose fields may be secret, and nothing that is told in words only."""
    match kind:
        case RecordType() | DescribedType():
            return False
        case SetType() | OptionType():
            return _is_plain(kind.of)
        case MapType():
            return _is_plain(kind.key) and _is_plain(kind.value)
        case _:
            return True
