"""The api that the tests make pages of, and what they read out of pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from tinyhtml5.parser import HTMLParser

from graft_common.declarations.api import Api, Origin, Source
from graft_common.declarations.model import Document
from graft_common.declarations.platform import platform_document
from graft_common.declarations.reader import read_document

STORAGE = Path(__file__).parents[1] / "reference" / "storage.xml"


def storage() -> Document:
    return read_document(STORAGE.read_bytes(), STORAGE.name)


def api() -> Api:
    """Return a platform with built-in methods, a linked extension and undeclared drop-ins."""
    platform = platform_document()
    extension = storage()
    origins = {method.name: Origin(Source.BUILT_IN) for method in platform.methods}
    origins |= {
        method.name: Origin(Source.EXTENSION, "storage/1.2", available=method.name != "Volume.clone_all")
        for method in extension.methods
    }
    joined = Api.of(platform, extension)
    return Api(
        joined.document, origins, {"Hello.greet": Origin(Source.DROP_IN), "old-tool.run_it": Origin(Source.DROP_IN)}
    )


@dataclass
class Page:
    """A page as a browser reads it, and what is wrong with it."""

    tree: Element
    errors: list[str]
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def elements(self, name: str) -> Iterator[Element]:
        return self.tree.iter(f"{{http://www.w3.org/1999/xhtml}}{name}")

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.tree.itertext()))


def read_page(data: bytes) -> Page:
    parser = HTMLParser()
    tree = parser.parse(data.decode())
    page = Page(tree, [f"{place}: {code} {told}" for place, code, told in parser.errors])
    for element in tree.iter():
        if "id" in element.attrib:
            page.ids.append(element.attrib["id"])
        for attribute in ("href", "src", "action"):
            if attribute in element.attrib:
                page.links.append(element.attrib[attribute])
    return page


def split_link(link: str) -> tuple[str, str]:
    """Return the file and the place in it."""
    file, _, place = link.partition("#")
    return unquote(file), unquote(place)
