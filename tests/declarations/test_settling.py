"""Which files of a directory count, in which version, and what is said of the others."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from graft_common.declarations.model import Types
from graft_common.declarations.reader import DeclarationError, Finding, Form
from graft_common.declarations.settling import GoodFile, Settled, settle
from graft_common.declarations.texts import NAMESPACE

ENUM = '<enum name="state"><value name="{}"/></enum>'
USER = '<method name="{}"><param name="state" type="enum state"/></method>'


def form(name: str, *content: str) -> Form | DeclarationError:
    try:
        return Form(name, "\n".join([f'<methods xmlns="{NAMESPACE}">', *content, "</methods>"]).encode())
    except DeclarationError as error:
        return error


def settled(files: Mapping[str, list[str]], before: Mapping[str, GoodFile] | None = None) -> Settled:
    return settle({name: form(name, *content) for name, content in files.items()}, before or {}, refused)


def refused(method: str) -> str:
    return "it is ours" if method.startswith("task.") else ""


def told(found: Settled) -> list[str]:
    return [f"{noted.finding}{' (last good)' if noted.last_good else ''}" for noted in found.notes]


def methods(found: Settled) -> dict[str, list[str]]:
    return {name: [method.name for method in file.document.methods] for name, file in found.files.items()}


def values(found: Settled, file: str) -> list[str]:
    good = found.files[file]
    types = Types.of(good.document)
    enum = types.enums.get("state") or good.borrowed.enums["state"]
    return [value.name for value in enum.values]


def test_files_may_name_what_others_declare_and_borrow_it() -> None:
    found = settled({"b.xml": [ENUM.format("on")], "a.xml": [USER.format("A.b")]})
    assert told(found) == []
    assert list(found.files) == ["a.xml", "b.xml"]
    assert values(found, "a.xml") == ["on"]
    assert found.files["b.xml"].borrowed == Types()


def test_a_file_that_becomes_bad_stays_as_it_was() -> None:
    good = settled({"a.xml": [ENUM.format("on"), USER.format("A.b")]})
    bad = settled({"a.xml": [ENUM.format("on"), USER.format("A.c"), "<foo/>"]}, good.files)
    assert methods(bad) == {"a.xml": ["A.b"]}
    [line] = told(bad)
    assert line.startswith("a.xml:4: /methods/foo: <foo> cannot stand in <methods>")
    assert line.endswith(" (last good)")
    assert settled({"a.xml": ["<foo/>"]}).files == {}
    assert settled({}, good.files) == Settled()


def test_what_breaks_the_rules_is_told_with_its_line() -> None:
    found = settled({"a.xml": ["", USER.format("A.b")]})
    assert found.files == {}
    assert told(found) == [
        "a.xml:3: /methods/method[1]/param[1]: the parameter state is of the type enum state: no enum state is declared"
    ]


def test_a_file_keeps_the_types_that_it_was_accepted_with() -> None:
    good = settled({"a.xml": [USER.format("A.b")], "b.xml": [ENUM.format("on")]})
    # The enum is gone: a.xml breaks the rules, and stays with what it had.
    gone = settled({"a.xml": [USER.format("A.b")]}, good.files)
    assert methods(gone) == {"a.xml": ["A.b"]}
    assert values(gone, "a.xml") == ["on"]
    assert told(gone)[0].endswith("no enum state is declared (last good)")
    # The enum is another: a.xml is accepted with it.
    other = settled({"a.xml": [USER.format("A.b")], "b.xml": [ENUM.format("off")]}, gone.files)
    assert (values(other, "a.xml"), told(other)) == (["off"], [])
    # The file with the enum is broken: all stays.
    broken = settled({"a.xml": [USER.format("A.b")], "b.xml": ["<foo/>"]}, other.files)
    assert values(broken, "a.xml") == values(broken, "b.xml") == ["off"]
    assert [noted.last_good for noted in broken.notes] == [True]


def test_of_two_files_the_first_by_name_has_it_and_the_rest_of_the_other_counts() -> None:
    record = '<record name="disk"><field name="{}" type="int"/></record>'
    found = settled(
        {
            "b.xml": [
                ENUM.format("off"),
                record.format("b"),
                USER.format("A.b"),
                USER.format("B.b"),
                '<class name="A"/>',
            ],
            "a.xml": [
                ENUM.format("on"),
                record.format("a"),
                USER.format("A.b"),
                '<class name="A"><doc>x</doc></class>',
            ],
        }
    )
    assert told(found) == [
        "b.xml:2: /methods/enum[1]: it is left out: a.xml declares the enum state, and comes first by name",
        "b.xml:3: /methods/record[1]: it is left out: a.xml declares the record disk, and comes first by name",
        "b.xml:4: /methods/method[1]: it is left out: a.xml declares the method A.b, and comes first by name",
        "b.xml:6: /methods/class[1]: it is left out: a.xml declares the class A, and comes first by name",
    ]
    assert values(found, "b.xml") == ["on"]
    assert found.files["b.xml"].document.records == ()
    assert not any(noted.last_good for noted in found.notes)


def test_fields_of_a_class_are_a_record_that_another_file_may_have() -> None:
    record = '<record name="Disk"><field name="a" type="int"/></record>'
    class_ = '<class name="Disk"><field name="b" type="int"/></class>'
    found = settled(
        {"a.xml": [record], "b.xml": [class_, '<method name="B.x"><param name="d" type="Disk record"/></method>']}
    )
    assert [field.name for field in found.files["b.xml"].borrowed.records["Disk"].fields] == ["a"]
    assert found.files["b.xml"].document.classes[0].fields == ()


def test_a_file_whose_type_another_one_has_must_fit_that() -> None:
    default = '<method name="B.x"><param name="s" type="enum state" default="off"/></method>'
    found = settled({"a.xml": [ENUM.format("on")], "b.xml": ['<record name="r"/>', ENUM.format("off"), default]})
    assert list(found.files) == ["a.xml"]
    assert told(found) == [
        (
            "b.xml:4: /methods/method[1]/param[1]: the default of the parameter s does not fit the type enum state: "
            "'off': enum state has the values on"
        )
    ]


def test_places_are_those_of_the_file_though_items_are_left_out() -> None:
    records = ['<record name="r"/>', '<record name="s"><field name="x" type="t record"/></record>']
    found = settled({"a.xml": ['<record name="r"/>'], "b.xml": records})
    assert told(found) == [
        (
            "b.xml:3: /methods/record[2]/field[1]: the field x is of the type t record: "
            "no record t is declared, nor a class of that name with fields"
        )
    ]


def test_one_broken_file_takes_along_only_those_that_need_it() -> None:
    found = settled(
        {
            "a.xml": ['<record name="a"><field name="x" type="b record"/></record>'],
            "b.xml": ['<record name="b"><field name="x" type="c record"/></record>'],
            "z.xml": ['<method name="Z.x"/>'],
        }
    )
    assert list(found.files) == ["z.xml"]
    assert [noted.finding.file for noted in found.notes] == ["a.xml", "b.xml"]


def test_files_that_need_each_other_count_together() -> None:
    one = '<record name="a"><field name="x" type="b record option"/></record>'
    other = '<record name="b"><field name="x" type="a record option"/></record>'
    found = settled({"a.xml": [one], "b.xml": [other]})
    assert told(found) == []
    assert set(found.files["a.xml"].borrowed.records) == {"b"}


def test_methods_of_the_platform_are_left_to_it() -> None:
    found = settled({"a.xml": ['<method name="task.cancel"/>', '<method name="A.b"/>']})
    assert methods(found) == {"a.xml": ["task.cancel", "A.b"]}
    assert told(found) == ["a.xml:2: /methods/method[1]: task.cancel is left out: it is ours"]


@pytest.mark.parametrize("lines", [1, 3])
def test_a_file_that_cannot_be_read_is_like_a_bad_one(lines: int) -> None:
    good = settled({"a.xml": [ENUM.format("on")]})
    error = DeclarationError((Finding("a.xml", 0, "", "it is no regular file"),))
    found = settle({"a.xml": error}, good.files if lines == 3 else {}, refused)
    assert list(found.files) == (["a.xml"] if lines == 3 else [])
    assert [noted.last_good for noted in found.notes] == [lines == 3]


def test_what_was_good_and_has_lost_a_type_to_another_file_borrows_it_from_itself() -> None:
    good = settled({"b.xml": [ENUM.format("off"), USER.format("B.b")]})
    found = settled({"a.xml": [ENUM.format("on")], "b.xml": ["<foo/>"]}, good.files)
    assert values(found, "b.xml") == ["off"]
    assert found.files["b.xml"].document.enums == ()
    assert found.files["b.xml"].borrowed.enums["state"].values[0].name == "off"
