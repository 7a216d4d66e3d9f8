"""Comments."""

from __future__ import annotations

from collections.abc import Iterator

from graft_sdk import telling
from graft_sdk.generation import lines, role_sentence
from graft_sdk.view import MethodView

WIDTH = 110


def comment(text: str, indent: int = 0) -> str:
    """Write a comment without the indentation of its first line."""
    told = [line for part in text.split("\f") for line in (lines(part, WIDTH - indent) or [""])]
    safe = [_safe(line) for line in told]
    return "/* " + f"\n{' ' * indent}   ".join(safe).replace(f"\n{' ' * indent}   \n", "\n\n").rstrip() + " */"


def _safe(line: str) -> str:
    """Take apart what would end the comment, begin another, or stand for another character."""
    for sign in ("*/", "/*", "??"):
        line = line.replace(sign, f"{sign[0]} {sign[1]}")
    return line.replace("\\", "\\ ").rstrip()


def method(shown: MethodView) -> str:
    """Write the comment of a method."""
    return comment("\f".join(_method(shown)))


def _method(shown: MethodView) -> Iterator[str]:
    yield shown.doc or f"Calls `{shown.name}`."
    yield ""
    yield " ".join([role_sentence(shown), *telling.history(shown), *_deprecation(shown)])
    for item in shown.params:
        told = telling.param(item)
        yield f"{item.ident}: {told}" if told else f"{item.ident}: {item.type}"
    if shown.result is not None:
        yield f"result: {shown.result.doc or shown.result.type}"
    for use in shown.errors:
        yield f"{use.error.code}: {use.doc or use.error.doc}".rstrip(": ")


def _deprecation(shown: MethodView) -> Iterator[str]:
    if told := telling.deprecation(shown.lifecycle):
        yield f"Deprecated {told.rstrip('.')}."
