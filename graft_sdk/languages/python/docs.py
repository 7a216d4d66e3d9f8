"""Docstrings."""

from __future__ import annotations

from collections.abc import Iterator

from graft_sdk import telling
from graft_sdk.generation import lines
from graft_sdk.view import FieldView, MethodView

WIDTH = 88


def docstring(text: list[str] | str, indent: int = 4) -> str:
    """Write a docstring without the indentation of its first line."""
    told = lines(text, WIDTH) if isinstance(text, str) else text
    escaped = [line.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').rstrip() for line in told] or [""]
    space = " " * indent
    if len(escaped) == 1:
        only = escaped[0]
        return f'"""{only} """' if only.endswith('"') else f'"""{only}"""'
    body = "\n".join(f"{space}{line}" if line else "" for line in escaped[1:])
    return f'"""{escaped[0]}\n{body}\n{space}"""'


def method(shown: MethodView, role: str) -> str:
    """Write the docstring of a method."""
    return docstring(list(_method(shown, role)), 8)


def _method(shown: MethodView, role: str) -> Iterator[str]:
    told = lines(shown.doc, WIDTH)
    yield from told or [f"Call `{shown.name}`."]
    yield ""
    yield from lines(" ".join([role, *telling.history(shown), *_deprecation(shown)]), WIDTH)
    told_params = [(param.ident, text) for param in shown.params if (text := telling.param(param))]
    if told_params:
        yield ""
        yield "Args:"
        for ident, text in told_params:
            yield from _item(ident, text)
    if shown.result is not None and shown.result.doc:
        yield ""
        yield "Returns:"
        yield from _hang(shown.result.doc)
    if shown.errors:
        yield ""
        yield "Raises:"
        for use in shown.errors:
            yield from _item(use.error.ident, use.doc or use.error.doc or f"`{use.error.code}`")


def _deprecation(shown: MethodView) -> Iterator[str]:
    if shown.lifecycle.deprecated is not None:
        yield deprecation(shown)


def deprecation(shown: MethodView) -> str:
    """Say since when a method is deprecated, and why."""
    return f"{shown.name} is deprecated {telling.deprecation(shown.lifecycle)}"


def field(shown: FieldView) -> str:
    """Say what a field of a record is; empty where there is nothing to say."""
    release = shown.lifecycle.deprecated
    if release is None:
        return shown.doc
    told = f"Deprecated since {release.name}{f': {release.doc}' if release.doc else '.'}"
    return f"{shown.doc}\n\n{told}" if shown.doc else told


def _item(name: str, text: str) -> Iterator[str]:
    first, *rest = lines(text, WIDTH - 8) or [""]
    yield f"    {name}: {first}".rstrip()
    yield from (f"        {line}" if line else "" for line in rest)


def _hang(text: str) -> Iterator[str]:
    return (f"    {line}" if line else "" for line in lines(text, WIDTH - 4))
