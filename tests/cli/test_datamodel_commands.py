"""`graft import` and `graft export`: xapi's datamodel becomes files of declarations, and those a datamodel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Graft
from support.datamodels import class_, lifecycle, message, published, sample


@pytest.fixture
def datamodel(tmp_path: Path) -> Path:
    file = tmp_path / "xenapi.json"
    file.write_text(json.dumps(published()))
    return file


def test_a_datamodel_becomes_declarations_and_is_exported_again(graft: Graft, datamodel: Path, tmp_path: Path) -> None:
    done = graft("import", str(datamodel), "--out", "made/here")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "made/here: 3 classes with 16 fields, 9 methods, 2 enums\n"
    made = tmp_path / "made/here"
    assert sorted(file.name for file in made.iterdir()) == ["Light.xml", "Room.xml", "event.xml"]
    light = (made / "Light.xml").read_text()
    assert '<param name="force" type="bool" optional="true">' in light
    assert '<published release="miami">made</published>' in light

    assert graft("export", "again.json", "--from", "made/here").stdout == "again.json: 3 classes with 9 methods\n"
    again = (tmp_path / "again.json").read_text()
    assert json.loads(again) == published()
    assert again.endswith("]\n")
    assert graft("export", "--from", str(made)).stdout == again
    told = json.loads(graft("export", "again.json", "--from", "made/here", "--json").stdout)
    assert told == {"file": "again.json", "classes": 3, "methods": 9}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.json", "home", "made", "xenapi.json"]


def test_the_platform_reads_what_is_imported_without_further_ado(graft: Graft, datamodel: Path, tmp_path: Path) -> None:
    done = graft("import", str(datamodel), GRAFT_DECLARATIONS_DIR=str(tmp_path / "own.d"))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(graft("export", "--from", "own.d").stdout) == published()
    assert json.loads(graft("export", "--from", "xenapi.json").stdout) == published()


def test_the_published_sample_survives(graft: Graft, tmp_path: Path) -> None:
    data = sample()
    (tmp_path / "xenapi.json").write_bytes(data)
    done = graft("import", "xenapi.json", "--out", "declarations.d")
    assert done.stdout == "declarations.d: 5 classes with 55 fields, 118 methods, 6 enums\n"
    assert json.loads(graft("export", "--from", "declarations.d").stdout) == json.loads(data)


def test_only_the_classes_that_are_wanted(graft: Graft, datamodel: Path, tmp_path: Path) -> None:
    done = graft("import", str(datamodel), "--out", "made", "--class", "Room", "--class", "event", "--json")
    assert json.loads(done.stdout) == {
        "directory": "made",
        "classes": [
            {"name": "event", "file": "made/event.xml", "fields": 2, "methods": 1, "enums": 1},
            {"name": "Room", "file": "made/Room.xml", "fields": 0, "methods": 0, "enums": 0},
        ],
        "notes": [],
    }
    assert sorted(file.name for file in (tmp_path / "made").iterdir()) == ["Room.xml", "event.xml"]
    some = json.loads(graft("export", "--from", "made/Room.xml", "--from", "made/event.xml").stdout)
    assert [item["name"] for item in some] == ["event", "Room"]
    done = graft("import", str(datamodel), "--out", "made", "--class", "VM")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"graft: {datamodel}: there is no class VM; there are Light, event, Room\n"


def test_nothing_is_replaced_unasked(graft: Graft, datamodel: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    (made / "event.xml").write_text("somebody's own")
    done = graft("import", str(datamodel), "--out", "made")
    assert (done.returncode, done.stdout) == (1, "")
    assert "made/event.xml exists already; nothing is written (--force replaces them)" in done.stderr
    assert [file.name for file in made.iterdir()] == ["event.xml"]
    assert graft("import", str(datamodel), "--out", "made", "--force").returncode == 0
    assert json.loads(graft("export", "--from", "made").stdout) == published()


def test_what_is_lost_is_told(graft: Graft, tmp_path: Path) -> None:
    odd = [class_("A", lifecycle=lifecycle(state="Removed_s"), messages=[message("m")])]
    (tmp_path / "odd.json").write_text(json.dumps(odd))
    note = '$[0].lifecycle.state: "Removed_s" becomes "Published_s"'
    done = graft("import", "odd.json", "--out", "made")
    assert done.stdout == f"note: {note}\nmade: 1 classes with 0 fields, 1 methods, 0 enums\n"
    done = graft("import", "odd.json", "--out", "made", "--force", "--json")
    assert json.loads(done.stdout)["notes"] == [note]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read odd.json: No such file or directory"),
        ("{", "odd.json: the file is no JSON"),
        ("{}", "odd.json: $: Expected `array`, got `object`"),
        (json.dumps([class_("A"), class_("A")]), "odd.json: $[1].name: there is a class A before it"),
        (
            json.dumps([class_("A", lifecycle=lifecycle(("removed", "1.0", ""), state="Removed_s"))]),
            "removed cannot follow unreleased",
        ),
    ],
)
def test_what_is_no_datamodel_is_refused(graft: Graft, tmp_path: Path, content: str | None, told: str) -> None:
    if content is not None:
        (tmp_path / "odd.json").write_text(content)
    done = graft("import", "odd.json", "--out", "made")
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "made").exists()


def test_declarations_that_are_wrong_are_named(graft: Graft, tmp_path: Path) -> None:
    folder = tmp_path / "declarations.d"
    folder.mkdir()
    head = '<methods xmlns="urn:graft:methods:1">'
    (folder / "a.xml").write_text(f'{head}\n<method name="A.b">\n<param name="x" type="strnig"/></method></methods>')
    (folder / "b.xml").write_text("<methods")
    done = graft("export", "made.json", "--from", "declarations.d")
    assert (done.returncode, done.stdout) == (1, "")
    what, first, second = done.stderr.splitlines()
    assert what == "graft: the declarations are not valid:"
    assert first.startswith("  declarations.d/a.xml:3: ")
    assert "'strnig'" in first
    assert second.startswith("  declarations.d/b.xml:1: ")
    assert not (tmp_path / "made.json").exists()


def test_declarations_that_contradict_each_other_are_named(graft: Graft, tmp_path: Path) -> None:
    head = '<methods xmlns="urn:graft:methods:1">'
    small = '<enum name="size"><value name="small"/></enum>'
    large = '<enum name="size"><value name="large"/></enum>'
    (tmp_path / "a.xml").write_text(f'{head}{small}<method name="A.b"/></methods>')
    (tmp_path / "b.xml").write_text(
        f'{head}{small}<method name="A.c"><param name="x" type="enum size"/></method></methods>'
    )
    (tmp_path / "c.xml").write_text(f'{head}{large}<method name="A.b"/></methods>')
    (exported,) = json.loads(graft("export", "--from", "a.xml", "--from", "b.xml", "--from", "a.xml").stdout)
    assert [item["name"] for item in exported["messages"]] == ["b", "c"]
    assert [item["name"] for item in exported["enums"]] == ["size"]
    done = graft("export", "--from", "a.xml", "--from", "b.xml", "--from", "c.xml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "graft: the declarations contradict each other:",
        "  c.xml: the method A.b is declared in a.xml already",
        "  c.xml: the enum size is declared in a.xml already",
    ]


def test_a_datamodel_and_declarations_may_not_contradict_either(graft: Graft, datamodel: Path, tmp_path: Path) -> None:
    own = '<methods xmlns="urn:graft:methods:1"><class name="Room"/></methods>'
    (tmp_path / "own.xml").write_text(own)
    done = graft("export", "--from", "own.xml", "--from", "xenapi.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "graft: the declarations contradict each other:",
        "  xenapi.json (Room): the class Room is declared in own.xml already",
    ]


def test_where_nothing_can_be_read_or_written(graft: Graft, datamodel: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = graft("import", str(datamodel), "--out", "file/made")
    assert (done.returncode, done.stderr) == (1, "graft: cannot make file/made: Not a directory\n")
    done = graft("export", "--from", "nowhere")
    assert (done.returncode, done.stderr) == (1, "graft: cannot read nowhere: No such file or directory\n")
    (tmp_path / "empty").mkdir()
    done = graft("export", "no/such/place.json", "--from", "empty")
    assert (done.returncode, done.stderr) == (1, "graft: cannot write no/such/place.json: No such file or directory\n")
    assert graft("export", "--from", "empty").stdout == "[]\n"
    done = graft("export", "file/place.json", "--from", "empty")
    assert (done.returncode, done.stderr) == (1, "graft: cannot write file/place.json: Not a directory\n")
    done = graft("export", "empty", "--from", "empty")
    assert (done.returncode, done.stderr) == (1, "graft: cannot write empty: Is a directory\n")
    assert graft("export", "/dev/stdout", "--from", "empty").stdout.startswith("[]\n")
    (tmp_path / "link").symlink_to("there.json")
    assert graft("export", "link", "--from", "empty").returncode == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there.json").read_text() == "[]\n"
