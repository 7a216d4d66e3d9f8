"""Calls that go by declarations: real files, real executables without walls, a real registry beside."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from dispatcher_service.app import DispatcherApp
from dispatcher_service.calls.limits import RULES
from dispatcher_service.declarations.sources import LinkedBundle
from graft.common.v1 import audit_pb2
from graft.dispatcher.v1 import dispatcher_pb2
from graft.registry.v1 import identity_pb2, role_pb2
from graft_common.declarations.reader import read_document
from graft_common.declarations.texts import NAMESPACE
from graft_common.errors import GraftError
from graft_common.rpc.api import fetch
from graft_common.rpc.client import call
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.settings import Settings
from graft_common.values import DateTime, Value, decode_value, encode_values
from graft_common.xmlrpc import format_success, parse_call
from registry_service.app import RegistryApp
from support.stores import QUICK, with_tables

RESIZE = """
<enum name="state"><value name="done"/><value name="queued"/></enum>
<record name="disk"><field name="device" type="string"/><field name="size" type="int" default="5"/></record>
<method name="Volume.resize" executable="resize.sh" role="vm-operator">
  <doc>Grow or shrink a volume. Slowly.</doc>
  <param name="volume" type="string"/>
  <param name="disks" type="disk record set"/>
  <param name="force" type="bool" default="false"/>
  <param name="passphrase" type="enum state option" default="[]" secret="true"/>
  <result type="enum state"/>
</method>
"""


def document(content: str) -> str:
    return f'<methods xmlns="{NAMESPACE}">{content}</methods>'


@dataclass
class Site:
    """A registry and a dispatcher in this process, and a session of some roles."""

    root: Path
    settings: Settings
    app: DispatcherApp
    registry: RegistryClients
    clients: DispatcherClients
    refs: dict[str, str] = field(default_factory=dict)
    seen: int = 0
    """The registry's revision that calls are to know of."""

    def executable(self, name: str, answer: Value = "done", folder: Path | None = None) -> Path:
        """Make a drop-in that keeps what it is told, and gives a fixed answer."""
        (self.root / f"{name}.answer").write_bytes(format_success(answer))
        path = (folder or self.settings.extensions_path) / name
        told = self.root / f"{name}.stdin"
        draft = self.root / "draft"
        draft.write_text(f"#!/bin/sh\ncat > {told}.new && mv {told}.new {told}\ncat {self.root / f'{name}.answer'}\n")
        draft.chmod(0o755)
        draft.rename(path)
        return path

    def told(self, name: str) -> list[Value]:
        """Return what the executable was last told."""
        return list(parse_call((self.root / f"{name}.stdin").read_bytes()).params)

    def declare(self, name: str, content: str) -> None:
        """Put a file of declarations there; it takes effect at once."""
        draft = self.root / "draft"
        draft.write_text(document(content))
        draft.rename(self.settings.declarations_path / name)

    async def call(self, method: str, *params: Value, role: str = "pool-admin") -> Value:
        request = dispatcher_pb2.InvokeRequest(method=method, params=encode_values(params))
        metadata = call_metadata(self.refs[role], min_revision=self.seen)
        response = await call(self.clients.dispatcher.Invoke, request, timeout=10, metadata=metadata)
        return decode_value(response.value)

    async def error(self, method: str, *params: Value, role: str = "pool-admin") -> list[str]:
        with pytest.raises(GraftError) as caught:
            await self.call(method, *params, role=role)
        return caught.value.error_info()

    async def grant(self, role: str, permission: str) -> None:
        """Grant a permission, which calls know of from then on."""
        request = role_pb2.GrantPermissionsRequest(role=role, permissions=[permission])
        metadata = call_metadata(self.refs["pool-admin"])
        self.seen = (await call(self.registry.roles.GrantPermissions, request, timeout=10, metadata=metadata)).revision

    async def task(self, method: str, *params: Value) -> dict[str, Any]:
        request = dispatcher_pb2.InvokeAsyncRequest(method=method, params=encode_values(params))
        metadata = call_metadata(self.refs["pool-admin"])
        started = await call(self.clients.dispatcher.InvokeAsync, request, timeout=10, metadata=metadata)
        async with asyncio.timeout(10):
            while True:
                record = await self.call("task.get_record", started.task_ref)
                assert isinstance(record, dict)
                if record["status"] != "pending":
                    return record
                await asyncio.sleep(0.01)

    async def explain(self, method: str = "") -> dispatcher_pb2.ExplainMethodsResponse:
        request = dispatcher_pb2.ExplainMethodsRequest(method=method)
        metadata = call_metadata(self.refs["read-only"])
        return await call(self.clients.dispatcher.ExplainMethods, request, timeout=10, metadata=metadata)

    async def audited(self) -> list[audit_pb2.AuditRecord]:
        request = dispatcher_pb2.ListCallRecordsRequest()
        metadata = call_metadata(self.refs["read-only"])
        return list(
            (await call(self.clients.dispatcher.ListCallRecords, request, timeout=10, metadata=metadata)).records
        )

    async def listed(self) -> dict[str, dispatcher_pb2.Method]:
        request = dispatcher_pb2.ListMethodsRequest()
        answer = await call(self.clients.dispatcher.ListMethods, request, timeout=10)
        return {method.name: method for method in answer.methods}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  (polled, with a bound)
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    settings = Settings(
        data_dir=with_tables(tmp_path / "data"),
        extensions_dir=tmp_path / "extensions.d",
        declarations_dir=tmp_path / "declarations.d",
        admin_user="pool-admin",
        admin_password="pw",
        service_token="token",
        engine="none",
        call_max_processes=1000,
        call_max_stderr="64KiB",
    )
    settings.extensions_path.mkdir()
    settings.declarations_path.mkdir()
    registry_app = await RegistryApp.open(settings, QUICK)
    registry = RegistryClients.local(registry_app.services)
    app = await DispatcherApp.open(settings, registry)
    made = Site(tmp_path, settings, app, registry, DispatcherClients.local(app.services))
    for role in ("pool-admin", "vm-operator", "read-only"):
        if role != "pool-admin":
            request = identity_pb2.CreateUserRequest(name=role, password="pw", roles=[role])
            metadata = call_metadata(made.refs["pool-admin"])
            await call(registry.identity.CreateUser, request, timeout=10, metadata=metadata)
        login = identity_pb2.LoginRequest(user=role, password="pw", originator="tests")
        made.refs[role] = (await call(registry.identity.Login, login, timeout=10)).session_ref
    yield made
    await app.close()
    await registry_app.drain(1)
    await registry_app.close()


