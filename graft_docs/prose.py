"""The texts of declarations as a small tree: paragraphs, lists, code and links.

They come from strangers. A part of Markdown is understood (lists, `code`, fences, links); all else, HTML too, is text
as it stands, and links lead to http and https only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

MAX_PARSED: Final = 20_000
"""Characters up to which a text is taken apart; a longer one is shown as it stands."""
MAX_SENTENCE: Final = 240
"""Characters of a text's first sentence."""


@dataclass(frozen=True, slots=True)
class Words:
    """Text."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Text that a program would read."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Text that leads to a page of http or https."""

    text: str
    href: str


Inline: TypeAlias = Words | Code | Link


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A run of text."""

    inlines: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, numbered from `start` or with bullets."""

    items: tuple[tuple[Block, ...], ...]
    start: int | None = None


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Lines of code."""

    text: str


Block: TypeAlias = Paragraph | Listing | CodeBlock

_HTTP = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_BARE_URL = re.compile(r"https?://[^\s<>\"'`\\^{|}]*[^\s<>\"'`\\^{|}.,;:!?)\]]", re.IGNORECASE)
_MARKED = re.compile(r"[`\[<]|://|^\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)|~~~|\n\s*\n", re.MULTILINE)
_SENTENCE = re.compile(r".+?[.!?](?=\s+[^a-z\s]|\s*$)", re.DOTALL)


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802  (the library's name)
        return _HTTP.match(url) is not None


_MARKDOWN = _Markdown("zero").enable(["list", "fence", "backticks", "link", "autolink"])


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Block, ...]:
    """Take a text apart; white space within paragraphs counts as one space."""
    text = text.strip()
    if not text:
        return ()
    if len(text) > MAX_PARSED:
        return (CodeBlock(text),)
    if not _MARKED.search(text):
        return (Paragraph((Words(" ".join(text.split())),)),)
    return tuple(_blocks(SyntaxTreeNode(_MARKDOWN.parse(text)).children))


def first_sentence(text: str) -> tuple[Inline, ...]:
    """Return a text's first sentence, cut where it is long."""
    paragraph = re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0][: 4 * MAX_SENTENCE]
    found = _SENTENCE.match(paragraph)
    sentence = " ".join((found[0] if found else paragraph).split())
    if len(sentence) > MAX_SENTENCE:
        sentence = f"{sentence[:MAX_SENTENCE].rsplit(' ', 1)[0]} …"
    blocks = parse(sentence)
    return blocks[0].inlines if blocks and isinstance(blocks[0], Paragraph) else (Words(sentence),)


def plain(inlines: Sequence[Inline]) -> str:
    """Return the text without its marks."""
    return "".join(inline.text for inline in inlines)


def _blocks(nodes: Sequence[SyntaxTreeNode]) -> Iterator[Block]:
    for node in nodes:
        match node.type:
            case "paragraph":
                yield Paragraph(tuple(_inlines(node.children[0].children)))
            case "bullet_list":
                yield Listing(tuple(tuple(_blocks(item.children)) for item in node.children))
            case "ordered_list":
                items = tuple(tuple(_blocks(item.children)) for item in node.children)
                yield Listing(items, int(node.attrs.get("start", 1)))
            case "fence":
                yield CodeBlock(node.content.rstrip("\n"))
            case _:
                yield Paragraph((Words(node.content),))


def _inlines(nodes: Sequence[SyntaxTreeNode]) -> Iterator[Inline]:
    for node in nodes:
        match node.type:
            case "code_inline":
                yield Code(node.content)
            case "link":
                text = "".join(child.content for child in node.walk(include_self=False))
                yield Link(text, str(node.attrs["href"]))
            case _:
                yield from _linked(node.content)


def _linked(text: str) -> Iterator[Inline]:
    """Make links of the addresses in a text."""
    text = re.sub(r"\s+", " ", text)
    end = 0
    for url in _BARE_URL.finditer(text):
        if url.start() > end:
            yield Words(text[end : url.start()])
        yield Link(url[0], url[0])
        end = url.end()
    if end < len(text):
        yield Words(text[end:])
