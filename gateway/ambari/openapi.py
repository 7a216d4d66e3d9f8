"""The OpenAPI document of Ambari's REST interface, made from the table of resources: `GET /api/v1/openapi.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from gateway.ambari.credentials import COOKIE
from gateway.ambari.openapi_schemas import (
    ERROR,
    Schema,
    body,
    body_example,
    collection_name,
    example,
    example_of,
    field_names,
    key,
    list_example,
    reference,
    schemas,
)
from gateway.ambari.query.paging import DEFAULT_SIZE, MAX_NUMBER
from gateway.ambari.resource_types import Kind, Method, Place, Property, walk

_OPENAPI = "3.1.0"
_PLAIN, _JSON, _BINARY = "text/plain", "application/json", "application/octet-stream"

_ABOUT = """\
Extensions, the stacks that they are linked to, and the links between them, as Apache Ambari serves them.

**Content types.** Answers are JSON. They are marked as `text/plain`, as Ambari does, unless the `Content-Type` of the
request begins with `application/json`. Bodies of requests are JSON whatever their `Content-Type` says.

**Writing.** Every request but GET, HEAD and OPTIONS needs the header `X-Requested-By`, with any value. A POST or PUT
with `X-Http-Method-Override: GET` is read as a GET; its body may hold the query: `{"RequestInfo": {"query": "…"}}`.

**Queries.** Whatever is in a query string besides the parameters that are listed is a predicate over properties.
Besides `name=value` there are `!=`, `<`, `<=`, `>`, `>=`, `name.in(a,b)`, `name.matches(regex)`, `name.isEmpty()`, and
`&`, `|`, `!` and brackets between them. Instances can be asked with predicates, too: an instance for which they do not
hold is answered as an empty list.

**Methods** that are declared, and the tasks of asynchronous calls, have a document of their own, which changes with
them: `/api/v1/methods/openapi.json`.

