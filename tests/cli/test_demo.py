"""What `--demo` installs, and what it leaves alone."""

from __future__ import annotations

import subprocess
import xmlrpc.client
from pathlib import Path

import pytest

from graft_cli import demo
from graft_cli.exits import CliError
from graft_cli.validation import check_tree
from graft_common.declarations.reader import read_document
from graft_common.settings import Settings

EXAMPLES = {"Coffee.brew", "Hello.greet", "System.uptime", "Text.count", "Timer.wait"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir()
    return Settings(data_dir=tmp_path / "data")


def test_examples_that_nobody_has_changed_are_renewed(settings: Settings) -> None:
    assert set(demo.install(settings)) == EXAMPLES
    path = settings.extensions_path / "Hello.greet"
    original = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o755

    path.write_bytes(b"an earlier version")
    record = settings.data_dir / "demo.json"
    record.write_text(record.read_text().replace(demo._digest(original), demo._digest(b"an earlier version")))
    (settings.extensions_path / "Timer.wait").unlink()
    demo.install(settings)
    assert path.read_bytes() == original
    assert {file.name for file in settings.extensions_path.iterdir()} == EXAMPLES


def test_each_example_is_declared(settings: Settings) -> None:
    demo.install(settings)
    [path] = settings.declarations_path.iterdir()
    document = read_document(path.read_bytes(), path.name)
    assert {method.name for method in document.methods} == EXAMPLES
    assert all(method.doc and not method.executable for method in document.methods)
    changed = path.read_text().replace("Greet somebody.", "Changed.")
    path.write_text(changed)
    demo.install(settings)
    assert path.read_text() == changed


def test_what_somebody_has_written_is_left_alone(settings: Settings) -> None:
    metainfo = settings.resources_path / "extensions/EXT/1.0/metainfo.xml"
    for path in (settings.extensions_path / "Hello.greet", metainfo):
        path.parent.mkdir(parents=True)
        path.write_text("somebody's own")
    demo.install(settings)
    changed = (settings.extensions_path / "Text.count", settings.resources_path / "stacks/HDP/2.4/metainfo.xml")
    for path in changed:
        path.write_text("changed")
    demo.install(settings)
    assert {path.read_text() for path in (settings.extensions_path / "Hello.greet", metainfo)} == {"somebody's own"}
    assert {path.read_text() for path in changed} == {"changed"}


def test_its_extensions_and_stacks_are_as_they_should_be(settings: Settings) -> None:
    demo.install(settings)
    report = check_tree(settings.resources_path)
    assert (report.errors, report.warnings) == ([], [])
    assert report.what.startswith("2 extension versions, 2 stack versions, ")
    methods = settings.resources_path / "extensions/EXT/1.0/methods"
    assert {path.name: path.stat().st_mode & 0o777 for path in methods.iterdir()} == {
        "Greeter.greet": 0o755,
        "greeter.xml": 0o644,
    }


def test_a_resources_directory_of_somebodys_own_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    demo.install(settings.model_copy(update={"resources_dir": tmp_path / "tree"}))
    assert not (tmp_path / "tree").exists()
    assert not settings.resources_path.exists()


def test_a_directory_that_cannot_be_written_is_named(settings: Settings) -> None:
    settings.extensions_path.write_text("a file")
    with pytest.raises(CliError, match=r"extensions\.d"):
        demo.install(settings)


def test_a_demonstration_has_data_that_only_loopback_may_show(settings: Settings) -> None:
    demo.install(settings)
    demo.refuse_demo_data(settings)
    with pytest.raises(CliError, match="was made by --demo"):
        demo.refuse_demo_data(settings.model_copy(update={"registry_bind": "0.0.0.0:50051"}))


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("Hello.greet", ["World"], "Hello, World!"),
        ("Hello.greet", ["<&>\"' ö"], "Hello, <&>\"' ö!"),
        ("Hello.greet", [], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Hello.greet", "1", "0"]),
        ("Text.count", ["one <two> & three\nfour"], {"lines": 2, "words": 5, "bytes": 22}),
        ("Text.count", [""], {"lines": 0, "words": 0, "bytes": 0}),
        ("Text.count", ["a &amp; b"], {"lines": 1, "words": 3, "bytes": 9}),
        ("Text.count", [], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Text.count", "1", "0"]),
        ("Timer.wait", ["0"], "waited 0 s"),
        ("Timer.wait", ["x"], ["TIMER_NEEDS_SECONDS", "one number from 0 to 3600"]),
        ("Coffee.brew", ["espresso"], ["COFFEE_OUT_OF_BEANS", "The grinder is empty; fill it and call again."]),
    ],
)
def test_the_examples_follow_xapis_calling_convention(name: str, params: list[str], expected: object) -> None:
    values = "".join(
        f"<param><value>{value.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</value></param>"
        for value in ["OpaqueRef:session", *params]
    )
    call = f'<?xml version="1.0"?><methodCall><methodName>{name}</methodName><params>{values}</params></methodCall>'
    done = subprocess.run(
        [str(demo._REPOSITORY_EXAMPLES / "extensions" / name), "--xmlrpc"],
        input=call.encode(),
        env={"PATH": "/sbin:/usr/sbin:/bin:/usr/bin"},
        cwd="/",
        capture_output=True,
        timeout=30,
        check=True,
    )
    (answer,), _ = xmlrpc.client.loads(done.stdout)
    assert isinstance(answer, dict)
    assert answer.get("Value", answer.get("ErrorDescription")) == expected
    assert done.stderr == b""
