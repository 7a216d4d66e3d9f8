"""Pages of lists: sizes and tokens."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from graft_common.errors import GraftError, value_not_supported

T = TypeVar("T")
M = TypeVar("M", bound=Message)

DEFAULT_SIZE = 100
MAX_SIZE = 1000
MAX_BYTES = 8 << 20
"""Of the items of one page; the names and errors of a thousand versions may be more."""
_MAX_TOKEN = 4096
_BETWEEN = "\x01"
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: `size` items beyond `after`, which is empty at the beginning."""

    size: int
    after: str


def read_page(size: int, token: str) -> Page:
    """Read what a request asks for.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED if the size is negative or the token is none that was given out.
    """
    if size < 0:
        raise value_not_supported("page_size", str(size), "a page has 0 (for 100) to 1,000 items")
    return Page(min(size or DEFAULT_SIZE, MAX_SIZE), _position(token))


def read_id(page: Page) -> int | None:
    """Return the position of a list that is ordered by number; None at the beginning.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED if the token is none that was given out.
    """
    if not page.after:
        return None
    return _number(page.after, page.after)


def read_version(page: Page) -> tuple[str, str]:
    """Return the position of a list that is ordered by name and version; both are empty at the beginning."""
    name, _, version = page.after.partition(_BETWEEN)
    return name, version


def version_token(name: str, version: str) -> str:
    """Write the token that asks for what follows a name and version."""
    return token(f"{name}{_BETWEEN}{version}")


def read_place(page: Page) -> tuple[str, int]:
    """Return the position of a list of lists: the name of one, and how many of its items are done.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED if the token is none that was given out.
    """
    name, _, number = page.after.partition(_BETWEEN)
    return name, _number(number or "0", page.after)


def place_token(name: str, done: int) -> str:
    """Write the token that asks for what follows so many items of the list of a name."""
    return token(f"{name}{_BETWEEN}{done}")


def cut(items: Sequence[T], size: int) -> tuple[Sequence[T], bool]:
    """Cut a list, of which one item more than a page was asked for; tell whether there is another page."""
    return items[:size], len(items) > size


def fit(items: Sequence[M]) -> Sequence[M]:
    """Cut messages to what one answer takes, `MAX_BYTES`, but never to none."""
    size = 0
    for number, item in enumerate(items):
        size += item.ByteSize()
        if size > MAX_BYTES and number:
            return items[:number]
    return items


def cut_names(names: Sequence[str], page: Page) -> tuple[Sequence[str], str]:
    """Cut a page out of sorted names; return it with the token of the next, which is empty at the end."""
    begin = bisect_right(names, page.after) if page.after else 0
    found, more = cut(names[begin : begin + page.size + 1], page.size)
    return found, token(found[-1]) if more else ""


def token(position: str) -> str:
    """Write the token that asks for what follows `position`."""
    return base64.urlsafe_b64encode(position.encode()).decode()


def _number(text: str, position: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LARGEST_ID):
        raise _bad_token(position)
    return int(text)


def _position(text: str) -> str:
    if len(text) > _MAX_TOKEN:
        raise _bad_token(text)
    try:
        position = base64.b64decode(text, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise _bad_token(text) from None
    if "\0" in position:
        raise _bad_token(text)
    return position


def _bad_token(text: str) -> GraftError:
    return value_not_supported("page_token", text[:64], "it is not the next_page_token of the page before")
