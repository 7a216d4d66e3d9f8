"""The reference in HTML: pages that need no script to be read, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from graft_common.declarations.api import Api
from graft_common.declarations.types import (
    Type,
)
from graft_docs.linked_types import Part, linked_parts
from graft_docs.prose import Block, Code, CodeBlock, Inline, Link, Listing, Paragraph, first_sentence, parse
from graft_docs.search import search_script
from graft_docs.site import Site

NOTE: Final = b"<!-- note -->"
"""Where a page has room for a note, once; `add_note` puts one there."""

SEARCH_INDEX: Final = "search-index.js"
_MAX_PATH: Final = 200
ASSETS: Final = ("style.css", "search.js", "icon.svg")


class HtmlSite(Site):
    """Pages in HTML, what they need, and the index for the search."""

    suffix = ".html"

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        self._types: dict[Type, Markup] = {}

    @property
    def files(self) -> Sequence[str]:
        """The names of all files."""
        return (*super().files, *ASSETS, SEARCH_INDEX)

    def file(self, name: str) -> bytes:
        """Make a file.

        Raises:
            KeyError: the site has none of that name.
        """
        if name in ASSETS:
            return asset(name)
        if name == SEARCH_INDEX:
            return search_script(self.api, self.links)
        return super().file(name)

    def missing(self, path: str) -> bytes:
        """Make the page that says that there is none at a path."""
        return self.render("missing", "", path=path[:_MAX_PATH])

    @staticmethod
    def environment() -> Environment:
        """Return the environment of the templates."""
        return _environment()

    def type(self, kind: Type) -> Markup:
        """Write a type, with links to what it names."""
        known = self._types.get(kind)
        if known is None:
            parts = (_part(part) for part in linked_parts(kind, self.links))
            known = self._types[kind] = Markup("").join(parts)
        return known


def asset(name: str) -> bytes:
    """Return a file that is the same for every api."""
    return files("graft_docs").joinpath("assets", name).read_bytes()


def away(why: str) -> bytes:
    """Make the page for when there is nothing to show just now."""
    return _environment().get_template("away.html.j2").render(site=None, page="", why=why).encode()


def add_note(page: bytes, text: str) -> bytes:
    """Put a note above what a page says."""
    note = f'<p class="note" role="status">{escape(text)}</p>'
    return page.replace(NOTE, note.encode(), 1)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("graft_docs", "templates/html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Callable[..., object]] = {"prose": prose, "brief": brief}
    environment.filters.update(filters)
    return environment


def _part(part: Part) -> Markup:
    return escape(part.text) if part.href is None else Markup('<a href="{}">{}</a>').format(part.href, part.text)


@lru_cache(maxsize=4096)
def prose(text: str) -> Markup:
    """Write a text of a declaration as paragraphs and lists."""
    return Markup("").join(_block(block) for block in parse(text))


@lru_cache(maxsize=4096)
def brief(text: str) -> Markup:
    """Write the first sentence of a text."""
    return _inlines(first_sentence(text))


def _block(block: Block) -> Markup:
    match block:
        case Paragraph(inlines=inlines):
            return Markup("<p>{}</p>\n").format(_inlines(inlines))
        case CodeBlock(text=text):
            return Markup('<pre tabindex="0"><code>{}</code></pre>\n').format(text)
        case Listing(items=items, start=start):
            inner = Markup("").join(
                Markup("<li>{}</li>\n").format(Markup("").join(_block(part) for part in item)) for item in items
            )
            if start is None:
                return Markup("<ul>\n{}</ul>\n").format(inner)
            return Markup('<ol start="{}">\n{}</ol>\n').format(start, inner)


def _inlines(inlines: Sequence[Inline]) -> Markup:
    return Markup("").join(_inline(inline) for inline in inlines)


def _inline(inline: Inline) -> Markup:
    match inline:
        case Code(text=text):
            return Markup("<code>{}</code>").format(text)
        case Link(text=text, href=href):
            # On paper the address stands behind the text, unless it is the text.
            bare = Markup(' class="bare"') if text == href else ""
            return Markup('<a href="{}" rel="noopener noreferrer nofollow"{}>{}</a>').format(href, bare, text)
        case _:
            return escape(inline.text)
