"""Declarations as Protocol Buffers: what compilers make of the text, and values on their way through messages."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_tools import protoc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft_common.declarations.api import Api
from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.model import Document, Field, Method, Param, Record, Result, Types
from graft_common.declarations.platform import platform_document
from graft_common.declarations.proto_form.calls import MethodMessages
from graft_common.declarations.proto_form.descriptors import IMPORTS, ProtoFiles, describe
from graft_common.declarations.proto_form.source import sources
from graft_common.declarations.reader import read_document
from graft_common.declarations.types import parse_type
from graft_common.declarations.xenapi_import import import_datamodel
from graft_common.declarations.xenapi_json import read_datamodel
from graft_common.errors import GraftError
from graft_common.values import DateTime
from support import datamodels, declarations
from support.declarations import values

INCLUDE = str(resources.files("grpc_tools") / "_proto")
BUF = Path(sys.executable).with_name("buf")


def declared(xml: str) -> Api:
    return Api.of(read_document(f'<methods xmlns="urn:graft:methods:1">{xml}</methods>'.encode(), "x.xml"))


def xapi() -> Api:
    imported = import_datamodel(read_datamodel(datamodels.sample()), ())
    return Api.of(*imported.documents.values())


def compiled(made: ProtoFiles, directory: Path, program: str = "protoc") -> dict[str, FileDescriptorProto]:
    """What a compiler makes of the text of files, with its comments."""
    shutil.rmtree(directory, ignore_errors=True)
    for path, text in sources(made, made.files).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    out = directory / "out.binpb"
    if program == "buf":
        (directory / "buf.yaml").write_text("version: v2\n")
        subprocess.run([BUF, "build", "-o", out, directory], check=True, timeout=60)
    else:
        arguments = ["--include_source_info", f"-I{directory}", f"-I{INCLUDE}", f"--descriptor_set_out={out}"]
        assert protoc.main(["protoc", *arguments, *made.files]) == 0
    found = {file.name: file for file in FileDescriptorSet.FromString(out.read_bytes()).file}
    return {name: found[name] for name in made.files}


def without_source(file: FileDescriptorProto) -> FileDescriptorProto:
    bare = FileDescriptorProto()
    bare.CopyFrom(file)
    bare.ClearField("source_code_info")
    bare.DiscardUnknownFields()  # buf adds some of its own
    for service in bare.service:
        for method in service.method:
            if not method.options.ByteSize():
                # Compilers keep the empty braces of an RPC without options, or do not.
                method.ClearField("options")
    return bare


def comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    return {
        tuple(location.path): location.leading_comments
        for location in file.source_code_info.location
        if location.leading_comments
    }


def assert_compiles(made: ProtoFiles, directory: Path, program: str = "protoc") -> None:
    """The text compiles to the descriptors, with the same comments at the same places."""
    for name, file in compiled(made, directory, program).items():
        assert without_source(file) == without_source(made.files[name])
        assert comments(file) == comments(made.files[name])


def assert_builds(made: ProtoFiles) -> None:
    pool = DescriptorPool()
    for file in IMPORTS:
        pool.AddSerializedFile(file.serialized_pb)
    for file in made.files.values():
        pool.AddSerializedFile(file.SerializeToString())
    for service in made.services:
        pool.FindServiceByName(service)


@pytest.mark.parametrize("program", ["protoc", "buf"])
@pytest.mark.parametrize("api", [lambda: Api.of(platform_document()), xapi], ids=["platform", "xapi"])
def test_the_text_of_real_declarations_compiles_to_the_same_descriptors(api, program: str, tmp_path: Path) -> None:
    assert_compiles(describe(api()), tmp_path / "protos", program)


ODD = """
<enum name="mode"><value name="5.6-x"/><value name="5_6_X">the same letters</value><value name="unspecified"/>
  <value name="***"/><value name="é"/><value name="aB"/></enum>
<enum name="Mode"><value name="x"/></enum>
<record name="a-b"><field name="a-b" type="int"/><field name="a_b" type="int"/><field name="aB" type="int"/>
  <field name="x" type="(string -> int) map"/><field name="XEntry" type="int"/>
  <field name="_" type="int" default="0"/><field name="__" type="int"/>
  <field name="_x_1" type="int option"/><field name="x_1" type="int option"/>
  <field name="self" type="a-b record option"/></record>
<record name="a_b"><field name="google" type="datetime"/><field name="graft" type='"anything"'/>
  <field name="ABRecord" type="a-b record set set"/></record>
<method name="google.stream"><param name="message" type="datetime"/><param name="option" type="enum mode set set"/>
  <param name="map" type="(string -> int) map set"/><result type="(bool -> string option set) map"/></method>
