"""Javadoc, in ASCII: javac reads sources in whatever encoding the machine has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graft_sdk import telling
from graft_sdk.generation import lines, role_sentence, seen
from graft_sdk.view import FieldView, MethodView

WIDTH = 100
_CODE = re.compile(r"`([^`\n]*[^`\s][^`\n]*)`")
_BREAK = re.compile(r"\s*\n\s*")
_SPECIAL = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "@": "&#64;",
    # A backslash before a u begins an escape in comments as well, and an asterisk before a slash ends them.
    "\\": "&#92;",
    "*": "&#42;",
}


def escaped(text: str) -> str:
    """Write text for Javadoc."""
    return "".join(_SPECIAL.get(c, c if " " <= c <= "~" else f"&#{ord(c)};") for c in seen(text))


def inline(text: str) -> str:
    """Write a piece of a line, with words in backticks as code."""
    return _CODE.sub(r"<code>\1</code>", escaped(_BREAK.sub(" ", text)))


def block(paragraphs: str, indent: int, *tags: str) -> str:
    """Write a comment without the indentation of its first line; tags are text such as `@return what`."""
    space = " " * indent
    body = list(_body(paragraphs))
    if tags:
        body += ["", *(line for tag in tags for line in _tag(tag))]
    if len(body) == 1 and len(body[0]) < WIDTH:
        return f"/** {body[0]} */"
    return "\n".join(["/**", *(f"{space} * {line}".rstrip() for line in body), f"{space} */"])


def method(shown: MethodView, summary: str, arguments: Iterator[str]) -> str:
    """Write the comment of a method: of the form that waits all of it, of others the summary."""
    tags = list(arguments)
    if shown.lifecycle.deprecated is not None:
        tags.append(f"@deprecated {inline(telling.deprecation(shown.lifecycle))}")
    return block(summary, 4, *tags)


def full(shown: MethodView) -> str:
    """Say all of a method but its parameters."""
    told = [shown.doc or f"Calls `{shown.name}`.", " ".join([role_sentence(shown), *telling.history(shown)])]
    return "\n\n".join(told)


def getter(shown: FieldView) -> str:
    """Write the comment of a field's getter."""
    tags = ["@return the value"]
    if shown.lifecycle.deprecated is not None:
        tags.append(f"@deprecated {inline(telling.deprecation(shown.lifecycle))}")
    return block(shown.doc or f"Returns the field `{shown.name}`.", 4, *tags)


def setter(shown: FieldView) -> str:
    """Write the comment of a field's setter."""
    tags = ["@param value the value", "@return this builder"]
    if shown.lifecycle.deprecated is not None:
        tags.append(f"@deprecated {inline(telling.deprecation(shown.lifecycle))}")
    return block(shown.doc or f"Sets the field `{shown.name}`.", 8, *tags)


def _body(text: str) -> Iterator[str]:
    told = lines(text, WIDTH) or [""]
    listed = False
    for number, line in enumerate(told):
        item = line.startswith(("- ", "* "))
        if item and not listed:
            yield "<ul>"
        if listed and not item and not line.startswith(" "):
            yield "</ul>"
        if item:
            listed = True
            yield f"<li>{inline(line[2:])}"
            continue
        if not line.startswith(" "):
            listed = False
        begins = number > 0 and not told[number - 1] and line and not line.startswith(" ")
        yield f"<p>{inline(line)}" if begins else inline(line)
    if listed:
        yield "</ul>"


def _tag(tag: str) -> Iterator[str]:
    first, *rest = lines(tag, WIDTH) or [tag]
    yield first
    yield from (f"    {line}" if line else "" for line in rest)
