"""JSON schemas of what Ambari's REST interface answers and takes, made from the table of resources.

Answers are described by what may be in them: `fields` and `minimal_response` leave out almost everything but the
property that names a resource.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Kind, Method, Place, Property, ResourceType

Schema: TypeAlias = dict[str, Any]
"""Also an example: JSON that is made here."""

ERROR = "Error"

_INT64 = 1 << 63
_TYPES: Mapping[Kind, str] = {
    Kind.STRING: "string",
    Kind.INTEGER: "integer",
    Kind.BOOLEAN: "boolean",
    Kind.STRINGS: "array",
    Kind.OBJECT: "object",
}
_EXAMPLES: Mapping[str, Json] = {
    "cluster_id": 1,
    "cluster_name": "c1",
    "component_category": "MASTER",
    "component_name": "OOZIE2_SERVER",
    "component_version": "2.7.9.0",
    "display_name": "Oozie",
    "extension-errors": [],
    "extension_name": "EXT",
    "extension_version": "1.0",
    "file_name": "theme.json",
    "final": "false",
    "link_id": 1,
    "maintenance_state": "OFF",
    "property_name": "oozie.base.url",
    "property_type": [],
    "service_name": "OOZIE2",
    "service_version": "4.0.0",
    "stack-errors": [],
    "stack_name": "HDP",
    "stack_version": "2.4",
    "state": "INIT",
    "type": "oozie-site.xml",
    "valid": True,
    "version": "HDP-2.4",
}
_EXAMPLES_BY_KIND: Mapping[Kind, Json] = {
    Kind.STRING: "text",
    Kind.INTEGER: 1,
    Kind.BOOLEAN: False,
    Kind.STRINGS: [],
    Kind.OBJECT: {},
    Kind.ANY: [],
}


def reference(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(places: Iterable[Place]) -> Schema:
    """Return the schemas of the resources of all places, of collections of them, and of errors."""
    found: Schema = {
        ERROR: {
            "type": "object",
            "description": "What is answered to a request that fails.",
            "properties": {
                "status": {"type": "integer", "description": "The status of the answer."},
                "message": {"type": "string", "description": "What is wrong."},
            },
            "required": ["status", "message"],
            "additionalProperties": False,
        }
    }
    for place in places:
        found[place.type.name] = _resource(place)
        found[collection_name(place.type)] = _collection(place)
    return found


def collection_name(of: ResourceType) -> str:
    """Return the name of the schema of a list of resources."""
    return f"{of.name}List"


def value(one: Property) -> Schema:
    """Return the schema of a property's value in an answer."""
    described: Schema = {"description": one.doc} if one.doc else {}
    if one.kind is Kind.ANY:
        return described
    name = _TYPES[one.kind]
    typed: Schema = {"type": [name, "null"] if one.nullable else name}
    if one.kind is Kind.STRINGS:
        typed["items"] = {"type": "string"}
    if one.kind is Kind.INTEGER:
        typed["format"] = "int64"
    return {**typed, **described}


def key(one: Property) -> Schema:
    """Return the schema of a part of a path that names a resource."""
    if one.kind is Kind.INTEGER:
        return {"type": "integer", "format": "int64", "minimum": -_INT64, "maximum": _INT64 - 1}
    return {"type": "string", "minLength": 1}


def example_of(one: Property) -> Json:
    """Return a value that a property might have."""
    name = one.id.rpartition("/")[2]
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    return None if one.nullable else _EXAMPLES_BY_KIND[one.kind]


def example(place: Place, href: str) -> Schema:
    """Return an instance as it might be answered, without what `fields` must name and without sub-resources."""
    shown: Schema = {"href": href}
    for one in place.type.properties:
        if not one.on_request and "only where" not in one.doc:
            _put(shown, one.id, example_of(one))
    return {**shown, **{name: [] for name in place.sub_resources}}


def list_example(place: Place, href: str) -> Schema:
    """Return a list with one resource as it might be answered: with its keys."""
    own = place.type.property(place.type.id_property)
    last = example_of(own) if own is not None else ""
    item: Schema = {"href": f"{href}/{last}"}
    for name in place.type.keys.values():
        found = place.type.property(name)
        if found is not None:
            _put(item, name, example_of(found))
    return {"href": href, "items": [item]}


