"""Calls beside and after each other, on one engine: none finds anything of another."""

from __future__ import annotations

import importlib
import secrets
import time

import psutil
import pytest

from dispatcher_service.engines.base import Access, Verdict
from isolation import expectations
from isolation.attacks import table
from isolation.sandbox import SLOW, SLOWEST, listed, order
from isolation.test_attacks import not_shown

for _subject in ("neighbours", "proc", "processes", "exhaustion"):
    importlib.import_module(f"isolation.attacks.{_subject}")
NAMES = [attack.name for attack in table.of_subject("neighbours")]
TO_PROCESSES = [
    attack.name
    for subject in ("proc", "processes")
    for attack in table.of_subject(subject)
    if attack.shown == table.PLAIN and ("victim" in attack.name or subject == "proc")
]
"""Attacks on a victim, which here is a process of the other call."""
OTHER = """
import contextlib, ctypes, fcntl, mmap, os, socket, sys
name, mark, key, line, common, *places = sys.stdin.read().split("\\n")
libc = ctypes.CDLL(None, use_errno=True)
kept = []
for place in places:
    with contextlib.suppress(OSError):
        with open(f"{place}/{name}", "w") as file:
            file.write(mark)
        os.chmod(f"{place}/{name}", 0o666)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{place}/{name}.socket")
        os.chmod(f"{place}/{name}.socket", 0o777)
        listener.listen()
        listener.set_inheritable(True)
        kept.append(listener)
with contextlib.suppress(OSError):
    os.chdir(places[0])
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\\0" + name)
    listener.listen()
    listener.set_inheritable(True)
    kept.append(listener)
x86 = os.uname().machine == "x86_64"
libc.syscall(29 if x86 else 194, int(key), 4096, 0o1666)
libc.syscall(248 if x86 else 217, b"user", name.encode(), mark.encode(), len(mark), -3)
libc.syscall(248 if x86 else 217, b"user", name.encode(), mark.encode(), len(mark), -4)
libc.syscall(240 if x86 else 180, name.encode(), os.O_CREAT | os.O_RDWR, 0o666, 0)
with contextlib.suppress(OSError):
    locked = open(common, "rb")
    os.set_inheritable(locked.fileno(), True)
    fcntl.flock(locked, fcntl.LOCK_SH)
os.environ["GRAFT_TEST_SECRET"] = mark
os.execv("/bin/sleep", ["/bin/sleep", line])
"""
CLEAN = """
import ctypes, os, sys
name, key = sys.stdin.read().split("\\n")
libc, x86 = ctypes.CDLL(None), os.uname().machine == "x86_64"
libc.syscall(31 if x86 else 195, libc.syscall(29 if x86 else 194, int(key), 0, 0), 0, 0)
libc.syscall(241 if x86 else 181, name.encode())
found = libc.syscall(250 if x86 else 219, 10, -4, b"user", name.encode(), 0)
if found > 0:
    libc.syscall(250 if x86 else 219, 3, found)
    libc.syscall(250 if x86 else 219, 9, found, -4)
"""


class Other:
    """A call that has made and keeps everything by which it could be found."""

    def __init__(self, sandbox, bait):
        self.sandbox = sandbox
        self.name = f"graft-{secrets.token_hex(6)}"
        self.mark = secrets.token_hex(16)
        self.key = secrets.randbelow(1 << 20) + 0x67000000
        self.line = f"86{secrets.randbelow(1000):03d}.{secrets.randbelow(10**8):08d}"
        inside = sandbox.engine != "none"
        common = "/usr/bin/env" if inside else bait["secret"]
        places = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/opt/ext"] if inside else [bait["drop"]]
        stdin = "\n".join([self.name, self.mark, str(self.key), self.line, common, *places]).encode()
        command = sandbox.command(sandbox.add(f"#!/usr/bin/python3 -IS\n{OTHER}"), stdin, wall=100.0)
        self.call_id = command.call_id
        self.call = sandbox.submit(command)
        self.pid = self._find()
        self.bait = {
            **bait,
            "mark": self.mark,
            "name of the other": self.name,
            "key of the other": self.key,
            "line": self.line,
            "common file": common,
            "secret": f"{places[0]}/{self.name}",
            "name": self.name,
            "victim": self.pid or bait["victim"],
        }

    def _find(self):
        """Its process, once everything is made; gVisor's processes are its own, so there only time can be waited."""
        for _attempt in range(40 if self.sandbox.engine == "oci:runsc" else 1500):
            for process in psutil.Process(self.sandbox.pid).children(recursive=True):
                try:
                    if process.cmdline() == ["/bin/sleep", self.line]:
                        return process.pid
                except psutil.Error:
                    continue
            time.sleep(0.02)
        assert self.sandbox.engine == "oci:runsc", "the other call did not begin in time"
        return 0

    def end(self):
        self.sandbox.do("kill", self.call_id)
        outcome = self.call.result(60)
        assert outcome.verdict is Verdict.KILLED, outcome


