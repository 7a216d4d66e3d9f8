"""Attacks on what there is besides where scripts are run in warm interpreters, and what happens when that fails."""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
import signal
import time

import psutil
import pytest

from dispatcher_service.engines.base import Access, Verdict
from isolation.conftest import USERS
from isolation.sandbox import PYTHON, Sandbox
from isolation.test_leftovers import AT_ONCE, at_rest, left
from support.engines import WARM, depth

SHEBANG = f"#!{PYTHON}"
MIB = 1 << 20
BOOT = "exec(open("
REACHES_THE_FIRST = """
import ctypes, errno, json, os, signal
found = []
libc = ctypes.CDLL(None, use_errno=True)
def tries(name, act):
    try:
        got = act()
    except OSError as error:
        return
    found.append([name, repr(got)[:100]])
def traces(request):
    if libc.syscall(101 if os.uname().machine == "x86_64" else 117, request, 1, 0, 0) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")
for mode in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
    tries(f"opens its memory {mode}", lambda: os.open("/proc/1/mem", mode))
for place in ("fd", "fdinfo", "root", "cwd", "ns", "task/1/fd", "map_files"):
    tries(f"lists its {place}", lambda: os.listdir(f"/proc/1/{place}"))
for place in ("exe", "cwd", "root", "ns/user", "ns/mnt"):
    tries(f"reads its {place}", lambda: os.readlink(f"/proc/1/{place}"))
for place in ("environ", "maps", "auxv", "stack", "syscall"):
    tries(f"reads its {place}", lambda: open(f"/proc/1/{place}", "rb").read(1) or None)
for request in (16, 0x4206):
    tries(f"traces it {request}", lambda: traces(request))
found = [entry for entry in found if entry[1] != "None"]
print(json.dumps([found, sorted(name for name in os.listdir("/proc") if name.isdigit()), os.listdir("/proc/self/fd")]))
"""
KILLS = """
import os, signal, sys
for number in range(1, 65):
    for target in (1, -1, 0):
        if (target or number not in (int(n) for n in signal.valid_signals())) and number != 19:
            try:
                os.kill(target, number)
            except OSError:
                pass
os.kill(1, signal.SIGSTOP)
print("alive", flush=True)
"""
FORGES = """
import os, socket, struct
sent = []
for number in range(3, 4096):
    for act in (lambda: os.write(number, b"x" * 100), lambda: socket.socket(fileno=os.dup(number)).send(b"x")):
        try:
            sent.append([number, act()])
        except OSError:
            pass
print(sent)
raise SystemExit(4)
"""
SURVIVES = """
import os, signal, subprocess, sys, threading
for number in range(1, 32):
    if number not in (9, 19):
        signal.signal(number, signal.SIG_IGN)
mark = sys.stdin.read()
threading.Thread(target=subprocess.run, args=(["sleep", mark],), daemon=True).start()
for _ in range(3):
    if os.fork() == 0:
        try:
            os.setsid()
        except OSError:
            pass
        if os.fork() == 0:
            os.execv("/bin/sleep", ["sleep", mark])
        os._exit(0)
print("left", flush=True)
os._exit(5)
"""
SEEKS = """
import sys
text = sys.stdin.buffer.read()
first, second = (bytes(reversed(half)) for half in (text[16:], text[:16]))  # never together, lest it finds itself
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in list(maps):
        start, end = (int(number, 16) for number in line.split()[0].split("-"))
        if line.split()[1][0] != "r" or "[v" in line:
            continue
        for begin in range(start, end, 1 << 20):
            memory.seek(begin)
            try:
                read = memory.read(min((1 << 20) + 64, end - begin))
            except OSError:
                break
            place = read.find(first)
            while place != -1:
                found += read[place + 16 : place + 32] == second
                place = read.find(first, place + 1)
print(found)
"""
LIMITED = {
    "memory": ("x = b'x' * (300 << 20)", {"memory": 64 * MIB}),
    "memory in children": ("import os\nfor _ in range(4):\n    if os.fork() == 0: break\nx = b'x' * (30 << 20)\n__import__('time').sleep(5)", {"memory": 64 * MIB}),
    "processor": ("while True: pass", {"cpu": 0.3}),
    "time": ("import time; print('x', flush=True); time.sleep(60)", {"wall": 0.5}),
    "output": ("while True: print('x' * 1000)", {"output": 5000}),
    "errors": ("import sys\nfor n in range(500): print(n, file=sys.stderr)", {"stderr": 800}),
    "processes": ("import os\nn = 0\ntry:\n    while os.fork(): n += 1\n    __import__('time').sleep(9)\nexcept OSError as e:\n    print(n, e, flush=True)\n    __import__('time').sleep(0.5)\n    os.kill(-1, 9)", {"processes": 12}),
    "threads": ("import threading, time\nn = 0\ntry:\n    while True:\n        threading.Thread(target=time.sleep, args=(9,), daemon=True).start(); n += 1\nexcept RuntimeError as e:\n    print(n, e)\n    time.sleep(0.5)", {"processes": 12}),
    "a file": ("f = open('/tmp/x', 'wb', 0)\nf.write(b'x' * 100000)\nf.write(b'x')", {"file_size": 65536}),
    "folder": ("f = open('/tmp/x', 'wb', 0)\nwhile True: f.write(b'x' * 65536)", {"tmp_size": MIB}),
    "descriptors": ("import os\nn = 0\nwhile True:\n    os.dup(0); n += 1\n", {"open_files": 32}),
}  # fmt: skip


