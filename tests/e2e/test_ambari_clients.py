"""Clients of Ambari, unmodified, against whole platforms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.ambari_tree import serve_tree
from support.running import ADMIN, PASSWORD, Platform

pytestmark = pytest.mark.e2e

PROGRAMS = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module", params=["up", "services"])
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that each client leaves as it was."""
    running, _ = serve_tree(request.param, tmp_path_factory.mktemp(request.param))
    try:
        yield running
    finally:
        running.kill_all()


def run(program: str, argument: str) -> Any:
    """Run a client in a process of its own, and return what it has seen."""
    done = subprocess.run(
        [sys.executable, PROGRAMS / program, argument],
        env={**os.environ, "AMBARI_USER": ADMIN, "AMBARI_PASSWORD": PASSWORD, "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_python_ambariclient(platform: Platform) -> None:
    seen = run("ambari_client_walk.py", str(platform.http))
    assert seen["version"] >= [1, 7, 0]
    assert seen["stacks"] == {"HDP": ["2.4", "2.5"]}
    assert seen["before"] == ["HDFS"]
    assert seen["created"] == {}
    assert seen["after"] == ["HDFS", "OOZIE2"]
    assert seen["service"] == {"service_name": "OOZIE2", "service_version": "4.0.0", "custom_commands": []}
    assert seen["components"] == {"OOZIE2_SERVER": ["MASTER", "1", True]}
    assert [item["Dependencies"]["component_name"] for item in seen["dependencies"]] == ["NAMENODE"]

    link = seen["links"][0]
    assert len(seen["links"]) == 1
    assert isinstance(link.pop("link_id"), int)
    assert link == {"stack_name": "HDP", "stack_version": "2.4", "extension_name": "EXT", "extension_version": "1.0"}
    assert seen["switched"] == [{}, "2.0"]
    assert seen["reread"] == {}

    named = "stackName=HDP, stackVersion=2.4"
    assert seen["errors"] == {
        "incomplete": [
            "BadRequest",
            400,
            "Stack name, stack version, extension name and extension version should be provided",
        ],
        "wrong password": ["Forbidden", 403, "Unable to sign in. Invalid username/password combination."],
        "unknown": [
            "NotFound",
            404,
            "The requested resource doesn't exist: ExtensionLink not found where ExtensionLink/link_id=999.",
        ],
        "not answered": ["MethodNotAllowed", 405, "Method Not Allowed"],
        "exists": [
            "Conflict",
            409,
            f"The stack and extension are already linked, {named}, extensionName=EXT, extensionVersion=2.0",
        ],
        "in use": [
            "Conflict",
            409,
            f"Extension service is still installed, {named}, service=OOZIE2, extensionName=EXT, extensionVersion=2.0",
        ],
    }
    assert seen["clusters"] == ["c1"]
    assert seen["installed"] == {"OOZIE2": "INIT"}
    assert seen["stack of the cluster"] == "2.4"
    assert seen["deleted"] == [{}, [], ["HDFS"]]


def test_ambari(platform: Platform) -> None:
    seen = run("ambari_walk.py", platform.url)
    assert seen["stacks"] == ["HDP-2.4", "HDP-2.5"]
    assert [item["Extensions"]["extension_name"] for item in seen["extensions"]] == ["CLASH", "EXT", "LATE"]
    assert seen["before"] == ["HDFS"]
    assert seen["after"] == ["HDFS", "OOZIE2"]
    assert seen["service"] == "4.0.0"
    assert seen["components"] == ["OOZIE2_SERVER"]
    assert seen["dependencies"] == ["NAMENODE"]
    assert "409" in seen["refused"]
    assert seen["clusters"] == []
    assert seen["links"] == []
