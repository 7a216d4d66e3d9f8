"""Calls: what clients send, and what extensions read (xapi's table of re-serialisation)."""

from __future__ import annotations

import math
import xmlrpc.client

import pytest

from graft_common.values import DateTime
from graft_common.xmlrpc import Call, XmlRpcSyntaxError, format_call, format_extension_call, parse_call


def call_of(value: str) -> bytes:
    return f"<methodCall><methodName>m</methodName><params><param>{value}</param></params></methodCall>".encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<value>no type</value>", "no type"),
        ("<value>  kept \n</value>", "  kept \n"),
        ("<value/>", ""),
        ("<value></value>", ""),
        ("<value><string/></value>", ""),
        ("<value><string> kept\t</string></value>", " kept\t"),
        ("<value>\n  <string>x</string>\n</value>", "x"),
        ("<value>a<!-- c -->b<?pi x?>c</value>", "abc"),
        ("<value><![CDATA[<b>&]]> &amp; more</value>", "<b>& & more"),
        ("<value><![CDATA[<!DOCTYPE html>]]></value>", "<!DOCTYPE html>"),
        ("<value>&#65;&#x42;&#13;</value>", "AB\r"),
        ("<value><int>5</int></value>", 5),
        ("<value><int>+5</int></value>", 5),
        ("<value><int>-5</int></value>", -5),
        ("<value><int> 5\n</int></value>", 5),
        ("<value><int>007</int></value>", 7),
        ("<value><i4>2147483647</i4></value>", 2**31 - 1),
        ("<value><i8>9223372036854775807</i8></value>", 2**63 - 1),
        ("<value><int>-9223372036854775808</int></value>", -(2**63)),
        ("<value><ex:i8>5</ex:i8></value>", 5),
        ("<value><boolean>1</boolean></value>", True),
        ("<value><boolean>0</boolean></value>", False),
        ("<value><boolean>true</boolean></value>", True),
        ("<value><boolean> False </boolean></value>", False),
        ("<value><double>1.5</double></value>", 1.5),
        ("<value><double>-1e-3</double></value>", -0.001),
        ("<value><double>.5</double></value>", 0.5),
        ("<value><double>5</double></value>", 5.0),
        ("<value><double>-inf</double></value>", -math.inf),
        ("<value><dateTime.iso8601>20260101T00:00:00Z</dateTime.iso8601></value>", DateTime("20260101T00:00:00Z")),
        ("<value><base64>eHl6</base64></value>", b"xyz"),
        ("<value><base64>\neH\n l6\r\n</base64></value>", b"xyz"),
        ("<value><base64/></value>", b""),
        ("<value><nil/></value>", None),
        ("<value><nil></nil></value>", None),
        ("<value><ex:nil/></value>", None),
        ('<value><ex:nil xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions"/></value>', None),
        ("<value><array><data/></array></value>", []),
        ("<value><array> <data> <value>a</value> <value>b</value> </data> </array></value>", ["a", "b"]),
        ("<value><struct/></value>", {}),
        ("<value><struct><member><name>a&amp;b</name><value>1</value></member></struct></value>", {"a&b": "1"}),
        ("<value><struct> <member> <value>1</value> <name> a </name> </member> </struct></value>", {" a ": "1"}),
        ("<value><struct><member><name/><value>1</value></member></struct></value>", {"": "1"}),
        (
            (
                "<value><struct><member><name>a</name><value>1</value></member>"
                "<member><name>a</name><value>2</value></member></struct></value>"
            ),
            {"a": "2"},
        ),
    ],
)
def test_values_of_clients(text, value):
    parsed = parse_call(call_of(text)).params[0]
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "body",
    [
        "<methodCall><methodName>X.y</methodName></methodCall>",
        "<methodCall><methodName>X.y</methodName><params/></methodCall>",
        "<methodCall><methodName>X.y</methodName><params></params></methodCall>",
        "\n  <?xml version='1.0'?>\n<methodCall>\n <methodName>X.y</methodName>\n <params>\n </params>\n</methodCall>\n",
        "<!-- c --><methodCall a='b'><methodName>X<![CDATA[.]]>y</methodName></methodCall><!-- c -->",
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><methodCall><methodName>X.y</methodName></methodCall>',
        "\ufeff<methodCall><methodName>X.y</methodName></methodCall>",
        '<methodCall xmlns="urn:any"><methodName>X.y</methodName></methodCall>',
    ],
)
def test_envelopes_of_clients(body):
    assert parse_call(body.encode()) == Call("X.y", [])


def test_the_method_name_is_not_trimmed():
    assert parse_call(b"<methodCall><methodName> X.y\n</methodName></methodCall>").method == " X.y\n"


