"""What the reader says of files that are wrong, and where; and what of right ones it takes as what."""

from __future__ import annotations

import pytest

from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.model import (
    ANYONE,
    Access,
    Argument,
    Document,
    EnumDeclaration,
    EnumValue,
    Example,
    MethodLimits,
    Residence,
    Types,
)
from graft_common.declarations.reader import MAX_FINDINGS, DeclarationError, read_document
from graft_common.declarations.texts import NAMESPACE
from graft_common.declarations.writer import write_document
from graft_common.errors import GraftError
from graft_common.xml_documents import MAX_BYTES

HEAD = f'<methods xmlns="{NAMESPACE}">\n'
ENUM = '<enum name="state"><value name="done"/></enum>\n'


def read(inner: str, known: Types | None = None) -> Document:
    return read_document(f"{HEAD}{inner}\n</methods>".encode(), "x.xml", known)


def told(inner: str) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        read(inner)
    return [str(finding) for finding in caught.value.findings]


def of_method(inner: str, attributes: str = "") -> str:
    return f'<method name="A.b" {attributes}>\n{inner}</method>'


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        (
            "<foo/>",
            "x.xml:2: /methods/foo: <foo> cannot stand in <methods>; there can be <class>, <enum>, <record>, <method>",
        ),
        ("text", "x.xml:1: /methods: character data between child elements not allowed"),
        ("<method/>", "x.xml:2: /methods/method: missing required attribute 'name'"),
        ('<method name="A.b" fast="true"/>', "'fast' attribute not allowed"),
        ('<method name="resize"/>', "attribute name='resize': value doesn't match"),
        ('<method name="A..b"/>', "attribute name='A..b'"),
        ('<method name="A.b" executable="../x"/>', "attribute executable='../x'"),
        ('<method name="A.b" executable=".x"/>', "attribute executable='.x'"),
        ('<method name="A.b" idempotent="yes"/>', "attribute idempotent='yes'"),
        ('<method name="A.b" zygote="no"/>', "attribute zygote='no'"),
        ('<method name="A.b" xmlns="other"/>', "<{other}method> cannot stand in <methods>"),
        (of_method("<doc/><doc/>"), "x.xml:3: /methods/method/doc: <doc> stands more than once in <method>"),
        (of_method("<doc><b/></doc>"), "x.xml:3: /methods/method/doc"),
        (of_method('<param name="a"/>'), "x.xml:3: /methods/method/param: missing required attribute 'type'"),
        (of_method('<param type="int"/>'), "missing required attribute 'name'"),
        (of_method('<limits processes="0"/>'), "attribute processes='0'"),
        (of_method('<limits timeout="-5s"/>'), "attribute timeout='-5s'"),
        (of_method('<access network="internet"/>'), "value must be one of ['none', 'loopback', 'outbound']"),
        (of_method('<access><read path="etc"/></access>'), "attribute path='etc'"),
        (of_method("<lifecycle><born release='1'/></lifecycle>"), "<born> cannot stand in <lifecycle>"),
        (of_method("<lifecycle><published/></lifecycle>"), "missing required attribute 'release'"),
        ('<enum name="e"/>', "x.xml:2: /methods/enum: The content of element 'enum' is not complete"),
        ('<enum name="e"><value name=""/></enum>', "attribute name=''"),
        ('<record name="r"><field name="f" type="int" qualifier="RX"/></record>', "attribute qualifier='RX'"),
        (of_method('<resident concurrency="0"/>'), "attribute concurrency='0'"),
        (of_method('<resident age="long"/>'), "attribute age='long'"),
        (of_method("<resident/><resident/>"), "<resident> stands more than once in <method>"),
    ],
)
def test_what_the_schema_refuses(inner: str, says: str) -> None:
    assert any(says in finding for finding in told(inner))


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        (of_method('<param name="a" type="in t"/>'), "x.xml:3: /methods/method[1]/param[1]: 'in t' is no type: at character 4: "),
        (of_method('<limits timeout="30x"/>'), "x.xml:3: /methods/method[1]/limits[1]: timeout: '30x' is not a duration"),
        (of_method('<limits memory="5s"/>'), "memory: '5s' is not a size"),
        (of_method('<limits timeout="0"/>'), "timeout is 0 s; it lies between 1 ms and"),
        (of_method('<limits memory="0"/>'), "memory is 0 bytes; it lies between"),
        (of_method('<limits memory="999999999999999GiB"/>'), "memory is"),
        (of_method('<limits stderr="0"/>'), "stderr is 0 bytes; it lies between"),
        (of_method('<limits processes="2000000"/>'), "processes is 2000000; it lies between"),
        (of_method("", 'role="king"'), "x.xml:2: /methods/method[1]: there is no role king; the roles are pool-admin, "),
        ('<method name="A.b"/><method name="A.b"/>', "/methods/method[2]: there is a method A.b already"),
        ('<class name="A"/><class name="A"/>', "/methods/class[2]: there is a class A already"),
        (ENUM + ENUM, "x.xml:3: /methods/enum[2]: there is a enum state already"),
        ('<record name="r"/><record name="r"/>', "there is a record r already"),
        ('<class name="r"><field name="f" type="int"/></class><record name="r"/>', "/methods/record[1]: the class r has fields"),
        ('<record name="set"/>', "set is a word of the type grammar"),
        ('<enum name="e"><value name="a"/><value name="a"/></enum>', "/methods/enum[1]/value[2]: there is a value a already"),
        ('<record name="r"><field name="f" type="int"/><field name="f" type="int"/></record>', "/field[2]: there is a field f already"),
        ('<class name="A" enums="e"/>', "/methods/class[1]: no enum e is declared"),
        (of_method('<param name="a" type="int"/><param name="a" type="int"/>'), "/param[2]: there is a parameter a already"),
        (of_method('<error code="X"/><error code="X"/>'), "/error[2]: there is a error X already"),
        (of_method('<error code="X"><param name="a"/><param name="a"/></error>'), "/error[1]/param[2]: there is a parameter a"),
        (of_method('<param name="a" type="enum e set"/>'), "the parameter a is of the type enum e set: no enum e is declared"),
        (of_method('<result type="r record"/>'), "/result[1]: the result is of the type r record: no record r is declared"),
        (of_method('<param name="a" type="(int set -> int) map"/>'), "int set cannot be the key of a map"),
        ('<record name="r"><field name="f" type="(int -> q record) map"/></record>', "/record[1]/field[1]: the field f is of the type"),
        (of_method('<param name="a" type="int" default="x"/>'), "the default of the parameter a cannot be read: 'x' is no int"),
        (of_method('<param name="a" type="bool" default="yes"/>'), "write true or false"),
        (of_method('<param name="a" type="datetime" default="now"/>'), "does not fit the type datetime: 'now': no date and time"),
        (of_method('<param name="a" type="int set" default="1"/>'), "int in place of int set; write a JSON array"),
        (of_method('<param name="a" type="int set" default="[1,"/>'), "is no JSON"),
        (of_method('<param name="a" type="int set" default="[1,[]]"/>'), "does not fit the type int set at [1]: expected int, got array"),
        (ENUM + of_method('<param name="a" type="enum state" default="x"/>'), "'x': enum state has the values done"),
        (of_method('<param name="a" type="int" default="1"/><param name="b" type="int"/>'), "b has no default, but a before it may be left out"),
        (of_method('<param name="a" type="int" default="1" optional="true"/>'), "`optional` is for parameters without one"),
        (of_method('<param name="a" type="int" since="1.10"/><param name="b" type="int" since="1.9"/>'), "b came in 1.9, before"),
        (of_method('<lifecycle><removed release="1"/></lifecycle>'), "/lifecycle[1]: removed cannot follow unreleased; it follows deprecated or"),
        (of_method('<lifecycle><published release="2"/><deprecated release="1"/></lifecycle>'), "the release 1 is older than 2"),
        (of_method('<access><read path="/a/../b"/></access>'), "/access[1]/read[1]: /a/../b is no plain absolute path"),
        (of_method('<access><write path="/a/"/></access>'), "/access[1]/write[1]: /a/ is no plain absolute path"),
        (of_method('<access><secret name="a"/><secret name="a"/></access>'), "there is a secret a already"),
        (of_method('<access><secret name="../a"/></access>'), "attribute name='../a'"),
        (of_method('<access><read path="/proc/1"/></access>'), "/access[1]/read[1]: /proc/1 cannot be given"),
        (of_method('<access><environment name="PATH"/></access>'), "/access[1]/environment[1]: PATH cannot be given"),
        (of_method('<access>\n<environment name=""/></access>'), "x.xml:4: /methods/method/access/environment: attribute name='': "),
        (of_method('<access>\n<environment name="A=B"/></access>'), "x.xml:4: /methods/method/access/environment: attribute name='A=B': "),
        (of_method('<access>\n<environment name="1A"/></access>'), "x.xml:4: /methods/method/access/environment: attribute name='1A': "),
        (of_method('<example><argument name="x" value="1"/></example>'), "/example[1]/argument[1]: A.b has no parameter x"),
        (of_method('<param name="a" type="int"/><example/>'), "/example[1]: the example does not give a, which must be given"),
        (of_method('<param name="a" type="int"/><example><argument name="a" value="x"/></example>'), "the value of a cannot be read"),
        (of_method('<example><result value="1"/></example>'), "/example[1]/result[1]: A.b has no result"),
        (of_method('<result type="int"/><example><result value="x"/></example>'), "the example's result cannot be read"),
        (of_method('<result type="int"/><example><result value="1"/><error code="X"/></example>'), "a result and an error"),
        ('<record name="r"><field name="f" type="r record" default="{}"/></record>', "leads to its own record"),
    ],
)  # fmt: skip
def test_what_the_rules_refuse(inner: str, says: str) -> None:
    found = told(inner)
    assert any(says in finding for finding in found), found


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "x.xml: the file is empty"),
        (b"<a", "x.xml:1: the file is not well-formed XML"),
        (b"<a>\n</b>", "x.xml:2: the file is not well-formed XML"),
        (b"<methods/>", f'x.xml:1: /methods: the root element is <methods>; <methods xmlns="{NAMESPACE}"> is expected'),
        (b'<x:methods xmlns:x="urn:graft:methods:2"/>', "the root element is <{urn:graft:methods:2}methods>"),
        (b'<!DOCTYPE methods [<!ENTITY a "b">]><methods/>', "document type definition"),
        (b"<a>" * 100 + b"</a>" * 100, "nest more than"),
        (b" " * MAX_BYTES + b"<a/>", "bytes"),
    ],
)
def test_what_is_no_such_document(data: bytes, says: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read_document(data, "x.xml")
    assert says in str(caught.value)


def test_all_is_told_at_once_and_by_line() -> None:
    found = told(of_method('<param name="a" type="int" default="x"/>\n<result type="enum e"/>\n', 'role="king"'))
    assert [finding.split(":")[1] for finding in found] == ["2", "3", "4"]


def test_findings_are_bounded() -> None:
    assert len(told('<method name="A.b"/>\n' * 1000)) == MAX_FINDINGS
    assert len(told("<foo/>\n" * 1000)) == MAX_FINDINGS


def test_what_others_declare_may_be_named() -> None:
    known = Types.of(Document(enums=(EnumDeclaration("state", (EnumValue("done"),)),)))
    inner = of_method('<param name="a" type="enum state" default="done"/>')
    assert read(inner, known).methods[0].params[0].default == "done"
    with pytest.raises(DeclarationError):
        read(inner)


def test_what_is_taken_as_what() -> None:
    document = read(
        """<m:method xmlns:m="urn:graft:methods:1" name="A.b" role="anyone" zygote="0" resident=" true ">
          <example><error code="X"><param value=""/></error><argument name="a" value="1"/></example>
          <limits tmp="1 MiB" timeout="1.5min" cpu="1ms" memory="1GB" open-files="7" stderr="64KiB"/>
          <access network="outbound"><secret name="key"/><read path="/a"/></access>
          <param name="a" type=" int "/>
          <doc>
            First line.

              Indented.
          </doc>
        </m:method>"""
    )
    method = document.methods[0]
    assert method.doc == "First line.\n\n  Indented."
    assert (method.role, method.zygote, method.resident, method.file_name) == (ANYONE, False, True, "A.b")
    assert (method.class_name, method.short_name) == ("A", "b")
    assert method.limits == MethodLimits(timeout=90.0, cpu=0.001, memory=10**9, open_files=7, tmp=2**20, stderr=2**16)
    assert method.access == Access("outbound", read=("/a",), secrets=("key",))
    assert method.examples == (Example(arguments=(Argument("a", "1"),), error=("X", "")),)


def test_defaults_that_multiply_are_refused() -> None:
    """Each record has two of the next one by default: a few lines would make millions of values."""
    records = [
        f'<record name="r{n}"><field name="a" type="r{n + 1} record" default="{{}}"/>'
        f'<field name="b" type="r{n + 1} record" default="{{}}"/></record>\n'
        for n in range(30)
    ]
    found = told(f'{"".join(records)}<record name="r30"/>')
    assert any("parts; at most" in finding for finding in found)


def test_records_in_a_long_row_do_no_harm() -> None:
    """Each is in the one before, further than functions can call each other."""
    records = [f'<record name="r{n}"><field name="a" type="r{n + 1} record"/></record>\n' for n in range(2000)]
    method = of_method('<param name="a" type="r0 record"/>')
    document = read(f"{''.join(records)}<record name='r2000'/>{method}")
    with pytest.raises(GraftError, match="FIELD_TYPE_ERROR"):
        MethodChecks(document.methods[0], Types.of(document)).arguments([{}])


@pytest.mark.parametrize("kind", ["record", "class"])
def test_records_of_too_many_fields_are_refused(kind: str) -> None:
    fields = "".join(f'<field name="f{n}" type="int"/>' for n in range(1001))
    [finding] = told(f'<{kind} name="big">{fields}</{kind}>')
    assert finding.endswith("it has 1001 fields; at most 1000 are taken")


@pytest.mark.parametrize(
    ("attributes", "inner", "resident", "residence"),
    [
        ("", "", False, Residence()),
        ('resident="true"', "", True, Residence()),
        ("", "<resident/>", True, Residence()),
        ('resident="1"', '<resident concurrency="8"/>', True, Residence(8)),
        ("", '<resident processes="2" calls="9" age="1.5min" idle="2s"/>', True, Residence(1, 2, 9, 90.0, 2.0)),
    ],
)
def test_who_stays(attributes: str, inner: str, resident: bool, residence: Residence) -> None:
    document = read(of_method(inner, attributes))
    [method] = document.methods
    assert (method.resident, method.residence) == (resident, residence)
    assert read_document(write_document(document), "x.xml") == document


@pytest.mark.parametrize(
    ("attributes", "inner", "says"),
    [
        ("", '<resident concurrency="257"/>', "resident[1]: concurrency is 257; it lies between 1 and 256"),
        ("", '<resident processes="33"/>', "processes is 33; it lies between 1 and 32"),
        ("", '<resident calls="1000001"/>', "calls is 1000001; it lies between 1 and 1000000"),
        ("", '<resident age="500ms"/>', "age is 0.5 s; it lies between 1 s and 31536000 s"),
        ("", '<resident idle="9000h"/>', "idle is 3.24e+07 s; it lies"),
        ('resident="false"', "<resident/>", 'it has <resident> and says resident="false"; take one of them away'),
    ],
)
def test_what_cannot_stay(attributes: str, inner: str, says: str) -> None:
    [finding] = told(of_method(inner, attributes))
    assert says in finding
