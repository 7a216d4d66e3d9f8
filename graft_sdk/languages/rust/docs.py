"""Comments of documentation, which is Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from graft_sdk import telling
from graft_sdk.generation import lines, role_sentence
from graft_sdk.languages.rust.types import string
from graft_sdk.view import FieldView, LifecycleView, MethodView, ParamView

WIDTH = 92


def comment(told: list[str], indent: int = 0) -> str:
    """Write lines as a comment."""
    return "\n".join(f"{' ' * indent}/// {line}".rstrip() for line in told)


def doc(text: str, indent: int = 0) -> str:
    """Write a text as a comment."""
    return comment(list(text_lines(text)) or [""], indent)


def text_lines(text: str, width: int = WIDTH) -> Iterator[str]:
    """Fill a text; code is marked as such, or it would be taken for Rust."""
    fenced = coded = False
    before = ""
    for line in lines(text, width):
        fence = line.startswith("```")
        code = not fenced and not fence and line.startswith("    ") and not (coded or before.startswith(("- ", "* ")))
        if coded and not line.startswith("    "):
            yield "```"
            coded = False
        if code:
            yield "```text"
            coded = True
        if fence and not fenced and line == "```":
            yield "```text"
        else:
            yield line
        fenced ^= fence
        before = line
    if fenced or coded:
        yield "```"


def method(shown: MethodView) -> str:
    """Write the comment of a method."""
    return comment(list(_method(shown)), 4)


def _method(shown: MethodView) -> Iterator[str]:
    yield from text_lines(shown.doc) if shown.doc.strip() else [f"Calls `{shown.name}`."]
    yield ""
    yield from lines(" ".join([role_sentence(shown), *telling.history(shown)]), WIDTH)
    if told := [(param.ident, text) for param in shown.required if (text := param_text(param))]:
        yield ""
        yield "# Parameters"
        yield ""
        for ident, text in told:
            yield from _item(f"`{ident}`", text)
    if shown.result is not None and shown.result.doc.strip():
        yield ""
        yield "# Result"
        yield ""
        yield from text_lines(shown.result.doc)
    yield ""
    yield "# Errors"
    yield ""
    for use in shown.errors:
        yield from _item(f"`Error::{use.error.ident}`", use.doc or use.error.doc or f"`{use.error.code}`")
    if not shown.errors:
        yield "Those of the platform, or there is no answer."


def deprecated(lifecycle: LifecycleView) -> str:
    """Write the attribute of what is deprecated, as rustfmt breaks it."""
    note = f"note = {string(telling.deprecation(lifecycle))}"
    return f"#[deprecated({note})]" if len(note) <= 70 else f"#[deprecated(\n        {note}\n    )]"


def param_text(param: ParamView) -> str:
    """Say what is known of a parameter."""
    return telling.param(param, lambda text: text or "empty")


def param(shown: ParamView) -> str:
    """Write the comment of a parameter that may be left out."""
    return comment(lines(param_text(shown), WIDTH) or [f"The parameter `{shown.name}`."], 8)


def field(shown: FieldView) -> str:
    """Write the comment of a field."""
    told = list(text_lines(shown.doc)) or [f"The field `{shown.name}`."]
    more = ["Set by the platform."] if shown.qualifier == "RO/runtime" else []
    if shown.default is not None and not shown.secret:
        more.append(f"Default: {' '.join(shown.default.split()) or 'empty'}.")
    if shown.lifecycle.deprecated is not None:
        more.append(f"Deprecated {telling.deprecation(shown.lifecycle)}")
    if more:
        told += ["", *lines(" ".join(more), WIDTH)]
    return comment(told, 8)


def _item(name: str, text: str) -> Iterator[str]:
    told = lines(" ".join(f"{name}: {text}".split()), WIDTH - 2)
    yield from (f"{'  ' if place else '- '}{line}" for place, line in enumerate(told))
