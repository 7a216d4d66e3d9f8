"""The real grpcurl: the guide's commands as they stand, and what it makes of errors."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from support.running import ADMIN, GRAFT, PASSWORD, Platform, wait_until
from typed_grpc.conftest import Client

pytestmark = pytest.mark.parametrize("platform", ["up"], indirect=True, scope="module")

GUIDE = (Path(__file__).parents[2] / "docs" / "typed-grpc.md").read_text()
QUEUED = """#!/bin/sh
cat > /dev/null
echo "<methodResponse><params><param><value><struct>
<member><name>Status</name><value>Success</value></member>
<member><name>Value</name><value>queued</value></member></struct></value></param></params></methodResponse>"
"""


def commands() -> list[tuple[str, str]]:
    """The commands of the guide, with what it says that they print."""
    [block] = re.findall(r"^```console\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    parts = [part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    return [(command, printed) for command, _, printed in parts]


def here(text: str, platform: Platform) -> str:
    for said, meant in (
        ("localhost:50051", f"127.0.0.1:{platform.registry}"),
        ("localhost:50052", f"127.0.0.1:{platform.dispatcher}"),
        ('"user": "admin", "password": "admin"', f'"user": "{ADMIN}", "password": "{PASSWORD}"'),
    ):
        text = text.replace(said, meant)
    return text


def test_the_guides_commands_print_what_it_says(platform: Platform, client: Client, grpcurl: str) -> None:
    [declared] = re.findall(r"^```xml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    (platform.root / "declarations.d" / "volume.xml").write_text(declared)
    platform.drop_in("Volume.resize", QUEUED)
    wait_until("the service", lambda: "graft.ext.Volume" in client.services())
    programs = f"{Path(grpcurl).parent}{os.pathsep}{GRAFT.parent}{os.pathsep}{platform.environment['PATH']}"
    variables = ""
    for command, printed in commands():
        line = here(command, platform)
        done = subprocess.run(
            ["bash", "-c", f"set -e\n{variables}{line}"],
            cwd=platform.root,
            env=platform.environment | {"PATH": programs},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", printed.strip()), command
        if re.match("[A-Z]+=", command):
            variables += f"{line}\n"
    assert variables.count("\n") == 2


def run(grpcurl: str, client: Client, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [grpcurl, "-plaintext", "-format-error", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_everything_can_be_listed_and_described(client: Client, grpcurl: str) -> None:
    assert run(grpcurl, client, client.address, "list").stdout.split() == client.services()
    done = run(grpcurl, client, client.address, "describe")
    assert done.returncode == 0
    assert "Return a disk as it was given." in done.stdout
    done = run(grpcurl, client, client.address, "describe", "graft.ext.Typed.echo")
    assert "rpc echo ( .graft.ext.TypedEchoRequest ) returns ( .graft.ext.TypedEchoResponse );" in done.stdout


@pytest.mark.parametrize(
    ("rpc", "data", "reason", "params"),
    [
        ("echo", '{"disk": {"state": "STATE_ON_LINE"}}', "FIELD_TYPE_ERROR", ["disk.made", "datetime", "nothing"]),
        ("fail", "{}", "DISK_IN_USE", ["xvda"]),
        ("missing", "{}", "MESSAGE_METHOD_UNKNOWN", ["Typed.missing"]),
    ],
)
def test_errors_have_code_and_parameters(
    client: Client, grpcurl: str, rpc: str, data: str, reason: str, params: list[str]
) -> None:
    header = f"authorization: Bearer {client.ref}"
    done = run(grpcurl, client, "-H", header, "-d", data, client.address, f"graft.ext.Typed/{rpc}")
    assert done.returncode != 0
    [detail] = json.loads(done.stderr)["details"]
    assert detail["reason"] == reason
    assert [detail["metadata"][f"param{number}"] for number in range(len(params))] == params