def body(method: Method, of: ResourceType) -> Schema:
    """Return the schema of what a method takes, in the forms that Ambari reads."""
    takes = [one for name in method.body if (one := of.property(name)) is not None]
    nested, flat = _nested(takes, method.required), _flat(takes, method.required)
    resources = [nested, flat]
    if method.without_body and method.required:
        resources.append({"type": "object", "maxProperties": 0, "description": "The same as no body."})
    resource: Schema = {"anyOf": resources}
    forms = [*resources, _wrapped(resource, without_body=method.without_body)]
    if method.several:
        least = 0 if method.without_body else 1
        forms.append({"type": "array", "items": resource, "minItems": least, "description": "Several at once."})
    return {"anyOf": forms}


def body_example(method: Method, of: ResourceType) -> Schema:
    """Return what a method might be given."""
    given: Schema = {}
    for name in method.body:
        found = of.property(name)
        if found is not None:
            _put(given, name, example_of(found))
    return given


def field_names(place: Place, within: str = "") -> Iterator[str]:
    """Yield what `fields` may name at a place, without what lies within properties."""
    yield f"{within}*"
    categories = {one.category for one in place.type.properties if one.category}
    for category in sorted(categories):
        yield f"{within}{category}"
        yield f"{within}{category}/*"
    for one in place.type.properties:
        yield within + one.id
    for name, child in place.sub_resources.items():
        yield within + name
        yield from field_names(child, f"{within}{name}/")


def _resource(place: Place) -> Schema:
    of = place.type
    root = _in_categories({one.id: value(one) for one in of.properties})
    if of.open_category:
        category = root
        for part in of.open_category.split("/"):
            category = category["properties"][part]
        category["additionalProperties"] = {"type": "string"}
    _require(root, of.id_property)
    properties = dict(root["properties"])
    for name, child in place.sub_resources.items():
        properties[name] = {"type": "array", "items": reference(child.type.name), "description": child.doc}
    return {
        **root,
        "description": place.doc,
        "properties": {"href": {"type": "string", "description": "Its own URL."}, **properties},
    }


def _collection(place: Place) -> Schema:
    return {
        "type": "object",
        "description": f"A list. {place.doc}",
        "properties": {
            "href": {"type": "string", "description": "The URL that was asked for, its query decoded."},
            "itemTotal": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "description": "How many there are on all pages; only where one page was asked for.",
            },
            "items": {"type": "array", "items": reference(place.type.name)},
        },
        "required": ["items"],
        "additionalProperties": False,
    }


def _in_categories(values: Mapping[str, Schema]) -> Schema:
    """Return the schema of an object with values in the categories that their ids say."""
    root = _object()
    for property_id, described in values.items():
        *category, name = property_id.split("/")
        place = root["properties"]
        for part in category:
            place = place.setdefault(part, _object())["properties"]
        place[name] = described
    return root


def _nested(takes: Iterable[Property], required: Collection[str]) -> Schema:
    root = _in_categories({one.id: _given(one, required=one.id in required) for one in takes})
    for name in required:
        _require(root, name)
    return {**root, "description": "A resource."}


def _flat(takes: Iterable[Property], required: Collection[str]) -> Schema:
    return {
        "type": "object",
        "description": "The same, with the categories before the names.",
        "properties": {one.id: _given(one, required=one.id in required) for one in takes},
        "required": [*required],
        "additionalProperties": False,
    }


def _wrapped(resource: Schema, *, without_body: bool) -> Schema:
    return {
        "type": "object",
        "description": "A resource, and what the request is for.",
        "properties": {
            "RequestInfo": {
                "type": "object",
                "properties": {"context": {"type": "string", "description": "What it is for; not used."}},
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
            "Body": resource,
        },
        "required": [] if without_body else ["Body"],
        "additionalProperties": False,
    }


def _given(one: Property, *, required: bool) -> Schema:
    """Return the schema of a value in a body: what is not text becomes text (JsonRequestBodyParser.java)."""
    if one.kind is Kind.INTEGER:
        bounds: Schema = {"minimum": -_INT64, "maximum": _INT64 - 1, "pattern": "^[+-]?[0-9]{1,18}$"}
        return {"type": ["integer", "string"], **bounds, "description": one.doc}
    pattern = one.pattern or (r"\S" if required else "")
    shown: Schema = {"type": ["string", "number", "boolean"], "description": one.doc}
    return {**shown, "pattern": pattern} if pattern else shown


def _object() -> Schema:
    return {"type": "object", "properties": {}, "additionalProperties": False}


def _require(root: Schema, name: str) -> None:
    """Require a property and the categories that it is in."""
    place = root
    for part in name.split("/"):
        if part not in place.setdefault("required", []):
            place["required"].append(part)
        place = place["properties"][part]


def _put(shown: Schema, name: str, given: Json) -> None:
    *category, last = name.split("/")
    for part in category:
        shown = shown.setdefault(part, {})
    shown[last] = given