<method name="graft.returns"><param name="x" type='"words"' default="null"/><result type='"words" option'/></method>
<method name="message.rpc"><param name="optional" type="string" optional="true"/></method>
<method name="message.option"><result type="(enum mode -> (int -> a_b record) map) map"/></method>
<method name="types.Mode"/><method name="Types.types"/><method name="Mode.rpc"/>
<method name="service.a.b"/><method name="service.a_b"/><method name="service.ServiceABRequest"/>
<method name="Service.a_b"/><method name="ABRecord.x"><result type="a-b record"/></method>
<method name="string.enum"><param name="p" type="int set" default="[1]" secret="true"/>
  <param name="q" type="string option" default='["a"]'/><param name="r" type="(int -> int) map" default="{}"/></method>
"""


@pytest.mark.parametrize("program", ["protoc", "buf"])
def test_odd_names_give_way_to_each_other(program: str, tmp_path: Path) -> None:
    made = describe(declared(ODD))
    assert_compiles(made, tmp_path / "protos", program)
    assert len({path.lower() for path in made.files}) == len(made.files)
    assert {"graft.ext.google", "graft.ext.message", "graft.ext.ABRecord"} <= set(made.services)
    service = made.files[made.class_files["service"]].service[0]
    assert [method.name for method in service.method] == ["a_b_2", "a_b", "ServiceABRequest"]


@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
@given(declarations.documents())
def test_any_declarations_make_files_that_compile(tmp_path_factory, document: Document) -> None:
    made = describe(Api.of(document))
    assert_builds(made)
    assert_compiles(made, tmp_path_factory.getbasetemp() / "any")


def test_what_is_told_stands_in_the_comments() -> None:
    api = declared("""
      <enum name="state"><value name="on-line">It works.</value></enum>
      <record name="old"><field name="gone" type="state ref" default="secret words" secret="true">
        <doc>One.</doc><lifecycle><published release="1.0"/><deprecated release="2.0">Use more.</deprecated></lifecycle>
      </field></record>
      <method name="Disk.wipe" role="pool-operator" idempotent="true"><doc>Wipe it.</doc>
        <param name="times" type="int" default="3" since="1.5"><doc>How often.</doc></param>
        <error code="DISK_IN_USE"><param name="disk"/><doc>It is mounted.</doc></error>
        <lifecycle><published release="1.0"/><deprecated release="2.0">Too slow.</deprecated></lifecycle></method>""")
    text = "".join(sources(describe(api), describe(api).files).values())
    for line in (
        "  // `on-line`: It works.\n  STATE_ON_LINE = 1;",
        "  // It is secret, and kept out of logs.\n  optional string gone = 1 [deprecated = true];",
        "  // Deprecated in 2.0: Use more.",
        "  // Needs the role pool-operator.\n",
        "  // - DISK_IN_USE [disk]: It is mounted.\n",
        "    option deprecated = true;\n    option idempotency_level = IDEMPOTENT;\n",
        "  // How often.\n  //\n  // Left out it is `3`.\n  //\n  // Since 1.5.\n  optional int64 times = 1;",
    ):
        assert line in text
    assert "secret words" not in text


def normal(value):
    """A value without what is the same: options left out of records and empty ones, a fraction's last noughts."""
    match value:
        case list():
            return [normal(item) for item in value]
        case dict():
            return {name: normal(item) for name, item in value.items() if item != []}
        case DateTime(text):
            return DateTime(re.sub(r"(\.\d*?)0+Z", r"\1Z", text).replace(".Z", "Z"))
        case float() if math.isnan(value):
            return "nan"
        case _:
            return value


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_any_value_of_any_type_survives(data: st.DataObject) -> None:
    document = data.draw(declarations.documents())
    types = Types.of(document)
    kind = data.draw(declarations.types(list(types.enums), list(types.records)))
    method = Method("A.b", params=(Param("a", kind),), result=Result(kind), role="anyone")
    checks, messages = MethodChecks(method, types), MethodMessages(method, types)
    value = checks.result(data.draw(values(kind, types)))
    response = messages.response_class.FromString(messages.result(value))
    assert normal(messages.response.read(response).get("value", [])) == normal(value)
    request = messages.request_class()
    messages.request.write(request, {"a": value})
    [taken] = checks.arguments(messages.arguments(request.SerializeToString()))
    assert normal(taken) == normal(value)


@given(declarations.untyped)
def test_any_value_survives_where_the_type_is_told_in_words(value) -> None:
    method = Method("A.b", params=(Param("a", parse_type('"anything"')),), role="anyone")
    messages = MethodMessages(method, Types())
    request = messages.request_class()
    messages.request.write(request, {"a": value})
    assert normal(messages.arguments(request.SerializeToString())) == normal([value])


def messages_of(*params: Param, types: Types | None = None) -> MethodMessages:
    return MethodMessages(Method("A.b", params=params, role="anyone"), types or Types())


