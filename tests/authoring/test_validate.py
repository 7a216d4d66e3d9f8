"""`graft validate` of declarations and executables: what it finds, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Graft
from graft_cli.authoring.beginnings import Places, begin, blueprint, write
from graft_cli.authoring.dropin_checks import are_drop_ins, check_drop_ins
from graft_common.settings import Settings

HEAD = '<methods xmlns="urn:graft:methods:1">\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def declare(file: Path, *lines: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEAD + "\n".join(lines) + "\n</methods>\n")
    return file


def executable(file: Path, mode: int = 0o755) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(mode)
    return file


def told(settings: Settings, *paths: Path) -> tuple[list[str], list[str]]:
    report = check_drop_ins(paths, settings)
    root = settings.data_dir.parent

    def line(row: dict[str, object]) -> str:
        return f"{Path(str(row['file'])).relative_to(root)}:{row['line']}: {row['text']}"

    return [line(row) for row in report.errors], [line(row) for row in report.warnings]


def test_what_is_begun_is_without_findings(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for lang, name in (("python", "A.python"), ("shell", "A.shell")):
        write(begin(blueprint(name, "pool-admin", ["x:string"], "string"), lang, Places(folder, folder)))
    assert told(settings, folder) == ([], [])
    assert check_drop_ins([folder], settings).what == "2 declared methods, 2 executables that are methods"
    assert told(settings, folder / "A.shell.xml") == ([], [])


def test_each_finding_has_its_line(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    declare(
        folder / "a.xml", '<method name="A.one"/>', '<method name="A.two">', '  <param name="x" type="lost record"/>'
    )
    declare(folder / "b.xml", '<method name="A.three"/>', '<method name="B.one" colour="red"/>')
    declare(folder / "c.xml", '<method name="A.three"/>', '<method name="C.one" executable="several"/>')
    declare(folder / "d.xml", '<method name="A.three"/>', '<method name="session.mine"/>')
    (folder / "a.xml").write_text((folder / "a.xml").read_text().replace("</methods>", "</method></methods>"))
    executable(folder / "A.three")
    executable(folder / "Not.executable", 0o644)
    executable(folder / "several")
    executable(folder / "other")
    errors, warnings = told(settings, folder)
    assert len(errors) == 4
    for error, begins in zip(
        errors,
        [
            "mine/a.xml:4: the parameter x is of the type lost record: no record lost is declared",
            "mine/b.xml:3: ",
            "mine/d.xml:2: it is left out: c.xml declares the method A.three",
            "mine/d.xml:3: ",
        ],
        strict=True,
    ):
        assert error.replace(f"{tmp_path}/mine/", "").startswith(begins), error
    assert [warning.split(";")[0] for warning in warnings] == [
        "mine/Not.executable:0: it is no method: it is not executable",
        "mine/a.xml:2: the executable A.one of A.one is not in " + str(folder) + ", so that calls are refused",
        "mine/a.xml:3: the executable A.two of A.two is not in " + str(folder) + ", so that calls are refused",
        "mine/d.xml:3: the executable session.mine of session.mine is not in "
        + str(folder)
        + ", so that calls are refused",
        "mine/other:0: it is no method: its name is no method name",
    ]


def test_executables_and_declarations_in_their_own_directories(settings: Settings) -> None:
    declare(settings.declarations_path / "a.xml", '<method name="A.one"/>', '<method name="A.two"/>')
    executable(settings.extensions_path / "A.one")
    expected = f"data/declarations.d/a.xml:3: the executable A.two of A.two is not in {settings.declarations_path}, "
    expected += f"{settings.extensions_path}, so that calls are refused"
    assert told(settings, settings.declarations_path) == ([], [expected])
    assert [len(found) for found in told(settings, settings.extensions_path)] == [0, 1]
    assert [len(found) for found in told(settings, settings.extensions_path, settings.declarations_path)] == [0, 1]


def test_annotations_that_say_otherwise(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write(begin(blueprint("A.one", "pool-admin", ["x:string"], "string"), "python", Places(folder, folder)))
    file = folder / "A.one"
    file.write_text(file.read_text().replace("x: str)", "x: int)"))
    _, warnings = told(settings, folder)
    assert warnings == [
        "mine/A.one:0: A.one is declared otherwise than its function is annotated; graft declare tells how"
    ]
    file.write_text(file.read_text().replace("x: int)", "x: complex)"))
    _, warnings = told(settings, folder)
    assert len(warnings) == 1
    assert warnings[0].startswith("mine/A.one:6: no declared type is complex")


def test_what_is_taken_for_methods(settings: Settings, tmp_path: Path) -> None:
    executable(tmp_path / "mine/A.b")
    (tmp_path / "tree/extensions").mkdir(parents=True)
    executable(tmp_path / "tree/A.b")
    (tmp_path / "empty").mkdir()
    settings.extensions_path.mkdir(parents=True)
    kinds = {path.name: are_drop_ins(path, settings) for path in [*tmp_path.iterdir(), settings.extensions_path]}
    assert kinds == {"mine": True, "tree": False, "empty": False, "data": False, "extensions.d": True}


def test_the_command(graft: Graft, tmp_path: Path) -> None:
    file = declare(tmp_path / "mine/a.xml", '<method name="A.one" colour="red"/>')
    done = graft("validate", str(file))
    assert done.returncode == 1
    assert done.stdout.startswith(f"{file}:2: error: ")
    assert done.stdout.endswith("0 declared methods, 0 executables that are methods: 1 errors, 0 warnings\n")
    declare(file, '<method name="A.one"/>')
    shown = graft("validate", str(file.parent), "--json")
    assert shown.returncode == 0
    assert json.loads(shown.stdout)["errors"] == []
    (warning,) = json.loads(shown.stdout)["warnings"]
    assert (warning["file"], warning["line"], warning["path"]) == (str(file), 2, "/methods/method[1]")
    (tmp_path / "tree/extensions").mkdir(parents=True)
    mixed = graft("validate", str(file), str(tmp_path / "tree"))
    assert mixed.returncode == 2
    assert "several paths" in mixed.stderr
