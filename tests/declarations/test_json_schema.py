"""JSON Schema and OpenAPI of declarations: valid themselves, and right about what is taken and answered."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from openapi_spec_validator import validate as validate_openapi

from graft_common.declarations.api import Api, Origin, Source
from graft_common.declarations.conversion import Converters
from graft_common.declarations.json_arguments import MethodJson
from graft_common.declarations.json_form import write
from graft_common.declarations.json_schema import (
    Schemas,
    arguments_schema,
    is_deprecated,
    result_schema,
)
from graft_common.declarations.json_text import dump
from graft_common.declarations.model import Change, Document, Lifecycle, Method, Param, Result, Transition, Types
from graft_common.declarations.openapi import document
from graft_common.declarations.platform import platform_document
from graft_common.declarations.reader import read_document
from graft_common.declarations.types import parse_type
from support.declarations import documents, types, values

VOLUMES = read_document(
    b"""<methods xmlns="urn:graft:methods:1">
      <enum name="state"><doc>How it stands.</doc><value name="done">finished</value><value name="queued"/></enum>
      <enum name="disk"><value name="ssd"/></enum>
      <record name="disk">
        <doc>One disk.</doc>
        <field name="device" type="string"/>
        <field name="size" type="int" default="5"/>
        <field name="old" type="enum disk" default="ssd">
          <lifecycle><published release="1"/><deprecated release="2"/></lifecycle>
        </field>
        <field name="key" type="string" default="x" secret="true"/>
        <field name="parent" type="disk record option"/>
      </record>
      <method name="Volume.resize" role="pool-operator">
        <doc>Grow it. Or shrink it.</doc>
        <param name="volume" type="string"><doc>Which.</doc></param>
        <param name="disks" type="disk record set"/>
        <param name="at" type="datetime" default="2026-01-01T00:00:00Z" since="1.2"/>
        <param name="ratio" type="float" default="nan"/>
        <param name="note" type="string option" default="[]"/>
        <param name="key" type="string" default="" secret="true"/>
        <result type="(enum state -&gt; int) map"><doc>Counts.</doc></result>
        <error code="VOLUME_IN_USE"><param name="volume"/><doc>Some guest has it open.</doc></error>
        <lifecycle><published release="1"/><deprecated release="2"/></lifecycle>
        <example><doc>All.</doc>
          <argument name="volume" value="root"/>
          <argument name="disks" value='[{"device": "a"}]'/>
          <argument name="key" value="hush"/>
        </example>
      </method>
      <method name="Volume.forget"><doc>Forget it.</doc></method>
    </methods>""",
    "volumes.xml",
)
TYPES = Types.of(VOLUMES)
RESIZE = VOLUMES.methods[0]


def schema_of(kind: Any, known: Types) -> dict[str, Any]:
    schemas = Schemas(known)
    return {**schemas.of(kind), "$defs": schemas.definitions()}


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_written_fits_its_schema(data: st.DataObject) -> None:
    kind = data.draw(types(list(TYPES.enums), list(TYPES.records)))
    value = Converters(TYPES).of(kind)(data.draw(values(kind, TYPES)))
    schema = schema_of(kind, TYPES)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(orjson.loads(dump(write(value, kind, TYPES))))


@given(documents())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_document_has_valid_schemas(made: Document) -> None:
    known = Types.of(made)
    for method in made.methods:
        for schema in (arguments_schema(method, known), result_schema(method, known)):
            Draft202012Validator.check_schema(schema)
            assert orjson.loads(orjson.dumps(schema)) == schema
    described = document(Api.of(made), "1")
    validate_openapi(orjson.loads(orjson.dumps(described)))
    assert {f"/methods/{method.name}" for method in made.methods} <= described["paths"].keys()


def test_arguments_by_name() -> None:
    schema = arguments_schema(RESIZE, TYPES)
    shown = schema["properties"]
    assert schema["required"] == ["volume", "disks"]
    assert schema["additionalProperties"] is False
    assert shown["volume"] == {"type": "string", "description": "Which."}
    assert shown["disks"] == {"type": "array", "items": {"$ref": "#/$defs/disk.record"}}
    assert shown["at"]["default"] == "2026-01-01T00:00:00Z"
    assert shown["at"]["description"] == "Since release 1.2."
    assert shown["ratio"]["default"] == "NaN"
    assert shown["note"] == {"type": ["string", "null"], "default": None}
    assert shown["key"] == {"type": "string", "writeOnly": True}
    record = schema["$defs"]["disk.record"]
    assert record["required"] == ["device"]
    assert record["properties"]["size"]["default"] == 5
    assert record["properties"]["old"] == {"$ref": "#/$defs/disk", "default": "ssd", "deprecated": True}
    assert record["properties"]["key"] == {"type": "string", "writeOnly": True}
    assert record["properties"]["parent"] == {"anyOf": [{"$ref": "#/$defs/disk.record"}, {"type": "null"}]}
    assert record["description"] == "One disk."


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"volume": "v", "disks": []}, True),
        ({"volume": "v", "disks": [{"device": "a", "parent": {"device": "b", "parent": None}}], "note": None}, True),
        ({"volume": "v", "disks": [{}]}, False),
        ({"volume": "v"}, False),
        ({"volume": "v", "disks": [], "other": 1}, False),
        ({"volume": "v", "disks": [], "ratio": "many"}, False),
        ({"volume": "v", "disks": [{"device": "a", "size": 2**63}]}, False),
    ],
)
def test_the_schema_says_what_the_checks_do(arguments: Any, *, fits: bool) -> None:
    validator = Draft202012Validator(arguments_schema(RESIZE, TYPES))
    if fits:
        validator.validate(arguments)
        MethodJson(RESIZE, TYPES).arguments(arguments)
        return
    with pytest.raises(ValidationError):
        validator.validate(arguments)


def test_results() -> None:
    schema = result_schema(RESIZE, TYPES)
    assert schema["description"] == "Counts."
    assert schema["propertyNames"] == {"$ref": "#/$defs/state"}
    assert schema["$defs"]["state"]["enum"] == ["done", "queued"]
    assert schema["$defs"]["state"]["description"] == "How it stands.\n\n- `done`: finished"
    assert result_schema(VOLUMES.methods[1], TYPES)["type"] == "null"


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("VM ref", {"type": "string", "title": "VM ref"}),
        ("int option option", {"type": "array", "maxItems": 1}),
        ('"an event batch"', {"description": "an event batch"}),
        ('"an event batch" option', {"type": "array", "items": {"description": "an event batch"}, "maxItems": 1}),
        ("(int -> bool) map", {"type": "object", "propertyNames": {"pattern": "^-?[0-9]+$"}}),
        ("bool set option", {"type": ["array", "null"], "items": {"type": "boolean"}}),
    ],
)
def test_types(kind: str, schema: dict[str, Any]) -> None:
    assert schema.items() <= Schemas(TYPES).of(parse_type(kind)).items()


@pytest.mark.parametrize(
    ("changes", "deprecated"),
    [
        ((Change.PUBLISHED,), False),
        ((Change.PUBLISHED, Change.DEPRECATED), True),
        ((Change.PUBLISHED, Change.DEPRECATED, Change.REMOVED), True),
        ((Change.PUBLISHED, Change.DEPRECATED, Change.REMOVED, Change.PUBLISHED), False),
    ],
)
def test_what_is_deprecated(changes: tuple[Change, ...], *, deprecated: bool) -> None:
    assert is_deprecated(Lifecycle(tuple(Transition(change, "1") for change in changes))) is deprecated


def test_openapi_of_a_platform() -> None:
    api = Api(
        Document(
            VOLUMES.classes,
            VOLUMES.enums,
            VOLUMES.records,
            (
                *VOLUMES.methods,
                Method("Gone.away", params=(Param("x", parse_type("int")),), result=Result(parse_type("int"))),
            ),
        ),
        {
            "Volume.resize": Origin(Source.DROP_IN, "volumes.xml"),
            "Volume.forget": Origin(Source.EXTENSION, "EXT/1.0"),
            "Gone.away": Origin(Source.DROP_IN, "volumes.xml", available=False),
        },
        {"Hello.greet": Origin(Source.DROP_IN)},
    )
    described = orjson.loads(orjson.dumps(document(api, "1.0")))
    validate_openapi(described)
    resize = described["paths"]["/methods/Volume.resize"]["post"]
    assert resize["deprecated"]
    assert resize["summary"] == "Grow it."
    assert "- `VOLUME_IN_USE` [volume]: Some guest has it open." in resize["description"]
    content = resize["requestBody"]["content"]["application/json"]
    # A secret argument is kept out of documentation, also where an example has it.
    assert [example["value"].keys() for example in content["examples"].values()] == [{"volume", "disks"}]
    assert [choice["type"] for choice in content["schema"]["anyOf"]] == ["object", "array"]
    assert described["paths"]["/methods/Hello.greet"]["post"]["x-graft-role"] == "pool-admin"
    # What cannot be called at this moment is described all the same, and says so.
    gone = described["paths"]["/methods/Gone.away"]["post"]
    assert (gone["x-graft-available"], resize["x-graft-available"]) == (False, True)
    assert "executable is not there" in gone["description"]
    assert {"disk", "disk.record", "state"} <= described["components"]["schemas"].keys()
    assert [tag["name"] for tag in described["tags"]] == ["Volume", "Gone", "Hello", "platform"]


def test_openapi_of_the_built_in_methods() -> None:
    described = orjson.loads(orjson.dumps(document(Api.of(platform_document()), "1.0")))
    validate_openapi(described)
    assert described["paths"]["/methods/session.login_with_password"]["post"]["security"] == []
    assert "security" not in described["paths"]["/methods/task.cancel"]["post"]
