"""A query string as a whole: the predicate, and the parameters beside it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gateway.ambari.query.errors import QueryError
from gateway.ambari.query.fields import parse_fields
from gateway.ambari.query.paging import Page, parse_page
from gateway.ambari.query.parser import MAX_LENGTH, decode, parse_predicate
from gateway.ambari.query.predicate import Predicate
from gateway.ambari.query.sorting import SortKey, parse_sort


@dataclass(frozen=True, slots=True)
class Query:
    """What a request asks for besides the resource that its path names."""

    predicate: Predicate | None = None
    fields: tuple[str, ...] = ()
    """For `fields.select`; empty where the client leaves it to the server."""
    order: tuple[SortKey, ...] = ()
    page: Page | None = None
    minimal: bool = False
    """Without hrefs, and with no properties but keys and `fields`: `minimal_response=true` or `format=minimal`."""


def parse_query(url_query: str, body_query: str | None = None, directives: Collection[str] = ()) -> Query:
    """Read a query string.

    Args:
        url_query: of the URL, not yet decoded, without the `?`; may be empty.
        body_query: the `query` of the body's `RequestInfo`. The predicate is in this one where there is one, and
            parameters that the URL does not have are taken from it (BaseRequest.parseQueryPredicate).
        directives: names of more parameters that the resource type knows.

    Raises:
        QueryError: something is not understood.
    """
    predicate = parse_predicate(url_query if body_query is None else body_query, directives)
    given = (parameters_of(body_query) if body_query else {}) | parameters_of(url_query)
    return Query(
        predicate,
        parse_fields(given.get("fields", "")),
        parse_sort(given.get("sortBy", "")),
        parse_page(given.get("page_size"), given.get("from"), given.get("to")),
        given.get("minimal_response", "").lower() == "true" or given.get("format") == "minimal",
    )


def parameters_of(query: str) -> dict[str, str]:
    """Return the names and values that `&` parts, decoded; of those that come again, the first.

    Raises:
        QueryError: it is too long or wrongly encoded.
    """
    if len(query) > MAX_LENGTH:
        raise QueryError(f"Invalid Request: the query has {len(query)} characters; at most {MAX_LENGTH} are allowed.")
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name:
            found.setdefault(decode(name), decode(value))
    return found
