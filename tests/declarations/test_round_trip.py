"""What is written is read back the same, whatever it is; and whatever is read, only findings come of it."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft_common.declarations.model import Document, Types
from graft_common.declarations.reader import DeclarationError, read_document
from graft_common.declarations.rules import faults
from graft_common.declarations.texts import NAMESPACE
from graft_common.declarations.writer import write_document
from graft_common.declarations.xenapi_import import import_datamodel
from graft_common.declarations.xenapi_json import read_datamodel
from support.datamodels import sample
from support.declarations import documents

ROOT = f'<methods xmlns="{NAMESPACE}">'
SLOW = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@SLOW
@given(documents())
def test_what_is_written_is_read(document: Document) -> None:
    assert list(faults(document)) == []
    written = write_document(document)
    assert read_document(written, "x.xml") == document
    assert write_document(read_document(written, "x.xml")) == written


def test_xapis_datamodel_is_read() -> None:
    found = import_datamodel(read_datamodel(sample())).documents
    known = Types.of(*found.values())
    for name, document in found.items():
        assert read_document(write_document(document), name, known) == document


def only_findings(data: bytes) -> None:
    try:
        document = read_document(data, "x.xml")
    except DeclarationError as error:
        found = error
    else:
        assert read_document(write_document(document), "x.xml") == document
        return
    assert found.findings
    assert all(finding.file == "x.xml" and finding.reason and finding.line >= 0 for finding in found.findings)
    assert str(found) == "; ".join(str(finding) for finding in found.findings)


@SLOW
@given(st.binary(max_size=200))
def test_bytes(data: bytes) -> None:
    only_findings(data)


@SLOW
@given(documents(), st.data())
def test_mutations(document: Document, data: st.DataObject) -> None:
    written = write_document(document)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(written)))
        length = data.draw(st.integers(0, 10))
        put = data.draw(
            st.binary(max_size=4)
            | st.sampled_from([b'"', b"<", b">", b" set", b"0", b"-", b"\r\n", b"&#0;", b"&#55296;"])
        )
        written = written[:at] + put + written[at + length :]
    only_findings(written)


ELEMENTS = ["class", "enum", "record", "method", "doc", "field", "value", "param", "result", "error", "lifecycle", "published",
            "removed", "limits", "access", "read", "secret", "example", "argument", "foo"]  # fmt: skip
VALUES = ["", "a", "a-b", "A.b", "x y", "int", "a record", "a record set", "enum a", "(string -> int) map", "5", "-1", "true", "1e9",
          "30s", "99999999999999999999", "9" * 15 + "d", "[]", "{}", '{"a":{}}', "[" * 2000, "/a", "/..", "none", "RW", "rio", "1.0"]  # fmt: skip
ATTRIBUTES = ["name", "type", "default", "role", "timeout", "cpu", "memory", "processes", "release", "value", "code", "path",
              "optional", "enums", "network", "xml:space", "bar"]  # fmt: skip


@st.composite
def elements(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    given_ = draw(st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES), max_size=4))
    attributes = "".join(f" {name}='{value}'" for name, value in given_.items())
    tag = draw(st.sampled_from(ELEMENTS))
    return f"<{tag}{attributes}>{''.join(draw(st.lists(inner, max_size=4)))}</{tag}>"


@SLOW
@given(st.lists(st.recursive(st.sampled_from(["", "text", "<doc/>"]), elements, max_leaves=8), max_size=4))
def test_made_up_elements(parts: list[str]) -> None:
    only_findings(f"{ROOT}{''.join(parts)}</methods>".encode())
