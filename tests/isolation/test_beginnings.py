"""What is asked to be run and cannot be, or is changed meanwhile."""

from __future__ import annotations

import dataclasses

import pytest

from dispatcher_service.engines.base import Verdict

FILES = {
    "no format": (b"\x00\x01\x02garbage", 0o755),
    "empty": (b"", 0o755),
    "no first line": (b"echo no shebang\n", 0o755),
    "broken ELF": (b"\x7fELF\x02garbage", 0o755),
    "another machine's ELF": (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00" + bytes(100), 0o755),
    "missing interpreter": (b"#!/no/such/interpreter\n", 0o755),
    "interpreter that is a folder": (b"#!/usr/bin\n", 0o755),
    "interpreter of the host": (b"#!HOST\n", 0o755),
    "not executable": (b"#!/bin/sh\n", 0o644),
    "line that ends with a carriage return": (b"#!/bin/sh\r\necho ran\n", 0o755),
}


@pytest.mark.parametrize("name", FILES)
def test_cannot_begin(sandbox, bait, name):
    text, mode = FILES[name]
    outcome = sandbox.run(sandbox.command(sandbox.add(text.replace(b"HOST", bait["program"].encode()), mode=mode)))
    assert outcome.verdict is Verdict.NOT_STARTED, outcome
    assert outcome.reason
    assert outcome.stdout == b""
    if name == "missing interpreter" and "runsc" not in sandbox.engine:  # which has words of its own for it
        assert outcome.reason.endswith("No such file or directory (its first line asks for /no/such/interpreter)")


@pytest.mark.parametrize(
    "path",
    [
        "absent",
        "folder",
        "../secret",
        "../program",
        "/bin/true",
        "",
        ".",
        "..",
        "a\0b",
        "folder/../../program",
        "./../program",
    ],
)
def test_is_no_file_of_the_tree(sandbox, bait, path):
    (sandbox.tree / "folder").mkdir(exist_ok=True)
    outcome = sandbox.run(sandbox.command(path))
    assert outcome.verdict is Verdict.NOT_STARTED
    assert outcome.reason


def test_a_link_out_of_the_tree_leads_nowhere(sandbox, bait):
    link = sandbox.tree / "out"
    if not link.is_symlink():
        link.symlink_to(bait["program"])
    outcome = sandbox.run(sandbox.command("out"))
    assert outcome.verdict is Verdict.NOT_STARTED, outcome


@pytest.mark.parametrize(
    "mount_at", ["relative", "/", "/usr", "/proc/x", "/dev/x", "/opt/../etc", "/etc", "//x", "/opt/a\0b"]
)
def test_is_mounted_where_it_would_hide_or_leave(sandbox, mount_at):
    outcome = sandbox.run(dataclasses.replace(sandbox.command(sandbox.add("#!/bin/sh\necho ran\n")), mount_at=mount_at))
    if sandbox.do("level").value == "full":
        assert outcome.verdict is Verdict.NOT_STARTED, outcome
        assert outcome.reason


def test_is_replaced_while_it_runs(sandbox):
    """The call that runs keeps what it began with, and the next one gets what lies there then."""
    first = "#!/bin/sh\nwhile [ $(cat ${0%/*}/turn) = 1 ]; do :; done\ncat $0 | head -n 2 | tail -n 1 | cut -c 1-5\necho first\n"
    sandbox.add("1", "turn", 0o644)
    name = sandbox.add(first)
    running = sandbox.submit(sandbox.command(name, wall=30.0))
    sandbox.add("#!/bin/sh\necho second\n", f"{name}.new")
    (sandbox.tree / f"{name}.new").replace(sandbox.tree / name)
    sandbox.add("2", "turn.new", 0o644)
    (sandbox.tree / "turn.new").replace(sandbox.tree / "turn")
    ended = running.result(60)
    assert ended.verdict is Verdict.EXITED, ended
    assert ended.stdout.endswith((b"first\n", b"second\n"))
    assert sandbox.run(sandbox.command(name)).stdout == b"second\n"


def test_an_endless_argument_and_a_nul(sandbox):
    name = sandbox.add("#!/bin/sh\n")
    for argument in ("a\0b", "x" * 200_000):
        outcome = sandbox.run(sandbox.command(name, arguments=[argument]))
        assert outcome.verdict is Verdict.NOT_STARTED
        assert outcome.reason
