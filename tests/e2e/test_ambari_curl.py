"""The curl commands of Ambari's own documentation of extensions, and an operator's script, against whole platforms."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.ambari_tree import needs, oozie, serve_tree
from support.resources import Resources
from support.running import Platform, make_platform, wait_until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

CONFORMANCE = Path(__file__).parents[3] / "shared" / "conformance" / "ambari"
ADMIN = {"GRAFT_ADMIN_USER": "admin", "GRAFT_ADMIN_PASSWORD": "admin"}
"""The credentials that the documentation has in its commands."""
STATUS = "\n%{http_code} %{content_type}"

# As they are printed there, but for the host and the port.
GET_EXTENSIONS = "curl -u admin:admin -H 'X-Requested-By:ambari' -X GET 'http://<server>:<port>/api/v1/extensions'"
GET_EXTENSION = "curl -u admin:admin -H 'X-Requested-By:ambari' -X GET 'http://<server>:<port>/api/v1/extensions/EXT'"
GET_VERSION = (
    "curl -u admin:admin -H 'X-Requested-By:ambari' -X GET 'http://<server>:<port>/api/v1/extensions/EXT/versions/1.0'"
)
CREATE_LINK = """\
curl -u admin:admin -H 'X-Requested-By: ambari' -X POST -d '{"ExtensionLink": {"stack_name": "HDP", "stack_version":

"2.4", "extension_name": "EXT", "extension_version": "1.0"}}' http://<server>:<port>/api/v1/links/"""
GET_LINKS = "curl -u admin:admin -H 'X-Requested-By:ambari' -X GET 'http://<server>:<port>/api/v1/links'"
GET_LINK = "curl -u admin:admin -H 'X-Requested-By:ambari' -X GET 'http://<server>:<port>/api/v1/link/1'"
"""A misprint: the path is `links`."""
DELETE_LINK = "curl -u admin:admin -H 'X-Requested-By: ambari' -X DELETE http://<server>:<port>/api/v1/links/<link_id>"
UPDATE_LINKS = "curl -u admin:admin -H 'X-Requested-By: ambari' -X PUT http://<server>:<port>/api/v1/links/"


@dataclass(frozen=True)
class Said:
    """What curl has printed."""

    status: int
    content_type: str
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def message(self) -> str:
        assert self.json["status"] == self.status
        return str(self.json["message"])


class Shell:
    """Runs curl commands as an operator would paste them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.url = f"http://localhost:{port}/api/v1"

    def run(self, command: str, **ids: object) -> Said:
        """Run a command of the documentation."""
        command = command.replace("<server>:<port>", f"localhost:{self._port}")
        for name, value in ids.items():
            command = command.replace(f"<{name}>", str(value))
        done = subprocess.run(
            ["/bin/sh", "-c", f'{command} -sS --max-time 30 -w "$STATUS"'],
            env={**os.environ, "STATUS": STATUS, "no_proxy": "*"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        text, _, last = done.stdout.rpartition("\n")
        status, _, kind = last.partition(" ")
        return Said(int(status), kind, text)

    def get(self, path: str) -> Said:
        return self.run(f"curl -g -u admin:admin '{self.url}/{path}'")

    def write(self, verb: str, path: str, body: str = "") -> Said:
        data = f" -d '{body}'" if body else ""
        return self.run(f"curl -u admin:admin -H 'X-Requested-By: ambari' -X {verb}{data} '{self.url}/{path}'")

    def links(self) -> dict[int, str]:
        """Return the links by their ids."""
        return {
            item["ExtensionLink"][
                "link_id"
            ]: "{extension_name}/{extension_version} {stack_name}/{stack_version}".format(**item["ExtensionLink"])
            for item in self.get("links").json["items"]
        }

    def services(self, stack: str) -> dict[str, str]:
        """Return the versions of a stack version's services."""
        path = f"stacks/{stack.replace('/', '/versions/')}/services?fields=StackServices/service_version"
        found = [item["StackServices"] for item in self.get(path).json["items"]]
        return {item["service_name"]: item["service_version"] for item in found}


def link(extension: str, version: str, stack: str = "HDP", stack_version: str = "2.4") -> str:
    keys = ("stack_name", "stack_version", "extension_name", "extension_version")
    return json.dumps({"ExtensionLink": dict(zip(keys, (stack, stack_version, extension, version), strict=True))})