async def test_a_declared_call_is_checked_and_completed(site: Site) -> None:
    site.executable("resize.sh", "DONE")
    site.declare("volume.xml", RESIZE)
    disk: Value = {"device": "xvda", "surplus": 1}
    assert await site.call("Volume.resize", "root", [disk], role="vm-operator") == "done"
    ref, *params = site.told("resize.sh")
    assert ref == site.refs["vm-operator"]
    # Defaults are filled in, and integers are untyped on the way to an executable.
    assert params == ["root", [{"device": "xvda", "size": "5"}], False, []]
    task = await site.task("Volume.resize", "root", [disk], True, ["QUEUED"])
    assert (task["status"], task["result"]) == ("success", "<value>done</value>")
    assert site.told("resize.sh")[-1] == ["queued"]


async def test_the_order_of_the_checks(site: Site) -> None:
    site.executable("resize.sh")
    site.declare("volume.xml", RESIZE)
    denied = await site.error("Volume.resize", role="read-only")
    assert denied[:2] == ["RBAC_PERMISSION_DENIED", "volume.resize"]
    assert "vm-operator" in denied[2]
    mismatch = ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Volume.resize", "2", "1"]
    assert await site.error("Volume.resize", "x") == mismatch
    assert await site.error("Volume.resize", "x", [{"device": 5}]) == [
        "FIELD_TYPE_ERROR",
        "disks[0].device",
        "string",
        "int",
    ]
    secret = await site.error("Volume.resize", "x", [], True, ["hunter2"])
    assert (secret[0], "hunter2" in str(secret)) == ("INVALID_VALUE", False)
    assert not (site.root / "resize.sh.stdin").exists()


