"""Short examples of calls in every language, for the reference pages."""

from __future__ import annotations

from functools import lru_cache

from graft_common.declarations.api import Api
from graft_common.declarations.model import Method
from graft_sdk.generation import Options, view_of
from graft_sdk.languages import find, names
from graft_sdk.view import ApiView

LANGUAGES: tuple[str, ...] = names()
"""The languages that examples can be had in, sorted; `graft_sdk.languages.find` tells their titles."""


def example(api: Api, method: Method, language: str) -> str:
    """Write a short call of a method with a generated SDK; empty for a removed one, which SDKs do not have.

    The text is source code that ends with a newline. Secret values are not in it.

    Raises:
        LookupError: there is no such language, or the API has no such method.
    """
    chosen = find(language)
    if method.name not in api.methods:
        raise LookupError(f"the API has no method {method.name}")
    view = _view(_Same(api), language)
    try:
        shown = view.method(method.name)
    except KeyError:
        return ""
    return chosen.example(view, shown)


class _Same:
    """An API that is equal to another of the same digest."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.api.digest == other.api.digest

    def __hash__(self) -> int:
        return hash(self.api.digest)


@lru_cache(maxsize=16)
def _view(same: _Same, language: str) -> ApiView:
    return view_of(same.api, find(language), Options())
