"""The pages in Markdown: the same content, and nothing of strangers becomes markup."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from graft_docs.markdown import MarkdownSite, code_block, code_span, escape, prose
from support.reference_pages import api, read_page, split_link

SITE = MarkdownSite(api())
COMMON = MarkdownIt("commonmark")
SECRETS = ("correct horse", "battery staple", "hunter two")


def rendered(markdown: str) -> str:
    return COMMON.render(markdown)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {name: SITE.file(name).decode() for name in SITE.files}


def places(page: str) -> list[str]:
    return re.findall(r'<a id="([^"]*)"></a>', page)


@pytest.mark.parametrize("name", SITE.files)
def test_links_lead_somewhere(name: str, pages: dict[str, str]) -> None:
    assert len(set(places(pages[name]))) == len(places(pages[name]))
    links = list(read_page(f"<!DOCTYPE html><title>x</title>{rendered(pages[name])}".encode()).links)
    assert links
    for link in links:
        if link.startswith("http"):
            assert link.startswith("https://example.org/")
            continue
        file, place = split_link(link)
        assert file in pages, link
        if place:
            assert place in places(pages[file]), link


@pytest.mark.parametrize("name", SITE.files)
def test_pages_have_our_elements_only_and_no_secrets(name: str, pages: dict[str, str]) -> None:
    page = read_page(f"<!DOCTYPE html><title>x</title>{rendered(pages[name])}".encode())
    names = {element.tag.partition("}")[2] for element in page.tree.iter() if isinstance(element.tag, str)}
    plain = {"html", "head", "title", "body", "h1", "h2", "h3", "p", "ul", "ol", "li", "a", "code", "pre", "strong"}
    assert names <= plain
    for secret in SECRETS:
        assert secret not in pages[name]


def test_a_method_is_told_whole(pages: dict[str, str]) -> None:
    text = read_page(f"<!DOCTYPE html><title>x</title>{rendered(pages['class-Volume.md'])}".encode()).text
    for part in (
        "force: bool, by default false",
        "passphrase: string option, secret, by default (hidden), since 1.2",
        "VOLUME_IN_USE (volume, guest)",
        "Extended in 1.2: Encrypted volumes.",
        "memory: 256 MiB",
        "writes: /var/lib/volumes; secrets: volume-key",
        "extension storage/1.2",
        "it cannot be called now",
        "volumes: (Volume ref → (string → disk record set option) map) map",
    ):
        assert part in text, part


_MARKS = st.text(st.sampled_from("`[]()<>:/-*+#=|~1.)\n \t&;ahtps\\_'\"!"), max_size=60)
_ANY = st.one_of(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80), _MARKS)


def shown(html: str) -> str:
    page = read_page(f"<!DOCTYPE html><title>x</title>{html}".encode())
    body = next(iter(page.elements("body")))
    return re.sub(r"\s+", " ", "".join(body.itertext())).strip()


@given(_ANY)
def test_escaped_text_is_shown_as_it_stands(text: str) -> None:
    assert shown(COMMON.renderInline(f"x{escape(text)}x")) == re.sub(r"\s+", " ", f"x{text}x")


@given(_ANY)
def test_code_is_shown_as_it_stands(text: str) -> None:
    html = COMMON.renderInline(code_span(text))
    assert re.fullmatch(r"<code>[^<]*</code>", html)
    if text.strip():
        assert shown(html) == re.sub(r"\s+", " ", text).strip()
    html = COMMON.render(code_block(text.replace("\n", " ")))
    assert re.fullmatch(r"<pre><code>[^<]*</code></pre>\n", html)


@given(_ANY)
def test_prose_becomes_no_markup_but_ours(text: str) -> None:
    html = COMMON.render(prose(text))
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= {"p", "ul", "ol", "li", "a", "code", "pre"}
    assert all(
        unquote(link).lower().startswith(("http://", "https://")) for link in re.findall(r'href="([^"]*)"', html)
    )


def test_code_keeps_its_empty_lines() -> None:
    page = SITE.tidied("a\n\n\n\nb\n\n```py\nx\n\n\n\ny\n```\n\n\n  ````\n```\n\n\n\n  ````\n\n\n\nc\n")
    assert page == "a\n\nb\n\n```py\nx\n\n\n\ny\n```\n\n  ````\n```\n\n\n\n  ````\n\nc\n"
