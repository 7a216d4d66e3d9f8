"""The reference in HTML: pages that need no script to be read, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from graft_common.declarations.api import Api
from graft_common.declarations.model import ClassDeclaration, Lifecycle, Method, State
from graft_common.declarations.types import (
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    SetType,
    Type,
)
from graft_common.roles import ROLES
from graft_docs import naming, words
from graft_docs.calls import Call, Calls
from graft_docs.naming import Links
from graft_docs.prose import Block, Code, CodeBlock, Inline, Link, Listing, Paragraph, first_sentence, parse
from graft_docs.search import search_script
from graft_docs.secrets import without_secrets
from graft_docs.uses import Uses
from graft_sdk.platform_errors import PLATFORM_ERRORS

NOTE: Final = b"<!-- note -->"
"""Where a page has room for a note, once; `add_note` puts one there."""

SUFFIX: Final = ".html"
SEARCH_INDEX: Final = "search-index.js"
_MAX_PATH: Final = 200
ASSETS: Final = ("style.css", "search.js", "icon.svg")
_TEMPLATES: Final = {
    naming.INDEX: "index.html.j2",
    naming.METHODS: "methods.html.j2",
    naming.TYPES: "types.html.j2",
    naming.ERRORS: "errors.html.j2",
    naming.ROLES: "roles.html.j2",
}


class HtmlSite:
    """The pages of one api, each made when asked for. Secrets are taken out before anything is made."""

    def __init__(self, api: Api) -> None:
        self.api = without_secrets(api)
        self.links = Links(self.api, SUFFIX)
        self.uses = Uses(self.api)
        self.words = words
        self.naming = naming
        self.roles = ROLES
        self.platform_errors = PLATFORM_ERRORS
        self._calls = Calls(self.api)
        self._types: dict[Type, Markup] = {}
        self._classes: Mapping[str, str] = {f"{page}{SUFFIX}": name for name, page in self.links.class_pages.items()}

    @property
    def files(self) -> Sequence[str]:
        """The names of all files: pages, what they need, and the index for the search."""
        return (*(f"{name}{SUFFIX}" for name in _TEMPLATES), *self._classes, *ASSETS, SEARCH_INDEX)

    def file(self, name: str) -> bytes:
        """Make a file.

        Raises:
            KeyError: the site has none of that name.
        """
        if name in ASSETS:
            return asset(name)
        if name == SEARCH_INDEX:
            return search_script(self.api, self.links)
        if name in self._classes:
            told = self.api.classes[self._classes[name]]
            return _render("class.html.j2", self, told.name, told=told)
        page = name.removesuffix(SUFFIX)
        if page == name:
            raise KeyError(name)
        return _render(_TEMPLATES[page], self, page)

    def missing(self, path: str) -> bytes:
        """Make the page that says that there is none at a path."""
        return _render("missing.html.j2", self, path=path[:_MAX_PATH])

    def type(self, kind: Type) -> Markup:
        """Write a type, with links to what it names."""
        known = self._types.get(kind)
        if known is None:
            known = self._types[kind] = Markup("").join(self._type(kind))
        return known

    def _type(self, kind: Type) -> Iterator[Markup]:
        match kind:
            case EnumType(name=name):
                yield _named(str(kind), self.links.enum(name))
            case RefType(class_name=name):
                yield _named(str(kind), self.links.class_(name))
            case RecordType(name=name):
                yield _named(str(kind), self.links.record(name))
            case SetType(of=inner) | OptionType(of=inner):
                yield from self._type(inner)
                yield escape(" set" if isinstance(kind, SetType) else " option")
            case MapType(key=key, value=value):
                yield escape("(")
                yield from self._type(key)
                yield escape(" → ")
                yield from self._type(value)
                yield escape(") map")
            case _:
                yield escape(str(kind))

    def prose(self, text: str) -> Markup:
        """Write a text as paragraphs and lists."""
        return _prose(text)

    def brief(self, text: str) -> Markup:
        """Write a text's first sentence."""
        return _brief(text)

    def enums_of(self, told: ClassDeclaration) -> list[str]:
        """Name the enums that are shown with a class."""
        return [name for name in told.enums if name in self.api.types.enums]

    @cached_property
    def by_letter(self) -> Sequence[tuple[str, list[str]]]:
        """All methods by the first letters of their names, declared or not."""
        found: dict[str, list[str]] = {}
        for name in sorted({*self.api.methods, *self.api.undeclared}, key=lambda name: (name.lower(), name)):
            found.setdefault(name[0].upper(), []).append(name)
        return list(found.items())

    @cached_property
    def deprecated(self) -> Sequence[tuple[str, str, Lifecycle]]:
        """What is deprecated or removed: its name, where it is told, its lifecycle."""
        classes = ((told.name, self.links.class_(told.name), told.lifecycle) for told in self.api.classes.values())
        methods = ((told.name, self.links.method(told.name), told.lifecycle) for told in self.api.document.methods)
        return [
            (name, href or "", lifecycle)
            for name, href, lifecycle in (*classes, *methods)
            if lifecycle.state in (State.DEPRECATED, State.REMOVED)
        ]

    def calls(self, method: Method) -> Sequence[Call]:
        """Return how a method is called in each language."""
        return self._calls.of(method)


def asset(name: str) -> bytes:
    """Return a file that is the same for every api."""
    return files("graft_docs").joinpath("assets", name).read_bytes()


def away() -> bytes:
    """Make the page for when nothing is known of the platform."""
    return _environment().get_template("away.html.j2").render(site=None, page="").encode()


def add_note(page: bytes, text: str) -> bytes:
    """Put a note above what a page says."""
    note = f'<p class="note" role="status">{escape(text)}</p>'
    return page.replace(NOTE, note.encode(), 1)


def _render(template: str, site: HtmlSite, page: str = "", **values: object) -> bytes:
    made = _environment().get_template(template)
    return made.render(site=site, api=site.api, links=site.links, page=page, **values).encode()


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
    filters: dict[str, Callable[..., object]] = {"prose": _prose, "brief": _brief}
    environment.filters.update(filters)
    return environment


def _named(text: str, href: str | None) -> Markup:
    return escape(text) if href is None else Markup('<a href="{}">{}</a>').format(href, text)


@lru_cache(maxsize=4096)
def _prose(text: str) -> Markup:
    return Markup("").join(_block(block) for block in parse(text))


@lru_cache(maxsize=4096)
def _brief(text: str) -> Markup:
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
            return Markup('<a href="{}" rel="noopener noreferrer nofollow">{}</a>').format(href, text)
        case _:
            return escape(inline.text)