class Machine:
    """A dispatcher with what of its launcher is special here."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def children(self):
        return psutil.Process(self.sandbox.launcher_pid).children()

    def those(self, *, inside: bool):
        """Warm interpreters, or their children that wait."""
        home, found = depth(self.sandbox.launcher_pid), []
        for process in self.children():
            try:
                if BOOT in " ".join(process.cmdline()) and (depth(process.pid) > home) is inside:
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def python(self, text, stdin=b"", **more):
        """Run a script warm."""
        return self.sandbox.run(self.sandbox.command(self.sandbox.add(f"{SHEBANG}\n{text}"), stdin, **more))


@pytest.fixture(scope="module", params=USERS)
def machine(request, dispatchers):
    return Machine(dispatchers(f"native{WARM}", request.param)[0])


@pytest.fixture
def own():
    """One whose parts may be killed."""
    made = Sandbox(f"native{WARM}", USERS[0])
    yield Machine(made)
    made.close()


def eventually(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def test_the_first_process_is_out_of_reach(machine):
    outcome = machine.python(REACHES_THE_FIRST)
    assert outcome.exit_code == 0, outcome
    plain = machine.sandbox.run(
        dataclasses.replace(
            machine.sandbox.command(machine.sandbox.add(f"{SHEBANG}\n{REACHES_THE_FIRST}")), zygote=False
        )
    )
    assert outcome.stdout == plain.stdout
    assert outcome.stdout.startswith(b'[[], ["2"], ["0", "1", "2", "3"]]'), outcome  # 3 is what lists them


def test_signals_harm_nobody_else(machine):
    neighbour = machine.sandbox.submit(
        machine.sandbox.command(machine.sandbox.add(f"{SHEBANG}\nimport time; time.sleep(0.5); print('unharmed')"))
    )
    outcome = machine.python(KILLS, wall=5.0)
    assert outcome.verdict in (Verdict.EXITED, Verdict.SIGNALED), outcome
    assert neighbour.result(30).stdout == b"unharmed\n"
    assert machine.python("print('serves')").stdout == b"serves\n"


def test_there_is_nobody_to_tell_lies_to(machine):
    outcome = machine.python(FORGES)
    assert (outcome.verdict, outcome.exit_code, outcome.stdout) == (Verdict.EXITED, 4, b"[]\n")


def test_nothing_survives(machine):
    mark = f"7{secrets.randbelow(10**6):06d}.{secrets.randbelow(10**6):06d}"
    outcome = machine.python(SURVIVES, mark.encode())
    assert (outcome.verdict, outcome.exit_code, outcome.stdout) == (Verdict.EXITED, 5, b"left\n"), outcome
    lines = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if line and mark in line] == []


def test_the_memory_of_another_call_is_not_there(machine):
    mark = secrets.token_hex(16)
    access = Access(environment=(("TOKEN", mark),), secrets=(("token", mark.encode()),))
    shows = (
        "import os, sys; print(sys.stdin.read(), os.environ['TOKEN'], open('/run/secrets/token').read(), sys.argv[1])"
    )
    told = machine.python(shows, mark.encode(), access=access, arguments=[mark])
    assert told.stdout.count(mark.encode()) == 4, told
    assert machine.python(f"kept = {mark!r}\n{SEEKS}", mark[::-1].encode()).stdout != b"0\n", (
        "it does not find what is there"
    )
    for _round in range(3):
        outcome = machine.python(SEEKS, mark[::-1].encode())
        assert outcome.stdout == b"0\n", outcome


def test_a_call_finds_nothing_of_the_one_before(machine):
    text = (
        "import builtins, json, os, random, signal, sys, tempfile, uuid, secrets\n"
        "print(hasattr(builtins, 'was'), hasattr(json, 'was'), 'WAS' in os.environ, '/was' in sys.path, os.listdir('/tmp'),"
        " signal.getsignal(10) == signal.SIG_DFL, os.umask(0o77), os.getcwd(), sys.getrecursionlimit())\n"
        "builtins.was = json.was = 1; os.environ['WAS'] = '1'; sys.path.insert(0, '/was'); open('/tmp/was', 'w')\n"
        "signal.signal(10, signal.SIG_IGN); os.chdir('/tmp'); sys.setrecursionlimit(500)\n"
    )
    said = {machine.python(text).stdout for _round in range(4)}
    assert said == {b"False False False False [] True 18 / 1000\n"}


def test_chance_is_fresh(machine):
    text = (
        "import logging, os, random, secrets, ssl, tempfile, uuid\nprint(random.random(), random.SystemRandom().random(), uuid.uuid4(),"
        " secrets.token_hex(), tempfile.mktemp(), os.urandom(8).hex(), uuid.uuid1(), ssl.RAND_bytes(8).hex(),"
        " logging._startTime)"
    )
    command = machine.sandbox.command(machine.sandbox.add(f"{SHEBANG}\n{text}"))
    calls = [machine.sandbox.submit(dataclasses.replace(command, call_id=secrets.token_hex(8))) for _round in range(50)]
    said = [call.result(60).stdout.split() for call in calls]
    assert [len(set(column)) for column in zip(*said, strict=True)] == [50] * 9


@pytest.mark.parametrize("name", LIMITED)
def test_limits_hold_as_for_any_program(machine, name):
    text, limits = LIMITED[name]
    sandbox = machine.sandbox
    command = sandbox.command(sandbox.add(f"{SHEBANG}\n{text}"), **limits)
    warm = sandbox.run(command)
    plain = sandbox.run(dataclasses.replace(command, call_id=secrets.token_hex(8), zygote=False))
    assert (warm.verdict, warm.exit_code, warm.signal) == (plain.verdict, plain.exit_code, plain.signal)
    assert (warm.stdout[:2000], warm.refused) == (plain.stdout[:2000], plain.refused)
    assert (warm.reason == "") is (plain.reason == "")


def test_what_was_used_is_told(machine):
    text = (
        "import time\nx = b'x' * (30 << 20)\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    )
    used = machine.python(text).usage
    assert 0.29 < used.cpu < 2
    assert 30 * MIB < used.memory_peak < 80 * MIB
    assert used.wall >= 0.25
    little = machine.python("pass").usage
    assert little.cpu < 0.2
    assert little.memory_peak < 30 * MIB


def test_killed_and_cancelled(machine):
    sandbox = machine.sandbox
    command = sandbox.command(sandbox.add(f"{SHEBANG}\nimport time; time.sleep(60)"))
    calls = [dataclasses.replace(command, call_id=secrets.token_hex(8)) for _call in range(24)]  # some wait for a child
    running = [sandbox.submit(call) for call in calls]
    for call in calls:
        sandbox.do("kill", call.call_id)
    assert {call.result(60).verdict for call in running} <= {Verdict.KILLED, Verdict.NOT_STARTED}
    assert machine.python("print('serves')").stdout == b"serves\n"


def test_nothing_is_left_of_many(machine):
    sandbox = machine.sandbox
    texts = [
        "print(1)",
        "import os; os.fork(); os.setsid() if os.getpid() > 2 else 0",
        "1 / 0",
        "import os; os.kill(os.getpid(), 9)",
    ]
    names = [sandbox.add(f"{SHEBANG}\n{text}") for text in texts]

    def many(count):
        commands = [sandbox.command(name, wall=10.0) for name in names]
        found = set()
        for begin in range(0, count, AT_ONCE):
            calls = [
                sandbox.submit(dataclasses.replace(commands[n % len(names)], call_id=secrets.token_hex(8)))
                for n in range(begin, begin + AT_ONCE)
            ]
            outcomes = [call.result(120) for call in calls]
            found |= {(outcome.verdict, outcome.reason) for outcome in outcomes}
        return found

    many(24)
    before = at_rest(sandbox)
    assert many(300) == {(Verdict.EXITED, ""), (Verdict.SIGNALED, "")}
    assert left(sandbox, before) == {}


def test_a_dead_interpreter_is_started_anew(own):
    own.python("pass")
    (first,) = own.those(inside=False)
    running = own.sandbox.submit(
        own.sandbox.command(own.sandbox.add(f"{SHEBANG}\nimport time; time.sleep(0.5); print(1)"))
    )
    eventually(lambda: len(own.those(inside=True)) >= 1)
    first.kill()
    assert own.python("print(2)").stdout == b"2\n"
    assert running.result(30).stdout == b"1\n"
    (second,) = own.those(inside=False)
    assert second.pid != first.pid


def test_children_that_die_are_not_missed(own):
    own.python("pass")
    eventually(lambda: len(own.those(inside=True)) >= 2)
    waiting = own.those(inside=True)
    for child in waiting:
        child.kill()
    eventually(lambda: not any(child.is_running() for child in waiting))
    calls = [own.sandbox.script(f"{SHEBANG}\nprint({number})") for number in range(3)]
    assert [call.stdout for call in calls] == [b"0\n", b"1\n", b"2\n"]
    own.sandbox.warm_up(SHEBANG)


def test_only_interpreters_of_the_system_are_warmed(own):
    """The launcher follows a first line outside of all walls: into its own descriptors, other sandboxes, the host."""
    tree = own.sandbox.tree
    for place in (tree, tree / "bin"):
        place.mkdir(exist_ok=True)
        shutil.copy(PYTHON, place / "python3")
    (tree / "pyvenv.cfg").touch()
    numbers = range(3, 64)
    ways = [f"/proc/{process}/fd/{number}/python3" for number in numbers for process in ("self", "1")]
    ways += [f"/dev/fd/{number}/python3" for number in numbers]
    ways += [f"/opt/ext/../../proc/self/fd/{number}/bin/python3" for number in numbers]
    ways += [f"/proc/{number}/root/opt/ext/python3" for number in numbers]
    for number in numbers:
        (tree / "bin" / f"python3.{number}").symlink_to(f"/proc/self/fd/{number}/python3")
    ways += [f"/opt/ext/bin/python3.{number}" for number in numbers]
    shell = own.sandbox.command(own.sandbox.add("#!/bin/sh\nsleep 2\n"))  # for which nothing is warmed, and waited for
    sleeper = own.sandbox.submit(shell)  # one whose root is there for a while
    calls = []
    for number, way in enumerate(ways):
        name = own.sandbox.add(f"#!{way}\nprint('ran')\n")
        calls.append(own.sandbox.submit(dataclasses.replace(shell, call_id=str(number), executable=name)))
        if len(calls) % 8 == 0:
            calls[-8].result(60)
    lines = {" ".join(process.cmdline()) for process in own.those(inside=False)}
    assert not [line for line in lines if not line.startswith(f"{PYTHON} ")]
    sleeper.result(60)
    outcomes = [call.result(60) for call in calls]
    assert [
        (way, outcome)
        for way, outcome in zip(ways, outcomes, strict=True)
        if outcome.verdict is not Verdict.NOT_STARTED
    ] == []


def test_the_end_of_the_launcher_is_that_of_its_interpreters(own):
    mark = f"7{secrets.randbelow(10**6):06d}"
    name = own.sandbox.add(f"{SHEBANG}\nimport time; time.sleep(60)")
    running = own.sandbox.submit(own.sandbox.command(name, arguments=[mark]))
    eventually(lambda: any(mark in " ".join(process.cmdline()) for process in own.children()))
    zygotes = own.those(inside=False) + own.those(inside=True)
    assert zygotes
    os.kill(own.sandbox.launcher_pid, signal.SIGKILL)
    assert running.result(30).verdict is not Verdict.EXITED
    eventually(lambda: not any(process.is_running() for process in zygotes))
    eventually(lambda: own.sandbox.script(f"{SHEBANG}\nprint('serves')").stdout == b"serves\n")
