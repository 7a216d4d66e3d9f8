"""`graft access`, `graft grant` and `graft link --grant-access` against a running platform, in one process and in three."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from links.conftest import needs
from support.resources import Resources, declarations, method
from support.running import Platform, make_platform, wait_until

ASKS = '<access network="outbound"><environment name="REGION"/></access>'
SHOW = """#!/bin/sh
cat > /dev/null
printf '<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name>'
printf '<value>Success</value></member><member><name>Value</name><value>region=%s</value></member>' "$REGION"
printf '</struct></value></param></params></methodResponse>'
"""


@contextmanager
def _running(kind: str, root: Path) -> Iterator[Platform]:
    resources = Resources(root / "data" / "resources")
    resources.stack("HDP/2.4", HDFS="")
    resources.stack("HDP/2.5", HDFS="")
    resources.extension("EXT/1.0", needs("HDP", "2.4"))
    files = {"a.xml": declarations(method("Zone.show", ASKS + '<result type="string"/>')), "Zone.show": SHOW}
    resources.method_files("EXT/1.0", files, executable=("Zone.show",))
    made = make_platform(kind, root, GRAFT_ENGINE="none", REGION="eu")
    (root / "data" / "declarations.d").mkdir(parents=True)
    try:
        made.start_all()
        made.drop_in("Env.show", SHOW)
        _declare(made, ASKS)
        made.log_in()
        yield made
    finally:
        made.kill_all()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with _running("up", tmp_path_factory.mktemp("up")) as made:
        yield made


def _declare(platform: Platform, access: str) -> None:
    draft = platform.root / "draft"
    draft.write_text(declarations(method("Env.show", access + '<result type="string"/>')))
    draft.rename(platform.root / "data" / "declarations.d" / "env.xml")


def _done(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


def _region(platform: Platform, name: str = "Env.show") -> str:
    return _done(platform.graft("call", name)).strip()


def test_a_drop_in_is_granted_what_it_asks_for(platform: Platform) -> None:
    assert _region(platform) == "region="
    told = _done(platform.graft("access", "Env.show"))
    assert told == (
        "Env.show (drop-in) asks for\n  network     outbound\n  environment REGION\n"
        "In force: nothing. Nobody has granted it.\nAn administrator grants it with `graft grant Env.show`.\n"
    )
    assert "  Env.show: it asks for access that nobody has granted" in _done(platform.graft("methods", "--why"))

    refused = platform.graft("grant", "Env.show")
    assert (refused.returncode, "Say that it is meant with --yes." in refused.stderr) == (2, True)
    assert "environment REGION" in refused.stderr
    assert _region(platform) == "region="

    granted = _done(platform.graft("grant", "Env.show", "--yes"))
    assert granted == "granted to Env.show (drop-in): network outbound; environment REGION\n"
    assert _region(platform) == "region=eu"
    told = _done(platform.graft("access", "Env.show"))
    assert "Granted by root at 20" in told
    assert "In force: all of it." in told
    record = json.loads(_done(platform.graft("access", "Env.show", "--json")))
    assert (record["state"], record["in_force"]) == ("granted", record["asked"])
    assert record["grant"]["granted_by"] == "root"

    _declare(platform, ASKS.replace("outbound", "loopback"))
    assert _region(platform) == "region="
    told = _done(platform.graft("access", "Env.show"))
    assert "needs a new grant" in told
    assert "network     outbound" in told
    assert json.loads(_done(platform.graft("access", "--json")))[0]["state"] == "changed"
    _declare(platform, ASKS)
    assert _region(platform) == "region=eu"

    taken = _done(platform.graft("grant", "Env.show", "--revoke"))
    assert taken == "taken back from Env.show (drop-in): network outbound; environment REGION\n"
    assert _region(platform) == "region="
    again = platform.graft("grant", "Env.show", "--revoke")
    assert (again.returncode, again.stderr) == (1, "graft: nothing is granted to Env.show\n")


def test_a_link_grants_what_its_methods_ask_for_if_that_is_said(platform: Platform) -> None:
    linked = platform.graft("link", "EXT/1.0", "HDP/2.4")
    assert "Zone.show: network outbound; environment REGION" in linked.stderr
    assert "graft grant METHOD" in linked.stderr
    assert _region(platform, "Zone.show") == "region="
    linked = platform.graft("link", "EXT/1.0", "HDP/2.5", "--grant-access")
    assert linked.stderr == ""
    assert _done(linked).splitlines()[1:] == ["granted to Zone.show: network outbound; environment REGION"]
    wait_until("the grant", lambda: _region(platform, "Zone.show") == "region=eu")
    granted = json.loads(_done(platform.graft("access", "--grants", "--json")))
    assert [(grant["method"], grant["extension_version"]) for grant in granted] == [("Zone.show", "1.0")]
    assert "Asks for access, see `graft access Zone.show`: network outbound; environment REGION." in _done(
        platform.graft("methods", "Zone.show")
    )
    # It outlives the links, and is taken back by the version that it was given to.
    for stack in ("HDP/2.4", "HDP/2.5"):
        _done(platform.graft("unlink", "EXT/1.0", stack))
    assert "Zone.show  EXT/1.0  root" in _done(platform.graft("access", "--grants"))
    taken = _done(platform.graft("grant", "Zone.show", "--revoke", "--json"))
    assert json.loads(taken)["extension_version"] == "1.0"
    granted = _done(platform.graft("grant", "Zone.show", "--of", "EXT/1.0", "--yes"))
    assert granted.startswith("granted to Zone.show (EXT/1.0)")
    assert _done(platform.graft("grant", "Zone.show", "--of", "EXT/1.0", "--revoke"))


def test_grants_reach_a_dispatcher_in_another_process(tmp_path: Path) -> None:
    with _running("services", tmp_path / "platform") as platform:
        _done(platform.graft("grant", "Env.show", "--yes"))
        assert _region(platform) == "region=eu"
        platform.stop("dispatcher")
        platform.start("dispatcher")
        platform.wait_ready()
        assert _region(platform) == "region=eu"
        _done(platform.graft("grant", "Env.show", "--revoke"))
        wait_until("the end of the grant", lambda: _region(platform) == "region=")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["access", "No.such"], 1, "No.such is not declared"),
        (["grant", "No.such", "--yes"], 1, "No.such is not declared"),
        (["grant", "task.cancel", "--yes"], 1, "task.cancel asks for nothing"),
        (["grant", "Zone.show", "--of", "EXT", "--yes"], 2, "no name and version such as EXT/1.0"),
        (["grant", "Zone.show", "--of", "EXT/9.0", "--yes"], 1, "EXTENSION_NOT_FOUND"),
        (["grant", "Zone.hide", "--of", "EXT/1.0", "--yes"], 1, "EXT/1.0 has no method Zone.hide"),
    ],
)
def test_what_cannot_be_is_told(platform: Platform, arguments: list[str], code: int, message: str) -> None:
    done = platform.graft(*arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_a_terminal_is_asked(platform: Platform, answer: bytes, code: int) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        done = subprocess.run(
            [Path(sys.executable).with_name("graft"), "grant", "Env.show"],
            stdin=theirs,
            capture_output=True,
            env={**platform.environment, "HOME": str(platform.root)},
            cwd=platform.root,
            timeout=60,
            check=False,
            text=True,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, "Env.show (drop-in) asks for" in done.stderr) == (code, True), done.stderr
    assert ("nothing was granted" in done.stderr) is (code == 1)
    if code == 0:
        _done(platform.graft("grant", "Env.show", "--revoke"))
