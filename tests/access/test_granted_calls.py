"""What calls are given of what is granted: real files and executables, a registry and a dispatcher, each engine."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from dispatcher_service.app import DispatcherApp
from graft.dispatcher.v1 import dispatcher_pb2
from graft.registry.v1 import grant_pb2, identity_pb2, registry_pb2
from graft_common.errors import GraftError, StartupError
from graft_common.rpc.client import call
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.settings import Settings
from graft_common.values import Value, decode_value, encode_values
from links.conftest import needs
from registry_service.app import RegistryApp
from support.resources import Resources, declarations, method
from support.stores import QUICK, with_tables

SHOW = """#!/bin/sh
cat > /dev/null
{{ {body}; }} > ${{TMPDIR:-/tmp}}/shown.$$ 2>&1
printf '<?xml version="1.0"?><methodResponse><params><param><value><struct><member><name>Status</name>'
printf '<value>Success</value></member><member><name>Value</name><value>'
tr '\\n<>&' ';   ' < ${{TMPDIR:-/tmp}}/shown.$$
printf '</value></member></struct></value></param></params></methodResponse>'
rm -f ${{TMPDIR:-/tmp}}/shown.$$
"""
"""A script that answers with what some commands have printed."""
STRING = '<result type="string"/>'
NOT_GIVEN = "its access cannot be given"


@dataclass
class Site:
    """A registry and a dispatcher in this process, and an administrator's session."""

    root: Path
    settings: Settings
    app: DispatcherApp
    registry: RegistryClients
    clients: DispatcherClients
    resources: Resources
    metadata: Sequence[tuple[str, str]] = ()

    def drop_in(self, name: str, body: str, access: str = "") -> None:
        """Put an executable there that shows what `body` prints, and declare what it asks for."""
        draft = self.root / "draft"
        draft.write_text(SHOW.format(body=body))
        draft.chmod(0o755)
        draft.rename(self.settings.extensions_path / name)
        self.declare(name, access)

    def declare(self, name: str, access: str) -> None:
        draft = self.root / "draft"
        draft.write_text(declarations(method(name, STRING + access)))
        draft.rename(self.settings.declarations_path / f"{name}.xml")

    def secret(self, name: str, content: str, mode: int = 0o600) -> Path:
        self.settings.secrets_path.mkdir(mode=0o700, exist_ok=True)
        file = self.settings.secrets_path / name
        file.write_text(content)
        file.chmod(mode)
        return file

    async def call(self, name: str, *params: Value) -> Value:
        request = dispatcher_pb2.InvokeRequest(method=name, params=encode_values(params))
        answer = await call(self.clients.dispatcher.Invoke, request, timeout=20, metadata=self.metadata)
        return decode_value(answer.value)

    async def error(self, name: str) -> list[str]:
        with pytest.raises(GraftError) as caught:
            await self.call(name)
        return caught.value.error_info()

    async def access(self, name: str = "") -> list[dispatcher_pb2.MethodAccess]:
        request = dispatcher_pb2.DescribeAccessRequest(method=name)
        answer = await call(self.clients.dispatcher.DescribeAccess, request, timeout=20, metadata=self.metadata)
        return list(answer.methods)

    async def grant(self, name: str) -> None:
        """Grant what a method asks for, as an administrator sees it, and wait until the dispatcher has heard."""
        [asked] = await self.access(name)
        spec = grant_pb2.AccessSpec(
            method=name,
            extension_name=asked.extension_name,
            extension_version=asked.extension_version,
            access=asked.asked,
        )
        answer = await self.change("GrantAccess", grant_pb2.GrantAccessRequest(spec=spec))
        assert answer.grant.method == name

    async def revoke(self, name: str) -> None:
        await self.change("RevokeAccess", grant_pb2.RevokeAccessRequest(method=name))

    async def change(self, rpc: str, request: Any) -> Any:
        stub = self.registry.grants if hasattr(grant_pb2, f"{rpc}Request") else self.registry.registry
        answer = await call(getattr(stub, rpc), request, timeout=20, metadata=self.metadata)
        await self.heard(answer.revision)
        return answer

    async def until_version(self, name: str, version: str) -> None:
        async with asyncio.timeout(20):
            while (await self.access(name))[0].extension_version != version:  # noqa: ASYNC110  (polled, with a bound)
                await asyncio.sleep(0.02)

    async def heard(self, revision: int) -> None:
        """Wait until the dispatcher is at a revision: the next call says that it has seen it."""
        plain = [pair for pair in self.metadata if pair[0] != "graft-min-revision"]
        self.metadata = [*plain, ("graft-min-revision", str(revision))]


