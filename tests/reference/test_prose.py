"""Texts of declarations: what is understood, and that nothing else gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_docs.html import prose
from graft_docs.prose import (
    MAX_PARSED,
    MAX_SENTENCE,
    Code,
    CodeBlock,
    Inline,
    Link,
    Listing,
    Paragraph,
    Words,
    first_sentence,
    parse,
    plain,
)
from support.reference_pages import read_page


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("", ()),
        ("  One\n line. ", (Paragraph((Words("One line."),)),)),
        ("One.\n\nTwo.", (Paragraph((Words("One."),)), Paragraph((Words("Two."),)))),
        ("See `a < b`.", (Paragraph((Words("See "), Code("a < b"), Words("."))),)),
        ("- a\n- b", (Listing(((Paragraph((Words("a"),)),), (Paragraph((Words("b"),)),))),)),
        ("3. a\n4. b", (Listing(((Paragraph((Words("a"),)),), (Paragraph((Words("b"),)),)), 3),)),
        ("```\n<a>\n  b\n```", (CodeBlock("<a>\n  b"),)),
        ("[a](https://x.org)", (Paragraph((Link("a", "https://x.org"),)),)),
        ("[a](javascript:alert(1))", (Paragraph((Words("[a](javascript:alert(1))"),)),)),
        ("[a](/b) [c](data:text/html,x)", (Paragraph((Words("[a](/b) [c](data:text/html,x)"),)),)),
        ("<https://x.org/y>", (Paragraph((Link("https://x.org/y", "https://x.org/y"),)),)),
        ("<mailto:x@y.org>", (Paragraph((Words("<mailto:x@y.org>"),)),)),
        ("(http://x.org/a.)", (Paragraph((Words("("), Link("http://x.org/a", "http://x.org/a"), Words(".)"))),)),
        ("# no *heading*, __no__ &amp; <b>", (Paragraph((Words("# no *heading*, __no__ &amp; <b>"),)),)),
        ("x" * (MAX_PARSED + 1), (CodeBlock("x" * (MAX_PARSED + 1)),)),
    ],
)
def test_blocks(text: str, blocks: tuple[object, ...]) -> None:
    assert parse(text) == blocks


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ""),
        ("Grow a volume. It may take long.", "Grow a volume."),
        ("Grow it, e.g. by 5.5 GiB. Then wait.", "Grow it, e.g. by 5.5 GiB."),
        ("No stop\n\nNext. One", "No stop"),
        ("Use `a. b`. Then", "Use a. b."),
        ("x " * 500, "x " * 120 + "…"),
    ],
)
def test_first_sentence(text: str, sentence: str) -> None:
    assert plain(first_sentence(text)) == sentence


_MARKS = st.text(st.sampled_from("`[]()<>:/-*+1.)\n \t~&;#ahtps\\_'\"!"), max_size=60)


@given(st.one_of(st.text(max_size=80), _MARKS))
def test_any_text_is_paragraphs_and_lists_with_harmless_links(text: str) -> None:
    for inline in _inlines(parse(text)):
        if isinstance(inline, Link):
            assert inline.href.lower().startswith(("http://", "https://"))
    assert len(plain(first_sentence(text))) <= MAX_SENTENCE + 2


@given(st.one_of(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80), _MARKS))
def test_html_of_any_text_has_no_elements_but_ours(text: str) -> None:
    page = read_page(f"<!DOCTYPE html><title>x</title>{prose(text)}".encode())
    names = {element.tag.partition("}")[2] for element in page.tree.iter() if isinstance(element.tag, str)}
    assert names <= {"html", "head", "title", "body", "p", "ul", "ol", "li", "pre", "code", "a"}
    for element in page.tree.iter():
        assert set(element.attrib) <= {"class", "href", "rel", "start", "tabindex"}


def _inlines(blocks: tuple[object, ...]) -> list[Inline]:
    found: list[Inline] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            found.extend(block.inlines)
        elif isinstance(block, Listing):
            for item in block.items:
                found.extend(_inlines(item))
    return found
