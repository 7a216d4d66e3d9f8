"""Files of declarations that name what others declare; and a datamodel of the published one's size."""

from __future__ import annotations

import json

import pytest

from graft_common.declarations.model import EnumDeclaration, EnumValue, Types
from graft_common.declarations.reader import DeclarationError, read_documents
from graft_common.declarations.texts import NAMESPACE
from graft_common.declarations.writer import write_document
from graft_common.declarations.xenapi_export import export_datamodel
from graft_common.declarations.xenapi_import import import_datamodel
from graft_common.declarations.xenapi_json import read_datamodel, write_datamodel
from support.datamodels import ALL_ROLES, class_, field, message, param

LAMP = '<record name="lamp"><field name="state" type="enum state"/></record>'
STATE = '<enum name="state"><value name="on"/></enum><method name="Lamp.get"><result type="lamp record"/></method>'


def document(content: str) -> bytes:
    return f'<methods xmlns="{NAMESPACE}">\n{content}\n</methods>'.encode()


def test_each_may_name_what_the_others_declare() -> None:
    found = read_documents({"lamp.xml": document(LAMP), "state.xml": document(STATE)})
    assert list(found) == ["lamp.xml", "state.xml"]
    assert found["lamp.xml"].records[0].fields[0].name == "state"
    assert found["state.xml"].methods[0].name == "Lamp.get"


def test_or_what_is_known_besides() -> None:
    with pytest.raises(DeclarationError, match="no enum state is declared"):
        read_documents({"lamp.xml": document(LAMP)})
    known = Types({"state": EnumDeclaration("state", (EnumValue("on"),))})
    assert list(read_documents({"lamp.xml": document(LAMP)}, known)) == ["lamp.xml"]


def test_the_findings_of_all_are_told() -> None:
    odd = '<method name="A.b"><param name="x" type="{}"/></method>'
    with pytest.raises(DeclarationError) as refused:
        read_documents({"a.xml": document(odd.format("a record")), "b.xml": document(odd.format("b record"))})
    assert [(finding.file, finding.line) for finding in refused.value.findings] == [("a.xml", 2), ("b.xml", 2)]


def test_what_a_broken_file_would_declare_is_not_missed() -> None:
    with pytest.raises(DeclarationError) as refused:
        read_documents({"lamp.xml": document(LAMP), "state.xml": b"<methods"})
    assert [finding.file for finding in refused.value.findings] == ["state.xml"]


def test_a_datamodel_as_large_as_the_published_one_takes_seconds() -> None:
    datamodel = [
        class_(
            name,
            fields=[field(f"field_{number}", "(string -> string) map", default="{}") for number in range(12)],
            messages=[
                message(
                    f"message_{number}",
                    param("self", f"{name} ref"),
                    param("value", "string set"),
                    result=[f"({name} ref -> {name} record) map", "all of them"],
                    roles=ALL_ROLES,
                )
                for number in range(28)
            ],
        )
        for name in (f"Class_{number}" for number in range(67))
    ]
    data = json.dumps(datamodel).encode()
    imported = import_datamodel(read_datamodel(data))
    files = {name: write_document(document) for name, document in imported.documents.items()}
    documents = read_documents(files)
    exported = write_datamodel(export_datamodel(documents.values()))
    assert imported.notes == ()
    assert documents == imported.documents
    assert export_datamodel(documents.values()) == export_datamodel(imported.documents.values())
    assert [item["name"] for item in json.loads(exported)] == [item["name"] for item in datamodel]