@dataclass
class Served:
    """A platform with a resources directory, and a shell beside it."""

    platform: Platform
    tree: Resources
    shell: Shell


@pytest.fixture(params=["up", "services"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A platform that serves what the documentation talks of."""
    platform, tree = serve_tree(request.param, tmp_path, **ADMIN)
    try:
        yield Served(platform, tree, Shell(platform.http))
    finally:
        platform.kill_all()


def test_commands_of_the_documentation(served: Served) -> None:
    """Each as it is printed, and the answer as it is printed, but for line breaks and two misprints."""
    shell = served.shell
    for name in ("CLASH", "LATE"):
        shutil.rmtree(served.tree.root / "extensions" / name)
    shutil.rmtree(served.tree.root / "extensions" / "EXT" / "2.0")

    reread = shell.run(UPDATE_LINKS)
    assert (reread.status, reread.text) == (200, "")
    assert shell.run(GET_EXTENSIONS).json == {
        "href": f"{shell.url}/extensions",
        "items": [{"href": f"{shell.url}/extensions/EXT", "Extensions": {"extension_name": "EXT"}}],
    }
    assert shell.run(GET_EXTENSION).json == {
        "href": f"{shell.url}/extensions/EXT",
        "Extensions": {"extension_name": "EXT"},
        "versions": [
            {
                "href": f"{shell.url}/extensions/EXT/versions/1.0",
                "Versions": {"extension_name": "EXT", "extension_version": "1.0"},
            }
        ],
    }
    version = shell.run(GET_VERSION)
    assert version.content_type.startswith("text/plain")
    assert version.json == {
        "href": f"{shell.url}/extensions/EXT/versions/1.0",
        "Versions": {
            "extension-errors": [],
            "extension_name": "EXT",
            "extension_version": "1.0",
            "parent_extension_version": None,
            "valid": True,
        },
    }

    created = shell.run(CREATE_LINK)
    assert (created.status, created.text) == (201, "")
    properties = {
        "extension_name": "EXT",
        "extension_version": "1.0",
        "link_id": 1,
        "stack_name": "HDP",
        "stack_version": "2.4",
    }
    assert shell.run(GET_LINKS).json == {
        "href": f"{shell.url}/links",
        "items": [{"href": f"{shell.url}/links/1", "ExtensionLink": properties}],
    }
    misprinted = shell.run(GET_LINK)
    assert misprinted.status == 404
    assert misprinted.message == "Not Found"
    assert shell.run(GET_LINK.replace("/link/", "/links/")).json == {
        "href": f"{shell.url}/links/1",
        "ExtensionLink": properties,
    }
    assert list(shell.run(GET_LINK.replace("/link/", "/links/")).json["ExtensionLink"]) == sorted(properties)

    deleted = shell.run(DELETE_LINK, link_id=1)
    assert (deleted.status, deleted.text) == (200, "")
    assert shell.run(GET_LINKS).json == {"href": f"{shell.url}/links", "items": []}


def test_slashes_at_the_end_stay_in_the_href(served: Served) -> None:
    shell = served.shell
    assert shell.get("links/").json == {"href": f"{shell.url}/links/", "items": []}
    assert shell.get("extensions/EXT/").json["href"] == f"{shell.url}/extensions/EXT/"
    assert shell.get("extensions/EXT/").json["versions"][0]["href"] == f"{shell.url}/extensions/EXT/versions/1.0"


def test_script_of_an_operator(served: Served) -> None:
    """Link, be refused, look around, switch, read again, and take away."""
    shell, tree = served.shell, served.tree
    assert shell.services("HDP/2.4") == {"HDFS": None}
    assert shell.write("POST", "links", link("EXT", "1.0")).status == 201
    assert shell.services("HDP/2.4") == {"HDFS": None, "OOZIE2": "4.0.0"}
    assert shell.services("HDP/2.5") == {"HDFS": None, "OOZIE2": "4.0.0"}

    named = "stackName=HDP, stackVersion=2.4, "
    for body, status, text in [
        (
            link("EXT", "1.0"),
            409,
            f"The stack and extension are already linked, {named}extensionName=EXT, extensionVersion=1.0",
        ),
        (
            link("LATE", "1.0"),
            409,
            f"Stack is not supported by extension, {named}extensionName=LATE, extensionVersion=1.0",
        ),
        (
            link("CLASH", "1.0"),
            409,
            f"Existing service is included in extension, {named}service=HDFS, extensionName=CLASH, extensionVersion=1.0",
        ),
        (link("NONE", "1.0"), 404, "Stack data, Extension NONE 1.0 is not found in Ambari metainfo"),
        (link("EXT", "1.0", "CDH"), 404, "Stack data, Stack CDH 2.4 is not found in Ambari metainfo"),
        (
            '{"ExtensionLink": {"stack_name": "HDP"}}',
            400,
            "Stack name, stack version, extension name and extension version should be provided",
        ),
        ('{"ExtensionLink": ', 400, None),
    ]:
        refused = shell.write("POST", "links", body)
        assert refused.status == status, refused.text
        assert text is None or refused.message == text
    assert shell.write("POST", "links", f"[{link('EXT', '1.0', 'HDP', '2.5')}, {link('NONE', '1')}]").status == 404
    assert shell.write("POST", "links", link("EXT", "1.0", "HDP", "2.5")).status == 201
    assert [*shell.links().values()] == ["EXT/1.0 HDP/2.4", "EXT/1.0 HDP/2.5"]

    newer = next(number for number, text in shell.links().items() if text.endswith("2.5"))
    found = shell.get("links?ExtensionLink/stack_version=2.5&fields=ExtensionLink/link_id")
    assert [item["ExtensionLink"]["link_id"] for item in found.json["items"]] == [newer]
    either = shell.get("links?ExtensionLink/stack_version.in(2.4,2.5)&sortBy=ExtensionLink/link_id.desc&page_size=1")
    assert either.json["itemTotal"] == "2"
    assert [item["ExtensionLink"]["link_id"] for item in either.json["items"]] == [newer]
    minimal = shell.get("extensions/EXT/versions?Versions/valid=true&minimal_response=true")
    assert minimal.json == {"items": [{"Versions": {"extension_version": text}} for text in ("1.0", "2.0")]}
    assert shell.get("links?ExtensionLink/nothing=1").message == (
        "The properties [ExtensionLink/nothing] specified in the request or predicate are not supported for the "
        "resource type ExtensionLink."
    )

    older = next(number for number, text in shell.links().items() if text.endswith("2.4"))
    switched = shell.write(
        "PUT", f"links/{older}", '{"ExtensionLink": {"extension_name": "EXT", "extension_version": "2.0"}}'
    )
    assert (switched.status, switched.text) == (200, "")
    assert shell.services("HDP/2.4") == {"HDFS": None, "OOZIE2": "4.1.0", "PIG2": None}
    assert shell.links()[older] == "EXT/2.0 HDP/2.4"

    tree.extension("EXT/3.0", needs("HDP", "2.4"), OOZIE2=oozie("5.0.0"))
    assert shell.run(UPDATE_LINKS).status == 200
    versions = [item["Versions"]["extension_version"] for item in shell.get("extensions/EXT/versions").json["items"]]
    assert versions == ["1.0", "2.0", "3.0"]

    assert shell.write("DELETE", "links").status == 405
    assert shell.write("DELETE", "links/999").status == 404
    for number in (older, newer):
        assert shell.write("DELETE", f"links/{number}").status == 200
    assert shell.services("HDP/2.4") == {"HDFS": None}
    without_header = shell.run(f"curl -u admin:admin -X DELETE {shell.url}/links/{older}")
    assert without_header.message == "CSRF protection is turned on. X-Requested-By HTTP header is required."
    assert shell.run(f"curl {shell.url}/links").message == "Missing authentication token"
    assert (
        shell.run(f"curl -u admin:wrong {shell.url}/links").message
        == "Unable to sign in. Invalid username/password combination."
    )


def test_changes_on_disk_show_without_a_restart(served: Served) -> None:
    """A new version is listed; a linked one that breaks says so, and its last good state stays, over a restart too."""
    shell, tree, platform = served.shell, served.tree, served.platform
    assert shell.write("POST", "links", link("EXT", "1.0")).status == 201

    tree.extension("EXT/1.1", needs("HDP", "2.4"), OOZIE2=oozie("4.0.1"))
    wait_until("the new version", lambda: shell.get("extensions/EXT/versions/1.1").status == 200)

    broken = tree.root / "extensions" / "EXT" / "1.0" / "services" / "OOZIE2" / "metainfo.xml"
    broken.write_text("<metainfo><services>")

    def errors() -> list[str]:
        shown = shell.get("extensions/EXT/versions/1.0").json["Versions"]
        assert shown["valid"] is not bool(shown["extension-errors"])
        found: list[str] = shown["extension-errors"]
        return found

    text = f"Unable to parse service metainfo.xml file '{broken}' "
    assert text in wait_until("the error", errors)
    assert shell.services("HDP/2.4") == {"HDFS": None, "OOZIE2": "4.0.0"}

    platform.stop_all()
    platform.start_all()
    assert text in errors()
    assert shell.services("HDP/2.4") == {"HDFS": None, "OOZIE2": "4.0.0"}
    assert [*shell.links().values()] == ["EXT/1.0 HDP/2.4"]

    broken.write_text(
        f"<metainfo><services><service><name>OOZIE2</name>{oozie('4.0.9')}</service></services></metainfo>"
    )
    wait_until("the repair", lambda: shell.services("HDP/2.4") == {"HDFS": None, "OOZIE2": "4.0.9"})
    assert errors() == []


@pytest.mark.parametrize("kind", ["up", "services"])
def test_fixtures_of_ambari(kind: str, tmp_path: Path) -> None:
    """What Ambari's own tests expect of its fixtures, seen over REST."""
    if not CONFORMANCE.is_dir():
        pytest.skip(f"the conformance data is not at {CONFORMANCE}")
    root = tmp_path / "resources"
    shutil.copytree(CONFORMANCE, root)
    package = root / "extensions" / "EXT" / "0.1" / "services" / "OOZIE2" / "package"
    package.mkdir(exist_ok=True)
    (package / "script.py").touch()
    platform = make_platform(kind, tmp_path / "platform", GRAFT_RESOURCES_DIR=str(root), **ADMIN)
    shell = Shell(platform.http)
    try:
        platform.start_all()
        assert sorted(shell.links().values()) == ["EXT/0.4 HDP/0.3", "EXT/0.4 HDP/0.4"]
        assert shell.write("POST", "links", link("EXT", "0.1", "HDP", "0.1")).status == 201
        number = next(number for number, text in shell.links().items() if text == "EXT/0.1 HDP/0.1")

        versions = shell.get("extensions/EXT/versions?fields=Versions/parent_extension_version").json["items"]
        parents = {
            item["Versions"]["extension_version"]: item["Versions"]["parent_extension_version"] for item in versions
        }
        assert parents == {"0.1": None, "0.2": "0.1", "0.3": "0.2", "0.4": "0.3"}
        assert shell.services("HDP/0.1")["OOZIE2"] == "3.2.0"
        assert themes(shell, "0.1") == ["working_theme.json"]
        assert "PIG2" in shell.services("HDP/0.1")
        assert len(shell.get("stacks/HDP/versions/0.1/links").json["items"]) == 1

        switch = '{"ExtensionLink": {"extension_name": "EXT", "extension_version": "0.2"}}'
        assert shell.write("PUT", f"links/{number}", switch).status == 200
        assert shell.services("HDP/0.1")["OOZIE2"] == "4.0.0"
        assert themes(shell, "0.1") == []

        assert shell.get("stacks/HDP/versions/0.2/links").json["items"] == []
        for stack in ("0.3", "0.4"):
            items = shell.get(f"stacks/HDP/versions/{stack}/links").json["items"]
            assert [item["ExtensionLink"]["extension_version"] for item in items] == ["0.4"]
            assert shell.services(f"HDP/{stack}")["OOZIE2"] == "4.0.0"
    finally:
        platform.kill_all()


def themes(shell: Shell, stack: str) -> list[str]:
    found = shell.get(f"stacks/HDP/versions/{stack}/services/OOZIE2/themes").json["items"]
    return [re.sub(".*/", "", item["ThemeInfo"]["file_name"]) for item in found]
