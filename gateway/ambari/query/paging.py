"""`page_size=`, `from=` and `to=`: which part of a list is answered.

`from` counts from 0 and the page goes forward; `to` is the place of the page's last resource; with both, `from` counts
(BaseRequest.getPageRequest, ClusterControllerImpl.getPage).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.ambari.query.errors import QueryError

DEFAULT_SIZE = 20
MAX_NUMBER = 2_147_483_647
"""Java's largest int."""

T = TypeVar("T")

_DIGITS = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: forward from `start`, or backward from `end`, where None is the last."""

    size: int = DEFAULT_SIZE
    start: int | None = 0
    """None: the page is counted from its end."""
    end: int | None = None

    def cut(self, items: Sequence[T]) -> Sequence[T]:
        """Return the resources on the page; how many there are in all goes to the client as `itemTotal`."""
        if self.start is not None:
            return items[self.start : self.start + self.size]
        stop = len(items) if self.end is None else min(self.end + 1, len(items))
        return items[max(0, stop - self.size) : stop]


def parse_page(page_size: str | None, from_: str | None, to: str | None) -> Page | None:
    """Read the decoded parameters; None where there is none of them, and the whole list is answered.

    Raises:
        QueryError: one is not a whole number, `from=start` or `to=end`.
    """
    if page_size is None and from_ is None and to is None:
        return None
    size = DEFAULT_SIZE if page_size is None else _number("page_size", page_size, "")
    if from_ is not None:
        return Page(size, 0 if from_ == "start" else _number("from", from_, " or 'start'"))
    if to is not None:
        return Page(size, None, None if to == "end" else _number("to", to, " or 'end'"))
    return Page(size)


def _number(name: str, text: str, alternative: str) -> int:
    number = int(text) if _DIGITS.fullmatch(text) else -1
    if not 0 <= number <= MAX_NUMBER:
        raise QueryError(f"Invalid Request: '{name}={text}' is not a whole number from 0 to {MAX_NUMBER}{alternative}.")
    return number
