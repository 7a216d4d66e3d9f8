"""What an administrator has granted to a call works, and nothing beside it."""

from __future__ import annotations

import importlib
import os
import secrets

import pytest

from dispatcher_service.engines.base import Access, IsolationLevel, Network, Verdict
from isolation import expectations
from isolation.attacks import table
from isolation.sandbox import OTHER_USER, SLOWEST, names_its_folder

for _subject in ("network", "files"):
    importlib.import_module(f"isolation.attacks.{_subject}")
NETWORK = [attack.name for attack in table.of_subject("network")]
TO_LISTENERS = [name for name in NETWORK if " TCP on " in name or " UDP on " in name]
LEAVES = [
    attack.name
    for attack in table.of_subject("files")
    if any(word in attack.name for word in (" lends its user ", " gives a file ", " makes a device", " makes the disk"))
]
"""What would be somebody else's door on the host."""
STILL_REFUSED = [
    name for name in NETWORK
    if any(kind in name for kind in ("netlink", "packet", "raw", "vsock", "crypto", "key", "xdp", "abstract", "ring", "path", "CAN"))
]  # fmt: skip
ITSELF = """
import socket
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError as error:
        print(host, "cannot", error)
        continue
    with server, socket.create_connection(server.getsockname()[:2], 5) as line, server.accept()[0] as peer:
        line.sendall(b"hello")
        print(host, peer.recv(5).decode())
"""


@pytest.fixture
def may(sandbox):
    """Run a script with a grant; an engine that cannot give it must say so, and that is told in its page."""

    def run(text, access, **more):
        outcome = sandbox.script(text, access=access, **more)
        if outcome.verdict is Verdict.NOT_STARTED:
            assert sandbox.do("level") is not IsolationLevel.FULL or sandbox.engine in SLOWEST, outcome
            assert outcome.reason
            pytest.skip(outcome.reason)
        return outcome

    return run


@pytest.fixture
def granted(sandbox):
    """A folder that belongs to the dispatcher's user, with a file; beside it another, which is not granted."""
    base = sandbox.folder / secrets.token_hex(4)
    for name in ("given", "kept"):
        (base / name).mkdir(parents=True)
        (base / name / "file").write_text(f"{name}\n")
        (base / name / "file").chmod(0o666)
        (base / name).chmod(0o777)
        if sandbox.who == "user" and os.geteuid() == 0:
            os.chown(base / name, OTHER_USER, OTHER_USER)
    (base / "given" / "link").symlink_to(base / "kept" / "file")
    base.chmod(0o755)
    return base


def test_loopback_is_its_own(may):
    outcome = may(f"#!/usr/bin/python3 -ISB\n{ITSELF}", Access(network=Network.LOOPBACK))
    assert "127.0.0.1 hello" in outcome.stdout.decode().splitlines(), outcome


def test_loopback_reaches_nobody_else(sandbox, bait, may):
    may("#!/bin/sh\n", Access(network=Network.LOOPBACK))
    before = len(bait["visits"])
    names = TO_LISTENERS + STILL_REFUSED
    found = sandbox.attack(names, bait, access=Access(network=Network.LOOPBACK))
    assert expectations.unexpected(sandbox.engine, sandbox.who, found) == {}
    assert bait["visits"][before:] == []


def test_two_loopbacks_are_two(sandbox, may):
    may("#!/bin/sh\n", Access(network=Network.LOOPBACK))
    text = "import socket\ns = socket.create_server(('127.0.0.1', 34567))\ntry:\n    s.settimeout(1.5)\n    s.accept()\n    print('met')\nexcept TimeoutError:\n    print('alone')\n"
    name = sandbox.add(f"#!/usr/bin/python3 -ISB\n{text}")
    calls = [sandbox.submit(sandbox.command(name, access=Access(network=Network.LOOPBACK))) for _ in range(2)]
    assert [call.result(60).stdout for call in calls] == [b"alone\n"] * 2


def test_outbound_reaches_the_hosts_network(sandbox, bait, may):
    may("#!/bin/sh\n", Access(network=Network.OUTBOUND))
    found = sandbox.attack(TO_LISTENERS, bait, access=Access(network=Network.OUTBOUND))
    reached = {name for name, result in found.items() if result[0] == "escaped"}
    assert {"network: connects to TCP on 127.0.0.1", "network: asks UDP on 127.0.0.1"} <= reached, found


def test_outbound_gives_only_the_internet_families(sandbox, bait, may):
    """The host's abstract sockets live in the network namespace that is now shared: they stay out of reach.

    That a name among them is taken cannot be hidden: that is the network's, as it is.
    """
    may("#!/bin/sh\n", Access(network=Network.OUTBOUND))
    names = [name for name in STILL_REFUSED if "is found" not in name]
    found = sandbox.attack(names, bait, access=Access(network=Network.OUTBOUND))
    assert expectations.unexpected(sandbox.engine, sandbox.who, found) == {}


def test_reads_what_it_was_given(granted, may):
    given, kept = granted / "given", granted / "kept"
    script = f"#!/bin/sh\ncat {given}/file\ncat {kept}/file {given}/link {given}/../kept/file\n"
    script += (
        f"ls {granted}; (echo x > {given}/new) || (echo x > {given}/file) || rm {given}/file || echo held\nexit 0\n"
    )
    outcome = may(script, Access(read=(str(given),)))
    lines = outcome.stdout.decode().splitlines()
    assert lines[0] == "given", outcome
    assert lines[-1] == "held", outcome
    assert "kept" not in lines[1:-1], outcome
    assert (given / "file").read_text() == "given\n"