async def test_a_result_that_breaks_the_declaration_is_the_authors(site: Site) -> None:
    site.executable("resize.sh", 5)
    site.declare("volume.xml", RESIZE)
    fault = [
        "INTERNAL_ERROR",
        "Volume.resize",
        "the result does not fit the method's declaration",
        "result: 'x': enum state has the values done, queued",
    ]
    site.executable("resize.sh", "x")
    assert await site.error("Volume.resize", "x", []) == fault
    assert (await site.task("Volume.resize", "x", []))["error_info"] == fault
    # A large one is checked as well, beside the event loop.
    site.executable("resize.sh", "x" * 100_000)
    assert (await site.error("Volume.resize", "x", []))[:3] == fault[:3]


async def test_anyone_with_a_session_may_call_what_is_for_anyone(site: Site) -> None:
    site.executable("Any.one", "x")
    site.declare("a.xml", '<method name="Any.one" role="anyone"><result type="string"/></method>')
    assert await site.call("Any.one", role="read-only") == "x"
    request = dispatcher_pb2.InvokeRequest(method="Any.one")
    with pytest.raises(GraftError, match="SESSION_INVALID"):
        await call(site.clients.dispatcher.Invoke, request, timeout=10)
    site.executable("Bare.one")
    await site.call("Bare.one")
    with pytest.raises(GraftError, match="MESSAGE_METHOD_UNKNOWN"):
        await call(site.clients.dispatcher.Invoke, dispatcher_pb2.InvokeRequest(method="Bare.one"), timeout=10)


async def test_descriptions_do_not_tell_the_values_of_secrets(site: Site) -> None:
    site.executable("Key.use", "")
    param = '<param name="key" type="string" default="hunter2" secret="true"/>'
    site.declare(
        "a.xml", f'<method name="Key.use">{param}<example><argument name="key" value="hunter3"/></example></method>'
    )
    assert await site.call("Key.use") == ""
    assert site.told("Key.use")[1:] == ["hunter2"]
    api = await fetch(site.clients.dispatcher)
    assert b"hunter" not in api.xml
    assert not api.methods["Key.use"].params[0].required


async def test_what_is_removed_is_refused_and_what_is_deprecated_works(site: Site) -> None:
    site.executable("Old.gone", "")
    site.executable("Old.fading", "")
    steps = '<published release="1"/><deprecated release="2"/>'
    site.declare(
        "a.xml",
        f'<method name="Old.gone"><lifecycle>{steps}<removed release="3"/></lifecycle></method>'
        f'<method name="Old.fading"><lifecycle>{steps}</lifecycle></method>',
    )
    assert await site.error("Old.gone") == ["MESSAGE_REMOVED"]
    assert await site.call("Old.fading") == ""
    assert (await site.listed())["Old.fading"].deprecated


async def test_a_declared_method_without_its_executable_is_unknown(site: Site) -> None:
    site.declare("volume.xml", RESIZE)
    metadata = call_metadata(site.refs["pool-admin"])
    request = dispatcher_pb2.InvokeRequest(method="Volume.resize", params=encode_values(["x", []]))
    with pytest.raises(GraftError) as caught:
        await call(site.clients.dispatcher.Invoke, request, timeout=10, metadata=metadata)
    assert caught.value.error_info() == ["MESSAGE_METHOD_UNKNOWN", "Volume.resize"]
    assert caught.value.details["message"] == (
        "Volume.resize is declared in volume.xml, but its executable resize.sh is missing"
    )
    api = await fetch(site.clients.dispatcher)
    assert not api.origins["Volume.resize"].available
    assert "Volume.resize" not in await site.listed()
    # It can be called the moment that it is there.
    path = site.executable("resize.sh")
    assert await site.call("Volume.resize", "x", []) == "done"
    await asyncio.to_thread(os.unlink, path)
    assert await site.error("Volume.resize", "x", []) == ["MESSAGE_METHOD_UNKNOWN", "Volume.resize"]


