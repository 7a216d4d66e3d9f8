"""`graft try`: files run in the sandbox without being installed, and what is told of them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Graft
from dispatcher_service.engines import factory
from dispatcher_service.engines.base import EngineUnavailable, Finding
from dispatcher_service.engines.none import NoneEngine
from graft_cli.authoring.declared import find
from graft_cli.authoring.trial import Plan, run
from graft_cli.exits import CliError
from support.authoring import MODULE

GREET = """\
#!/usr/bin/env python3
from graft_extension import Failure, method, run
from words import GREETING

@method("Hello.greet", memory="256MiB")
def greet(name: str, times: int = 1) -> str:
    print("to standard error")
    if name == "nobody":
        raise Failure("NOBODY_THERE", name, times)
    if name == "crash":
        raise KeyError(name)
    return " ".join([f"{GREETING}, {name}!"] * times)

run()
"""
SHELL = """\
#!/bin/sh
cat > /dev/null
. "${0%/*}/answer.sh"
"""
ANSWER = """\
echo '<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name><value>Success
</value></member><member><name>Value</name><value>5</value></member></struct></value></param></params></methodResponse>'
""".replace("Success\n", "Success")


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    async def attempt() -> None:
        engine = factory.create()
        try:
            await engine.prepare()
        finally:
            await engine.close()

    try:
        asyncio.run(attempt())
    except EngineUnavailable as error:
        pytest.skip(str(error))


def add(folder: Path, name: str, text: str, mode: int = 0o755) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.fixture
def greet(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    add(folder, "words.py", "GREETING = 'Hello'\n", 0o644)
    shutil.copyfile(MODULE, folder / "graft_extension.py")
    return add(folder, "Hello.greet", GREET)


def tried(graft: Graft, *arguments: str) -> tuple[int, Any]:
    done = graft("try", *arguments, "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_success(graft: Graft, greet: Path) -> None:
    code, shown = tried(graft, str(greet), "World", "2")
    assert code == 0
    assert shown["value"] == "Hello, World! Hello, World!"
    assert shown["error"] is None
    assert (shown["method"], shown["declaration"]) == ("Hello.greet", str(greet))
    assert "<value>World</value></param><param><value>2</value>" in shown["stdin"]
    run = shown["run"]
    assert (run["verdict"], run["exit_code"], run["stderr"]) == ("exited", 0, "to standard error\n")
    assert run["stdout"].startswith("<?xml")
    assert 0 < run["cpu_seconds"] < 10
    assert 0 < run["seconds"] < 10
    assert run["memory_bytes"] > 1 << 20
    assert run["processes"] >= 1


def test_what_people_are_shown(graft: Graft, greet: Path) -> None:
    done = graft("try", str(greet), "World")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("---")][:4] == [
        *["--- stdin", "--- stdout", "--- stderr", "--- outcome"]
    ]
    assert lines[-2] == "Hello, World!"
    assert lines[-1].endswith(f"checked by {greet}")
    failed = graft("try", str(greet), "nobody")
    assert failed.returncode == 5
    assert "--- outcome\nNOBODY_THERE\n  nobody\n  1\n" in failed.stdout
    broken = graft("try", str(greet), "crash")
    assert broken.returncode == 1
    assert "KeyError: 'crash'" in broken.stdout
    assert f"--- outcome\nINTERNAL_ERROR\n  {greet}\n  non-zero exit\n---" in broken.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["nobody", "3"], 5, ["NOBODY_THERE", "nobody", "3"]),
        (["World", "many"], 5, ["FIELD_TYPE_ERROR", "times", "int", "string"]),
        ([], 5, ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Hello.greet", "1", "0"]),
    ],
)
def test_named_errors(graft: Graft, greet: Path, arguments: list[str], code: int, error: list[str]) -> None:
    returned, shown = tried(graft, str(greet), *arguments)
    assert returned == code
    assert [shown["error"]["code"], *shown["error"]["params"]] == error
    assert (shown["run"] is None) == (error[0] != "NOBODY_THERE")


def test_the_declaration_beside_goes_before_annotations(graft: Graft, greet: Path) -> None:
    beside = greet.with_name("greetings.xml")
    beside.write_text(
        '<methods xmlns="urn:graft:methods:1"><method name="Hello.greet"><param name="who" type="string"/>'
        '<result type="int"/></method></methods>'
    )
    code, shown = tried(graft, str(greet), "World")
    assert (code, shown["declaration"]) == (1, str(beside))
    assert shown["error"]["message"] == "result: expected int, got string"
    done = graft("try", str(greet), "World")
    assert "the result does not fit the method's declaration\n  result: expected int, got string\n" in done.stdout
    elsewhere = add(greet.parent.parent / "other", "x.xml", beside.read_text().replace('"int"', '"string"'), 0o644)
    assert tried(graft, str(greet), "World", "--declaration", str(elsewhere))[1]["value"] == "Hello, World!"
    add(greet.parent, "broken.xml", '<methods xmlns="urn:graft:methods:1"><method/></methods>', 0o644)
    assert tried(graft, str(greet), "World")[1]["declaration"] == str(beside)
    beside.write_text(beside.read_text().replace('"int"', '"lost record"'))
    refused = graft("try", str(greet), "World")
    assert refused.returncode == 1
    assert f"{beside}:1: /methods/method[1]/result[1]: the result is of the type lost record" in refused.stderr


def test_a_file_without_declaration(graft: Graft, tmp_path: Path) -> None:
    add(tmp_path / "sh", "answer.sh", ANSWER, 0o644)
    file = add(tmp_path / "sh", "Number.five", SHELL)
    assert tried(graft, str(file), "any", "number")[1]["value"] == "5"
    done = graft("try", str(file))
    assert done.stdout.endswith("no declaration, so nothing is checked\n")


def test_what_lies_beside(graft: Graft, tmp_path: Path) -> None:
    file = add(tmp_path / "sh", "Number.five", SHELL.replace("answer.sh", "data/answer"))
    (file.parent / "data").mkdir()
    (file.parent / "data/answer").write_text(ANSWER)
    assert tried(graft, str(file))[0] == 1
    assert tried(graft, str(file), "--with-folder")[1]["value"] == "5"


def test_a_file_of_several_methods(graft: Graft, greet: Path) -> None:
    text = GREET.replace("run()\n", "@method('Hello.wave')\ndef wave() -> str:\n    return 'waves'\nrun()\n")
    file = add(greet.parent, "greetings", text)
    refused = graft("try", str(file))
    assert refused.returncode == 2
    assert "choose one with --method: Hello.greet, Hello.wave" in refused.stderr
    assert tried(graft, str(file), "--method", "Hello.wave")[1]["value"] == "waves"
    unknown = add(greet.parent, "no-name", SHELL)
    assert "its name is no method name" in graft("try", str(unknown)).stderr
    assert tried(graft, str(unknown), "--method", "Any.name")[0] == 1


def test_what_was_used_at_most(graft: Graft, greet: Path) -> None:
    text = "#!/bin/sh\nfor i in 1 2 3; do sleep 1 & done; wait; exit 1\n"
    many = add(greet.parent, "Many.one", text)
    assert tried(graft, str(many))[1]["run"]["processes"] >= 4
    last = graft("try", str(many)).stdout.splitlines()[-1]
    assert re.fullmatch(
        r"--- \d+ ms, \d+ ms of CPU, .* MiB, \d+ processes; no declaration, so nothing is checked", last
    )


def test_limits(graft: Graft, greet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = add(greet.parent, "Slow.one", "#!/bin/sh\nexec sleep 30\n")
    code, shown = tried(graft, str(slow), "--timeout", "200ms")
    assert code == 1
    assert shown["run"]["verdict"] == "timed out"
    assert shown["error"]["params"][1] == "timed out after 0.2 s (--timeout)"
    code, shown = tried(graft, str(greet), "World", "--memory", "1MiB")
    assert code == 1
    assert graft("try", str(slow), "--timeout", "soon").returncode == 2
    monkeypatch.setenv("GRAFT_CALL_TIMEOUT", "100ms")
    monkeypatch.setenv("GRAFT_CALL_MAX_TIMEOUT", "100ms")
    _, shown = tried(graft, str(slow), "--timeout", "200ms")
    assert shown["error"]["params"][1] == "timed out after 0.1 s (GRAFT_CALL_MAX_TIMEOUT)"


@pytest.mark.parametrize(
    ("mode", "code", "told"),
    [(0o644, 1, "is not executable; run chmod +x"), (0o757, 0, "it would be ignored: everybody may write to it")],
)
def test_files_that_would_be_no_methods(graft: Graft, greet: Path, mode: int, code: int, told: str) -> None:
    greet.chmod(mode)
    done = graft("try", str(greet), "World")
    assert done.returncode == code
    assert told in done.stderr


def test_the_walls_stand(graft: Graft, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    file = add(tmp_path / "sh", "Read.secret", f"#!/bin/sh\ncat {secret} >&2\n")
    code, shown = tried(graft, str(file))
    assert code == 1
    assert "No such file" in shown["run"]["stderr"]


def test_nothing_is_left_behind(graft: Graft, greet: Path, tmp_path: Path) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    assert graft("try", str(greet), "World", TMPDIR=str(place)).returncode == 0
    assert graft("try", str(greet), "World", "--with-folder", TMPDIR=str(place)).returncode == 0
    assert list(place.iterdir()) == []
    assert sorted(path.name for path in greet.parent.iterdir()) == ["Hello.greet", "graft_extension.py", "words.py"]


def test_hosts_that_cannot(graft: Graft, greet: Path) -> None:
    unknown = graft("try", str(greet), "World", "--engine", "steam")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no engine 'steam'" in unknown.stderr


class Nothing(NoneEngine):
    """An engine that this host does not allow."""

    async def prepare(self) -> None:
        raise EngineUnavailable("nothing", [Finding("user namespaces", ok=False, detail="off", fix="sysctl it=1")])


def test_what_to_do_is_told_where_walls_cannot_be_built(greet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(factory.ENGINES, "nothing", Nothing)
    with pytest.raises(CliError) as caught:
        run(Plan(greet, find(greet, None, None, []), "nothing"), ["World"])
    assert "(`graft doctor` tells more)" in str(caught.value)
    assert "user namespaces: off (fix: sysctl it=1)" in str(caught.value)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="graft-test-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_as_a_user_without_rights(greet: Path, open_folder: Path) -> None:
    shutil.copytree(greet.parent, open_folder / "mine")
    (open_folder / "mine").chmod(0o755)
    environment = {
        "HOME": str(open_folder),
        "PATH": "/usr/bin:/bin",
        "TMPDIR": str(open_folder),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }

    def other_user(*command: str) -> subprocess.CompletedProcess[str]:
        # The shell starts what follows without what root may.
        return subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", 'exec "$@"', "sh", *command],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    # The tests' own Python may lie below /root; that of the system serves too, if it is of the same version.
    check = f"import sys, graft_cli.commands.authoring, grpc; assert sys.version_info[:2] == {sys.version_info[:2]}"
    for python in (sys.executable, "/usr/bin/python3"):
        if other_user(python, "-c", check).returncode == 0:
            break
    else:
        pytest.skip("another user cannot reach a Python with what Graft needs")
    done = other_user(python, "-m", "graft_cli", "try", str(open_folder / "mine/Hello.greet"), "World")
    assert done.returncode == 0, done.stderr
    assert "\nHello, World!\n" in done.stdout
