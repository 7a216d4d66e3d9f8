"""Who has a method that several bring, and under which names all types stand together."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft_common.declarations import rules
from graft_common.declarations.api import Api, Source
from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.joining import Contribution, Joined, join
from graft_common.declarations.model import (
    ClassDeclaration,
    Document,
    EnumDeclaration,
    EnumValue,
    Field,
    Method,
    Param,
    Record,
    Result,
    Types,
)
from graft_common.declarations.reader import read_document
from graft_common.declarations.types import INT, STRING, EnumType, RecordType, SetType, parse_type


def enum(name: str, *values: str) -> EnumDeclaration:
    return EnumDeclaration(name, tuple(map(EnumValue, values)))


def record(name: str, **fields: str) -> Record:
    return Record(name, tuple(Field(field, parse_type(kind)) for field, kind in fields.items()))


def method(name: str, *kinds: str, result: str = "", executable: str = "") -> Method:
    params = tuple(Param(f"p{number}", parse_type(kind)) for number, kind in enumerate(kinds))
    return Method(name, executable=executable, params=params, result=Result(parse_type(result)) if result else None)


def built_in(*methods: str, **parts: tuple[object, ...]) -> Contribution:
    return Contribution(Source.BUILT_IN, Document(methods=tuple(map(method, methods)), **parts), frozenset(methods))  # type: ignore[arg-type]


def bare(*names: str) -> Contribution:
    return Contribution(Source.DROP_IN, executables=frozenset(names), undeclared=frozenset(names))


def file(name: str, *methods: str | Method, there: Sequence[str] = (), **parts: object) -> Contribution:
    declared = tuple(method(one) if isinstance(one, str) else one for one in methods)
    borrowed = parts.pop("borrowed", Types())
    return Contribution(
        Source.DROP_IN,
        Document(methods=declared, **parts),  # type: ignore[arg-type]
        frozenset(there),
        file=name,
        borrowed=borrowed,  # type: ignore[arg-type]
    )


def version(
    name: str, number: str, link: int, *methods: str | Method, undeclared: Sequence[str] = (), **parts: object
) -> Contribution:
    declared = tuple(method(one) if isinstance(one, str) else one for one in methods)
    there = {one.file_name for one in declared} - set(parts.pop("missing", ()))  # type: ignore[call-overload]
    return Contribution(
        Source.EXTENSION,
        Document(methods=declared, **parts),  # type: ignore[arg-type]
        frozenset({*there, *undeclared}),
        frozenset(undeclared),
        extension=name,
        version=number,
        link_id=link,
    )


M = "Volume.resize"


def places(joined: Joined, name: str = M) -> list[tuple[str, str]]:
    return [(one.contribution.source.value, one.contribution.place) for one in joined.candidates.get(name, ())]


@pytest.mark.parametrize(
    ("contributions", "order"),
    [
        ([file("a.xml", M, there=[M]), built_in(M)], [("builtin", ""), ("dropin", "a.xml")]),
        ([version("EXT", "1.0", 1, M), file("a.xml", M, there=[M])], [("dropin", "a.xml"), ("extension", "EXT/1.0")]),
        ([version("EXT", "1.0", 1, M), bare(M)], [("dropin", ""), ("extension", "EXT/1.0")]),
        ([bare(M), file("a.xml", M, there=[M])], [("dropin", "a.xml")]),
        (
            [file("b.xml", M, there=[M]), file("a.xml", M, there=[M])],
            [("dropin", "a.xml"), ("dropin", "b.xml")],
        ),
        # Of one extension the highest version, as numbers.
        (
            [version("EXT", "1.9", 1, M), version("EXT", "1.10", 2, M)],
            [("extension", "EXT/1.10"), ("extension", "EXT/1.9")],
        ),
        # Of different ones, that which was linked first.
        (
            [version("NEW", "9.0", 7, M), version("OLD", "1.0", 3, M)],
            [("extension", "OLD/1.0"), ("extension", "NEW/9.0")],
        ),
        # A higher version takes over from its own lower one, and keeps its place before others.
        (
            [version("A", "1.0", 1, M), version("B", "1.0", 3, M), version("A", "2.0", 5, M)],
            [("extension", "A/2.0"), ("extension", "A/1.0"), ("extension", "B/1.0")],
        ),
        # But what only the newcomer's version has does not take over what works.
        (
            [version("A", "1.0", 1), version("B", "1.0", 3, M), version("A", "2.0", 5, M)],
            [("extension", "B/1.0"), ("extension", "A/2.0")],
        ),
        # What cannot be called does not stand before what can.
        ([file("a.xml", M), version("EXT", "1.0", 1, M)], [("extension", "EXT/1.0"), ("dropin", "a.xml")]),
        ([file("a.xml", M)], [("dropin", "a.xml")]),
        # An executable of an extension needs no declaration.
        ([version("EXT", "1.0", 1, undeclared=[M])], [("extension", "EXT/1.0")]),
    ],
)
def test_who_comes_first(contributions: list[Contribution], order: list[tuple[str, str]]) -> None:
    for _ in range(3):
        random.shuffle(contributions)
        joined = join(contributions)
        assert places(joined) == order
        first, *others = joined.candidates[M]
        assert first.in_force
        assert not any(other.in_force for other in others)
        assert all(candidate.reason for candidate in joined.candidates[M])
        origin = joined.api.origins.get(M) or joined.api.undeclared[M]
        assert (origin.source.value, origin.place) == order[0]
        assert (M in joined.api.methods) == (first.method is not None)


@pytest.mark.parametrize(
    ("contributions", "reasons"),
    [
        ([built_in(M), bare(M)], ["it is a part of the platform", "a method of the platform itself has this name"]),
        ([bare(M)], ["nothing else brings it"]),
        (
            [file("a.xml", M)],
            ["nothing else brings it; its executable Volume.resize is missing, so that calls are refused"],
        ),
        (
            [bare(M), version("EXT", "1.0", 1, M)],
            ["drop-ins come before extensions", "drop-ins come before extensions"],
        ),
        (
            [version("EXT", "1.0", 1, M), version("EXT", "2.0", 2, M)],
            [
                "it is the highest version of EXT that is linked and brings it",
                "EXT 2.0 is linked, too, and is the higher version",
            ],
        ),
        (
            [version("A", "1.0", 1, M), version("B", "2.0", 2, M)],
            ["A was linked before the other extensions that bring it", "A was linked before B"],
        ),
        (
            [file("a.xml", M, there=[M]), file("b.xml", M, there=[M])],
            ["its file comes first by name", "a.xml declares it, too, and comes first by name"],
        ),
        (
            [file("a.xml", M), version("EXT", "1.0", 1, M)],
            ["its executable is there; others' are missing", "its executable Volume.resize is missing"],
        ),
    ],
)
def test_the_reasons(contributions: list[Contribution], reasons: list[str]) -> None:
    assert [candidate.reason for candidate in join(contributions).candidates[M]] == reasons


@pytest.mark.parametrize("name", ["session.logout", "system.more", "Async.Volume.resize", "InternalAsync.x"])
def test_some_names_are_the_platforms(name: str) -> None:
    joined = join([file("a.xml", name, M, there=[name, M]), version("EXT", "1.0", 1, name)])
    assert name not in joined.api.methods
    assert M in joined.api.methods
    assert [candidate.in_force for candidate in joined.candidates[name]] == [False, False]
    assert "platform itself" in joined.candidates[name][0].reason or "async" in joined.candidates[name][0].reason


def test_two_methods_may_share_an_executable_which_stays_a_method_of_its_own() -> None:
    shared = file("a.xml", method("A.x", executable="A.run"), method("A.y", executable="A.run"), there=["A.run"])
    joined = join([shared, bare("A.run")])
    assert [joined.candidates[name][0].executable for name in ("A.x", "A.y", "A.run")] == ["A.run"] * 3
    assert joined.api.origins["A.x"].available
    assert list(joined.api.undeclared) == ["A.run"]


def test_equal_types_are_one() -> None:
    parts = {"enums": (enum("state", "on"),), "records": (record("disk", state="enum state"),)}
    one = file("a.xml", method("A.x", "disk record"), there=["A.x"], **parts)
    worded = {**parts, "enums": (EnumDeclaration("state", (EnumValue("on", "It shines."),), "Whether."),)}
    other = version("EXT", "1.0", 1, method("B.x", "disk record set"), **worded)
    api = join([one, other]).api
    assert api.document.enums == parts["enums"]
    assert api.document.records == parts["records"]
    assert api.methods["B.x"] is other.methods["B.x"]


def test_different_types_of_one_name_get_names_of_their_own() -> None:
    one = file("a.xml", method("A.x", "disk record"), there=["A.x"], records=(record("disk", size="int"),))
    other = version(
        "My-Ext",
        "1.0",
        1,
        method("B.x", "(string -> disk record option) map", result="box record set"),
        records=(record("disk", label="string"), record("box", disks="disk record set")),
    )
    api = join([one, other]).api
    assert {told.name for told in api.document.records} == {"disk", "my_ext_disk", "box"}
    assert str(api.methods["B.x"].params[0].type) == "(string -> my_ext_disk record option) map"
    assert str(api.types.records["box"].fields[0].type) == "my_ext_disk record set"
    assert api.types.records["disk"].fields[0].name == "size"
    checks = MethodChecks(api.methods["B.x"], api.types)
    assert checks.arguments([{"a": [{"label": "x"}]}]) == [{"a": [{"label": "x"}]}]
    assert MethodChecks(api.methods["A.x"], api.types).arguments([{"size": 5}]) == [{"size": 5}]


def test_what_names_a_renamed_type_is_another_type_too() -> None:
    parts = {"records": (record("box", state="enum state"),)}
    one = file("a.xml", method("A.x", "box record"), there=["A.x"], enums=(enum("state", "on"),), **parts)
    other = version("EXT", "1.0", 1, method("B.x", "box record"), enums=(enum("state", "off"),), **parts)
    api = join([one, other]).api
    assert str(api.methods["A.x"].params[0].type) == "box record"
    assert str(api.methods["B.x"].params[0].type) == "ext_box record"
    assert str(api.types.records["ext_box"].fields[0].type) == "enum ext_state"
    assert MethodChecks(api.methods["B.x"], api.types).arguments([{"state": "OFF"}]) == [{"state": "off"}]


def test_a_new_name_is_not_another_types_already() -> None:
    one = file("a.xml", "A.x", there=["A.x"], records=(record("disk", a="int"), record("ext_disk", b="int")))
    two = version("EXT", "1.0", 1, method("B.x", "disk record"), records=(record("disk", c="int"),))
    three = version("EXT", "2.0", 2, method("C.x", "disk record"), records=(record("disk", d="int"),))
    api = join([one, two, three]).api
    kinds = {str(api.methods[name].params[0].type) for name in ("B.x", "C.x")}
    assert kinds == {"ext_disk_2 record", "ext_disk_3 record"}


def test_types_that_nothing_in_force_needs_are_not_shown_under_other_names() -> None:
    new = version("EXT", "2.0", 2, method(M, "disk record"), records=(record("disk", a="int"),))
    old = version("EXT", "1.0", 1, method(M, "disk record"), records=(record("disk", b="int"),))
    assert [told.name for told in join([old, new]).api.document.records] == ["disk"]
    assert join([old, new]).api.types.records["disk"].fields[0].name == "a"


def test_of_a_class_the_first_tells_and_its_fields_are_a_record() -> None:
    fields = (Field("uuid", STRING),)
    platform = built_in("task.cancel", classes=(ClassDeclaration("task", "The platform's.", fields),))
    same = file("a.xml", method("A.x", "task record"), there=["A.x"], classes=(ClassDeclaration("task", "x", fields),))
    api = join([platform, same]).api
    assert [(told.name, told.doc) for told in api.document.classes] == [("task", "The platform's.")]
    assert api.document.records == ()
    other = ClassDeclaration("task", "Mine.", (Field("size", INT),))
    api = join([platform, file("a.xml", method("A.x", "task record"), there=["A.x"], classes=(other,))]).api
    assert [(told.name, told.doc) for told in api.document.classes] == [("task", "The platform's.")]
    assert [told.name for told in api.document.records] == ["a_task"]
    assert api.methods["A.x"].params[0].type == RecordType("a_task")


def test_a_class_without_fields_gets_those_that_another_source_has() -> None:
    one = file("a.xml", "Volume.x", there=["Volume.x"], classes=(ClassDeclaration("Volume", "First."),))
    other = version("EXT", "1.0", 1, "Volume.y", classes=(ClassDeclaration("Volume", "Second.", (Field("a", INT),)),))
    [told] = join([one, other]).api.document.classes
    assert (told.doc, [field.name for field in told.fields]) == ("First.", ["a"])


def test_a_file_brings_what_it_has_borrowed_from_one_that_has_gone() -> None:
    kept = Types({}, {"disk": record("disk", size="int")})
    api = join([file("a.xml", method("A.x", "disk record"), there=["A.x"], borrowed=kept)]).api
    assert api.types.records["disk"] == kept.records["disk"]
    # Whoever declares it has the name.
    owner = file("z.xml", "Z.x", there=["Z.x"], records=(record("disk", label="string"),))
    api = join([file("a.xml", method("A.x", "disk record"), there=["A.x"], borrowed=kept), owner]).api
    assert api.types.records["disk"].fields[0].name == "label"
    assert api.methods["A.x"].params[0].type == RecordType("a_disk")


_names = st.sampled_from(["p", "q", "r"])


@st.composite
def contributions(draw: st.DrawFn) -> list[Contribution]:
    made = [bare(*draw(st.lists(st.sampled_from(["A.a", "A.b", "B.c"]), max_size=2)))]
    taken: set[str] = set()
    for number in range(draw(st.integers(0, 4))):
        enums = {name: enum(name, draw(st.sampled_from(["on", "off"]))) for name in draw(st.sets(_names, max_size=2))}
        records: dict[str, Record] = {}
        for name in draw(st.sets(_names, max_size=2)):
            kinds = ["int", "string", *(f"enum {known}" for known in enums), *(f"{known} record" for known in records)]
            records[name] = record(name, f=draw(st.sampled_from(kinds)))
        classes: dict[str, ClassDeclaration] = {}
        for name in draw(st.sets(_names, max_size=2)):
            own = record(name, f=draw(st.sampled_from(["int", *(f"enum {known} set" for known in enums)]))).fields
            fields = () if name in records or draw(st.booleans()) else own
            shown = tuple(sorted(draw(st.sets(st.sampled_from(sorted(enums)))))) if enums else ()
            classes[name] = ClassDeclaration(name, draw(st.sampled_from(["", "Words."])), fields, shown)
        fielded = [name for name, told in classes.items() if told.fields]
        kinds = [
            "int",
            *(f"enum {known} set" for known in enums),
            *(f"{known} record" for known in (*records, *fielded)),
        ]
        declared = [
            method(name, draw(st.sampled_from(kinds)), result=draw(st.sampled_from(kinds)))
            for name in draw(st.sets(st.sampled_from(["A.a", "A.b", "B.c", "B.d", "session.x"]), max_size=3))
        ]
        if draw(st.booleans()):
            # Two files never declare a type of one name; the settling of the directory sees to that.
            own = {name: one for name, one in enums.items() if f"enum {name}" not in taken}
            if len(own) < len(enums) or any(f"record {name}" in taken for name in (*records, *fielded)):
                continue
            taken.update({f"enum {name}" for name in enums} | {f"record {name}" for name in (*records, *fielded)})
            made.append(
                file(
                    f"f{number}.xml",
                    *declared,
                    there=draw(st.lists(st.sampled_from(["A.a", "A.b"]))),
                    enums=tuple(enums.values()),
                    records=tuple(records.values()),
                    classes=tuple(classes.values()),
                )
            )
        else:
            made.append(
                version(
                    draw(st.sampled_from(["X", "Y"])),
                    f"{number}.0",
                    number + 1,
                    *declared,
                    enums=tuple(enums.values()),
                    records=tuple(records.values()),
                    classes=tuple(classes.values()),
                )
            )
    return made


@settings(max_examples=150, deadline=None)
@given(contributions(), st.randoms(use_true_random=False))
def test_what_is_joined_is_whole_whatever_comes_together(made: list[Contribution], chance: random.Random) -> None:
    joined = join(made)
    api = joined.api
    # The document keeps all rules, so that it can be written and read as one.
    assert list(rules.faults(api.document)) == []
    assert read_document(api.xml, "all.xml") == api.document
    # One candidate is in force at the most, and it is the first.
    for name, candidates in joined.candidates.items():
        assert [one.in_force for one in candidates[1:]] == [False] * (len(candidates) - 1)
        in_force = name in api.origins or name in api.undeclared
        assert candidates[0].in_force == in_force
    # Each method checks as it does alone with the types of its source.
    for name, declared in api.methods.items():
        source = joined.candidates[name][0].contribution
        alone = source.methods[name]
        assert _expanded(declared, api.types) == _expanded(alone, Types.of(source.document))
    # A class shows the enums that its teller meant.
    for told in api.document.classes:
        assert set(told.enums) <= api.types.enums.keys()
    # The order in which sources are told makes no difference.
    chance.shuffle(made)
    again = join(made).api
    assert again.digest == api.digest


def _expanded(declared: Method, types: Types) -> list[object]:
    kinds = [param.type for param in declared.params]
    if declared.result is not None:
        kinds.append(declared.result.type)
    return [_meaning(kind, types) for kind in kinds]


def _meaning(kind: object, types: Types) -> object:
    match kind:
        case EnumType(name):
            return [value.name for value in types.enums[name].values]
        case RecordType(name):
            return [(field.name, _meaning(field.type, types)) for field in types.records[name].fields]
        case SetType(of):
            return ("set", _meaning(of, types))
    return kind


def test_nothing_makes_nothing() -> None:
    assert join([]).api == Api()


def test_a_class_shows_the_enums_that_it_means() -> None:
    one = file("a.xml", "A.x", there=["A.x"], enums=(enum("state", "on"),))
    told = ClassDeclaration("Lamp", "A lamp.", (), ("state",))
    other = version("EXT", "1.0", 1, "Lamp.x", enums=(enum("state", "off"),), classes=(told,))
    api = join([one, other]).api
    assert api.classes["Lamp"].enums == ("ext_state",)
    assert [value.name for value in api.types.enums["ext_state"].values] == ["off"]
