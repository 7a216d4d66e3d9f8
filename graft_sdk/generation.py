"""From an Api to the files of an SDK: `path -> bytes`, the same bytes for the same Api.

Templates are Jinja2's, with blocks on lines of their own. They find, besides what their `File` adds:

    api                       the `ApiView`
    header                    what every file says of its making, as lines without a comment's marks
    lines(text, width)        the text's lines: paragraphs filled to the width; lists and code stay as they are
    ... | type                a type in the language's words
    literal(text, type)       a literal of a declaration in the language's words
    role(method)              a sentence: who may call it
    boxed(type)               see `graft_sdk.view.boxed`
    leads_to(type, record)    see `graft_sdk.view.leads_to`
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from graft_common.declarations.api import Api
from graft_common.declarations.texts import clean
from graft_sdk import literals
from graft_sdk.building import About, build
from graft_sdk.language import Language
from graft_sdk.view import ApiView, MethodView, boxed, leads_to


@cache
def generator() -> str:
    """Return what files say that they were made by: `graft 0.1.0`."""
    try:
        return f"graft {version('graft-platform')}"
    except PackageNotFoundError:
        return "graft"


# What turns the direction of text, marks the order of bytes, or ends lines for some only: compilers refuse it, or
# readers see other code than they do. Literals have it escaped, so that it is left of texts only.
_SIGNS = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
_UNSEEN = re.compile(rf"(?:[ \t]*[{_SIGNS}])+[ \t]*$|[{_SIGNS}]", re.MULTILINE)
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){1,3}(?:[-+.]?[0-9A-Za-z]{1,32}){0,4}")


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose."""

    classes: Sequence[str] = ()
    """Only these; empty: all."""
    package: str = ""
    """Name of the package; empty: the language's default."""
    version: str = "0.1.0"
    """Version of the package."""
    made_by: str = field(default_factory=generator)
    """What the files say that they were made by."""


def generate(api: Api, language: Language, options: Options | None = None) -> dict[str, bytes]:
    """Make all files of an SDK, by their paths below its directory.

    Raises:
        LookupError: a class that is wanted has no methods.
        ValueError: the package's name or version cannot be one.
    """
    view = view_of(api, language, options or Options())
    return dict(sorted((file, data) for file, data in _files(view, language)))


def view_of(api: Api, language: Language, options: Options) -> ApiView:
    """Return what the language's templates see.

    Raises:
        LookupError, ValueError: as for `generate`.
    """
    if not _VERSION.fullmatch(options.version):
        raise ValueError(f"{options.version!r} is no version of a package; write one such as 1.2.0")
    package = language.package_name(options.package) if options.package else language.default_package
    return build(api, language.style, About(options.made_by, package, options.version), options.classes)


def render(language: Language, view: ApiView, template: str, **context: Any) -> str:
    """Render one template; `Language.example` uses it as well."""
    return _environment(language, view).get_template(template).render(context)


def _files(view: ApiView, language: Language) -> Iterator[tuple[str, bytes]]:
    environment = _environment(language, view)
    for file in language.files(view):
        if file.template.endswith(".j2"):
            written = environment.get_template(file.template).render(file.context)
            yield file.path, seen(written).encode()
        else:
            yield file.path, (language.templates / file.template).read_bytes()


@lru_cache(maxsize=16)
def _environment(language: Language, view: ApiView) -> Environment:
    environment = _loaded(language.templates).overlay()
    environment.globals = {
        **environment.globals,
        "api": view,
        "header": header(view),
        "literal": lambda text, kind: language.literal(literals.read(text, kind, view), kind, view),
        "lines": lines,
        "role": role_sentence,
        "boxed": boxed,
        "leads_to": lambda kind, record: leads_to(kind, record, view),
    }
    environment.filters = {
        **environment.filters,
        "lines": lines,
        "type": lambda kind: language.type(kind, view),
        **language.filters(view),
    }
    return environment


@cache
def _loaded(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - source code is made, not HTML
    )


def header(view: ApiView) -> list[str]:
    """Say how a file was made."""
    return [
        f"Made by {view.generator} (`graft sdk generate`) from the API {view.digest[:16]}.",
        "Changes to it are lost when it is made again.",
    ]


def seen(text: str) -> str:
    """Take from a text what nobody sees, and the white space that is then at the end of a line."""
    return _UNSEEN.sub("", text)


def lines(text: str, width: int = 88) -> list[str]:
    """Fill a text's paragraphs to lines of the width; lists, code and anything indented stay as they are."""
    found: list[str] = []
    for paragraph in _paragraphs(clean(seen(text))):
        if found:
            found.append("")
        if any(line[:1] in " \t" or line.startswith(("- ", "* ", "|", "```")) for line in paragraph):
            found += paragraph
        else:
            joined = " ".join(" ".join(paragraph).split())
            found += textwrap.wrap(joined, width, break_long_words=False, break_on_hyphens=False)
    return found


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Split at blank lines; text between fences of code is one paragraph."""
    paragraph: list[str] = []
    fenced = False
    for line in text.expandtabs(4).splitlines():
        fenced ^= line.startswith("```")
        if line.strip() or fenced:
            paragraph.append(line.rstrip())
        elif paragraph:
            yield paragraph
            paragraph = []
    if paragraph:
        yield paragraph


def role_sentence(method: MethodView) -> str:
    """Say who may call a method."""
    if not method.session:
        return "Needs no session."
    return f"Needs the role {method.role} or one above it." if method.role else "Needs a session, and no role."
