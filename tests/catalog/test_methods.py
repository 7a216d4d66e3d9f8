"""The methods of extension versions: reading them, inheriting them, and what is wrong with them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft_common.declarations.model import Document
from graft_common.declarations.reader import read_document
from graft_common.method_bundles import MAX_FILES
from registry_service.catalog import methods as methods_module
from registry_service.catalog.cache import load_reading, save_reading
from registry_service.catalog.catalog import read_catalog
from registry_service.catalog.findings import findings_of
from registry_service.catalog.method_definitions import Methods, MethodsFolder
from registry_service.catalog.schema_checks import Verdicts
from registry_service.catalog.value_types import Finding
from support.resources import Resources, declarations, method

STATE = '<enum name="state"><value name="on"/><value name="off"/></enum>'
PARENT = "<extends>1</extends>"


def brought(tree: Resources, key: str) -> Methods:
    extension = tree.read_extension(key)
    assert extension.errors == ()
    assert extension.methods is not None
    return extension.methods


def document(methods: Methods) -> Document:
    return read_document(methods.declarations, "declarations.xml")


def test_a_version_without_methods_has_none(tree: Resources) -> None:
    tree.extension("E/1")
    (tree.root / "extensions/E/1/methods").mkdir()
    assert tree.read_extension("E/1").methods is None


def test_what_the_folder_holds(tree: Resources) -> None:
    tree.extension("E/1")
    tree.method_files(
        "E/1",
        {
            "a.xml": declarations(STATE),
            "b.xml": declarations(method("Lamp.get", '<result type="enum state"/>', executable="lamp")),
            "lamp": "#!/bin/sh\n",
            "lib/data.xml": "<no/>",
            "lib/lamp.py": "x = 1\n",
            "lib/__pycache__/lamp.cpython-311.pyc": "",
        },
        executable=("lamp",),
    )
    found = brought(tree, "E/1")
    assert {name: file.path for name, file in found.declared.items()} == {"Lamp.get": "extensions/E/1/methods/b.xml"}
    assert list(found.files) == ["lamp", "lib/data.xml", "lib/lamp.py"]
    assert {path: file.executable for path, file in found.files.items()} == {
        "lamp": True,
        "lib/data.xml": False,
        "lib/lamp.py": False,
    }
    lamp = found.files["lamp"]
    assert (lamp.path, lamp.size) == ("extensions/E/1/methods/lamp", 10)
    assert lamp.digest == hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    assert [enum.name for enum in document(found).enums] == ["state"]
    assert found.warnings == ()


def test_a_child_inherits_and_overrides_by_name(tree: Resources) -> None:
    tree.extension("E/1")
    tree.extension("E/2", PARENT)
    record = '<record name="r"><field name="{}" type="int"/></record>'
    tree.method_files(
        "E/1",
        {
            "all.xml": declarations(
                STATE, record.format("old"), method("A.kept"), method("A.changed", "<doc>old</doc>"), method("A.moved")
            ),
            **dict.fromkeys(("A.kept", "A.changed", "helper.sh"), "1"),
        },
        executable=("A.kept", "A.changed"),
    )
    tree.method_files(
        "E/2",
        {
            "new.xml": declarations(
                record.format("new"),
                method("A.changed", "<doc>new</doc>"),
                method("A.new", '<param name="s" type="enum state"/>', executable="A.kept"),
            ),
            **dict.fromkeys(("helper.sh", "A.moved"), "2"),
        },
        executable=("A.moved",),
    )
    found = brought(tree, "E/2")
    joined = document(found)
    assert [item.name for item in joined.methods] == ["A.changed", "A.new", "A.kept", "A.moved"]
    assert {name: file.path[len("extensions/E/") :] for name, file in found.declared.items()} == {
        "A.kept": "1/methods/all.xml",
        "A.changed": "2/methods/new.xml",
        "A.moved": "1/methods/all.xml",
        "A.new": "2/methods/new.xml",
    }
    assert joined.methods[0].doc == "new"
    assert [field.name for field in joined.records[0].fields] == ["new"]
    assert {path: file.path.split("/")[2] for path, file in found.files.items()} == {
        "A.changed": "1",
        "A.kept": "1",
        "A.moved": "2",
        "helper.sh": "2",
    }
    assert found.warnings == ()
    parent = brought(tree, "E/1")
    assert [warning.text for warning in parent.warnings] == [
        "there is no A.moved that answers A.moved; put it into methods/"
    ]


def test_a_child_without_a_folder_shares_what_it_inherits(tree: Resources) -> None:
    tree.extension("E/1")
    tree.extension("E/2", PARENT)
    tree.method_files("E/1", {"a.xml": declarations(method("session.login"))})
    versions = tree.read().extensions["E"]
    assert versions["2"].methods is versions["1"].methods is not None
    assert versions["1"].warnings
    assert not versions["2"].warnings


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"a.xml": "<methods><"}, "extensions/E/1/methods/a.xml:1: "),
        ({"a.xml": "<no/>"}, "the root element is <no>"),
        (
            {"a.xml": declarations("\n<method/>")},
            "extensions/E/1/methods/a.xml:2: /methods/method: missing required attribute 'name'",
        ),
        (
            {"a.xml": declarations("\n\n" + method("A.b", '<result type="enum no"/>'))},
            "a.xml:3: /methods/method[1]/result[1]: the result is of the type enum no: no enum no is declared",
        ),
        (
            {"a.xml": declarations(method("A.b")), "b.xml": declarations("\n" + method("A.b"))},
            "extensions/E/1/methods/b.xml:2: the method A.b is declared in extensions/E/1/methods/a.xml, too",
        ),
        (dict.fromkeys((f"f{number}" for number in range(MAX_FILES + 1)), ""), "at most 512 are taken"),
        ({"/".join(["deep"] * 31 + ["x"]): ""}, "it lies more than 32 folders deep"),
    ],
    ids=["no XML", "another root", "against the schema", "against the rules", "twice", "too many", "too deep"],
)
def test_what_is_wrong_makes_the_version_invalid(tree: Resources, files: dict[str, str], error: str) -> None:
    tree.extension("E/1")
    tree.extension("E/2", PARENT)
    tree.method_files("E/1", files)
    tree.method_files("E/2", {"own.xml": declarations(method("A.own", '<result type="enum state"/>'))})
    catalog = tree.read()
    extension, child = catalog.extension("E", "1"), catalog.extension("E", "2")
    assert extension is not None
    assert child is not None
    assert len(extension.errors) == 1
    assert error in extension.errors[0]
    # Nothing but what is wrong with the parent is held against the child.
    assert child.errors == extension.errors
    assert child.methods is None


def test_files_that_are_too_large_together(tree: Resources) -> None:
    tree.extension("E/1")
    tree.method_files("E/1", {"large": ""})
    with (tree.root / "extensions/E/1/methods/large").open("r+b") as file:
        file.truncate((64 << 20) + 1)
    assert "at most 67108864 are taken" in tree.read_extension("E/1").errors[0]


def test_what_does_not_fit_what_is_inherited(tree: Resources) -> None:
    tree.extension("E/1")
    tree.extension("E/2", PARENT)
    tree.method_files(
        "E/1", {"a.xml": declarations(STATE, method("A.b", '<param name="s" type="enum state" default="off"/>'))}
    )
    tree.method_files("E/2", {"a.xml": declarations('<enum name="state"><value name="on"/></enum>')})
    (error,) = tree.read_extension("E/2").errors
    assert error.startswith("extensions/E/2/methods: together with what is inherited: the method A.b: the default of")


def test_warnings_name_the_declaring_line(tree: Resources) -> None:
    tree.extension("E/1")
    tree.method_files(
        "E/1",
        {
            "a.xml": declarations("\n", method("task.cancel"), "\n", method("system.mine"), "\n", method("A.plain")),
            "A.plain": "",
        },
    )
    (tree.root / "extensions/E/1/methods/lost").symlink_to("nowhere")
    found = findings_of(tree.read(), "extensions", "E", "1", Verdicts())
    plain = "extensions/E/1/methods/A.plain, which answers A.plain, is not executable; run chmod +x on it"
    assert [finding for finding in found if "/methods/" in finding.file] == [
        Finding(
            "extensions/E/1/methods/a.xml", "task.cancel is a method of the platform itself; this one is not called", 2
        ),
        Finding(
            "extensions/E/1/methods/a.xml", "system.* are methods of the platform itself; this one is not called", 3
        ),
        Finding("extensions/E/1/methods/a.xml", plain, 4),
        Finding("extensions/E/1/methods/lost", "it is a link to nowhere, where nothing is"),
    ]
    assert set(tree.read().warnings()) >= {finding for finding in found if "/methods/" in finding.file}


def test_only_what_has_changed_is_joined_again(tree: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in "123":
        tree.extension(f"E/{version}", PARENT if version == "2" else "")
        tree.method_files(f"E/{version}", {"a.xml": declarations(method(f"A.m{version}"))})
    first = tree.read()
    joined: list[str] = []
    inherit = methods_module.inherit_methods

    def watched(own: MethodsFolder, *rest: object) -> Methods | None:
        joined.append(own.path)
        return inherit(own, *rest)  # type: ignore[arg-type]  # they are passed on as they are

    monkeypatch.setattr("registry_service.catalog.resolved.inherit_methods", watched)
    tree.method_files("E/3", {"a.xml": declarations(method("A.other"))})
    second = read_catalog(tree.root, first)
    assert joined == ["extensions/E/3/methods"]
    joined.clear()
    tree.method_files("E/1", {"b.xml": declarations(method("A.more"))})
    third = read_catalog(tree.root, second)
    assert joined == ["extensions/E/1/methods", "extensions/E/2/methods"]
    child = third.extension("E", "2")
    assert child is not None
    assert child.methods is not None
    assert set(child.methods.declared) == {"A.m1", "A.m2", "A.more"}


def test_the_schema_is_asked_once_also_over_a_restart(
    tree: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.extension("E/1")
    tree.method_files("E/1", {"a.xml": declarations(method("A.b"))})
    catalog = tree.read()
    save_reading(catalog.reading, tmp_path / "cache")
    monkeypatch.setattr("registry_service.catalog.method_reader.check_form", None)
    again = read_catalog(tree.root, load_reading(tmp_path / "cache"))
    assert again.extension("E", "1") == catalog.extension("E", "1")


NAMES = st.sets(st.sampled_from(["A.a", "A.b", "B.c", "B.d"]))
LEVELS = st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LEVELS)
def test_the_nearest_version_counts_for_each_name(
    tmp_path_factory: pytest.TempPathFactory, levels: list[tuple[set[str], set[str]]]
) -> None:
    tree = Resources(tmp_path_factory.mktemp("tree"))
    declared: dict[str, str] = {}
    files: dict[str, str] = {}
    for number, (names, executables) in enumerate(levels):
        tree.extension(f"E/{number}", f"<extends>{number - 1}</extends>" if number else "")
        contents = dict.fromkeys(executables, f"{number}")
        if names:
            own = (method(name, f"<doc>{number}</doc>") for name in sorted(names))
            contents["own.xml"] = declarations(*own)
        tree.method_files(f"E/{number}", contents, executable=tuple(executables))
        declared |= dict.fromkeys(names, f"{number}")
        files |= dict.fromkeys(executables, f"{number}")
    extension = tree.read_extension(f"E/{len(levels) - 1}")
    assert extension.errors == ()
    if extension.methods is None:
        assert not declared
        assert not files
        return
    assert {item.name: item.doc for item in document(extension.methods).methods} == declared
    assert {path: file.path.split("/")[2] for path, file in extension.methods.files.items()} == files
    assert list(extension.methods.files) == sorted(files)
