"""The index for the search: every name with its address and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from graft_common.declarations.api import Api
from graft_docs import words
from graft_docs.naming import INDEX, Links
from graft_docs.prose import first_sentence, plain
from graft_docs.uses import Uses

_MAX_SENTENCE: Final = 120

Entry = tuple[str, str, str, str]
"""The name, what it is, where it is told, and a sentence."""


def entries(api: Api, links: Links) -> Iterator[Entry]:
    """Return what can be searched for: classes, methods (undeclared ones too), enums, records, errors."""
    for told in api.classes.values():
        yield told.name, _kind("class", words.standing(told.lifecycle)), links.class_(told.name) or "", _about(told.doc)
    for method in api.document.methods:
        kind = _kind("method", words.standing(method.lifecycle))
        yield method.name, kind, links.method(method.name) or "", _about(method.doc)
    for name in api.undeclared:
        yield name, "undeclared method", f"{links.page(INDEX)}#undeclared", ""
    for enum in api.document.enums:
        yield enum.name, "enum", links.enum(enum.name) or "", _about(enum.doc)
    for record in api.document.records:
        yield record.name, "record", links.record(record.name) or "", _about(record.doc)
    for use in Uses(api).errors.values():
        yield use.code, "error", links.error(use.code), _about(next((doc for _, docs in use.forms for doc in docs), ""))


def search_script(api: Api, links: Links) -> bytes:
    """Write the index as a script, which pages opened from a disk can load too."""
    return b"window.graftSearchIndex = " + orjson.dumps(list(entries(api, links))) + b";\n"


def _kind(kind: str, standing: str) -> str:
    return f"{standing} {kind}" if standing else kind


def _about(doc: str) -> str:
    text = plain(first_sentence(doc))
    return text if len(text) <= _MAX_SENTENCE else f"{text[:_MAX_SENTENCE].rsplit(' ', 1)[0]} …"