async def test_two_methods_may_share_an_executable_that_is_a_method_itself(site: Site) -> None:
    site.executable("Disk.any", "x")
    shared = '<method name="Disk.{}" executable="Disk.any" role="read-only"><result type="string"/></method>'
    site.declare("a.xml", shared.format("one") + shared.format("two"))
    assert await site.call("Disk.one", role="read-only") == "x"
    assert await site.call("Disk.two", role="read-only") == "x"
    # By its own name it is undeclared: for pool-admin, and with any arguments.
    assert await site.call("Disk.any", 1, 2, 3) == "x"
    assert (await site.error("Disk.any", role="vm-operator"))[:2] == ["RBAC_PERMISSION_DENIED", "host.call_extension"]
    assert "resize.sh" not in await site.listed()


async def test_what_is_granted_is_followed_and_leads_round_no_declaration(site: Site) -> None:
    site.executable("resize.sh")
    site.executable("Plain.one", "x")
    site.executable("Plain.two", "x")
    site.declare("volume.xml", RESIZE)
    await site.grant("read-only", "Plain.one")
    assert await site.call("Plain.one", role="read-only") == "x"
    told = "No permission in user session. (Roles with this permission: pool-admin)"
    denied = await site.error("Plain.two", role="read-only")
    assert denied == ["RBAC_PERMISSION_DENIED", "host.call_extension", told]
    allowed = await site.call("session.get_rbac_permissions", site.refs["read-only"], role="read-only")
    assert isinstance(allowed, list)
    assert {"plain.one", "host.get_all"} <= set(allowed)
    assert {"plain.two", "volume.resize"}.isdisjoint(allowed)
    await site.grant("read-only", "host.call_extension")
    allowed = await site.call("session.get_rbac_permissions", site.refs["read-only"], role="read-only")
    assert isinstance(allowed, list)
    assert "plain.two" in allowed
    assert await site.call("Plain.two", role="read-only") == "x"
    hosts = await site.call("host.get_all")
    assert isinstance(hosts, list)
    request = '{"method": "%s", "params": ["ref", "x", []]}'
    assert await site.call("host.call_extension", hosts[0], request % "Plain.two", role="read-only") == "x"
    denied = await site.error("host.call_extension", hosts[0], request % "Volume.resize", role="read-only")
    assert denied[:2] == ["RBAC_PERMISSION_DENIED", "volume.resize"]
    assert not (site.root / "resize.sh.stdin").exists()
    await site.grant("read-only", "Volume.*")
    assert await site.call("Volume.resize", "x", [], role="read-only") == "done"


async def test_limits_are_those_of_the_declaration(site: Site) -> None:
    path = site.executable("Slow.one")
    site.declare("a.xml", '<method name="Slow.one"><limits timeout="200ms" output="1000"/></method>')
    path.write_text("#!/bin/sh\nexec sleep 20\n")
    error = await site.error("Slow.one")
    assert error[2] == "timed out after 0.2 s (the declaration's timeout)"
    path.write_text("#!/bin/sh\nhead -c 5000 /dev/zero\n")
    error = await site.error("Slow.one")
    assert error[2] == "output exceeded 1000 bytes (the declaration's output)"
    path.write_text("#!/bin/sh\nulimit -n >&2; ulimit -t >&2; exit 1\n")
    site.declare("a.xml", '<method name="Slow.one"><limits open-files="33" cpu="1500ms"/></method>')
    assert (await site.error("Slow.one"))[-1].split() == ["33", "2"]
    path.write_text("#!/bin/sh\nprintf '%040d' 7 >&2; exit 1\n")
    site.declare("a.xml", '<method name="Slow.one"><limits stderr="16"/></method>')
    with pytest.raises(GraftError) as caught:
        await site.call("Slow.one")
    assert caught.value.params[-1] == "00\n[24 bytes left out]\n00000000000007"
    assert caught.value.details["refused"] == "stderr: limit 16 bytes (the declaration's stderr), 40 bytes written"


