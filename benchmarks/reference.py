"""What reference pages cost, of as many methods as xapi's datamodel has.

    python -m benchmarks.reference
    python -m benchmarks.reference --json

The set is that of `benchmarks.declarations`, and a class of 100 methods besides. Times are CPU time, so that a busy
machine slows nothing. Warm means that templates, languages and messages are loaded, not that a page is kept.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable
from dataclasses import replace

from benchmarks.declarations import make_documents, timed
from benchmarks.figures import Figures
from graft_common.declarations.api import Api
from graft_common.declarations.model import Document
from graft_docs.html import HtmlSite
from graft_docs.markdown import MarkdownSite

ROUNDS = 9
LARGE = 100


def make_api() -> Api:
    """Return the set with a class of 100 methods."""
    documents = list(make_documents().values())
    many = tuple(
        replace(documents[number % 60].methods[number % 27], name=f"Large.do_{number}") for number in range(LARGE)
    )
    return Api.of(*documents, Document(methods=many))


def best(work: Callable[[], object]) -> float:
    """Return the shortest of some times in milliseconds: what it costs where nothing is in the way."""
    return min(timed(work)[0] for _ in range(ROUNDS)) * 1000


def measure(figures: Figures) -> None:
    """Make pages."""
    api = make_api()
    figures.begin(f"reference pages of {len(api.methods)} methods in {len(api.classes)} classes")
    took, site = timed(lambda: HtmlSite(api))
    figures.add("take secrets out", took * 1000, "ms")
    figures.add(
        "first page of a class: load languages, make messages", timed(lambda: site.file("class-Large.html"))[0], "s"
    )
    figures.add("index, warm", best(lambda: site.file("index.html")), "ms", aim=50.0)
    figures.add(f"class of {LARGE} methods, warm", best(lambda: site.file("class-Large.html")), "ms", aim=100.0)
    figures.add("all methods by letter, warm", best(lambda: site.file("methods.html")), "ms")
    figures.add("index of the search, warm", best(lambda: site.file("search-index.js")), "ms")
    page = site.file("class-Large.html")
    figures.add(f"size of the class of {LARGE} methods", len(page) / 1e6, "MB")
    figures.add("the same, packed", len(gzip.compress(page, 6)) / 1e6, "MB")
    figures.add("all files in HTML", timed(lambda: [site.file(name) for name in site.files])[0], "s")
    markdown = MarkdownSite(api)
    figures.add("all files in Markdown", timed(lambda: [markdown.file(name) for name in markdown.files])[0], "s")


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = Figures()
    measure(figures)
    figures.print(as_json=arguments.json)


if __name__ == "__main__":
    main()
