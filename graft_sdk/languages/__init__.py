"""The languages that SDKs are made in: one folder each, found by looking into this one.

A folder `<name>/` holds

    __init__.py     empty but for a docstring
    language.py     `LANGUAGE`, an instance of a subclass of `graft_sdk.language.Language`
    templates/      Jinja2 templates `*.j2`, and files that are copied as they are

`LANGUAGE` tells the language's `Style` (cases of names, reserved words), the text of each type and literal, and which
templates make which files. A template gets `api`, an `ApiView`, and what its `File` adds; it finds the language's own
filters and the shared ones (`graft_sdk.generation`). Nothing else has to be told of a new language: the command line,
the examples in the reference and the tests find the folder.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from graft_sdk.language import Language


@cache
def names() -> tuple[str, ...]:
    """Name the languages, sorted."""
    return tuple(sorted(file.parent.name for file in Path(__file__).parent.glob("*/language.py")))


@cache
def find(name: str) -> Language:
    """Return a language.

    Raises:
        LookupError: there is none of that name; the message tells which there are.
    """
    if name not in names():
        raise LookupError(f"there is no language {name!r}; there are {', '.join(names())}")
    language: Language = import_module(f"{__name__}.{name}.language").LANGUAGE
    return language