async def test_limits_beyond_a_ceiling_are_cut_down(site: Site) -> None:
    site.executable("Big.one")
    site.executable("Bare.one")
    site.declare(
        "a.xml",
        '<method name="Big.one"><limits processes="2000" timeout="5s" stderr="1MiB"/><result type="string"/></method>',
    )
    [explained] = (await site.explain("Big.one")).methods
    limits = {limit.name: (limit.asked, limit.in_force, limit.set_by, limit.cut) for limit in explained.limits}
    assert limits["processes"] == ("2000", "1000", "GRAFT_CALL_MAX_PROCESSES", True)
    assert limits["timeout"] == ("5 s", "5 s", "the declaration's timeout", False)
    assert limits["cpu"] == ("", "", "GRAFT_CALL_CPU", False)
    assert limits["stderr"] == ("1 MiB", "64 KiB", "GRAFT_CALL_MAX_STDERR", True)
    assert len(limits) == len(RULES)
    cut = {method.name: [limit.name for limit in method.limits] for method in (await site.explain()).methods}
    assert cut["Big.one"] == ["processes", "stderr"]
    assert cut["Bare.one"] == cut["task.cancel"] == []
    with capture_logs() as logs:
        for _ in range(3):
            await site.call("Big.one")
    told = [line["cut"] for line in logs if line["event"] == "call.limits_cut"]
    [told_once] = told
    assert told_once == (
        "the declaration's processes 2000 is cut down to 1000 (GRAFT_CALL_MAX_PROCESSES), "
        "the declaration's stderr 1 MiB is cut down to 64 KiB (GRAFT_CALL_MAX_STDERR)"
    )


async def test_a_failed_call_tells_what_it_has_used(site: Site) -> None:
    site.executable("Spin.one").write_text("#!/bin/sh\nwhile :; do :; done\n")
    site.declare("a.xml", '<method name="Spin.one"><limits cpu="300ms"/></method>')
    with pytest.raises(GraftError) as caught:
        await site.call("Spin.one")
    assert caught.value.params[1].startswith("cpu exceeded: 0.")
    assert caught.value.params[1].endswith(" used, limit 0.3 s (the declaration's cpu)")
    assert {"limit", "value", "peak", "usage"} <= caught.value.details.keys()
    assert (await site.task("Spin.one"))["status"] == "failure"
    audited = await site.audited()
    assert all(record.usage.cpu.ToMilliseconds() >= 300 for record in audited if record.action == "Spin.one")


async def test_what_is_listed_and_told(site: Site) -> None:
    site.executable("resize.sh")
    site.executable("Bare.one")
    site.declare("volume.xml", RESIZE)
    await site.call("Bare.one")
    listed = await site.listed()
    volume, bare, cancel = (listed[name] for name in ("Volume.resize", "Bare.one", "task.cancel"))
    assert (volume.source, volume.role, volume.declared) == (dispatcher_pb2.METHOD_SOURCE_DROP_IN, "vm-operator", True)
    assert (volume.origin, volume.doc, volume.deprecated) == ("volume.xml", "Grow or shrink a volume.", False)
    assert (bare.role, bare.declared, bare.origin) == ("pool-admin", False, "")
    assert (cancel.source, cancel.declared, cancel.origin) == (dispatcher_pb2.METHOD_SOURCE_BUILT_IN, True, "")
    assert set(listed) == set(await site.call("system.listMethods"))  # type: ignore[arg-type]
    api = await fetch(site.clients.dispatcher)
    assert api == site.app.declarations.in_force.api
    assert {"Volume.resize", "task.cancel"} <= api.methods.keys()
    assert "Bare.one" in api.undeclared
    assert await fetch(site.clients.dispatcher, api) is api