def param(name: str, kind: str, default: str | None = None, *, optional: bool = False) -> Param:
    return Param(name, parse_type(kind), default=default, optional=optional)


OMITTED = (
    param("name", "string"),
    param("sizes", "int set", "[1]"),
    param("label", "string option", '["x"]'),
    param("tags", "string set", "[]"),
    param("last", "datetime", optional=True),
    param("more", "int", optional=True),
)


@pytest.mark.parametrize(
    ("given_values", "arguments"),
    [
        ({"name": "a"}, ["a", [1], ["x"], []]),
        ({"name": "a", "sizes": []}, ["a", [], ["x"], []]),
        ({"name": "a", "label": []}, ["a", [1], [], []]),
        ({"name": "a", "tags": ["t"], "label": ["y"]}, ["a", [1], ["y"], ["t"]]),
        ({"name": "", "last": DateTime("20260101T00:00:00Z")}, ["", [1], ["x"], [], DateTime("20260101T00:00:00Z")]),
    ],
)
def test_what_is_left_out_is_another_thing_than_what_is_empty(given_values, arguments) -> None:
    messages = messages_of(*OMITTED)
    request = messages.request_class()
    messages.request.write(request, given_values)
    assert messages.arguments(request.SerializeToString()) == arguments


TYPES = Types.of(
    read_document(
        b"""<methods xmlns="urn:graft:methods:1"><enum name="e"><value name="a"/></enum>
        <record name="r"><field name="e" type="enum e"/><field name="t" type="datetime"/></record></methods>""",
        "x.xml",
    )
)


@pytest.mark.parametrize(
    ("kind", "wire", "error"),
    [
        ("enum e", "", ["FIELD_TYPE_ERROR", "p", "enum e", "nothing"]),
        ("enum e", "0807", ["INVALID_VALUE", "p", "7", "enum e has the values a"]),
        ("enum e set", "0a020001", ["FIELD_TYPE_ERROR", "p[0]", "enum e", "nil"]),
        ("r record", "", ["FIELD_TYPE_ERROR", "p", "r record", "nothing"]),
        ("r record", "0a00", ["FIELD_TYPE_ERROR", "p.e", "enum e", "nothing"]),
        ("r record", "0a020801", ["FIELD_TYPE_ERROR", "p.t", "datetime", "nothing"]),
        ("datetime", "0a0a08ffffffffffffffff7f", ["INVALID_VALUE", "p", "9223372036854775807 s"]),
        ("datetime", "0a0b10ffffffffffffffffff01", ["INVALID_VALUE", "p", "-1 ns"]),
        ("string", "1801", ["MESSAGE_PARAMETER_COUNT_MISMATCH", "A.b", "1", "2"]),
        ("string", "ff", ["VALUE_NOT_SUPPORTED", "request"]),
        ("string", "0a01ff", ["VALUE_NOT_SUPPORTED", "request"]),
    ],
)
def test_what_is_wrong_with_a_request_is_told(kind: str, wire: str, error: list[str]) -> None:
    method = Method("A.b", params=(param("p", kind),), role="anyone")
    messages, checks = MethodMessages(method, TYPES), MethodChecks(method, TYPES)
    with pytest.raises(GraftError) as caught:
        checks.arguments(messages.arguments(bytes.fromhex(wire)))
    assert caught.value.error_info()[: len(error)] == error


def test_a_gap_that_nothing_fills_is_told() -> None:
    messages = messages_of(param("a", "int", optional=True), param("b", "int", optional=True))
    request = messages.request_class()
    messages.request.write(request, {"b": 5})
    with pytest.raises(GraftError) as caught:
        messages.arguments(request.SerializeToString())
    assert caught.value.error_info() == ["FIELD_TYPE_ERROR", "a", "int", "nothing"]
    assert "where" in caught.value.details["message"]


@pytest.mark.parametrize(("nest", "most"), [(lambda value: [value], 49), (lambda value: {"a": value}, 33)])
def test_what_others_could_not_read_is_not_sent(nest, most: int) -> None:
    method = Method("A.b", result=Result(parse_type('"anything"')), role="anyone")
    messages = MethodMessages(method, Types())

    def nested(depth: int):
        value = 5
        for _ in range(depth):
            value = nest(value)
        return value

    response = messages.response_class.FromString(messages.result(nested(most)))
    assert messages.response.read(response)["value"] == nested(most)
    with pytest.raises(GraftError) as caught:
        messages.result(nested(most + 1))
    assert "messages deep" in caught.value.params[1]


def test_fields_past_the_reserved_numbers() -> None:
    fields = tuple(Field(f"f{number}", parse_type("int")) for number in range(19_050))
    [types] = describe(Api.of(Document(records=(Record("big", fields),)))).files.values()
    numbers = [field.number for field in types.message_type[0].field]
    assert numbers == [*range(1, 19_000), *range(20_000, 20_051)]
