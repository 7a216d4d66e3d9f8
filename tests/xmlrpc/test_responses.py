"""Answers: xapi's envelope byte for byte, what extensions print, and what clients read."""

from __future__ import annotations

import enum
import math
import re
import xmlrpc.client

import pytest

from graft_common.values import DateTime
from graft_common.xmlrpc import (
    I4,
    Failure,
    Success,
    XmlRpcSyntaxError,
    format_bare,
    format_failure,
    format_success,
    format_value,
    parse_extension_output,
    parse_response,
    parse_value,
)


def answer_of(value: str) -> bytes:
    return f"<methodResponse><params><param>{value}</param></params></methodResponse>".encode()


def printed(value: object) -> bytes:
    """What a Python extension prints, as xapi's own Test.test does."""
    return xmlrpc.client.dumps((value,), "", methodresponse=True, allow_none=True).encode()


def test_success_byte_for_byte():
    assert format_success("x") == (
        b'<?xml version="1.0"?><methodResponse><params><param><value><struct>'
        b"<member><name>Status</name><value>Success</value></member>"
        b"<member><name>Value</name><value>x</value></member>"
        b"</struct></value></param></params></methodResponse>"
    )


def test_failure_byte_for_byte():
    assert format_failure(["CODE", "a<b"]) == (
        b'<?xml version="1.0"?><methodResponse><params><param><value><struct>'
        b"<member><name>Status</name><value>Failure</value></member>"
        b"<member><name>ErrorDescription</name><value><array><data>"
        b"<value>CODE</value><value>a&lt;b</value></data></array></value></member>"
        b"</struct></value></param></params></methodResponse>"
    )


def test_bare_byte_for_byte():
    assert format_bare(["pool.get_all"]) == (
        b'<?xml version="1.0"?><methodResponse><params><param>'
        b"<value><array><data><value>pool.get_all</value></data></array></value>"
        b"</param></params></methodResponse>"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "<value></value>"),
        (123, "<value>123</value>"),
        (-(2**63), "<value>-9223372036854775808</value>"),
        (True, "<value><boolean>1</boolean></value>"),
        (False, "<value><boolean>0</boolean></value>"),
        (1.0, "<value><double>1</double></value>"),
        (1234567.125, "<value><double>1234567.125</double></value>"),
        (1e16, "<value><double>1e+16</double></value>"),
        (math.nan, "<value><double>nan</double></value>"),
        (math.inf, "<value><double>inf</double></value>"),
        (DateTime("20260101T00:00:00Z"), "<value><dateTime.iso8601>20260101T00:00:00Z</dateTime.iso8601></value>"),
        (b"\xff" * 100, "<value><base64>" + "////" * 33 + "/w==</base64></value>"),
        (None, "<value><nil/></value>"),
        (I4(7), "<value><i4>7</i4></value>"),
        (
            {"<k>": [I4(1), 2]},
            (
                "<value><struct><member><name>&lt;k&gt;</name>"
                "<value><array><data><value><i4>1</i4></value><value>2</value></data></array></value>"
                "</member></struct></value>"
            ),
        ),
    ],
)
def test_values_as_task_results_hold_them(value, text):
    assert format_value(value) == text
    assert text.encode() in format_success(value)


def test_values_of_derived_classes():
    class Colour(enum.StrEnum):
        RED = "red"

    class Number(enum.IntEnum):
        SEVEN = 7

    assert format_value([Colour.RED, Number.SEVEN]) == format_value(["red", 7])
    with pytest.raises(TypeError, match="set is no value of a call"):
        format_value({"a": {1}})


def test_what_strict_clients_need():
    """The parser of npm xen-api takes no white space between elements and does not know i8."""
    value = {"a": [2**40, -1, I4(3), 1.5, True, None, b"x" * 200, "t", DateTime("20260101T00:00:00Z"), {"b": ""}]}
    for answer in (format_success(value), format_failure(["A", "b"]), format_bare(value)):
        text = answer.decode()
        assert not re.search(r">\s+<", text)
        assert "\n" not in text
        known = "array base64 boolean dateTime.iso8601 double i4 int nil string struct"
        frame = "methodResponse params param value data member name"
        assert set(re.findall(r"<([^/?>]+)/?>", text)) <= {*known.split(), *frame.split()}