async def test_why_a_method_is_what_it_is(site: Site) -> None:
    site.executable("resize.sh")
    site.declare("volume.xml", RESIZE)
    site.declare("z.xml", '<method name="Volume.resize"/>\n<method name="task.cancel"/>\n<method name="session.x"/>')
    assert await site.call("Volume.resize", "x", []) == "done"
    answer = await site.explain("Volume.resize")
    [explained] = answer.methods
    assert [(one.origin, one.executable, one.in_force) for one in explained.candidates] == [
        ("volume.xml", "resize.sh", True),
        ("z.xml", "Volume.resize", False),
    ]
    assert "its executable Volume.resize is missing" in explained.candidates[1].reason
    # All that is wrong with a file that would bring it is told with it.
    assert {finding.file for finding in answer.findings} == {"z.xml"}
    everything = await site.explain()
    names = [method.name for method in everything.methods]
    assert names == sorted(names)
    found = {(finding.line, finding.reason) for finding in everything.findings}
    assert (2, "task.cancel is left out: a method of the platform itself has this name") in found
    assert (3, "session.x is left out: session.* are methods of the platform itself") in found
    session_x = next(method for method in everything.methods if method.name == "session.x")
    assert not any(candidate.in_force for candidate in session_x.candidates)
    assert (await site.explain("No.such")).methods == []
    (site.settings.declarations_path / "volume.xml").write_text("<methods")
    await until(lambda: any(noted.last_good for noted in site.app.declarations.in_force.notes))
    assert any(finding.last_good_in_force for finding in (await site.explain("Volume.resize")).findings)
    assert await site.call("Volume.resize", "x", []) == "done"


async def test_methods_of_an_extension_are_called_while_it_is_linked(site: Site) -> None:
    tree = site.root / "bundle"
    tree.mkdir()
    site.executable("resize.sh", "queued", tree)
    site.executable("Ext.bare", "bare", tree)
    declared = read_document(document(RESIZE).encode(), "x.xml")
    bundle = LinkedBundle("EXT", "1.0", 3, declared, frozenset({"resize.sh", "Ext.bare", "README"}), tree, str(tree))
    declarations = site.app.declarations
    declarations.take([bundle])
    assert await site.call("Volume.resize", "x", [], role="vm-operator") == "queued"
    assert await site.call("Ext.bare", "anything") == "bare"
    listed = await site.listed()
    assert (listed["Volume.resize"].source, listed["Volume.resize"].origin) == (
        dispatcher_pb2.METHOD_SOURCE_EXTENSION,
        "EXT/1.0",
    )
    assert "README" not in listed
    # A drop-in comes first, from the moment that it is there.
    site.executable("Volume.resize", "mine")
    assert await site.call("Volume.resize") == "mine"
    [explained] = (await site.explain("Volume.resize")).methods
    assert [one.reason for one in explained.candidates] == ["drop-ins come before extensions"] * 2
    await asyncio.to_thread(os.unlink, site.settings.extensions_path / "Volume.resize")
    assert await site.call("Volume.resize", "x", []) == "queued"
    declarations.take([])
    assert await site.error("Volume.resize", "x", []) == ["MESSAGE_METHOD_UNKNOWN", "Volume.resize"]


async def test_the_folder_of_an_extension_is_held_while_calls_use_it(site: Site) -> None:
    tree = site.root / "bundle"
    tree.mkdir()
    gate = site.root / "gate"
    path = site.executable("Ext.wait", "x", tree)
    path.write_text(f"#!/bin/sh\nwhile [ ! -e {gate} ]; do sleep 0.02; done\ncat {site.root}/Ext.wait.answer\n")
    bundle = LinkedBundle(
        "EXT", "1.0", 3, read_document(document("").encode(), "x"), frozenset({"Ext.wait"}), tree, str(tree)
    )
    declarations = site.app.declarations
    released: list[Path] = []
    before = declarations.holds.on_release
    declarations.holds.on_release = released.append
    declarations.take([bundle])
    running = asyncio.create_task(site.call("Ext.wait"))
    await until(lambda: declarations.holds.held(tree))
    declarations.take([])
    assert await site.error("Ext.wait") == ["MESSAGE_METHOD_UNKNOWN", "Ext.wait"]
    assert (declarations.holds.held(tree), released) == (True, [])
    gate.touch()
    assert await running == "x"
    assert (declarations.holds.held(tree), released) == (False, [tree])
    declarations.holds.on_release = before