@pytest.fixture
def other(sandbox, bait):
    made = Other(sandbox, bait)
    yield made
    made.end()


def test_is_found_without_walls(bare, bare_bait):
    made = Other(bare, bare_bait)
    try:
        found = bare.attack(NAMES + TO_PROCESSES, made.bait)
    finally:
        bare.script(f"#!/usr/bin/python3 -IS\n{CLEAN}", f"{made.name}\n{made.key}".encode())
        made.end()
    failed = not_shown(found)
    # The limits of the engine `none` let nobody have a queue.
    assert set(failed) <= {"neighbours: opens a queue of another"}, failed


def test_finds_nobody_beside_it(sandbox, other):
    found = sandbox.attack(NAMES + TO_PROCESSES, other.bait)
    wrong = expectations.unexpected(sandbox.engine, sandbox.who, found)
    assert not wrong, listed(wrong)
    assert not other.call.done()


def test_finds_nothing_of_those_before(sandbox, bait):
    """The same, when the other has ended, and as often as there may be sandboxes that wait."""
    made = Other(sandbox, bait)
    made.end()
    for _round in range(1 if sandbox.engine in SLOWEST else 3):
        found = sandbox.attack(NAMES, made.bait)
        assert expectations.unexpected(sandbox.engine, sandbox.who, found) == {}


WARM = """
import builtins, json, os, sys
import xmlrpc.client
found = [hasattr(json, "graft_was_here"), hasattr(builtins, "graft_was_here"), "GRAFT_WAS_HERE" in os.environ]
found += [os.getcwd() != "/", os.umask(0o022) not in (0o022, 0), "/tmp/graft" in sys.path]
json.graft_was_here = builtins.graft_was_here = xmlrpc.client.dumps = True
os.environ["GRAFT_WAS_HERE"] = "1"
sys.path.insert(0, "/tmp/graft")
os.umask(0o077)
os.chdir(os.environ.get("TMPDIR", "/tmp"))
open("usercustomize.py", "w").write("raise SystemExit(3)")
print(any(found), found)
"""


def test_begins_afresh(sandbox):
    """Whatever a call does to its interpreter is gone with it."""
    name = sandbox.add(f"#!/usr/bin/python3\n{WARM}")
    for _round in range(2 if sandbox.engine in SLOW else 3):
        outcome = sandbox.run(sandbox.command(name))
        assert outcome.stdout.startswith(b"False"), outcome


def test_secrets_of_another_are_nowhere(sandbox, bait):
    """What was granted to one call is not in the files, the environment or the memory that the next one sees."""
    mark = secrets.token_hex(16)
    access = Access(environment=(("TOKEN", mark),), secrets=(("token", mark.encode()),))
    outcome = sandbox.script("#!/bin/sh\ncat /run/secrets/token\necho $TOKEN\n", access=access)
    if outcome.verdict is Verdict.NOT_STARTED:
        assert sandbox.engine == "confine", outcome
        access = Access(environment=(("TOKEN", mark),))
        outcome = sandbox.script("#!/bin/sh\necho $TOKEN\n", access=access)
    assert mark.encode() in outcome.stdout, outcome
    seeks = [name for name in TO_PROCESSES if "reads" in name]
    for _round in range(1 if sandbox.engine in SLOW else 2):
        found = sandbox.attack(seeks, {**bait, "mark": mark})
        assert {
            name: result for name, result in found.items() if result[0] == "escaped" and "memory of" not in name
        } == {}
        text = "#!/bin/sh\ncat /run/secrets/* /proc/*/environ /tmp/* 2>/dev/null; env; ls /run/secrets 2>/dev/null; exit 0\n"
        assert mark.encode() not in sandbox.script(text).stdout


def test_takes_no_watches_from_the_dispatcher(sandbox, bait):
    """Watches on files are counted for each user of the host: the dispatcher's own must not be used up."""
    line = f"87{secrets.randbelow(1000):03d}.{secrets.randbelow(10**8):08d}"
    command = sandbox.command(
        sandbox.attacker(), order(["exhaustion: watches for all"], {**bait, "line": line}), open_files=1000, wall=60.0
    )
    call = sandbox.submit(command)
    for _attempt in range(1500 if sandbox.engine != "oci:runsc" else 50):
        lines = []
        for process in psutil.Process(sandbox.pid).children(recursive=True):
            try:
                lines.append(process.cmdline())
            except psutil.Error:
                continue
        if ["sleep", line] in lines or call.done():
            break
        time.sleep(0.02)
    can = sandbox.do("make_inotify")
    sandbox.do("kill", command.call_id)
    call.result(60)
    assert can, "a call has taken all sets of watches that the dispatcher's user may have"
