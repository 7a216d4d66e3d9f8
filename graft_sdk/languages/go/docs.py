"""Comments, in the form that gofmt gives to those of declarations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from textwrap import dedent

from graft_sdk import telling
from graft_sdk.generation import lines, role_sentence
from graft_sdk.languages.go.slots import Slot
from graft_sdk.view import FieldView, LifecycleView, MethodView, ParamView

WIDTH = 100
_MARK = re.compile(r"[-#\[+•*]|[0-9]+[.)]")
TAB = "\t"
_ENDS = tuple(".,:;!?)]}”\"'`…")


def comment(told: list[str], indent: str = "") -> str:
    """Write lines as a comment."""
    return "\n".join(f"{indent}//{line if line[:1] == TAB else f' {line}'}".rstrip() for line in told)


def doc(text: str, name: str = "", indent: str = "") -> str:
    """Write a text as the comment of what has the name."""
    return comment(list(text_lines(f"{name}: {text}" if name else text)), indent)


def text_lines(text: str, width: int = WIDTH) -> Iterator[str]:
    """Fill a text; lists and code become those of Go's comments."""
    for place, (kind, block) in enumerate(_blocks(lines(text, width))):
        if place:
            yield ""
        match kind:
            case "item":
                yield from (
                    f"  - {_plain(line[2:].strip())}" if _is_item(line) else f"    {_plain(line.strip())}"
                    for line in block
                )
            case "code":
                yield from (TAB + line if line else "" for line in dedent("\n".join(block)).splitlines())
            case _:
                yield from (_sentence(line, alone=len(block) == 1) for line in block)


def _blocks(told: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Gather lines of a kind; a blank line ends text, and stays within code."""
    kind, block, blanks, fenced = "", list[str](), 0, False
    for line in told:
        if line.startswith("```"):
            fenced = not fenced
            continue
        if not line.strip():
            blanks += 1
            continue
        found = "code" if fenced else _kind(line, kind if not blanks else "")
        if found != kind or (blanks and kind == "text"):
            if block:
                yield kind, block
            kind, block = found, []
        elif kind == "code":
            block += [""] * blanks
        block.append(line)
        blanks = 0
    if block:
        yield kind, block


def _is_item(line: str) -> bool:
    return line.startswith(("- ", "* "))


def _kind(line: str, before: str) -> str:
    if _is_item(line) or (line[:1].isspace() and before == "item"):
        return "item"
    return "code" if line[:1].isspace() or line.startswith("|") else "text"


def _sentence(line: str, *, alone: bool) -> str:
    """Write a line of text; one that is alone would be taken for a heading if it did not end as sentences do."""
    line = _plain(line)
    return f"{line}." if alone and not line.endswith(_ENDS) else line


def _plain(line: str) -> str:
    """Write a line so that nothing is taken for a heading, an item, or the target of a link."""
    line = line.replace("``", "“").replace("''", "”")
    return f"\N{ZERO WIDTH SPACE}{line}" if _MARK.match(line) else line


def method(shown: MethodView, taken: dict[str, str], name: str) -> str:
    """Write the comment of a method; `taken` tells the fields of its options by the parameters' names."""
    return comment(list(_method(shown, taken, name)))


def _method(shown: MethodView, taken: dict[str, str], name: str) -> Iterator[str]:
    yield from text_lines(f"{name}: {shown.doc.strip() or f'Calls {shown.name}.'}")
    yield ""
    yield from text_lines(" ".join([role_sentence(shown), *telling.history(shown)]))
    if told := [(param.ident, text) for param in shown.required if (text := param_text(param))]:
        yield ""
        yield "Parameters:"
        for ident, text in told:
            yield from _item(ident, text)
    if shown.optional:
        yield ""
        names = ", ".join(taken[param.name] for param in shown.optional)
        yield from text_lines(f"What may be left out is in options, which may be nil: {names}.")
    if shown.result is not None and shown.result.doc:
        yield ""
        yield from text_lines(f"Result: {shown.result.doc}")
    if shown.errors:
        yield ""
        yield "Errors:"
        for use in shown.errors:
            yield from _item(f"*{use.error.ident}", use.doc or use.error.doc or use.error.code)
    if shown.lifecycle.deprecated is not None:
        yield ""
        yield from text_lines(deprecation(shown.lifecycle))


def deprecation(lifecycle: LifecycleView) -> str:
    """Write the paragraph by which tools know what is deprecated."""
    return f"Deprecated: {telling.deprecation(lifecycle)}"


def param_text(param: ParamView) -> str:
    """Say what is known of a parameter."""
    return telling.param(param, lambda text: text or "empty")


def _item(name: str, text: str) -> Iterator[str]:
    told = lines(" ".join(f"{name}: {text}".split()), WIDTH - 4)
    yield from (f"{'    ' if place else '  - '}{_plain(line)}" for place, line in enumerate(told))


def slot(shown: Slot) -> str:
    """Write the comment of a field of a struct; empty where nothing is known of it."""
    of = shown.of
    told = list(text_lines(of.doc))
    more = _field(shown, of) if isinstance(of, FieldView) else param_text(replace(of, doc=""))
    deprecated = deprecation(of.lifecycle) if isinstance(of, FieldView) and of.lifecycle.deprecated else ""
    for text in (more, deprecated):
        told += [*([""] if told and text else []), *text_lines(text)]
    return comment(told, "\t")


def _field(shown: Slot, field: FieldView) -> str:
    told = []
    if field.qualifier == "RO/runtime":
        told.append("Set by the platform.")
    if field.default is not None and shown.sent_if != "always":
        default = " It has a default." if field.secret else f" Default: {' '.join(field.default.split()) or 'empty'}."
        told.append(f"Left out if nil.{default}")
    return " ".join(told)
