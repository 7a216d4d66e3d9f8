"""Comments in XML, as C# has them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graft_sdk.generation import lines, role_sentence
from graft_sdk.view import LifecycleView, MethodView, ParamView

WIDTH = 96
_CODE = re.compile(r"`([^`\n]+)`")
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
    return "\n\n".join([shown.doc or f"Calls `{shown.name}`.", " ".join([role_sentence(shown), *_history(shown)])])


def _history(shown: MethodView) -> Iterator[str]:
    lifecycle = shown.lifecycle
    if lifecycle.prototype:
        yield f"A prototype since {lifecycle.since}: it may change without notice."
    elif lifecycle.since:
        yield f"Since {lifecycle.since}."
    if shown.idempotent:
        yield "Calling it twice is as good as once."


def deprecation(lifecycle: LifecycleView) -> str:
    """Say since when a thing is deprecated, and why."""
    release = lifecycle.deprecated
    if release is None:
        return ""
    reason = " ".join(release.doc.split())
    return f"Deprecated since {release.name}{f': {reason}' if reason else ''}"


def param(shown: ParamView) -> str:
    """Say all of a parameter."""
    told = [shown.doc] if shown.doc else []
    if shown.default is not None:
        value = '""' if shown.default == "" else " ".join(shown.default.split())
        told.append("It has a default." if shown.secret else f"Default: `{value}`.")
    elif not shown.required:
        told.append("It may be left out.")
    if shown.since:
        told.append(f"Since {shown.since}.")
    return " ".join(told)


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
