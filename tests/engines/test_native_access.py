"""What the engine `native` gives a call that was granted something, and only that."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
from pathlib import Path

import pytest

from dispatcher_service.engines.base import Access, Network, Verdict

RESOLVER = (Path("/etc/resolv.conf"), Path("/etc/hosts"))
PYTHON = "/usr/bin/python3"
needs_python = pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"no {PYTHON}")


def host_network():
    return str(Path("/proc/self/ns/net").readlink())


@pytest.fixture
def run(native, tree):
    async def call(text, stdin=b"", *, limits=None, **access):
        command = tree.command(text, stdin, **(limits or {}))
        return await native.run(dataclasses.replace(command, access=Access(**access)))

    return call


@pytest.fixture
def shared(open_folder):
    """A folder on the host that everybody may write to."""
    folder = open_folder / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "here").write_text("of the host\n")
    return folder.resolve()


async def test_reads_what_was_granted(run, shared):
    text = f"#!/bin/sh\ncat {shared}/here\ntrue > {shared}/new || echo refused\n"
    assert (await run(text)).stdout == b"refused\n"
    outcome = await run(text, read=(str(shared),))
    assert outcome.stdout == b"of the host\nrefused\n", outcome
    assert not (shared / "new").exists()


async def test_reads_a_single_file(run, shared):
    outcome = await run(f"#!/bin/sh\ncat {shared}/here; ls {shared}\n", read=(f"{shared}/here",))
    assert outcome.stdout == b"of the host\nhere\n", outcome


async def test_writes_what_was_granted(run, shared):
    outcome = await run(f"#!/bin/sh\necho new > {shared}/new && mv {shared}/new {shared}/newer\n", write=(str(shared),))
    assert (outcome.verdict, outcome.exit_code) == (Verdict.EXITED, 0), outcome
    assert (shared / "newer").read_text() == "new\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent", "No such file"), ("link", "symbolic link"), ("link/here", "symbolic link")],
)
async def test_refuses_paths_that_are_not_there_or_lead_elsewhere(run, shared, name, reason):
    (shared / "link").symlink_to(shared)
    outcome = await run("#!/bin/sh\n", read=(f"{shared}/{name}",))
    assert outcome.verdict is Verdict.NOT_STARTED
    assert reason in outcome.reason
    assert str(shared) in outcome.reason


@pytest.mark.parametrize(
    "path", ["/usr", "/", "/proc/1", "/dev", "/etc", "/tmp", "relative", "/srv/../etc", "/run/secrets"]
)
async def test_refuses_paths_that_would_hide_the_system(run, path):
    outcome = await run("#!/bin/sh\n", write=(path,))
    assert outcome.verdict is Verdict.NOT_STARTED, outcome
    assert path in outcome.reason


async def test_environment(run):
    outcome = await run("#!/bin/sh\nenv | sort | grep -v ^PWD=\n", environment=(("LANG", "C"), ("TOKEN", "a b")))
    assert outcome.stdout == b"LANG=C\nPATH=/sbin:/usr/sbin:/bin:/usr/bin\nTOKEN=a b\n"


async def test_secrets(run, native):
    text = "#!/bin/sh\ncd /run/secrets || exit\nls -l | grep -v total | cut -c 1-10\nfor f in *; do echo $f; wc -c < $f; done\n"
    text += "echo x > a || echo refused\nrm -f a || echo kept\n"
    outcome = await run(text, secrets=(("a", b"x" * 100_000), ("b", b""), ("c", b"\0\xff")))
    assert outcome.stdout == b"-r--------\n-r--------\n-r--------\na\n100000\nb\n0\nc\n2\nrefused\nkept\n", outcome
    assert (await run("#!/bin/sh\nls -A /run/secrets\n")).stdout == b""


LOOPBACK = f"""#!{PYTHON} -I
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
line = socket.create_connection(listener.getsockname())
other, _ = listener.accept()
other.send(b"heard")
print(line.recv(9).decode())
try:
    socket.create_connection(("127.0.0.1", int(sys.stdin.read())), 2)
    print("reached")
except OSError:
    print("alone")
"""


@needs_python
async def test_networks(run):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = b"%d" % listener.getsockname()[1]
        none, own, host = [await run(LOOPBACK, port, network=kind) for kind in Network]
    assert none.exit_code != 0
    assert (own.stdout, host.stdout) == (b"heard\nalone\n", b"heard\nreached\n"), (own, host)


async def test_two_loopbacks_are_apart(run):
    text = "#!/bin/sh\nreadlink /proc/self/ns/net\nsleep 0.2\n"
    one, other = await asyncio.gather(*(run(text, network=Network.LOOPBACK) for _ in range(2)))
    assert len({one.stdout, other.stdout, b"%s\n" % host_network().encode()}) == 3


async def test_the_launcher_for_the_host_s_network_comes_back(run, native):
    first = await run("#!/bin/sh\n", network=Network.OUTBOUND)
    assert first.verdict is Verdict.EXITED, first
    os.kill(native._outbound.pid, 9)
    await asyncio.wait_for(native._outbound.gone.wait(), 10)
    again = await run("#!/bin/sh\nreadlink /proc/self/ns/net\n", network=Network.OUTBOUND)
    assert again.stdout.decode().strip() == host_network()


async def test_what_was_granted_to_one_is_not_seen_by_another(run, shared):
    await run("#!/bin/sh\n", read=(str(shared),))
    outcome = await run(f"#!/bin/sh\nls -A {shared}; cat {shared}/here\ngrep -c {shared} /proc/self/mountinfo\n")
    assert outcome.stdout == b"0\n", outcome


async def test_a_call_on_the_host_s_network_resolves_names_as_the_host_does(run):
    outcome = await run("#!/bin/sh\ncat /etc/resolv.conf /etc/hosts\n", network=Network.OUTBOUND)
    found = [path.read_bytes() for path in RESOLVER if path.is_file()]
    assert outcome.stdout == b"".join(found), outcome
