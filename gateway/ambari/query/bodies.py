"""Request bodies: JSON in Ambari's forms (JsonRequestBodyParser.java).

    {"Category": {"name": "value"}}                       one resource
    {"Category/name": "value"}                            the same
    [{…}, {…}]                                            several; the brackets may be missing
    {"RequestInfo": {"query": "…", "context": "…"}, "Body": {…}}
    [{"RequestInfo": {…}, "Body": {…}}, …]                several requests, done one after the other

Categories within categories flatten to `A/B/name`, and what is not text becomes text: 1 is "1". A list stays one: of
texts, or of resources, flattened in turn. `RequestBodyInfo` is kept as the JSON that it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from gateway.ambari.query.errors import QueryError

MAX_DEPTH = 50
"""Objects and lists within one another."""
MAX_RESOURCES = 10_000
MAX_PROPERTIES = 50_000
"""And items of lists, in all resources of a body."""
MAX_PATH = 500
"""Characters of a property's id, which repeats the names of all that it is within."""

REQUEST_INFO = "RequestInfo"
BODY = "Body"
BLOB = "RequestBodyInfo"

BodyValue = str | None | list[str | None] | list["PropertySet"]
PropertySet = dict[str, BodyValue]
"""The properties of one resource, by id."""

_Json = object


@dataclass(frozen=True, slots=True)
class RequestBody:
    """One request."""

    properties: tuple[PropertySet, ...] = ()
    """For each resource; empty where the body says nothing of any."""
    info: Mapping[str, str | None] = field(default_factory=dict)
    """What stands in `RequestInfo`, by path: `context`, `operation_level/level`."""

    @property
    def query(self) -> str | None:
        """The query that takes the place of the URL's."""
        return self.info.get("query")


def parse_body(body: bytes) -> tuple[RequestBody, ...]:
    """Read a body: all that has no `RequestInfo` is one request, each that has one is a request of its own.

    Returns:
        At least one request; an empty body is one without properties.

    Raises:
        QueryError: it is not JSON, or not of these forms, or too deep.
    """
    text = body.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    if not text:
        return (RequestBody(),)
    items = _load(text)
    if len(items) > MAX_RESOURCES:
        raise QueryError(f"The body has {len(items)} resources; at most {MAX_RESOURCES} are allowed.")
    flattener = _Flattener()
    requests: list[RequestBody] = []
    plain: list[PropertySet] = []
    place_of_plain: int | None = None
    for item in items:
        if not isinstance(item, dict):
            raise QueryError(f"The body must be a JSON object or an array of objects, not {_kind(item)}.")
        properties, info = flattener.request(item)
        if info:
            requests.append(RequestBody((properties,) if properties else (), info))
            continue
        if place_of_plain is None:
            place_of_plain = len(requests)
        if properties:
            plain.append(properties)
    if place_of_plain is not None or not requests:
        requests.insert(place_of_plain or 0, RequestBody(tuple(plain)))
    return tuple(requests)


def _load(text: bytes) -> list[_Json]:
    """Return the items of the array; what is no array, or lacks its brackets, is put into them."""
    if text.startswith(b"["):
        loaded = _decode(text)
        return loaded if isinstance(loaded, list) else [loaded]
    try:
        return [_decode(text)]
    except QueryError:
        try:
            loaded = _decode(b"[" + text + b"]")
        except QueryError:
            loaded = None
        if not isinstance(loaded, list):
            raise
        return loaded


def _decode(text: bytes) -> _Json:
    try:
        text.decode()
        loaded: _Json = msgspec.json.decode(text)
    except UnicodeDecodeError as error:
        raise QueryError(f"The body is not UTF-8: byte {error.start}.") from None
    except (msgspec.MsgspecError, RecursionError) as error:
        raise QueryError(f"The body is not JSON: {error}.") from None
    return loaded


class _Flattener:
    """Flattens the resources of one body, and counts."""

    def __init__(self) -> None:
        self._count = 0

    def request(self, item: Mapping[str, _Json]) -> tuple[PropertySet, dict[str, str | None]]:
        """Return an item's properties, and what its `RequestInfo` says."""
        properties: PropertySet = {}
        info: dict[str, str | None] = {}
        for name, value in item.items():
            if name == REQUEST_INFO and isinstance(value, dict):
                inner: PropertySet = {}
                self._flatten(value, "", 1, inner)
                for path, found in inner.items():
                    if isinstance(found, list):
                        properties[f"{REQUEST_INFO}/{path}"] = found
                    else:
                        info[path] = found
            elif name == BODY and isinstance(value, dict):
                self._flatten(value, "", 1, properties)
            else:
                self._flatten({name: value}, "", 0, properties)
        return properties, info

    def _flatten(self, item: Mapping[str, _Json], path: str, depth: int, properties: PropertySet) -> None:
        if depth > MAX_DEPTH:
            raise QueryError(f"The body is more than {MAX_DEPTH} objects and lists deep.")
        for name, value in item.items():
            place = f"{path}/{name}" if path else name
            self._check(place)
            if isinstance(value, dict) and name == BLOB:
                properties[place] = _encode(value)
            elif isinstance(value, dict):
                self._flatten(value, place, depth + 1, properties)
            elif isinstance(value, list):
                properties[place] = self._list(value, place, depth + 1)
            else:
                properties[place] = _text(value)

    def _list(self, items: list[_Json], place: str, depth: int) -> list[str | None] | list[PropertySet]:
        self._count_more(len(items))
        objects = [item for item in items if isinstance(item, dict)]
        if any(isinstance(item, list) for item in items) or (objects and len(objects) < len(items)):
            raise QueryError(f"The list '{place}' must be of objects or of simple values: not of both, nor of lists.")
        if not objects:
            return [_text(item) for item in items]
        flattened: list[PropertySet] = []
        for item in objects:
            properties: PropertySet = {}
            self._flatten(item, "", depth + 1, properties)
            flattened.append(properties)
        return flattened

    def _check(self, place: str) -> None:
        self._count_more(1)
        if len(place) > MAX_PATH:
            raise QueryError(f"A property's id has {len(place)} characters; at most {MAX_PATH} are allowed.")

    def _count_more(self, count: int) -> None:
        self._count += count
        if self._count > MAX_PROPERTIES:
            raise QueryError(f"The body has more than {MAX_PROPERTIES} properties and items of lists.")


def _encode(value: Mapping[str, _Json]) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        raise QueryError(f"'{BLOB}' is too deep.") from None


def _text(value: _Json) -> str | None:
    """Write a simple value as Jackson's `asText` does."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(value: _Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case _:
            return "an array within an array"