@asynccontextmanager
async def running(root: Path, engine: str) -> AsyncIterator[Site]:
    """Run a registry and a dispatcher."""
    resources = Resources(root / "resources")
    resources.stack("HDP/2.4", HDFS="")
    settings = Settings(
        data_dir=with_tables(root / "data"),
        resources_dir=resources.root,
        extensions_dir=root / "extensions.d",
        declarations_dir=root / "declarations.d",
        secrets_dir=root / "secrets.d",
        admin_user="root",
        admin_password="pw",
        service_token="token",
        engine=engine,
    )
    settings.extensions_path.mkdir()
    settings.declarations_path.mkdir()
    registry_app = await RegistryApp.open(settings, QUICK)
    try:
        registry = RegistryClients.local(registry_app.services)
        try:
            app = await DispatcherApp.open(settings, registry)
        except StartupError as error:
            pytest.skip(str(error)[:300])
        made = Site(root, settings, app, registry, DispatcherClients.local(app.services), resources)
        login = identity_pb2.LoginRequest(user="root", password="pw", originator="tests")
        made.metadata = call_metadata((await call(registry.identity.Login, login, timeout=10)).session_ref)
        yield made
        await made.app.close()
    finally:
        await registry_app.drain(1)
        await registry_app.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="graft-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest_asyncio.fixture(params=["none"])
async def site(request: pytest.FixtureRequest, open_folder: Path) -> AsyncIterator[Site]:
    async with running(open_folder, request.param) as made:
        yield made


ENVIRONMENT = '<access><environment name="REGION"/></access>'


async def test_nothing_is_given_before_a_grant_and_after_its_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "eu <&> 1")
    monkeypatch.setenv("OTHER", "hidden")
    site.drop_in("Env.show", 'echo "$REGION-$OTHER"', ENVIRONMENT)
    assert await site.call("Env.show") == "-;"
    await site.grant("Env.show")
    assert await site.call("Env.show") == "eu     1-;"
    await site.revoke("Env.show")
    assert await site.call("Env.show") == "-;"


async def test_a_variable_that_is_not_set_is_left_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGION", raising=False)
    site.drop_in("Env.show", "echo ${REGION-unset}", ENVIRONMENT)
    await site.grant("Env.show")
    assert await site.call("Env.show") == "unset;"


