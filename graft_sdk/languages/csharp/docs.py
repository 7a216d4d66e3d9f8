"""Comments in XML, as C# has them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graft_sdk import telling
from graft_sdk.generation import lines, role_sentence
from graft_sdk.view import MethodView

WIDTH = 96
_CODE = re.compile(r"`([^`\n]*[^`\s][^`\n]*)`")
_SPECIAL = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def inline(text: str) -> str:
    """Write text for a comment, with words in backticks as code."""
    escaped = "".join(_SPECIAL.get(c, c if " " <= c <= "~" or c == "\n" else f"&#{ord(c)};") for c in text)
    return _CODE.sub(r"<c>\1</c>", escaped)


def block(text: str, indent: int, *elements: str) -> str:
    """Write a summary, and other elements behind it, without the indentation of the first line."""
    told = [*_body(text), *(line for element in elements for line in lines(element, WIDTH))]
    return f"\n{' ' * indent}".join(f"/// {line}".rstrip() for line in told)


def method(shown: MethodView, summary: str, elements: Iterator[str]) -> str:
    """Write the comment of a method."""
    _ = shown
    return block(summary, 8, *elements)


def full(shown: MethodView) -> str:
    """Say all of a method but its parameters."""
    return "\n\n".join(
        [shown.doc or f"Calls `{shown.name}`.", " ".join([role_sentence(shown), *telling.history(shown)])]
    )


def _body(text: str) -> Iterator[str]:
    told = [inline(line) for line in lines(text, WIDTH)] or [""]
    if len(told) == 1:
        yield f"<summary>{told[0]}</summary>"
        return
    yield "<summary>"
    for number, line in enumerate(told):
        begins = number > 0 and not told[number - 1] and line
        yield f"<para/>{line}" if begins else line
    yield "</summary>"