**Errors** have a status and a message. Where the settings ask for Ambari's own statuses, most broken rules are
answered with 500 instead of 404 and 409.
"""

_FAILURES: Mapping[int, tuple[str, str]] = {
    400: ("BadRequest", "The request cannot be understood, or lacks something."),
    403: ("Forbidden", "There are no credentials, they are wrong, or the user may not do this."),
    404: ("NotFound", "What the path or the body names does not exist."),
    405: ("MethodNotAllowed", "The path does not answer this method; `Allow` tells which ones it does."),
    408: ("RequestTimeout", "The request's body did not come in time."),
    409: ("Conflict", "A rule is against it."),
    413: ("ContentTooLarge", "The request's body is too large."),
    415: ("UnsupportedMediaType", "The request's body is packed."),
    431: ("HeadersTooLarge", "The URL or the headers of the request are too large."),
    500: ("InternalServerError", "The server has made a mistake, which its log tells of."),
    503: ("ServiceUnavailable", "There is too much to do, or the registry does not answer: try again."),
}
_ALWAYS = (400, 403, 405, 408, 413, 415, 431, 500, 503)
"""What any request may be answered."""
_FAILURE_HEADERS: Mapping[int, str] = {403: "WWW-Authenticate", 405: "Allow", 503: "Retry-After"}

_CSRF: Schema = {
    "name": "X-Requested-By",
    "in": "header",
    "required": True,
    "description": "Who asks: any value. Pages of other sites cannot send it.",
    "schema": {"type": "string"},
    "example": "ambari",
}
_MINIMAL: Schema = {
    "name": "minimal_response",
    "in": "query",
    "description": "`true` leaves out hrefs, and properties that were not asked for but the one that names a resource.",
    "schema": {"type": ["boolean", "string"]},
    "example": True,
}
_PAGING: Sequence[Schema] = (
    {
        "name": "page_size",
        "in": "query",
        "description": f"How many resources a page has; {DEFAULT_SIZE} where only `from` or `to` is given.",
        "schema": {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER},
        "example": 10,
    },
    {
        "name": "from",
        "in": "query",
        "description": "The first resource of the page, counted from 0, or `start`.",
        "schema": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX_NUMBER}, {"const": "start"}]},
        "example": 0,
    },
    {
        "name": "to",
        "in": "query",
        "description": "The last resource of the page, counted from 0, or `end`; not looked at beside `from`.",
        "schema": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX_NUMBER}, {"const": "end"}]},
        "example": "end",
    },
)


@dataclass(frozen=True, slots=True)
class Described:
    """A path that is no resource."""

    name: str
    doc: str
    verbs: tuple[str, ...]
    is_public: bool = False
    """Whether it needs no credentials."""


def document(roots: Sequence[Place], pages: Sequence[Described], prefix: str) -> Schema:
    """Describe the interface in OpenAPI 3.1.

    Args:
        roots: the table of resources.
        pages: the paths besides.
        prefix: the path of the whole.
    """
    places = [place for _, place, is_instance in walk(roots, "") if not is_instance]
    paths = {f"/{page.name}": _page(page) for page in pages}
    paths |= {pattern: _path(pattern, place, prefix, is_instance) for pattern, place, is_instance in walk(roots, "")}
    return {
        "openapi": _OPENAPI,
        "info": {
            "title": "Graft: Ambari's REST interface",
            "version": version("graft-platform"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix}],
        "externalDocs": {"url": f"{prefix}/methods/openapi.json", "description": "Methods and tasks, in JSON."},
        "security": [{"basic": []}, {"session": []}],
        "tags": [*({"name": one.segment, "description": one.doc} for one in roots), _OTHER],
        "paths": paths,
        "components": {
            "schemas": schemas(places),
            "responses": {name: _failure(status) for status, (name, _) in _FAILURES.items()},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "A user's name and password."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "The session that the answer to a request with Basic credentials sets.",
                },
            },
        },
    }


_OTHER: Schema = {"name": "other", "description": "Sessions, and this document."}


def _page(page: Described) -> Schema:
    operations = {}
    for verb in page.verbs:
        done: Schema = {"description": "Done; the answer has no body."}
        if page.is_public:
            done = {"description": "Found.", "content": _content({"type": "object"}, {"openapi": _OPENAPI})}
        operations[verb.lower()] = {
            "operationId": f"{verb.lower()}_{page.name.partition('.')[0]}",
            "summary": page.doc,
            "tags": [_OTHER["name"]],
            **({"security": []} if page.is_public else {}),
            **({} if verb == "GET" else {"parameters": [_CSRF]}),
            "responses": {"201" if verb == "POST" else "200": done, **_failures(_ALWAYS)},
        }
    return operations


def _path(pattern: str, place: Place, prefix: str, is_instance: bool) -> Schema:
    href = f"http://localhost:8080{prefix}{pattern}"
    for name, one in _keys(pattern, place).items():
        href = href.replace(f"{{{name}}}", str(example_of(one)))
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": one.doc,
            "schema": key(one),
            "example": example_of(one),
        }
        for name, one in _keys(pattern, place).items()
    ]
    methods = place.on_instance if is_instance else place.on_collection
    return {
        **({"parameters": parameters} if parameters else {}),
        "get": _read(pattern, place, href, is_instance),
        **{method.verb.lower(): _write(pattern, place, method, is_instance) for method in methods},
    }


def _read(pattern: str, place: Place, href: str, is_instance: bool) -> Schema:
    of = place.type
    list_schema = reference(collection_name(of))
    schema = reference(of.name) if is_instance else list_schema
    shown = example(place, href) if is_instance else list_example(place, href)
    more = () if is_instance else (_sort_by(place), *_PAGING, *_predicates(place))
    return {
        "operationId": _operation_id("get", pattern, is_instance),
        "summary": f"One of: {place.doc}" if is_instance else place.doc,
        "tags": [_tag(pattern)],
        "parameters": [_fields(place), _MINIMAL, *more],
        "responses": {
            "200": {"description": "Found." if is_instance else "What there is.", "content": _content(schema, shown)},
            **_failures((*_ALWAYS, 404)),
        },
    }


def _write(pattern: str, place: Place, method: Method, is_instance: bool) -> Schema:
    of = place.type
    kinds: Schema = {_JSON: {"schema": body(method, of), "example": body_example(method, of)}}
    if method.streams:
        kinds[_BINARY] = {"schema": {"type": "string", "format": "binary"}, "example": "the archive itself"}
    takes = {"requestBody": {"required": not method.without_body, "content": kinds}}
    done = [status for status in method.statuses if status < 400]
    return {
        "operationId": _operation_id(method.verb.lower(), pattern, is_instance),
        "summary": method.doc,
        "tags": [_tag(pattern)],
        "parameters": [_CSRF],
        **(takes if method.body else {}),
        "responses": {
            **{str(status): _done(status, method) for status in done},
            **_failures((*_ALWAYS, *(status for status in method.statuses if status >= 400))),
        },
    }


def _done(status: int, method: Method) -> Schema:
    answer: Schema = {"description": "Done; the answer has no body."}
    if status == 201 and method.several:
        location = "The new resource, where there is only one."
        answer["headers"] = {"Location": {"description": location, "schema": {"type": "string"}}}
    return answer


def _fields(place: Place) -> Schema:
    names = [*dict.fromkeys(field_names(place))]
    maps = [one.id for one in place.type.properties if one.kind is Kind.OBJECT]
    items: list[Schema] = [{"enum": names}]
    if maps:
        items.append({"pattern": f"^({'|'.join(maps)})/[A-Za-z0-9_.-]+$"})
    return {
        "name": "fields",
        "in": "query",
        "description": "What is shown: properties, categories, sub-resources and what is in them, or `*` for all.",
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": {"type": "string", "anyOf": items}},
        "example": [place.type.id_property],
    }


def _sort_by(place: Place) -> Schema:
    ids = [one.id for one in place.type.properties]
    return {
        "name": "sortBy",
        "in": "query",
        "description": "Properties to sort by, each with `.asc` or `.desc` after it, or nothing.",
        "style": "form",
        "explode": False,
        "schema": {
            "type": "array",
            "items": {"enum": [f"{one}{order}" for one in ids for order in ("", ".asc", ".desc")]},
            "maxItems": 20,
        },
        "example": [f"{place.type.id_property}.desc"],
    }


def _predicates(place: Place) -> list[Schema]:
    return [
        {
            "name": one.id,
            "in": "query",
            "description": f"Only resources with this value. {one.doc}",
            "schema": {"type": "string", "minLength": 1},
            "example": str(example_of(one)),
        }
        for one in place.type.properties
        if one.kind in {Kind.STRING, Kind.INTEGER, Kind.BOOLEAN}
    ]


def _keys(pattern: str, place: Place) -> Mapping[str, Property]:
    """Return properties for the variables of a path; parents' variables are among the keys of their children."""
    names = [part[1:-1] for part in pattern.split("/") if part.startswith("{")]
    of = place.type
    found = {}
    for name in names:
        one = of.property(of.keys[name]) if name in of.keys else None
        found[name] = one or Property(name, doc=f"The {name.replace('_', ' ')}.")
    return found


def _operation_id(verb: str, pattern: str, is_instance: bool) -> str:
    parts = [part for part in pattern.split("/") if part and not part.startswith("{")]
    return "_".join([verb, *parts, *(["item"] if is_instance else [])])


def _tag(pattern: str) -> str:
    return pattern.split("/")[1]


def _content(schema: Schema, shown: Schema) -> Schema:
    return {kind: {"schema": schema, "example": shown} for kind in (_PLAIN, _JSON)}


def _failures(statuses: Sequence[int]) -> Schema:
    return {
        str(status): {"$ref": f"#/components/responses/{_FAILURES[status][0]}"}
        for status in sorted({status for status in statuses if status in _FAILURES})
    }


def _failure(status: int) -> Schema:
    text = _FAILURES[status][1]
    if status == 431:
        return {"description": text, "content": {_PLAIN: {"schema": {"type": "string"}, "example": text}}}
    answer: Schema = {
        "description": text,
        "content": _content(reference(ERROR), {"status": status, "message": text}),
    }
    if status in _FAILURE_HEADERS:
        answer["headers"] = {_FAILURE_HEADERS[status]: {"schema": {"type": "string"}}}
    return answer
