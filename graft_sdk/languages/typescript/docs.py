"""Documentation comments in the form of TSDoc."""

from __future__ import annotations

from collections.abc import Iterator

from graft_sdk import telling
from graft_sdk.generation import lines
from graft_sdk.view import FieldView, MethodView

WIDTH = 96


def comment(text: list[str] | str, indent: int = 0) -> str:
    """Write a comment without the indentation of its first line; nothing where there is no text."""
    told = lines(text, WIDTH) if isinstance(text, str) else text
    while told and not told[-1]:
        told = told[:-1]
    safe = [line.replace("*/", "*\\/").rstrip() for line in told]
    space = " " * indent
    if len(safe) <= 1:
        return f"/** {''.join(safe)} */"
    body = "".join(f"{space} * {line}\n" if line else f"{space} *\n" for line in safe)
    return f"/**\n{body}{space} */"


def method(shown: MethodView, role: str) -> list[str]:
    """Write the documentation of a method."""
    return list(_method(shown, role))


def _method(shown: MethodView, role: str) -> Iterator[str]:
    yield from lines(shown.doc, WIDTH) or [f"Calls `{shown.name}`."]
    yield ""
    yield from lines(" ".join([role, *telling.history(shown)]), WIDTH)
    yield ""
    for param in shown.required:
        text = telling.param(param)
        if text:
            yield from _tag(f"@param {param.ident} -", text)
    if shown.result is not None and shown.result.doc:
        yield from _tag("@returns", shown.result.doc)
    for use in shown.errors:
        yield from _tag(f"@throws {{{use.error.ident}}}", use.doc or use.error.doc)
    if shown.lifecycle.deprecated is not None:
        release = shown.lifecycle.deprecated
        yield from _tag("@deprecated", f"Since {release.name}. {release.doc}".strip())


def field(shown: FieldView) -> list[str]:
    """Say what a field is; empty where there is nothing to say."""
    told = lines(shown.doc, WIDTH)
    if shown.lifecycle.deprecated is not None:
        release = shown.lifecycle.deprecated
        told += (
            ["", f"@deprecated Since {release.name}. {release.doc}".strip()]
            if told
            else [f"@deprecated Since {release.name}. {release.doc}".strip()]
        )
    return told


def _tag(tag: str, text: str) -> Iterator[str]:
    first, *rest = lines(f"{tag} {text}", WIDTH) or [tag]
    yield first
    yield from (f"  {line}" if line else "" for line in rest)
