"""Pages of declarations that are made up: whatever the rules allow, pages are valid and links lead somewhere."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from graft_common.declarations.api import Api
from graft_common.declarations.model import Document
from graft_docs.html import HtmlSite
from graft_docs.markdown import MarkdownSite
from graft_docs.narrowing import only
from support.declarations import documents
from support.reference_pages import read_page, split_link


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(documents())
def test_pages_of_any_declarations(document: Document) -> None:
    api = Api.of(document)
    site = HtmlSite(api)
    pages = {name: read_page(site.file(name)) for name in site.files if name.endswith(".html")}
    for name, page in pages.items():
        assert page.errors == []
        assert len(set(page.ids)) == len(page.ids)
        for link in page.links:
            file, place = split_link(link)
            if link.startswith(("http://", "https://")) or file in ("declarations.xml", "xenapi.json"):
                continue
            assert not file or file in site.files
            assert not place or place in pages[file or name].ids, link
    markdown = MarkdownSite(api)
    for name in markdown.files:
        assert markdown.file(name).startswith(b"# ")
    for name in list(api.classes)[:2]:
        part = only(api, [name])
        assert list(part.classes) == [name]
        assert part.methods_of(name) == api.methods_of(name)
        assert HtmlSite(part).file("types.html")
