"""`graft up`: ready, the demonstration and the commands that it prints, signals, and failures to start."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.conftest import GRAFT, Graft
from support.demo import Up, shell, start
from support.running import wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def plain(tmp_path: Path, environment: dict[str, str]) -> Iterator[Up]:
    up = start(tmp_path, environment)
    try:
        up.wait_ready()
        yield up
    finally:
        up.process.kill()
        up.process.wait(10)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    directory = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GRAFT_", "XDG_"))}
    up = start(directory, environment | {"HOME": str(directory), "NO_COLOR": "1"}, "--demo")
    try:
        up.wait_ready()
        wait_until("the commands to try", lambda: "called at once" in up.text)
        yield up
    finally:
        up.process.kill()
        up.process.wait(10)


def pasted(up: Up) -> list[str]:
    """The blocks of commands that it has printed, as they would be pasted."""
    _, _, after = up.text.partition("Try it, in another terminal:")
    blocks = re.findall(r"(?:^  .*\n)(?:^(?:  .*)?\n)*?(?=^\S|\Z)", after, re.MULTILINE)
    return [textwrap.dedent(block).strip() for block in blocks]


def test_all_four_ports_answer_and_sigterm_ends_it(plain: Up, graft: Graft) -> None:
    for name in ("XenAPI", "registry", "dispatcher", "metrics"):
        assert plain.address(name)
    with urllib.request.urlopen(plain.address("metrics")) as answer:
        assert b"graft_" in answer.read()
    done = graft(
        "health",
        GRAFT_HTTP=plain.address("XenAPI").removeprefix("http://"),
        GRAFT_REGISTRY=plain.address("registry"),
        GRAFT_DISPATCHER=plain.address("dispatcher"),
    )
    assert done.returncode == 0, done.stdout
    children = psutil.Process(plain.process.pid).children(recursive=True)
    assert plain.stop() == 0
    wait_until("the end of what it started", lambda: not any(child.is_running() for child in children))
    assert "Traceback" not in plain.log.read_text()


def test_ctrl_c_ends_it(plain: Up) -> None:
    assert plain.stop(signal.SIGINT) == 0


def test_a_generated_password_is_printed_once_and_works(plain: Up, graft: Graft, environment: dict[str, str]) -> None:
    found = re.search(r"administrator (\S+), password (\S+)", plain.text)
    assert found
    user, password = found.groups()
    url = plain.address("XenAPI")
    assert graft("login", "--url", url, "--user", user, GRAFT_PASSWORD=password).returncode == 0
    assert password not in plain.log.read_text()
    assert graft("login", "--url", url, "--user", user, GRAFT_PASSWORD="wrong").returncode == 4
    assert plain.stop() == 0
    again = start(plain.directory, environment)
    try:
        again.wait_ready()
        assert "administrator" not in again.text
    finally:
        again.process.kill()
        again.process.wait(10)


def test_a_second_signal_ends_it_at_once(plain: Up, graft: Graft) -> None:
    extensions = plain.directory / "data/extensions.d"
    (plain.directory / "draft").write_text("#!/bin/sh\nexec sleep 600\n")
    (plain.directory / "draft").chmod(0o755)
    (plain.directory / "draft").rename(extensions / "Slow.one")
    found = re.search(r"administrator (\S+), password (\S+)", plain.text)
    assert found
    access = {"GRAFT_URL": plain.address("XenAPI"), "GRAFT_USER": found[1], "GRAFT_PASSWORD": found[2]}
    wait_until("the method", lambda: "Slow.one" in graft("methods", **access).stdout)
    calling = subprocess.Popen(
        [str(GRAFT), "call", "Slow.one"],
        env=plain.environment | access,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    process = psutil.Process(plain.process.pid)

    def sleepers() -> list[psutil.Process]:
        return [child for child in process.children(recursive=True) if child.name() == "sleep"]

    try:
        running = wait_until("the call", sleepers)
        plain.process.send_signal(signal.SIGTERM)
        wait_until("the drain", lambda: "process.draining" in plain.log.read_text())
        assert plain.process.poll() is None
        plain.process.send_signal(signal.SIGTERM)
        assert plain.process.wait(5) == 128 + signal.SIGTERM
        wait_until("the end of what it ran", lambda: not any(child.is_running() for child in running))
    finally:
        calling.kill()
        calling.wait(10)


def test_a_signal_during_the_start_ends_it(tmp_path: Path, environment: dict[str, str]) -> None:
    up = start(tmp_path, environment)
    try:
        wait_until("the data directory", (tmp_path / "data/keys").exists)
        assert up.stop() == 0
    finally:
        up.process.kill()
        up.process.wait(10)


def test_walls_that_cannot_be_built_keep_it_from_starting(tmp_path: Path, environment: dict[str, str]) -> None:
    up = start(tmp_path, environment, "--engine", "chroot")
    try:
        assert up.process.wait(60) == 1
    finally:
        up.process.kill()
        up.process.wait(10)
    lines = [line for line in up.log.read_text().splitlines() if line.startswith("graft: ")]
    assert len(lines) == 1
    assert "chroot" in lines[0]
    assert "Traceback" not in up.log.read_text()
    assert "ready" not in up.text.splitlines()


def test_the_commands_that_it_prints_work_when_pasted(demo: Up) -> None:
    first, python, curl, ambari, failing, *_ = pasted(demo)
    for line in first.splitlines():
        done = shell(demo, line)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    done = shell(demo, python)
    assert (done.returncode, done.stdout) == (0, "Hello, Python!\n"), done.stderr
    done = shell(demo, curl)
    assert "<name>words</name><value>3</value>" in done.stdout, done.stdout + done.stderr
    done = shell(demo, ambari)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "link 1: EXT/1.0 to HDP/2.4" in done.stdout
    assert "display_name: extensions/EXT/1.0" in done.stdout
    assert "HELLO, WORLD!" in done.stdout
    done = shell(demo, failing)
    assert (done.returncode, done.stdout) == (1, "")
    assert "COFFEE_OUT_OF_BEANS" in done.stderr
    assert "The grinder is empty" in done.stderr


@pytest.fixture
def call(demo: Up, graft: Graft) -> Graft:
    """Run `graft` as the demonstration's administrator."""

    def run(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return graft(
            *arguments,
            stdin=stdin,
            **{
                "GRAFT_URL": demo.address("XenAPI"),
                "GRAFT_USER": "admin",
                "GRAFT_PASSWORD": "admin",
                "GRAFT_REGISTRY": demo.address("registry"),
                "GRAFT_DISPATCHER": demo.address("dispatcher"),
                **variables,
            },
        )

    return run


def test_calls_with_arguments_of_every_kind(call: Graft) -> None:
    assert call("call", "Hello.greet", "5").stdout == "Hello, 5!\n"
    assert call("call", "Hello.greet", "int:5").stderr.split() == [
        "graft:",
        "FIELD_TYPE_ERROR",
        "name",
        "string",
        "int",
    ]
    done = call("call", "Text.count", "@-", "--json", stdin="a <b> & c\nd\n")
    assert json.loads(done.stdout) == {"lines": "3", "words": "5", "bytes": "12"}
    assert set(json.loads(call("call", "System.uptime", "--json").stdout)) == {"uptime_seconds", "load_1min"}
    assert call("call", "system.isAlive:x", "yes").returncode in {0, 1}


def test_failures_have_a_code(call: Graft) -> None:
    done = call("call", "No.such")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["graft: MESSAGE_METHOD_UNKNOWN", "  No.such"]
    assert call("call", "Hello.greet", "x", GRAFT_PASSWORD="wrong").returncode == 4


def test_tasks(call: Graft) -> None:
    ref = call("call", "Timer.wait", "int:600", "--async").stdout.strip()
    assert ref.startswith("OpaqueRef:")
    listed = json.loads(call("tasks", "--json").stdout)
    assert [task["status"] for task in listed if task["ref"] == ref] == ["pending"]
    assert "status: pending" in call("tasks", "show", ref).stdout
    assert call("tasks", "wait", ref, "--timeout", "0.1").returncode == 1
    assert call("tasks", "cancel", ref).returncode == 0
    done = call("tasks", "wait", ref)
    assert done.returncode == 1
    assert "TASK_CANCELLED" in done.stderr
    done = call("tasks", "watch", ref)
    assert (done.returncode, done.stdout.splitlines()) == (1, ["cancelled 100%"])
    assert "TASK_CANCELLED" in done.stderr
    assert call("tasks", "destroy", ref).returncode == 0
    done = call("tasks", "show", ref)
    assert (done.returncode, "HANDLE_INVALID" in done.stderr) == (1, True)


def test_users_and_audit(call: Graft, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("ann's password\n")
    done = call("user", "add", "ann", "--role", "read-only", "--password-file", str(tmp_path / "password"))
    assert done.returncode == 0, done.stderr
    assert "ann" in call("user", "list").stdout
    done = call("call", "Hello.greet", "x", GRAFT_USER="ann", GRAFT_PASSWORD="ann's password")
    assert (done.returncode, "RBAC_PERMISSION_DENIED" in done.stderr) == (1, True)
    assert call("user", "remove", "ann").returncode == 0
    assert call("user", "remove", "ann").returncode == 1

    def denied() -> bool:
        records = json.loads(call("audit", "--json", "--since", "5min", "--limit", "50").stdout)
        assert len(records) <= 50
        assert [record["time"] for record in records] == sorted((record["time"] for record in records), reverse=True)
        return any(
            (record["user"], record["action"], record["decision"]) == ("ann", "Hello.greet", "denied")
            for record in records
        )

    wait_until("the record", denied)


def test_methods(call: Graft, demo: Up) -> None:
    names = call("methods").stdout.split()
    assert {"Hello.greet", "Coffee.brew", "session.login_with_password"} <= set(names)
    listed = json.loads(call("methods", "--json", GRAFT_URL="").stdout)
    assert {"name": "Hello.greet", "source": "drop-in"}.items() <= next(
        method for method in listed if method["name"] == "Hello.greet"
    ).items()


def test_one_method_and_why_it_is_what_it_is(call: Graft) -> None:
    told = call("methods", "Text.count").stdout
    assert told.startswith(
        "Text.count(text: string) -> text_size record\n\nCount the lines, words and bytes of a text.\n"
    )
    assert told.endswith("From: drop-in examples.xml. Role: read-only.\n")
    described = json.loads(call("methods", "Coffee.brew", "--json").stdout)
    assert (described["declared"], described["origin"], described["state"]) == (True, "examples.xml", "prototyped")
    assert described["params"][0] == {
        "name": "kind",
        "type": "enum coffee",
        "required": False,
        "default": "espresso",
        "doc": "Which one.",
    }
    done = call("methods", "No.such")
    assert (done.returncode, "there is no method No.such" in done.stderr) == (2, True)
    done = call("methods", "--why", "Text.count")
    heading, row, *limits = done.stdout.splitlines()
    assert ["timeout", "10", "s", "10", "s", "the", "declaration's", "timeout"] in [line.split() for line in limits]
    assert heading.split("  ")[0] == "METHOD"
    assert row.split(maxsplit=5) == [
        "Text.count",
        "yes",
        "drop-in",
        "examples.xml",
        "Text.count",
        "nothing else brings it",
    ]
    explained = json.loads(call("methods", "--why", "task.cancel", "--json").stdout)
    assert explained["methods"][0]["candidates"] == [
        {
            "source": "built-in",
            "origin": "",
            "executable": "",
            "declared": True,
            "in_force": True,
            "reason": "it is a part of the platform",
            "access": "",
        }
    ]
    done = call("methods", "--why", "No.such")
    assert (done.returncode, "nothing brings No.such" in done.stderr) == (1, True)
    assert call("methods", "--why", GRAFT_PASSWORD="wrong").returncode == 4


def test_conflicts_and_findings_are_shown(call: Graft, demo: Up) -> None:
    declarations = demo.directory / "data" / "declarations.d"
    bad = declarations / "zz.xml"
    try:
        bad.write_text(
            '<methods xmlns="urn:graft:methods:1">\n<method name="Text.count"/>\n<method name="Not.there"/>\n</methods>'
        )
        wait_until("the finding", lambda: "zz.xml:2" in call("methods", "--why").stdout)
        told = call("methods", "--why").stdout
        assert "examples.xml declares it, too" in told
        assert "its executable Not.there is missing, so that calls are refused" in told
        assert "Hello.greet" not in told
        assert "other methods: each is brought by one alone." in told
        assert "  zz.xml:2: /methods/method[1]: it is left out: examples.xml declares the method Text.count" in told
        assert "Not.there" not in call("methods", "--json", GRAFT_URL="").stdout
    finally:
        bad.unlink()


def test_a_session_that_has_ended_is_told(call: Graft) -> None:
    assert call("login").returncode == 0
    assert call("call", "Hello.greet", "x", GRAFT_PASSWORD="").returncode == 0
    assert call("logout").returncode == 0
    assert call("call", "Hello.greet", "x", GRAFT_PASSWORD="").returncode == 4
