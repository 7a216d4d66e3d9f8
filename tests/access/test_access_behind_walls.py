"""What is granted, inside the walls of each engine that can be used here: from the grant to what a call reaches."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import prometheus_client
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from access.test_granted_calls import NOT_GIVEN, Site, open_folder, running  # noqa: F401  (a fixture)
from graft.dispatcher.v1 import dispatcher_pb2
from graft_common.rpc.client import call

ENGINES = ("native", "bubblewrap", "oci:crun")
CONNECT = '/usr/bin/python3 -c \'import socket; socket.create_connection(("127.0.0.1", {port}), 3); print("reached")\''
SECRET = "hunter2-of-the-tests"


@pytest_asyncio.fixture(params=ENGINES)
async def site(request: pytest.FixtureRequest, open_folder: Path) -> AsyncIterator[Site]:  # noqa: F811  (the fixture)
    async with running(open_folder, request.param) as made:
        yield made


@pytest.fixture
def port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


async def _granted(site: Site, name: str, body: str, access: str) -> str:
    """Return what a method shows once it is granted what it asks for, having made sure that it showed nothing before."""
    site.drop_in(name, body, access)
    before = str(await site.call(name))
    await site.grant(name)
    after = str(await site.call(name))
    assert before != after
    return after


async def test_calls_reach_what_is_granted_and_no_more(
    site: Site, port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REGION", "eu")
    shared = site.root / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (shared / "file").write_text("of the host")

    # Paths: seen at the same place, to read or to write too.
    look = f"cat {shared}/file; echo x > {shared}/new || echo refused"
    shown = await _granted(site, "Path.read", look, f'<access><read path="{shared}"/></access>')
    assert ("of the host" in shown, "refused" in shown, (shared / "new").exists()) == (True, True, False)
    write = f"echo written > {shared}/new && cat {shared}/new"
    assert "written" in await _granted(site, "Path.write", write, f'<access><write path="{shared}"/></access>')
    assert (shared / "new").read_text() == "written\n"

    # Variables and the network.
    assert await _granted(site, "Env.show", "echo $REGION", '<access><environment name="REGION"/></access>') == "eu;"
    if os.access("/usr/bin/python3", os.X_OK):
        connect = CONNECT.format(port=port)
        shown = await _granted(site, "Net.out", connect, '<access network="outbound"/>')
        assert "reached" in shown
        loopback = connect.replace("socket.create_connection", 's = socket.create_server(("127.0.0.1", 0)); '
                                   'socket.create_connection(s.getsockname()); print("own"); socket.create_connection')  # fmt: skip
        shown = await _granted(site, "Net.loop", loopback, '<access network="loopback"/>')
        assert ("own" in shown, "reached" in shown) == (True, False)

    # Secrets: files that only this call sees, and that are told nowhere else.
    site.secret("key", SECRET)
    site.secret("other", "not asked for")
    show = "ls /run/secrets; cat /run/secrets/key; cat /proc/*/environ /proc/*/cmdline | tr '\\0' ' ' > /tmp/e; echo; "
    show += "grep -c hunter2 /tmp/e"
    with capture_logs() as logs:
        shown = await _granted(site, "Secret.show", show, '<access><secret name="key"/></access>')
        site.drop_in("Secret.fail", "exit 3", '<access><secret name="key"/></access>')
        await site.grant("Secret.fail")
        await site.error("Secret.fail")
        failed = "#!/bin/sh\nexit 3\n"
        (site.settings.extensions_path / "Secret.fail").write_text(failed)
        told = await site.error("Secret.fail")
    assert shown == f"key;{SECRET};0;"
    audit = await call(
        site.clients.dispatcher.ListCallRecords,
        dispatcher_pb2.ListCallRecordsRequest(),
        timeout=10,
        metadata=site.metadata,
    )
    given = {record.action: list(record.access.secrets) for record in reversed(audit.records)}
    assert (given["Secret.show"], given["Path.read"]) == (["key"], [])
    metrics = prometheus_client.generate_latest().decode()
    kept = [path.read_bytes() for path in site.settings.data_dir.rglob("*") if path.is_file()]
    for where in (str(logs), str(told), str(audit), metrics, *capsys.readouterr()):
        assert SECRET not in where
    assert not any(SECRET.encode() in content for content in kept)

    # Other calls have no part of it, at the same moment or later.
    site.drop_in("Plain.look", f"ls /run/secrets; cat {shared}/file; echo region $REGION")
    shown = str(await site.call("Plain.look"))
    assert ("key" in shown, "of the host" in shown, "region eu" in shown) == (False, False, False)


async def test_a_path_that_leads_elsewhere_by_now_fails_the_call(site: Site) -> None:
    shared = site.root / "shared"
    shared.mkdir()
    site.drop_in("Path.read", f"ls {shared}", f'<access><read path="{shared}"/></access>')
    await site.grant("Path.read")
    assert await site.call("Path.read") == ""
    shared.rmdir()
    shared.symlink_to(site.settings.data_dir)
    told = await site.error("Path.read")
    assert told[2] == NOT_GIVEN
    assert "is a symbolic link" in told[-1]


async def test_without_namespaces_a_call_reaches_what_is_granted_or_does_not_begin(
    open_folder: Path,  # noqa: F811  (the fixture)
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REGION", "eu")
    shared = open_folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (shared / "file").write_text("of the host")
    async with running(open_folder, "confine") as site:
        look = f"cat {shared}/file; echo x > {shared}/new || echo refused"
        shown = await _granted(site, "Path.read", look, f'<access><read path="{shared}"/></access>')
        assert ("of the host" in shown, "refused" in shown, (shared / "new").exists()) == (True, True, False)
        write = f"echo written > {shared}/new && cat {shared}/new"
        assert "written" in await _granted(site, "Path.write", write, f'<access><write path="{shared}"/></access>')
        assert (
            await _granted(site, "Env.show", "echo $REGION", '<access><environment name="REGION"/></access>') == "eu;"
        )
        if os.access("/usr/bin/python3", os.X_OK):
            connect = CONNECT.format(port=port)
            assert "reached" in await _granted(site, "Net.out", connect, '<access network="outbound"/>')
        site.secret("key", SECRET)
        for name, asked in (("Secret.show", '<secret name="key"/>'), ("Net.loop", "")):
            network = "none" if asked else "loopback"
            site.drop_in(name, "echo began", f'<access network="{network}">{asked}</access>')
            assert await site.call(name) == "began;"
            await site.grant(name)
            assert "the engine confine cannot" in (await site.error(name))[-1]
