"""The pages in HTML: valid, whole, linked, and with nothing of secrets or of strangers' markup."""

from __future__ import annotations

import itertools
import re

import orjson
import pytest

from graft_common.declarations.api import Api
from graft_docs.html import NOTE, HtmlSite, add_note, away
from support.reference_pages import Page, api, read_page, split_link

SITE = HtmlSite(api())
NAMES = [name for name in SITE.files if name.endswith(".html")]
OTHERS = ("declarations.xml", "xenapi.json")
SECRETS = (b"correct horse", b"battery staple", b"hunter two")


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {name: read_page(SITE.file(name)) for name in NAMES}


def test_there_is_a_page_for_each_class(pages: dict[str, Page]) -> None:
    assert {"index.html", "methods.html", "types.html", "errors.html", "roles.html"} < set(pages)
    assert len(pages) == 5 + len(SITE.api.classes)
    assert len({name.lower() for name in pages}) == len(pages)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_valid(name: str) -> None:
    page = read_page(SITE.file(name))
    assert page.errors == []
    assert len(set(page.ids)) == len(page.ids)
    referred = [
        place
        for element in page.tree.iter()
        for attribute in ("aria-labelledby", "aria-controls", "for")
        for place in element.attrib.get(attribute, "").split()
    ]
    assert set(referred) <= set(page.ids)
    assert [element.attrib["lang"] for element in page.elements("html")] == ["en"]
    assert len(list(page.elements("title"))) == len(list(page.elements("main"))) == len(list(page.elements("h1"))) == 1
    assert not [element for element in page.tree.iter() for attribute in element.attrib if attribute.startswith("on")]
    assert not list(page.elements("style"))
    assert not any("style" in element.attrib for element in page.tree.iter())
    levels = [int(element.tag[-1]) for element in page.tree.iter() if re.search(r"}h[1-6]$", str(element.tag))]
    assert all(later <= before + 1 for before, later in itertools.pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str, pages: dict[str, Page]) -> None:
    for link in pages[name].links:
        if link.startswith(("http://", "https://")):
            assert link.startswith("https://example.org/")
            continue
        file, place = split_link(link)
        assert not file or file in SITE.files or file in OTHERS, link
        if place:
            assert place in pages[file or name].ids, link


def test_every_method_has_its_place(pages: dict[str, Page]) -> None:
    for name in SITE.api.methods:
        file, place = split_link(SITE.links.method(name) or "")
        assert place == name
        assert name in pages[file].ids


def test_what_strangers_write_is_text(pages: dict[str, Page]) -> None:
    page = pages["class-volume.2.html"]
    assert [element.attrib for element in page.elements("script")] == [{"src": "search.js", "defer": ""}]
    assert not list(page.elements("img"))
    for text in ("<script>alert(1)</script>", "{{ 7 * 7 }}", "[run](javascript:alert(1))", "# nor this", "'; rm -rf /"):
        assert text in page.text
    assert b"49" not in SITE.file("class-volume.2.html").replace(b"149", b"")


@pytest.mark.parametrize("name", SITE.files)
def test_secrets_are_in_no_file(name: str) -> None:
    data = SITE.file(name)
    for secret in SECRETS:
        assert secret not in data


def test_a_method_is_told_whole(pages: dict[str, Page]) -> None:
    text = pages["class-Volume.html"].text
    for part in (
        "force: bool = false",
        "passphrase: string option = (hidden)",
        "since 1.2",
        "VOLUME_IN_USE [volume, guest]",
        "Extended in 1.2: Encrypted volumes.",
        "memory: 256 MiB",
        "writes: /var/lib/volumes",
        "secrets: volume-key",
        "extension storage/1.2",
        "unavailable",
        "Use Volume.clone_all, which also takes several.",
        "it cannot be called now",
        "Calling it twice is as good as once",
    ):
        assert part in text, part


def test_the_search_index_has_every_name() -> None:
    script = SITE.file("search-index.js").decode()
    entries = orjson.loads(script.removeprefix("window.graftSearchIndex = ").removesuffix(";\n"))
    names = {name for name, *_ in entries}
    assert {
        *SITE.api.methods,
        *SITE.api.classes,
        *SITE.api.undeclared,
        "resize_state",
        "disk",
        "VOLUME_IN_USE",
    } <= names
    assert ["Volume.copy", "deprecated method", "class-Volume.html#Volume.copy", "Copy a volume."] in entries


def test_a_note_is_put_on_a_page() -> None:
    page = SITE.file("index.html")
    assert page.count(NOTE) == 1
    noted = read_page(add_note(page, "Old <news>"))
    assert noted.errors == []
    assert "Old <news>" in noted.text


def test_pages_without_an_api_are_valid() -> None:
    for data in (
        away("Away & <gone>."),
        SITE.missing("/docs/<x>"),
        *map(HtmlSite(Api()).file, ("index.html", "types.html", "methods.html", "errors.html", "roles.html")),
    ):
        page = read_page(data)
        assert page.errors == []


def test_what_is_no_file_is_none() -> None:
    for name in ("class-Nothing.html", "index", "..", "", "base.html", "class-Volume.md"):
        with pytest.raises(KeyError):
            SITE.file(name)