async def test_resident_processes_end_when_their_extension_is_unlinked(site: Site) -> None:
    tree = site.root / "bundle"
    tree.mkdir()
    shutil.copy(Path(__file__).parents[2] / "examples/residents/Tally.next", tree)
    declared = read_document(
        document('<method name="Tally.next"><result type="int"/><resident/></method>').encode(), "x"
    )
    bundle = LinkedBundle("EXT", "1.0", 3, declared, frozenset({"Tally.next"}), tree, str(tree))
    declarations = site.app.declarations
    declarations.take([bundle])
    assert [await site.call("Tally.next"), await site.call("Tally.next")] == [1, 2]
    assert declarations.holds.held(tree)
    declarations.take([])
    await until(lambda: not declarations.holds.held(tree))


async def test_each_call_sees_one_version_of_its_declaration_whole(site: Site) -> None:
    """While calls run, the declaration changes from one form to another and back, and goes."""
    first = '<method name="Both.x" role="anyone"><param name="a" type="int"/><result type="string"/></method>'
    second = (
        '<method name="Both.x" role="anyone"><param name="a" type="int"/><param name="b" type="int" default="7"/>'
        '<result type="int"/></method>'
    )
    # The executable answers how many parameters it got, besides the session: one as text, two as a number.
    path = site.settings.extensions_path / "Both.x"
    path.write_text(
        "#!/bin/sh\n"
        "n=$(grep -o '<param>' | wc -l)\n"
        "sleep 0.05\n"
        'if [ "$n" -eq 2 ]; then v="<string>one</string>"; else v="<int>2</int>"; fi\n'
        'echo "<methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value></member>'
        '<member><name>Value</name><value>$v</value></member></struct></value></param></params></methodResponse>"\n'
    )
    path.chmod(0o755)
    site.declare("both.xml", first)
    seen: set[str] = set()

    async def caller() -> None:
        for _ in range(12):
            # A result of the other version's type would be INTERNAL_ERROR.
            seen.add(str(await site.call("Both.x", 1, role="read-only")))

    async def changer(callers: list[asyncio.Task[None]]) -> None:
        number = 0
        while not all(caller.done() for caller in callers):
            number += 1
            site.declare("both.xml", second if number % 2 else first)
            await asyncio.sleep(0.01)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        callers = [group.create_task(caller()) for _ in range(4)]
        group.create_task(changer(callers))
    assert seen == {"one", "2"}


async def test_params_may_come_in_another_form_and_are_read_by_the_calls_own_declaration(site: Site) -> None:
    from dispatcher_service.calls.request import CallRequest

    site.executable("resize.sh")
    site.executable("Bare.one", DateTime("20260101T00:00:00Z"))
    site.declare("volume.xml", RESIZE)
    asked: list[Any] = []

    def read(method: Any, types: Any) -> list[Value]:
        asked.append((method, types))
        return ["x", []] if method is not None else [1]

    calls = site.app._calls
    ref = site.refs["pool-admin"]
    result = await calls.invoke(CallRequest("Volume.resize", [], ref, read=read))
    declared = calls.declaration_of("Volume.resize")
    assert result.value == "done"
    assert declared is not None
    assert asked == [declared]
    assert result.declared == declared
    result = await calls.invoke(CallRequest("Bare.one", [], ref, read=read))
    assert asked[1][0] is None
    assert (result.declared, calls.declaration_of("Bare.one")) == (None, None)
    assert site.told("Bare.one")[1:] == ["1"]
    # It is asked only after the role.
    with pytest.raises(GraftError, match="RBAC_PERMISSION_DENIED"):
        await calls.invoke(CallRequest("Volume.resize", [], site.refs["read-only"], read=read))
    assert len(asked) == 2
    builtin = calls.declaration_of("task.cancel")
    assert builtin is not None
    assert builtin[0].params[0].name == "task"


async def test_more_than_one_file_may_hold_can_be_described(site: Site) -> None:
    for name in ("One", "Two"):
        site.declare(f"{name}.xml", f'<method name="{name}.x"><doc>{"Long. " * 500_000}</doc></method>')
    api = await fetch(site.clients.dispatcher)
    assert {"One.x", "Two.x"} <= api.methods.keys()
    assert len(api.xml) > 5_000_000
    assert api.digest == site.app.declarations.in_force.api.digest