@pytest.mark.parametrize("encoding", ["UTF-8", "utf-8", "ISO-8859-1", "UTF-16"])
def test_encodings(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><methodCall><methodName>größe</methodName></methodCall>'
    assert parse_call(text.encode(encoding)).method == "größe"


def test_a_declared_encoding_is_believed():
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><methodCall><methodName>ö</methodName></methodCall>'
    assert parse_call(text.encode("utf-8")).method == "Ã¶"


NOT_AT = "the call is not XML-RPC at "


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the call is empty; an XML-RPC document is expected"),
        (" \n ", "the call is empty; an XML-RPC document is expected"),
        ("hello", "not well-formed XML at line 1, column 1: syntax error"),
        ("\n\n<methodCall>\n  <a>\n</methodCall>", "not well-formed XML at line 5, column 3: mismatched tag"),
        ("<methodCall>", "not well-formed XML at line 1, column 13: no element found"),
        ("<methodCall><methodName>m</methodName></methodCall>x", "line 1, column 52: junk after document element"),
        ("<methodCall><methodName>m</methodName></methodCall>\0", "line 1, column 52: "),
        ("<methodCall><methodName>&x;</methodName></methodCall>", "line 1, column 25: undefined entity"),
        ("<methodCall><methodName>\x01</methodName></methodCall>", "line 1, column 25: "),
        ("<methodResponse/>", NOT_AT + "methodCall: <methodResponse> stands where <methodCall> is expected"),
        ("<methodCall/>", NOT_AT + "methodCall: it holds 0 elements; it holds <methodName> and"),
        ("<methodCall><methodName><b/></methodName></methodCall>", "<methodName> holds <b>; it holds text only"),
        ("<methodCall><params/></methodCall>", "<params> stands where <methodName> is expected"),
        ("<methodCall><methodName>m</methodName><x/></methodCall>", "<x> stands where <params> is expected"),
        ("<methodCall><methodName>m</methodName>x<params/></methodCall>", 'holds the text "x" beside its elements'),
        ('<?xml version="1.0" encoding="idna"?><a/>', 'is declared to be in the encoding "idna"; use UTF-8'),
        ('<?xml version="1.0" encoding="cp037"?><a/>', 'is declared to be in the encoding "cp037"; use UTF-8'),
    ],
)
def test_envelopes_that_are_none(body, message):
    with pytest.raises(XmlRpcSyntaxError) as error:
        parse_call(body.encode())
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", NOT_AT + "params[0]: <param> holds 0 elements; it holds exactly one"),
        ("<int>5</int>", NOT_AT + "params[0]: <int> stands where <value> is expected"),
        ("<value/><value/>", NOT_AT + "params[0]: <param> holds 2 elements"),
        ("<value>text<int>5</int></value>", 'params[0]: <value> holds the text "text" beside its elements'),
        ("<value><int>5</int>text</value>", 'params[0]: <value> holds the text "text" beside its elements'),
        ("<value><int>5</int><int>5</int></value>", "params[0]: <value> holds 2 elements; it holds exactly one"),
        ("<value><int></int></value>", 'params[0]: "" is no integer of 64 bits; write decimal digits'),
        ("<value><int>five</int></value>", '"five" is no integer of 64 bits'),
        ("<value><int>5.0</int></value>", '"5.0" is no integer of 64 bits'),
        ("<value><int>1_000</int></value>", '"1_000" is no integer of 64 bits'),
        ("<value><int>0x10</int></value>", '"0x10" is no integer of 64 bits'),
        ("<value><int>- 5</int></value>", '"- 5" is no integer of 64 bits'),
        ("<value><int>٣</int></value>", '"٣" is no integer of 64 bits'),
        ("<value><int>9223372036854775808</int></value>", '"9223372036854775808" is no integer of 64 bits'),
        ("<value><i8>-9223372036854775809</i8></value>", "is no integer of 64 bits"),
        (f"<value><int>{'9' * 5000}</int></value>", '99…" is no integer of 64 bits'),
        ("<value><int><b/></int></value>", "<int> holds <b>; it holds text only"),
        ("<value><boolean>2</boolean></value>", '"2" is no boolean; write 1 or 0'),
        ("<value><boolean/></value>", '"" is no boolean; write 1 or 0'),
        ("<value><double>one</double></value>", '"one" is no double; write a decimal number, inf or nan'),
        ("<value><double>1_0</double></value>", '"1_0" is no double'),
        ("<value><double/></value>", '"" is no double'),
        ("<value><base64>eHl</base64></value>", "the text is no base64 (Incorrect padding)"),
        ("<value><base64>e!l6</base64></value>", "the text is no base64 ("),
        ("<value><base64>größe</base64></value>", "the text is no base64 ("),
        ("<value><nil>5</nil></value>", '<nil/> holds the text "5"; it holds nothing'),
        ("<value><text>5</text></value>", "<text> is no type; the types are string, int, i4, i8, boolean"),
        ("<value><array/></value>", "<array> holds 0 elements; it holds exactly one"),
        ("<value><array><value/></array></value>", "<value> stands where <data> is expected"),
        ("<value><array><data>x<value/></data></array></value>", '<data> holds the text "x"'),
        (
            "<value><struct><name>a</name></struct></value>",
            "<name> number 1 of a struct is not a <member> of one <name>",
        ),
        ("<value><struct><member><name>a</name></member></struct></value>", "<member> number 1 of a struct is not a"),
        (
            "<value><struct><member><value/><value/></member></struct></value>",
            "<value> stands where <name> is expected",
        ),
        ("<value><struct>x</struct></value>", '<struct> holds the text "x" beside its elements'),
        (
            (
                "<value><array><data><value/><value><struct><member><name>si&quot;ze</name><value><int>x</int></value>"
                "</member></struct></value></data></array></value>"
            ),
            NOT_AT + r'params[0][1]["si\"ze"]: "x" is no integer',
        ),
    ],
)
def test_values_that_are_none(value, message):
    with pytest.raises(XmlRpcSyntaxError) as error:
        parse_call(call_of(value))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_parameter_that_is_wrong_is_named():
    body = xmlrpc.client.dumps(("a", 5, 6), "m").replace("6", "six").encode()
    with pytest.raises(XmlRpcSyntaxError, match=r'params\[2\]: "six" is no integer'):
        parse_call(body)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "<value>5</value>"),
        (2**63 - 1, "<value>9223372036854775807</value>"),
        ("text", "<value>text</value>"),
        ("", "<value></value>"),
        (' <&>" \t\n', "<value> &lt;&amp;&gt;&quot; \t\n</value>"),
        ("a\0\x01\x0b\x1f\ufffe\ud800b", "<value>ab</value>"),
        ("größe 日本 \U0001f600\x7f", "<value>größe 日本 \U0001f600\x7f</value>"),
        ("a\r\nb", "<value>a&#13;\nb</value>"),
        ("ä\r\n&", "<value>ä&#13;\n&amp;</value>"),
        (True, "<value><boolean>1</boolean></value>"),
        (False, "<value><boolean>0</boolean></value>"),
        (1.0, "<value><double>1</double></value>"),
        (0.1, "<value><double>0.1</double></value>"),
        (1 / 3, "<value><double>0.3333333333333333</double></value>"),
        (1e100, "<value><double>1e+100</double></value>"),
        (math.nan, "<value><double>nan</double></value>"),
        (math.inf, "<value><double>inf</double></value>"),
        (-math.inf, "<value><double>-inf</double></value>"),
        (
            DateTime("20260101T00:00:00Z"),
            "<value><dateTime.iso8601>20260101T00:00:00Z</dateTime.iso8601></value>",
        ),
        (b"x" * 60, f"<value><base64>{'eHh4' * 20}</base64></value>"),
        (None, "<value><nil/></value>"),
        ([], "<value><array><data></data></array></value>"),
        (["a", 1], "<value><array><data><value>a</value><value>1</value></data></array></value>"),
        ({}, "<value><struct></struct></value>"),
        ({"k": "v"}, "<value><struct><member><name>k</name><value>v</value></member></struct></value>"),
        ({"a&b": ""}, "<value><struct><member><name>a&amp;b</name><value></value></member></struct></value>"),
    ],
)
def test_an_extension_reads_what_xapi_writes(value, text):
    head = (
        '<?xml version="1.0"?><methodCall><methodName>X.y</methodName><params><param><value>OpaqueRef:1</value></param>'
    )
    expected = f"{head}<param>{text}</param></params></methodCall>"
    assert format_extension_call("X.y", ["OpaqueRef:1", value]).decode() == expected