async def test_the_audit_tells_what_a_call_was_given(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and numbers, of calls that were given something: neither values nor paths."""
    monkeypatch.setenv("REGION", "swordfish")
    monkeypatch.delenv("ZONE", raising=False)
    asked = (
        '<access network="outbound"><read path="/etc"/><read path="/var"/><write path="/srv"/>'
        '<environment name="REGION"/><environment name="ZONE"/></access>'
    )
    site.drop_in("All.show", "echo $REGION", asked)
    assert await site.call("All.show") == ";"
    await site.grant("All.show")
    with capture_logs() as logs:
        assert await site.call("All.show") == "swordfish;"
        (site.settings.extensions_path / "All.show").write_text("#!/bin/sh\nexit 3\n")
        await site.error("All.show")
    answer = await call(
        site.clients.dispatcher.ListCallRecords,
        dispatcher_pb2.ListCallRecordsRequest(),
        timeout=10,
        metadata=site.metadata,
    )
    failed, given, before = (record for record in answer.records if record.action == "All.show")
    assert not before.HasField("access")
    for record in (given, failed):
        told = record.access
        assert (told.network, told.read_paths, told.write_paths) == ("outbound", 2, 1)
        assert (list(told.environment), list(told.secrets)) == (["REGION"], [])
    assert "swordfish" not in str(answer) + str(logs)
    finished = [line for line in logs if line["event"] == "call.finished"]
    assert [line["access"]["environment"] for line in finished if line["method"] == "All.show"] == [("REGION",)] * 2


async def test_a_changed_request_needs_a_new_grant(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "eu")
    monkeypatch.setenv("ZONE", "b")
    site.drop_in("Env.show", "echo $REGION$ZONE", ENVIRONMENT)
    await site.grant("Env.show")
    both = '<access><environment name="ZONE"/><environment name="REGION"/></access>'
    site.declare("Env.show", both)
    assert await site.call("Env.show") == ";"
    [told] = await site.access("Env.show")
    assert told.state == dispatcher_pb2.ACCESS_STATE_CHANGED
    assert (list(told.asked.environment), list(told.grant.access.environment)) == (["ZONE", "REGION"], ["REGION"])
    assert not told.in_force.environment
    await site.grant("Env.show")
    assert await site.call("Env.show") == "eub;"
    # The order in which things are asked for is no change.
    site.declare("Env.show", both.replace("ZONE", "X").replace("REGION", "ZONE").replace("X", "REGION"))
    assert await site.call("Env.show") == "eub;"


async def test_a_grant_is_of_one_method(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "eu")
    for name in ("Env.show", "Env.other"):
        site.drop_in(name, "echo $REGION", ENVIRONMENT)
    await site.grant("Env.show")
    assert await site.call("Env.other") == ";"
    [other, show] = await site.access()
    assert (other.method, other.state) == ("Env.other", dispatcher_pb2.ACCESS_STATE_NOT_GRANTED)
    assert (show.method, show.state, show.grant.granted_by) == ("Env.show", dispatcher_pb2.ACCESS_STATE_GRANTED, "root")


async def test_a_grant_is_of_one_version_of_an_extension(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "eu")
    files = {
        "a.xml": declarations(method("Env.show", ENVIRONMENT + STRING)),
        "Env.show": SHOW.format(body="echo $REGION"),
    }
    site.resources.extension("EXT/1.0", needs("HDP", "2.4"))
    site.resources.extension("EXT/2.0", "<extends>1.0</extends>" + needs("HDP", "2.4"))
    site.resources.method_files("EXT/1.0", files, executable=("Env.show",))
    await site.change("Reload", registry_pb2.ReloadRequest())
    link = registry_pb2.LinkSpec(stack_name="HDP", stack_version="2.4", extension_name="EXT", extension_version="1.0")
    asked = await call(
        site.registry.grants.ListAccessRequests,
        grant_pb2.ListAccessRequestsRequest(extension_name="EXT", extension_version="1.0"),
        timeout=10,
        metadata=site.metadata,
    )
    specs = [request.spec for request in asked.requests]
    made = await site.change("CreateLinks", registry_pb2.CreateLinksRequest(links=[link], grants=specs))
    assert await site.call("Env.show") == "eu;"
    await site.change(
        "UpdateLink",
        registry_pb2.UpdateLinkRequest(id=made.links[0].id, extension_name="EXT", extension_version="2.0"),
    )
    await site.until_version("Env.show", "2.0")
    assert await site.call("Env.show") == ";"
    await site.grant("Env.show")
    assert await site.call("Env.show") == "eu;"
    # A drop-in of the name is another source.
    site.drop_in("Env.show", "echo drop-in $REGION", ENVIRONMENT)
    assert await site.call("Env.show") == "drop-in;"


async def test_grants_are_in_force_when_a_dispatcher_starts_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "eu")
    for name in ("Env.show", "Env.other"):
        site.drop_in(name, "echo $REGION", ENVIRONMENT)
        await site.grant(name)
    await site.app.close()
    await call(
        site.registry.grants.RevokeAccess,
        grant_pb2.RevokeAccessRequest(method="Env.other"),
        timeout=10,
        metadata=site.metadata,
    )
    site.app = await DispatcherApp.open(site.settings, site.registry)
    site.clients = DispatcherClients.local(site.app.services)
    assert (await site.call("Env.show"), await site.call("Env.other")) == ("eu;", ";")


async def test_what_cannot_be_given_fails_the_call_and_names_it(site: Site) -> None:
    folder = site.root / "volumes"
    access = f'<access><read path="{folder}"/><secret name="key"/></access>'
    site.drop_in("Volume.list", "ls", access)
    assert (await site.access("Volume.list"))[0].problems == []
    await site.grant("Volume.list")
    path = f"{site.settings.extensions_path}/Volume.list"
    missing = f"{folder} cannot be given: {folder} does not exist"
    assert await site.error("Volume.list") == ["INTERNAL_ERROR", path, NOT_GIVEN, "", missing]
    assert (await site.access("Volume.list"))[0].problems == [missing]
    folder.mkdir()
    reason = "the secret key cannot be given: this host has no folder of secrets (GRAFT_SECRETS_DIR)"
    assert (await site.error("Volume.list"))[-1] == reason
    site.secret("key", "hunter2", 0o644)
    reason = "the secret key cannot be given: its file is open to others (mode 644); chmod 600"
    assert (await site.error("Volume.list"))[-1] == reason
    site.secret("key", "hunter2")
    # The engine without walls has no place for secrets, and says so.
    assert "no /run/secrets" in (await site.error("Volume.list"))[-1]


async def test_folders_of_graft_are_not_given_even_if_granted(site: Site) -> None:
    for number, path in enumerate((site.settings.data_dir, site.root, site.settings.extensions_path)):
        name = f"Spy.look{number}"
        site.drop_in(name, "ls", f'<access><read path="{path}"/></access>')
        await site.grant(name)
        assert "of Graft" in (await site.error(name))[-1]


async def test_explanations_say_what_is_not_given(site: Site) -> None:
    site.drop_in("Env.show", "echo", ENVIRONMENT)
    site.drop_in("Env.plain", "echo")

    async def told() -> dict[str, str]:
        request = dispatcher_pb2.ExplainMethodsRequest()
        answer = await call(site.clients.dispatcher.ExplainMethods, request, timeout=10, metadata=site.metadata)
        return {method.name: method.candidates[0].access for method in answer.methods if "Env" in method.name}

    assert await told() == {
        "Env.plain": "",
        "Env.show": "it asks for access that nobody has granted; see `graft access Env.show`",
    }
    await site.grant("Env.show")
    assert (await told())["Env.show"] == ""
    site.declare("Env.show", '<access network="outbound"/>')
    assert "other access than was granted" in (await told())["Env.show"]


async def test_a_call_without_a_declaration_is_given_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "eu")
    site.drop_in("Env.show", "echo $REGION", ENVIRONMENT)
    await site.grant("Env.show")
    hosts = await site.call("host.get_all")
    assert isinstance(hosts, list)
    request = json.dumps({"method": "Env.show", "params": [], "id": 1})
    assert await site.call("host.call_extension", hosts[0], request) == ";"