@pytest.mark.parametrize(
    ("stdout", "outcome"),
    [
        pytest.param(printed({"Status": "Success", "Value": "x"}), Success("x"), id="success"),
        pytest.param(
            printed({"Status": "Success", "Value": {"a": 5}, "More": 1}), Success({"a": 5}), id="success-more"
        ),
        pytest.param(printed({"Status": "Success", "Value": None}), Success(None), id="success-nil"),
        pytest.param(
            printed({"Status": "Failure", "ErrorDescription": ["CODE", "a", "b"]}),
            Failure(["CODE", "a", "b"]),
            id="failure",
        ),
        pytest.param(printed({"Status": "Success"}), Success({"Status": "Success"}), id="only-status"),
        pytest.param(printed({"Status": "Failure"}), Success({"Status": "Failure"}), id="only-failure"),
        pytest.param(
            printed({"Status": "Maybe", "Value": 1}), Success({"Status": "Maybe", "Value": 1}), id="other-status"
        ),
        pytest.param(printed({"Status": 1, "Value": 1}), Success({"Status": 1, "Value": 1}), id="status-no-string"),
        pytest.param(printed({"a": "b"}), Success({"a": "b"}), id="other-struct"),
        pytest.param(printed(["a"]), Success(["a"]), id="array"),
        pytest.param(printed("a"), Success("a"), id="string"),
        pytest.param(printed(5), Success(5), id="int"),
        pytest.param(answer_of("<value>5</value>"), Success("5"), id="untyped"),
        pytest.param(answer_of("<value><i8>5</i8></value>"), Success(5), id="i8"),
        pytest.param(answer_of("<value><ex:i8>5</ex:i8></value>"), Success(5), id="ex-i8"),
        pytest.param(answer_of("<value><nil/></value>"), Success(None), id="nil"),
        pytest.param(answer_of("<value><ex:nil/></value>"), Success(None), id="ex-nil"),
        pytest.param(
            xmlrpc.client.dumps(xmlrpc.client.Fault(4, "Too many")).encode(),
            Failure(["fault", "4", "Too many"]),
            id="fault-alone",
        ),
        pytest.param(
            xmlrpc.client.dumps(xmlrpc.client.Fault(4, "Too many"), methodresponse=True).encode(),
            Failure(["fault", "4", "Too many"]),
            id="fault",
        ),
        pytest.param(printed("a") + b"trailing text", Success("a"), id="trailing-text"),
        pytest.param(printed("a") + printed("b"), Success("a"), id="second-document"),
        pytest.param(format_failure(["A"]) + format_success("b"), Failure(["A"]), id="second-after-failure"),
        pytest.param(answer_of("<value>a</value>") * 2, Success("a"), id="second-without-declaration"),
        pytest.param(printed("a") + b"\xff\xfe\0<", Success("a"), id="trailing-bytes"),
        pytest.param(printed("a") + b"<!-- never closed", Success("a"), id="trailing-comment"),
        pytest.param(printed("a") + b"<?broken", Success("a"), id="trailing-instruction"),
        pytest.param(b" \n" + answer_of("<value>a</value>"), Success("a"), id="leading-space"),
        pytest.param(b"\n\n" + printed("a"), Success("a"), id="leading-newline-before-declaration"),
        pytest.param(printed(xmlrpc.client.Binary(b"x" * 100)), Success(b"x" * 100), id="wrapped-base64"),
        pytest.param(answer_of("<value><boolean>true</boolean></value>"), Success(True), id="true"),
        pytest.param(answer_of("<value><boolean>1</boolean></value>"), Success(True), id="one"),
        pytest.param(
            printed(xmlrpc.client.DateTime("20260101T00:00:00")), Success(DateTime("20260101T00:00:00")), id="date"
        ),
        pytest.param(
            answer_of("<value><struct><member><name/><value>1</value></member></struct></value>"),
            Success({"": "1"}),
            id="empty-name",
        ),
    ],
)
def test_what_extensions_print(stdout, outcome):
    parsed = parse_extension_output(stdout)
    assert parsed == outcome
    assert type(parsed) is type(outcome)