async def test_calls_that_come_at_once_look_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.executable("resize.sh")
    site.declare("volume.xml", RESIZE)
    await site.call("Volume.resize", "x", [])
    looks: list[Path] = []
    module = "dispatcher_service.declarations.directory"
    real = __import__(module, fromlist=["look"]).look

    def counted(directory: Path, before: Any) -> Any:
        looks.append(directory)
        return real(directory, before)

    monkeypatch.setattr(f"{module}.look", counted)
    site.declare("other.xml", '<method name="Other.x"/>')
    await asyncio.gather(*(site.call("Volume.resize", "x", []) for _ in range(20)))
    # One for the calls, and as many as the watch has notices for.
    assert 1 <= len(looks) <= 4


async def test_an_executable_that_a_declaration_names_need_not_be_called_like_a_method(site: Site) -> None:
    with capture_logs() as logs:
        site.declare(
            "a.xml", '<method name="Run.it" executable="run-it"/><method name="Run.py" executable="tool.v2+x"/>'
        )
        await site.app.declarations.notice()
        site.executable("run-it", "")
        site.executable("tool.v2+x", "")
        assert await site.call("Run.it") == await site.call("Run.py") == ""
    assert [entry for entry in logs if entry["event"] == "dropin.ignored"] == []
    assert {"run-it", "tool.v2+x"}.isdisjoint(await site.listed())
    assert await site.error("run-it") == ["MESSAGE_METHOD_UNKNOWN", "run-it"]


TOLD = """
<record name="key"><field name="text" type="string" secret="true"/></record>
<method name="Volume.tell" executable="tell.sh" role="vm-operator">
  <param name="volume" type="string" secret="false"/>
  <param name="sizes" type="int set" secret="false"/>
  <param name="keys" type="(string -> key record) map" secret="false"/>
  <param name="note" type="string"/>
  <param name="passphrase" type="string" default="none" secret="true"/>
  <result type="string"/>
</method>
"""


async def test_records_tell_arguments_by_name_and_what_is_no_secret_by_value(site: Site) -> None:
    site.executable("tell.sh", "x")
    site.executable("Plain.one", "x")
    site.declare("volume.xml", TOLD)
    given: tuple[Value, ...] = ("root\n", [1, 2], {"a": {"text": "hunter1"}}, "hunter2")
    await site.call("Volume.tell", *given, "hunter3")
    await site.error("Volume.tell", *given, role="read-only")
    await site.error("Volume.tell", "hunter4", ["x"], {}, "")
    await site.call("Plain.one", "hunter5")
    await site.error("task.cancel", "OpaqueRef:none")
    await site.error("host.call_extension", "OpaqueRef:none", '{"method": "Plain.one", "params": ["hunter6"]}')
    await site.error("task.cancel", site.refs["pool-admin"])  # by a client that has mixed them up
    mixed_up, by_name, cancelled, plain, wrong, denied, told = (await site.audited())[:7]

    def arguments(record: audit_pb2.AuditRecord) -> dict[str, str | None]:
        return {one.name: one.value if one.HasField("value") else None for one in record.arguments}

    names = ["volume", "sizes", "keys", "note", "passphrase"]
    assert arguments(told) == dict.fromkeys(names) | {"volume": '"root\\n"', "sizes": "[1,2]"}
    assert arguments(denied) == arguments(wrong) == dict.fromkeys(names[:4])
    assert arguments(plain) == {}
    assert arguments(cancelled) == {"task": '"OpaqueRef:none"'}
    assert arguments(mixed_up) == {"task": None}
    assert arguments(by_name) == {"host": '"OpaqueRef:none"', "call": None, "method": '"Plain.one"'}
    assert "hunter" not in str([by_name, cancelled, plain, wrong, denied, told])
    who = identity_pb2.WhoAmIRequest()
    metadata = call_metadata(site.refs["read-only"])
    assert (
        denied.user_uuid
        == (await call(site.registry.identity.WhoAmI, who, metadata=metadata, timeout=10)).session.user_uuid
    )
