"""Landlock as the launcher uses it: a process of its own restricts itself and tries what it must not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dispatcher_service.engines.launcher import landlock

needs_landlock = pytest.mark.skipif(not landlock.ABI, reason="this kernel has no Landlock, or not for us")
needs_scopes = pytest.mark.skipif(landlock.ABI < 6, reason="scopes are of Landlock ABI 6 (Linux 6.12)")
PROJECT = Path(__file__).resolve().parents[2]
PROGRAM = """
import ctypes, json, os, signal, socket, sys
from dispatcher_service.engines.launcher import landlock
rules, network, script = json.load(sys.stdin)
fds = [os.open(path, os.O_PATH) if by_fd else path for path, access, by_fd in rules]
gaps = landlock.restrict([(fd, access) for fd, (_path, access, _by_fd) in zip(fds, rules)], network=network)
def attempt(name, function, *arguments):
    try:
        result = function(*arguments)
        return "done"
    except OSError as error:
        return type(error).__name__
print(json.dumps({name: attempt(name, eval(code)) for name, code in script.items()}))
"""


def restricted(rules, script, *, network=False, by_fd=False):
    """What each attempt comes to in a process that has restricted itself."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([[[str(path), access, by_fd] for path, access in rules], network, script]),
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("abi", "lacks"),
    [
        (0, ("files", "truncating files", "TCP", "ioctl on devices", "abstract unix sockets", "signals")),
        (1, ("truncating files", "TCP", "ioctl on devices", "abstract unix sockets", "signals")),
        (2, ("truncating files", "TCP", "ioctl on devices", "abstract unix sockets", "signals")),
        (3, ("TCP", "ioctl on devices", "abstract unix sockets", "signals")),
        (4, ("ioctl on devices", "abstract unix sockets", "signals")),
        (5, ("abstract unix sockets", "signals")),
        (6, ()),
        (9, ()),
    ],
)
def test_missing(abi, lacks):
    assert landlock.missing(abi) == lacks


@pytest.mark.parametrize(
    ("abi", "size", "rights"), [(1, 8, 13), (2, 8, 14), (3, 8, 15), (4, 16, 15), (5, 16, 16), (6, 24, 16), (9, 24, 16)]
)
def test_a_ruleset_handles_all_that_its_abi_has(abi, size, rights):
    handled, attributes = landlock._ruleset(abi, network=False)
    assert len(attributes) == size
    assert handled == (1 << rights) - 1


@needs_landlock
@pytest.mark.parametrize("by_fd", [False, True])
def test_files(tmp_path, by_fd):
    for name in ("read", "run", "write", "nothing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("#!/bin/sh\n")
        (tmp_path / name / "file").chmod(0o755)
    one = tmp_path / "nothing" / "one"
    one.write_text("x")
    system = [("/usr", landlock.EXECUTE), ("/lib", landlock.EXECUTE), ("/lib64", landlock.EXECUTE)]
    rules = [
        *[rule for rule in [*system, ("/bin", landlock.EXECUTE)] if Path(rule[0]).exists()],
        (tmp_path / "read", landlock.READ),
        (tmp_path / "run", landlock.EXECUTE),
        (tmp_path / "write", landlock.WRITE),
        (one, landlock.WRITE),
        ("/dev/null", landlock.DEVICE),
    ]
    attempts = {
        "read": ("open('{}/read/file').close", "done"),
        "list": ("os.listdir('{}/read')", "done"),
        "write there": ("open('{}/read/file', 'w')", "PermissionError"),
        "truncate there": ("os.truncate('{}/read/file', 0)", "PermissionError"),
        "make there": ("os.mkdir('{}/read/new')", "PermissionError"),
        "remove there": ("os.unlink('{}/read/file')", "PermissionError"),
        "run there": ("os.execv('{}/read/file', ['x'])", "PermissionError"),
        "run": ("os.posix_spawn('{}/run/file', ['x'], dict())", "done"),
        "run in own": ("os.execv('{}/write/file', ['x'])", "PermissionError"),
        "make": ("os.mkdir('{}/write/new')", "done"),
        "move": ("os.rename('{}/write/file', '{}/write/new/moved')", "done"),
        "move out": ("os.rename('{}/write/new/moved', '{}/nothing/moved')", "PermissionError"),
        "link in": ("os.link('{}/read/file', '{}/write/link')", "OSError"),
        "node": ("os.mknod('{}/write/device', 0o20600, 259)", "PermissionError"),
        "remove": ("os.unlink('{}/write/new/moved')", "done"),
        "one file": ("open('{}/nothing/one', 'w').close()", "done"),
        "its neighbour": ("open('{}/nothing/file')", "PermissionError"),
        "its folder": ("os.listdir('{}/nothing')", "PermissionError"),
        "dots": ("open('{}/read/../nothing/file')", "PermissionError"),
        "device": ("open('/dev/null', 'w').close()", "done"),
        "other device": ("open('/dev/zero')", "PermissionError"),
        "shadow": ("open('/etc/passwd')", "PermissionError"),
        "proc": ("open('/proc/1/cmdline')", "PermissionError"),
    }
    script = {name: "lambda: " + code.replace("{}", str(tmp_path)) for name, (code, _) in attempts.items()}
    if landlock.ABI < 3:
        del script["truncate there"]
    if landlock.ABI < 2:
        script = {name: code for name, code in script.items() if "move" not in name and name != "remove"}
    assert restricted(rules, script, by_fd=by_fd) == {name: attempts[name][1] for name in script}


@needs_landlock
def test_a_path_that_does_not_exist_is_skipped(tmp_path):
    assert restricted([(tmp_path / "absent", landlock.READ)], {"x": "lambda: open('/etc/passwd')"}) == {
        "x": "PermissionError"
    }


@pytest.mark.skipif(landlock.ABI < 4, reason="TCP is of Landlock ABI 4 (Linux 6.7)")
@pytest.mark.parametrize(("network", "expected"), [(False, "PermissionError"), (True, "done")])
def test_tcp(network, expected):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = {
            "connect": f"lambda: socket.socket().connect({listener.getsockname()!r})",
            "bind": "lambda: socket.socket().bind(('127.0.0.1', 0))",
        }
        assert restricted([], script, network=network) == dict.fromkeys(script, expected)


@needs_scopes
def test_other_processes():
    name = f"\0graft-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        script = {
            "socket": f"lambda: socket.socket(socket.AF_UNIX).connect({name!r})",
            "signal": f"lambda: os.kill({os.getpid()}, 0)",
            "own child": "lambda: os.kill(os.fork() or (signal.pause(), os._exit(0)), 9)",
        }
        assert restricted([], script) == {
            "socket": "PermissionError",
            "signal": "PermissionError",
            "own child": "done",
        }