def test_a_call_without_parameters():
    expected = b'<?xml version="1.0"?><methodCall><methodName>a&amp;b</methodName><params></params></methodCall>'
    assert format_extension_call("a&b", []) == expected
    assert format_call("a&b", []) == expected


def test_a_python_extension_reads_it():
    sent = format_extension_call("X.y", ["ref", 5, "<t>", True, 1.5, b"x", None, [1, "a"], {"a&b": 2}])
    params, method = xmlrpc.client.loads(sent)
    assert method == "X.y"
    assert params == ("ref", "5", "<t>", True, 1.5, xmlrpc.client.Binary(b"x"), None, ["1", "a"], {"a&b": "2"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "<int>5</int>"),
        (2**31 - 1, "<int>2147483647</int>"),
        (2**31, "<i8>2147483648</i8>"),
        (-(2**31) - 1, "<i8>-2147483649</i8>"),
        ("a", "<string>a</string>"),
        (1 / 3, "<double>0.3333333333333333</double>"),
        (0.1 + 0.2, "<double>0.30000000000000004</double>"),
        (1e22, "<double>1e+22</double>"),
        ([1], "<array><data><value><int>1</int></value></data></array>"),
    ],
)
def test_a_client_writes_types(value, text):
    assert f"<param><value>{text}</value></param>" in format_call("m", [value]).decode()


def test_a_client_cannot_write_what_has_no_place():
    with pytest.raises(ValueError, match="does not fit into 64 bits"):
        format_call("m", [[2**63]])
    for write in (format_call, format_extension_call):
        with pytest.raises(TypeError, match="complex is no value of a call"):
            write("m", [1j])
