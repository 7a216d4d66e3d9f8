"""The reference in Markdown: the same content as in HTML, for a repository or a site generator.

What strangers write is escaped so that CommonMark, GitHub and Python-Markdown all show it as text; no line of theirs
becomes a heading, a rule or an element of HTML. Places that are linked to have an `<a id>`, since each of those makes
its own anchors of headings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from markupsafe import escape as escape_html

from graft_common.declarations.types import Type
from graft_docs.linked_types import linked_parts
from graft_docs.prose import Block, Code, CodeBlock, Inline, Link, Listing, Paragraph, first_sentence, parse
from graft_docs.site import Site

_SPECIAL: Final = re.compile(r"[\\`*_\[\]]")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "~": "&#126;"}
_SURPLUS: Final = re.compile(r"(?P<code>^ *(?P<fence>`{3,})[^`\n]*\n(?:.*\n)*? *(?P=fence)$)|\n{3,}", re.MULTILINE)
_OPENING: Final = re.compile(r"(?P<mark>[#+-])|(?P<number>\d{1,9})(?P<dot>[.)])")


class MarkdownSite(Site):
    """Pages in Markdown."""

    suffix = ".md"

    @staticmethod
    def environment() -> Environment:
        """Return the environment of the templates."""
        return _environment()

    def tidied(self, text: str) -> str:
        """Drop the empty lines that templates leave besides those that a page needs; code keeps its own."""
        return _SURPLUS.sub(lambda found: found["code"] or "\n\n", text.strip()) + "\n"

    def type(self, kind: Type) -> Markup:
        """Write a type, with links to what it names."""
        return _markup(
            "".join(
                escape(part.text) if part.href is None else f"[{escape(part.text)}]({part.href})"
                for part in linked_parts(kind, self.links)
            )
        )


def escape(text: str) -> str:
    """Write a text so that it is shown as it stands, on one line; what begins a line of its own is not for this."""
    text = re.sub(r"\s+", " ", text)
    return _SPECIAL.sub(r"\\\g<0>", "".join(_ENTITIES.get(char, char) for char in text))


def code_span(text: str) -> str:
    """Write a text as code within a line."""
    text = " ".join(text.split("\n"))
    if not text.strip():
        return '`""`'
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def code_block(text: str, language: str = "") -> str:
    """Write lines of code."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def prose(text: str, indent: int = 0) -> str:
    """Write a text's paragraphs and lists; all lines but the first are indented, as within an item of a list."""
    return _indented("\n\n".join(_block(block) for block in parse(text)), indent)


def _block(block: Block) -> str:
    match block:
        case Paragraph(inlines=inlines):
            return _at_start("".join(_inline(inline) for inline in inlines))
        case CodeBlock(text=text):
            return code_block(text)
        case Listing(items=items, start=start):
            marks = ("-" if start is None else f"{start + number}." for number in range(len(items)))
            return "\n".join(
                f"{mark} {_indented(chr(10).join(_item(item)), len(mark) + 1)}"
                for mark, item in zip(marks, items, strict=True)
            )


def _item(blocks: Sequence[Block]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        if number:
            yield ""
        yield _block(block)


def _inline(inline: Inline) -> str:
    match inline:
        case Code(text=text):
            return code_span(text)
        case Link(text=text, href=href):
            address = re.sub(r"[()<>\\\s\"]", lambda found: f"%{ord(found[0]):02X}", href)
            return f"[{escape(text)}]({address})"
        case _:
            return escape(inline.text)


def _at_start(line: str) -> str:
    found = _OPENING.match(line)
    if found is None:
        return line
    if found["mark"]:
        return f"\\{line}"
    return f"{found['number']}\\{found['dot']}{line[found.end() :]}"


def _indented(text: str, by: int) -> str:
    return text.replace("\n", f"\n{' ' * by}").replace(f"\n{' ' * by}\n", "\n\n") if by else text


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def _markup(text: str) -> Markup:
    return Markup(text)  # noqa: S704  (it is Markdown that is escaped already)


def _finalize(value: object) -> object:
    return value if isinstance(value, Markup) else _markup(escape(str(value)))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("graft_docs", "templates/markdown"),
        # What a template writes is escaped by `finalize`, and marked as done for Jinja's own escaping.
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Callable[..., object]] = {
        "attribute": escape_html,
        "code": lambda text: _markup(code_span(text)),
        "block": lambda text, language="": _markup(code_block(text, language)),
        "prose": lambda text, indent=0: _markup(prose(text, indent)),
        "raw": _markup,
        "brief": lambda text: _markup("".join(_inline(inline) for inline in first_sentence(text))),
    }
    environment.filters.update(filters)
    return environment
