"""The calls that the reference shows do what they say: they are run against a platform as they stand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from graft_common.declarations.api import Api
from graft_common.declarations.reader import read_document
from graft_docs.calls import PREPARATION
from graft_docs.html import HtmlSite
from support.running import ADMIN, GRAFT, PASSWORD, Platform, make_platform, wait_until

pytestmark = pytest.mark.e2e

DECLARED = """<methods xmlns="urn:graft:methods:1">
  <enum name="mood"><value name="good"/><value name="bad"/></enum>
  <record name="thing">
    <field name="label" type="string"/>
    <field name="size" type="int"/>
    <field name="parts" type="(string -> float set) map"/>
    <field name="since" type="datetime"/>
    <field name="mood" type="enum mood option"/>
  </record>
  <method name="Mirror.show" role="read-only">
    <param name="text" type="string"/>
    <param name="things" type="thing record set"/>
    <param name="ready" type="bool"/>
    <param name="ratio" type="float" default="1.5"/>
    <param name="mood" type="enum mood" default="good"/>
    <param name="count" type="int" default="0"/>
    <result type="string"/>
    <example>
      <argument name="text" value="-it's &quot;int:5&quot; $HOME `id` \\ &amp; ü"/>
      <argument name="things" value='[{"label": "a\\"b", "size": 9007199254740993, "parts": {"x y": [0.5, 2]},
        "since": "2026-01-01T00:00:00Z", "mood": ["bad"]}]'/>
      <argument name="ready" value="true"/>
      <argument name="count" value="-9007199254740993"/>
    </example>
  </method>
  <method name="Mirror.made_up" executable="Mirror.show" role="read-only">
    <param name="thing" type="thing record"/>
    <param name="refs" type="(enum mood -> VM ref) map"/>
    <result type="string"/>
  </method>
</methods>
"""
MIRROR = """#!/usr/bin/env python3
import sys, xmlrpc.client
params, _ = xmlrpc.client.loads(sys.stdin.buffer.read())
value = xmlrpc.client.dumps(params[1:])
print(xmlrpc.client.dumps(({"Status": "Success", "Value": value},), methodresponse=True))
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("calls")
    (root / "declarations.d").mkdir()
    (root / "declarations.d" / "mirror.xml").write_text(DECLARED)
    made = make_platform("up", root, GRAFT_DECLARATIONS_DIR=str(root / "declarations.d"))
    try:
        made.drop_in("Mirror.show", MIRROR)
        made.start_all()
        wait_until("the methods", lambda: "Mirror.made_up" in made.proxy().system.listMethods())
        made.log_in()
        yield made
    finally:
        made.kill_all()


def run(text: str, platform: Platform) -> str:
    """Run a call in a shell that is prepared as the reference says."""
    prepared = (
        PREPARATION.replace("127.0.0.1:8080", f"127.0.0.1:{platform.http}")
        .replace("127.0.0.1:50052", f"127.0.0.1:{platform.dispatcher}")
        .replace('"uname": "user", "pwd": "password"', f'"uname": "{ADMIN}", "pwd": "{PASSWORD}"')
    )
    path = f"{GRAFT.parent}:{platform.environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{prepared}\n{text}"],
        env={**platform.environment, "HOME": str(platform.root), "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_calls_answer_alike(platform: Platform, tmp_path: Path) -> None:
    api = Api.of(read_document(DECLARED.encode(), "mirror.xml"))
    site = HtmlSite(api)
    for method in site.api.document.methods:
        texts = {call.key: call.text for call in site.calls(method)}
        answers = {"curl": json.loads(run(texts["curl"], platform)), "graft": run(texts["graft"], platform)[:-1]}
        script = texts["xenapi"].replace('"user", "password"', f'"{ADMIN}", "{PASSWORD}"')
        (tmp_path / "call.py").write_text(script)
        answers["xenapi"] = run(f"{sys.executable} {tmp_path}/call.py", platform)[:-1]
        if shutil.which("grpcurl"):
            answers["grpcurl"] = json.loads(run(texts["grpcurl"], platform))["value"]
        assert "<params>" in answers["curl"]
        assert set(answers.values()) == {answers["curl"]}, answers


def test_the_pages_of_a_running_platform(platform: Platform) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{platform.http}/docs/class-Mirror.html") as answer:
        page = answer.read().decode()
    assert 'id="Mirror.show"' in page
    done = platform.graft(
        "docs", "generate", "--out", "reference", "--class", "Mirror", "--format", "markdown", "--json"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["methods"] == 2
    assert "drop-in, declared in mirror.xml" in (platform.root / "reference" / "class-Mirror.md").read_text()