def test_reads_one_file_that_it_was_given(granted, may):
    file = granted / "given" / "file"
    outcome = may(
        f"#!/bin/sh\ncat {file}\ncat {granted}/given/link {granted}/kept/file\nexit 0\n", Access(read=(str(file),))
    )
    assert outcome.stdout == b"given\n", outcome


def test_writes_what_it_was_given(granted, may):
    given, kept = granted / "given", granted / "kept"
    script = f"#!/bin/sh\necho new > {given}/new && echo written\n(echo x >> {kept}/file) && echo escaped\n"
    script += f"(echo x >> {given}/link) && echo escaped; (echo x > {given}/../kept/y) && echo escaped\nexit 0\n"
    outcome = may(script, Access(write=(str(given),)))
    assert outcome.stdout == b"written\n", outcome
    assert (given / "new").read_text() == "new\n"
    assert (kept / "file").read_text() == "kept\n"
    assert not (kept / "y").exists()


def test_makes_no_program_of_power_there(granted, may):
    """A set-user-id program or a device that a call leaves in a folder of the host would be somebody else's door."""
    given = granted / "given"
    script = f"#!/bin/sh\ncp /usr/bin/id {given}/id; chmod 4755 {given}/id; {given}/id -u; mknod {given}/d c 1 3 && echo device\nid -u\n"
    outcome = may(script, Access(write=(str(given),)))
    lines = outcome.stdout.decode().splitlines()
    assert lines[0] == lines[-1], outcome
    assert "device" not in lines
    assert (given / "id").stat().st_uid != 0 or os.geteuid() != 0
    assert not (given / "id").stat().st_mode & 0o6000


def test_leaves_nothing_of_power_there(granted, sandbox, bait, may):
    given = str(granted / "given")
    access = Access(write=(given,))
    may("#!/bin/sh\n", access)
    found = sandbox.attack(LEAVES, {**bait, "given": given}, access=access)
    assert not [name for name, (result, _detail) in found.items() if result == "broken"], found
    assert expectations.unexpected(sandbox.engine, sandbox.who, found) == {}
    made = {path: path.lstat().st_mode for path in (granted / "given").rglob("*")}
    assert len(made) > len(LEAVES), "it could not even try"
    assert [path for path, mode in made.items() if mode & 0o6000] == []


def test_has_the_environment_it_was_given(sandbox, may):
    outcome = may("#!/bin/sh\nenv\n", Access(environment=(("TOKEN", "a b=c"), ("OTHER", ""))))
    lines = {line for line in outcome.stdout.decode().splitlines() if not names_its_folder(sandbox, line)}
    assert {"TOKEN=a b=c", "OTHER="} <= lines
    assert lines <= {"TOKEN=a b=c", "OTHER=", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", "PWD=/", "_=/usr/bin/env"}


def test_has_the_secrets_it_was_given(sandbox, may):
    access = Access(secrets=(("token", b"sword\0fish\n"), ("other", b"")))
    script = "#!/bin/sh\ncd /run/secrets; ls; cat token other; (echo x > token) || echo held\n"
    outcome = may(script, access)
    listed, given = b"other\ntoken\n", b"sword\0fish\nheld\n"
    # gVisor of 2022 does not list what is mounted in a folder; it is there.
    assert outcome.stdout == listed + given or (sandbox.engine in SLOWEST and outcome.stdout == given), outcome


def test_secrets_are_nowhere_on_the_host(sandbox, may):
    mark = secrets.token_hex(16)
    may("#!/bin/sh\ncat /run/secrets/token\n", Access(secrets=(("token", mark.encode()),)))
    for path in sandbox.temporary.rglob("*"):
        if path.is_file():
            assert mark.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    "path", ["/", "/proc", "/proc/1", "/dev", "relative", "/nonexistent-graft-test", "/tmp/../etc"]
)
def test_cannot_be_given(sandbox, path):
    """What would be all, or nothing, or hide the sandbox's own: told, and nothing is run."""
    outcome = sandbox.script("#!/bin/sh\necho ran\n", access=Access(read=(path,)))
    if outcome.verdict is not Verdict.NOT_STARTED and path == "/":
        pytest.fail("the whole of the host was shown")
    assert outcome.verdict is Verdict.NOT_STARTED, outcome
    assert outcome.reason
    assert "first line" not in outcome.reason, "the script's interpreter is not what is wrong"


def test_a_link_cannot_be_given(sandbox, granted):
    outcome = sandbox.script("#!/bin/sh\necho ran\n", access=Access(read=(str(granted / "given" / "link"),)))
    assert outcome.verdict is Verdict.NOT_STARTED, outcome
    assert "link" in outcome.reason
    assert "first line" not in outcome.reason, outcome


@pytest.mark.parametrize("variable", [("", "x"), ("A=B", "x"), ("A\0B", "x"), ("A", "x\0y")])
def test_variables_that_cannot_be(sandbox, variable):
    """No declaration can ask for them; behind it, no engine takes one for another."""
    outcome = sandbox.script("#!/bin/sh\nenv\n", access=Access(environment=(variable,)))
    assert outcome.verdict is Verdict.NOT_STARTED, outcome
    assert "variable" in outcome.reason, outcome
    assert "x" not in outcome.reason.split(), "values are told to nobody"