@pytest.mark.parametrize(
    ("description", "error"),
    [
        ("<value>CODE</value>", ["CODE"]),
        ("<value><string>CODE</string></value>", ["CODE"]),
        ("<value/>", [""]),
        ("<value><array><data><value>A</value><value>5</value></data></array></value>", ["A", "5"]),
        (
            "<value><array><data><value>A</value><value><int>5</int></value></data></array></value>",
            ["A", "5"],
        ),
        (
            (
                "<value><array><data><value>A</value><value><double>1.5</double></value>"
                "<value><boolean>1</boolean></value></data></array></value>"
            ),
            ["A", "1.5", "true"],
        ),
        (
            "<value><array><data><value><int>5</int></value></data></array></value>",
            ["EXTENSION_PROTOCOL_FAILURE", "[5]"],
        ),
        (
            "<value><array><data><value>A</value><value><nil/></value></data></array></value>",
            ["EXTENSION_PROTOCOL_FAILURE", '["A",null]'],
        ),
        ("<value><array><data/></array></value>", ["EXTENSION_PROTOCOL_FAILURE", "[]"]),
        ("<value><struct/></value>", ["EXTENSION_PROTOCOL_FAILURE", "{}"]),
        ("<value><nil/></value>", ["EXTENSION_PROTOCOL_FAILURE", "null"]),
        ("<value><boolean>1</boolean></value>", ["EXTENSION_PROTOCOL_FAILURE", "true"]),
        ("<value><base64>eHl6</base64></value>", ["EXTENSION_PROTOCOL_FAILURE", '"eHl6"']),
        ("<value><dateTime.iso8601>d</dateTime.iso8601></value>", ["EXTENSION_PROTOCOL_FAILURE", '"d"']),
    ],
)
def test_error_descriptions(description, error):
    member = f"<member><name>ErrorDescription</name>{description}</member>"
    stdout = answer_of(
        f"<value><struct><member><name>Status</name><value>Failure</value></member>{member}</struct></value>"
    )
    assert parse_extension_output(stdout) == Failure(error)


SUBJECT = "the extension's output "


@pytest.mark.parametrize(
    ("stdout", "message"),
    [
        (b"", "is empty; an XML-RPC document is expected"),
        (b"\n", "is empty; an XML-RPC document is expected"),
        (b"debug\n" + printed("a"), "is not well-formed XML at line 1, column 1: syntax error"),
        (b"\n\xff", "is not well-formed XML at line 2, column 1: "),
        (printed("gr\u00f6\u00dfe").decode().encode("latin-1"), "line 5, column "),
        (printed("a")[:-5], "is not well-formed XML at line "),
        (b"<value>a</value>", "methodResponse: <value> stands where <methodResponse> is expected"),
        (b"<methodResponse/>", "methodResponse: <methodResponse> holds 0 elements; it holds exactly one"),
        (b"<methodResponse><params/></methodResponse>", "<params> holds 0 elements; it holds exactly one"),
        (answer_of("<value/></param><param><value/>"), "<params> holds 2 elements; it holds exactly one"),
        (answer_of("<value><int/></value>"), 'is not XML-RPC at result: "" is no integer of 64 bits'),
        (answer_of("<value><int>1e3</int></value>"), '"1e3" is no integer of 64 bits'),
        (answer_of("<value><text/></value>"), "<text> is no type"),
        (answer_of("<value><base64>*</base64></value>"), "is no base64"),
        (b"<methodResponse><fault><value>x</value></fault></methodResponse>", "fault: a fault is a struct of the int"),
        (b"<methodResponse><fault/></methodResponse>", "<fault> holds 0 elements"),
        (
            printed({"Value": [1]}).replace(b"<int>1", b"<int>one"),
            'is not XML-RPC at result["Value"][0]: "one" is no integer',
        ),
    ],
)
def test_what_is_no_answer(stdout, message):
    with pytest.raises(XmlRpcSyntaxError) as error:
        parse_extension_output(stdout)
    assert str(error.value).startswith(SUBJECT)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (format_success("x"), Success("x")),
        (format_success({"a": [1, None]}), Success({"a": ["1", None]})),
        (format_failure(["A", "b"]), Failure(["A", "b"])),
        (format_bare(["a"]), Success(["a"])),
        (format_bare(None), Success(None)),
        (xmlrpc.client.dumps(xmlrpc.client.Fault(4, "t"), methodresponse=True).encode(), Failure(["fault", "4", "t"])),
    ],
)
def test_what_a_client_reads(body, outcome):
    assert parse_response(body) == outcome


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"<html><br></html>", format_success("a") + b"x"])
def test_what_a_client_refuses(body):
    with pytest.raises(XmlRpcSyntaxError, match=r"^the answer "):
        parse_response(body)


@pytest.mark.parametrize("value", ["", "text", True, 1.5, None, b"x", ["a"], {"a": ["b"]}, DateTime("d"), "a\r\nb"])
def test_task_results_are_read_back(value):
    assert parse_value(format_value(value)) == value


@pytest.mark.parametrize("text", ["", "plain", "<int>5</int>", "<value>", "<value/><value/>", "\ud800"])
def test_task_results_that_are_none(text):
    with pytest.raises(XmlRpcSyntaxError, match=r"^the value "):
        parse_value(text)


def test_a_task_result_is_text_whatever_it_declares():
    assert parse_value('<?xml version="1.0" encoding="ISO-8859-1"?><value>ö</value>') == "ö"
