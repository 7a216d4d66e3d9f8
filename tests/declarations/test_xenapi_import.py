"""xapi's published datamodel as declarations and back: nothing of it is lost, and what would be is told."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft_common.declarations.model import (
    ANYONE,
    Change,
    ClassDeclaration,
    Document,
    EnumDeclaration,
    EnumValue,
    ErrorDeclaration,
    Field,
    Lifecycle,
    Method,
    Param,
    Record,
    Result,
    State,
    Transition,
)
from graft_common.declarations.types import BOOL, INT, STRING, DescribedType, parse_type
from graft_common.declarations.xenapi_export import export_datamodel
from graft_common.declarations.xenapi_import import Imported, import_datamodel
from graft_common.declarations.xenapi_json import DatamodelError, read_datamodel, write_datamodel
from support.datamodels import (
    ALL_ROLES,
    OLDEST,
    STATES,
    class_,
    field,
    lifecycle,
    message,
    param,
    published,
    sample,
)


def imported(datamodel: Any, *wanted: str) -> Imported:
    return import_datamodel(read_datamodel(json.dumps(datamodel).encode()), wanted)


def exported(*documents: Document) -> Any:
    return json.loads(write_datamodel(export_datamodel(documents)))


def test_the_published_sample_survives() -> None:
    data = sample()
    found = import_datamodel(read_datamodel(data))
    assert found.notes == ()
    assert exported(*found.documents.values()) == json.loads(data)


@pytest.mark.parametrize("datamodel", [published(), STATES], ids=["newest", "states"])
def test_a_datamodel_survives(datamodel: Any) -> None:
    found = imported(datamodel)
    assert found.notes == ()
    assert exported(*found.documents.values()) == datamodel


def test_the_oldest_vintage_gets_the_states_that_it_lacks() -> None:
    found = imported(OLDEST)
    assert found.notes == ()
    assert exported(*found.documents.values()) == STATES


def test_what_becomes_of_a_class() -> None:
    light = imported(published()).documents["Light"]
    declared = light.classes[0]
    assert (declared.name, declared.tag, declared.enums) == ("Light", "windows", ("light_state", "mode"))
    assert declared.doc == "A lamp,\nor a set of them: <bright> & warm "
    fields = {item.name: item for item in declared.fields}
    assert list(fields) == [item["name"] for item in published()[0]["fields"]]
    assert fields["name_label"] == Field("name_label", STRING, "The name_label", "", "RW", _PUBLISHED)
    assert fields["state"].tag == "snapshots"
    assert {name: item.default for name, item in fields.items() if item.default is not None} == {
        "name_label": "",
        "colour": 'deep ""blue""',
        "state": "on",
        "watts": "60",
        "warmth": "2700.0",
        "shared": "false",
        "bought": "19700101T00:00:00Z",
        "room": "",
        "house": "OpaqueRef:NULL",
        "tags": "[]",
        "other_config": '{"a":"b","c":"d"}',
    }
    assert fields["old"].lifecycle.transitions[2] == Transition(Change.EXTENDED, "21.2.0", "Text & more")
    assert fields["old"].lifecycle.state is State.REMOVED
    assert fields["unreleased"].lifecycle == Lifecycle()
    assert light.enums == (
        EnumDeclaration("light_state", (EnumValue("on", "It shines"), EnumValue("off"))),
        EnumDeclaration("mode", (EnumValue("5.6-x", "Odd & <old>"),)),
    )


def test_what_becomes_of_a_message() -> None:
    methods = {method.name: method for method in imported(published()).documents["Light"].methods}
    assert list(methods)[:2] == ["Light.get_uuid", "Light.set"]
    assert methods["Light.set"] == Method(
        name="Light.set",
        doc="Switch it.\n  Indented; \"quoted\" and 'so'.\t",
        role="read-only",
        roles=tuple(ALL_ROLES),
        params=(
            Param("self", parse_type("Light ref"), "reference to the object"),
            Param("state", parse_type("enum light_state"), "The state"),
            Param("modes", parse_type("(enum mode -> Light ref set) map"), "The modes"),
            Param("force", BOOL, "The force", optional=True),
        ),
        result=Result(parse_type("Light record set")),
        errors=(ErrorDeclaration("LIGHT_BROKEN", (), "It is broken."), ErrorDeclaration("OTHER")),
        lifecycle=_PUBLISHED,
        tag="memory",
    )
    assert methods["Light.get_uuid"].implicit
    assert not methods["Light.login"].session
    assert not methods["Light.session_later"].session


@pytest.mark.parametrize(
    ("published_roles", "role", "roles"),
    [
        (["pool-admin"], "pool-admin", ()),
        (["pool-admin", "pool-operator"], "pool-operator", ()),
        ([name for name in ALL_ROLES if name != "client-cert"], "read-only", ()),
        (ALL_ROLES, "read-only", tuple(ALL_ROLES)),
        (["pool-operator", "pool-admin"], "pool-operator", ("pool-operator", "pool-admin")),
        # The list lets in neither those between nor, without a role, anyone at all.
        (["pool-admin", "read-only"], "pool-admin", ("pool-admin", "read-only")),
        (["client-cert"], "pool-admin", ("client-cert",)),
        ([], "pool-admin", ("local-root",)),
    ],
)
def test_a_role_lets_nobody_in_whom_the_list_does_not(
    published_roles: list[str], role: str, roles: tuple[str, ...]
) -> None:
    found = imported([class_("C", messages=[message("m", roles=published_roles)])])
    method = found.documents["C"].methods[0]
    assert (method.role, method.roles) == (role, roles)
    assert found.notes == ()


def test_types_that_are_told_in_words() -> None:
    event = imported(published()).documents["event"]
    assert event.methods[0].result == Result(DescribedType("an event batch"), "a structure")
    assert event.classes[0].fields[0].type == DescribedType("<class> record")


def test_an_enum_stands_with_the_first_class_that_shows_it() -> None:
    documents = imported(published()).documents
    assert [[enum.name for enum in document.enums] for document in documents.values()] == [
        ["light_state", "mode"],
        [],
        [],
    ]
    assert documents["event"].classes[0].enums == ("light_state",)
    alone = imported(published(), "event", "Room").documents
    assert [[enum.name for enum in document.enums] for document in alone.values()] == [["light_state"], []]


def test_what_a_class_needs_of_others_is_told() -> None:
    room = class_("Room", messages=[message("lights", result=["Light record set", ""]), message("m")])
    datamodel = [*published()[:2], room]
    assert imported(datamodel).notes == ()
    assert imported(datamodel, "Light", "Room").notes == ()
    (note,) = imported(datamodel, "event", "Room").notes
    assert note.startswith("$[2].messages[0].result: the result is of the type Light record set: no record Light is")


def test_what_is_lost_is_told() -> None:
    other = {"name": "e", "values": [{"name": "b", "doc": ""}]}
    datamodel = [
        class_("A", enums=[{"name": "e", "values": [{"name": "a", "doc": ""}]}]),
        class_(
            "B",
            enums=[other],
            fields=[field("f", "int", default="many")],
            lifecycle=lifecycle(("published", "1.0", ""), state="Deprecated_s"),
            messages=[
                message("m", errors=[{"name": "E", "doc": ""}, {"name": "E", "doc": ""}]),
                message("n", params=[param("session_id", "session ref", doc="Mine")]),
            ],
        ),
    ]
    assert imported(datamodel).notes == (
        '$[1].fields[0].default: "many" becomes nothing',
        '$[1].messages[0].errors: [{"name":"E","doc":""},{"name":"E","doc":""}] becomes [{"name":"E","doc":""}]',
        '$[1].messages[1].params[0].doc: "Mine" becomes "Reference to a valid session"',
        '$[1].enums[0].values[0].name: "b" becomes "a"',
        '$[1].lifecycle.state: "Deprecated_s" becomes "Published_s"',
    )
    assert imported(datamodel, "A").notes == ()
    assert len(imported(datamodel, "B").notes) == 4
    many = [class_(f"C{number}", lifecycle=lifecycle(state="Removed_s")) for number in range(200)]
    assert len(imported(many).notes) == 100


@pytest.mark.parametrize(
    ("datamodel", "told"),
    [
        ([class_("A"), class_("A")], "$[1].name: there is a class A before it"),
        ([class_("A.b")], '$[0].name: "A.b" is no name that a class can have'),
        ([class_("A", messages=[message("m-n")])], '$[0].messages[0].name: "m-n" is no name'),
        ([class_("A" * 200)], '$[0].name: "AA'),
        ([class_("")], '$[0].name: "" is no name'),
        ([class_("../A")], '$[0].name: "../A" is no name'),
        (
            [class_("A", messages=[message("m"), message("m")])],
            "$[0].messages[1].name: there is a message m before it",
        ),
        ([class_("A", fields=[field("f"), field("a b")])], '$[0].fields[1].name: "a b" is no name'),
        (
            [class_("A", messages=[message("m", param("a", "int"), param("a", "int"))])],
            "$[0].messages[0].params[2].name: there is a parameter a before it",
        ),
        (
            [class_("A", messages=[message("m", errors=[{"name": "E", "doc": "\x01"}])])],
            "$[0].messages[0].errors[0].doc: the character U+0001 cannot be written in XML",
        ),
        (
            [class_("A"), class_("B", messages=[message("m", param("a", "enum e"))])],
            "$[1].messages[0].params[1]: the parameter a is of the type enum e: no enum e is declared",
        ),
        (
            [class_("A", messages=[message("m", params=[param("a", "A record")], result=["enum e", ""])])],
            "nor a class of that name with fields\n$[0].messages[0].result: the result is of the type enum e: no enum e",
        ),
        (
            [class_("A", fields=[field("f", lifecycle=lifecycle(("removed", "1.0", ""), state="Removed_s"))])],
            "$[0].fields[0].lifecycle: removed cannot follow unreleased",
        ),
        (
            [class_("A", enums=[{"name": "e", "values": [{"name": "v", "doc": ""}] * 2}])],
            "$[0].enums[0].values[1]: there is a value v already",
        ),
    ],
)
def test_what_no_declaration_can_say_is_refused(datamodel: Any, told: str) -> None:
    with pytest.raises(DatamodelError, match=re.escape(told)):
        imported(datamodel)


def test_a_class_that_is_not_there_is_named() -> None:
    with pytest.raises(DatamodelError, match="there is no class VM; there are Light, event, Room"):
        imported(published(), "Light", "VM")


def test_declarations_of_our_own_are_written_in_its_form() -> None:
    document = Document(
        enums=(EnumDeclaration("size", (EnumValue("small"), EnumValue("large", "More"))),),
        records=(Record("shape", (Field("sides", INT, default="4"),), "A shape"),),
        methods=(
            Method(
                "Volume.resize",
                "Grow it.",
                role="pool-operator",
                params=(
                    Param("shapes", parse_type("(enum size -> shape record) map")),
                    Param("force", BOOL, default="false"),
                ),
                result=Result(parse_type("enum size"), "What it is"),
                errors=(ErrorDeclaration("IN_USE", ("by",), "Someone has it."),),
            ),
            Method("Volume.look", role=ANYONE, session=False),
        ),
    )
    shape, volume = exported(document)
    unreleased = {"state": "Unreleased_s", "transitions": []}
    assert shape == class_(
        "shape",
        description="A shape",
        lifecycle=unreleased,
        fields=[
            field("sides", "int", description="", qualifier="RW", default="4", lifecycle=unreleased),
        ],
    )
    assert (volume["name"], volume["description"], volume["lifecycle"]) == ("Volume", "", unreleased)
    assert [enum["name"] for enum in volume["enums"]] == ["size"]
    resize, look = volume["messages"]
    assert resize["name"] == "resize"
    assert resize["params"] == [
        param("session_id", "session ref", doc="Reference to a valid session"),
        param("shapes", "(enum size -> shape record) map", doc=""),
        param("force", "bool", doc="", required=False),
    ]
    assert resize["roles"] == ["pool-admin", "pool-operator"]
    assert resize["errors"] == [{"name": "IN_USE", "doc": "Someone has it."}]
    assert (look["params"], look["result"]) == ([], ["void"])
    assert look["roles"] == [name for name in ALL_ROLES if name != "client-cert"]


def test_a_default_that_is_no_literal_is_written_as_it_is() -> None:
    document = Document(classes=(ClassDeclaration("C", fields=(Field("f", INT, default="many"),)),))
    assert exported(document)[0]["fields"][0]["default"] == "many"


_PUBLISHED = Lifecycle((Transition(Change.PUBLISHED, "1.0"),))

_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)
_TEXTS = st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Cn"), include_characters="\t\n"), max_size=20)
_LIFECYCLES = (
    ("Unreleased_s", ()),
    ("Prototyped_s", ("prototyped",)),
    ("Published_s", ("prototyped", "published", "extended")),
    ("Deprecated_s", ("published", "changed", "deprecated", "extended")),
    ("Published_s", ("published", "deprecated", "removed", "published")),
    ("Removed_s", ("prototyped", "removed")),
)


def _lifecycles() -> st.SearchStrategy[Any]:
    return st.builds(
        lambda found, release, text: {
            "state": found[0],
            "transitions": [{"transition": change, "release": release, "description": text} for change in found[1]],
        },
        st.sampled_from(_LIFECYCLES),
        st.sampled_from(["rio", "21.2.0"]),
        _TEXTS,
    )


_KINDS = st.recursive(
    st.sampled_from(["string", "int", "float", "bool", "datetime", "VM ref", "an event batch"]),
    lambda inner: st.one_of(
        inner.filter(lambda kind: kind != "an event batch").map("{} set".format),
        inner.filter(lambda kind: kind != "an event batch").map("(string -> {}) map".format),
    ),
    max_leaves=3,
)
_MESSAGES = st.builds(
    lambda name, parameters, **members: message(name, *parameters, **members),
    _NAMES,
    st.lists(
        st.builds(param, _NAMES.filter(lambda name: name != "session_id"), _KINDS, doc=_TEXTS, required=st.booleans()),
        max_size=3,
        unique_by=lambda item: item["name"],
    ).map(lambda found: sorted(found, key=lambda item: not item["required"])),
    description=_TEXTS,
    result=st.one_of(st.just(["void"]), st.tuples(_KINDS, _TEXTS).map(list)),
    errors=st.lists(
        st.fixed_dictionaries({"name": _NAMES, "doc": _TEXTS}), max_size=2, unique_by=lambda item: item["name"]
    ),
    roles=st.lists(st.sampled_from(ALL_ROLES), unique=True),
    lifecycle=_lifecycles(),
    implicit=st.booleans(),
)
_CLASSES = st.builds(
    class_,
    _NAMES,
    description=_TEXTS,
    tag=st.sampled_from(["", "memory"]),
    fields=st.lists(
        st.builds(field, _NAMES, _KINDS, qualifier=st.sampled_from(["RW", "RO/constructor"]), lifecycle=_lifecycles()),
        max_size=3,
        unique_by=lambda item: item["name"],
    ),
    messages=st.lists(_MESSAGES, max_size=3, unique_by=lambda item: item["name"]),
    enums=st.lists(
        st.builds(
            lambda name, values: {"name": name, "values": values},
            _NAMES,
            st.lists(
                st.fixed_dictionaries({"name": _NAMES, "doc": _TEXTS}),
                min_size=1,
                max_size=3,
                unique_by=lambda item: item["name"],
            ),
        ),
        max_size=2,
        unique_by=lambda item: item["name"],
    ),
    lifecycle=_lifecycles(),
)


@settings(deadline=None, max_examples=30)
@given(st.lists(_CLASSES, max_size=2, unique_by=lambda item: item["name"]))
def test_any_datamodel_survives_or_its_loss_is_told(datamodel: Any) -> None:
    found = imported(datamodel)
    again = exported(*found.documents.values())
    required = any(not item["required"] for one in datamodel for text in one["messages"] for item in text["params"])
    told = any("required" in item for one in again for text in one["messages"] for item in text["params"])
    assert required or not told
    if not found.notes:
        assert _with_required(again) == datamodel


def _with_required(datamodel: Any) -> Any:
    for one in datamodel:
        for text in one["messages"]:
            for item in text["params"]:
                item.setdefault("required", True)
    return datamodel
