"""What a call finds: who it is, what it has, what works. And the places where its own folder may lie."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from dispatcher_service.engines.base import IsolationLevel, Verdict
from isolation import expectations
from isolation.sandbox import OTHER_USER, SLOWEST, names_its_folder

PATH = "/sbin:/usr/sbin:/bin:/usr/bin"
DEVICES = {"fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"}
OF_RUNTIMES = {"pts", "ptmx", "tty", "mqueue", "core", "console"}
"""What the OCI specification has runtimes put into /dev; `isolation/attacks/terminal.py` tries them."""


def full(sandbox):
    if sandbox.do("level") is not IsolationLevel.FULL:
        pytest.skip("promised by engines with namespaces")


def test_is_nobody_on_the_host(sandbox):
    outcome = sandbox.script("#!/bin/sh\nid -u; id -g; id -G\n")
    user, group, groups = outcome.stdout.decode().split("\n")[:3]
    assert group == groups
    if not expectations.reason(sandbox.engine, sandbox.who, "privilege: is root"):
        assert "0" not in (user, group)


def test_owns_nothing_of_the_system(sandbox):
    """The skeleton belongs to the dispatcher's user, who may be the call's; it is mounted read-only."""
    folders = "/ /usr /etc /opt/ext /dev/null" if sandbox.who == "root" else "/usr /dev/null"
    outcome = sandbox.script(f"#!/bin/sh\nfor f in {folders}; do [ -O $f ] && echo owns $f; done; exit 0\n")
    assert outcome.stdout == b""


def test_has_a_clean_environment(sandbox):
    outcome = sandbox.script("#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/environ\n")
    lines = {line for line in outcome.stdout.decode().splitlines() if not names_its_folder(sandbox, line)}
    assert f"PATH={PATH}" in lines
    assert lines <= {f"PATH={PATH}", "PWD=/"}  # bubblewrap and OCI runtimes set PWD by themselves
    everything = sandbox.script("#!/bin/sh\ncat /proc/*/environ /proc/*/cmdline 2>/dev/null; exit 0\n")
    assert sandbox.mark.encode() not in everything.stdout


def test_finds_only_harmless_devices(sandbox):
    full(sandbox)
    found = set(sandbox.script("#!/bin/sh\ncd /dev; echo *\n").stdout.decode().split())
    assert found >= DEVICES
    assert found <= DEVICES | (OF_RUNTIMES if sandbox.engine.startswith("oci:") else set())


def test_has_a_place_of_its_own_to_write(sandbox):
    if sandbox.engine == "confine":
        text = '#!/bin/sh\nset -e\ncd $TMPDIR; [ -z "$(ls -A)" ]; echo a > a; mkdir d; mv a d/b; cat d/b; pwd\n'
        lines = sandbox.script(text).stdout.decode().split()
        assert lines[0] == "a"
        assert Path(lines[1]).is_relative_to(sandbox.temporary)
        assert not Path(lines[1]).exists()
        return
    text = "#!/bin/sh\nset -e\nls -A /tmp /var/tmp/ /dev/shm/ | grep -v ':$' | grep . && exit 3\n"
    text += "echo a > /tmp/a; mkdir /tmp/d; mv /tmp/a /tmp/d/b; cat /tmp/d/b; cd /tmp; pwd\n"
    outcome = sandbox.script(text)
    assert outcome.stdout == b"a\n/tmp\n", outcome


def test_reads_its_request_and_cannot_change_it(sandbox):
    text = "#!/bin/sh\n(echo evil > /dev/stdin) && echo written; (echo evil >&0) && echo written\ncat\n"
    said = sandbox.script(text, b"request").stdout
    if sandbox.engine == "oci:runc":  # it hands on a copy through a pipe, to which a call may add for itself
        said = said.replace(b"written\n", b"").replace(b"evil\n", b"")
    assert said == b"request"


def test_writes_to_its_output_by_name(sandbox):
    outcome = sandbox.script("#!/bin/sh\necho out > /dev/stdout\necho err > /dev/stderr\n")
    assert (outcome.stdout, outcome.stderr) == (b"out\n", b"err\n")


def test_is_limited_as_it_was_told(sandbox):
    text = "#!/bin/sh\nulimit -n; ulimit -f; ulimit -c; ulimit -t\n"
    outcome = sandbox.script(text, open_files=77, file_size=1 << 20, cpu=3.0)
    files, size, core, cpu = outcome.stdout.decode().split()
    assert (files, size, core) == ("77", "2048", "0"), outcome
    assert int(cpu) in (3, 4)


@pytest.mark.parametrize(
    ("mount_at", "tmp", "root"),
    [("/tmp/ext/deep", {"ext"}, set()), ("/root/ext", set(), {"ext"}), ("/etc/xapi.d/extensions", None, None)],
)
def test_may_lie_anywhere(sandbox, mount_at, tmp, root):
    full(sandbox)
    name = sandbox.add(
        "#!/bin/sh\ncat ${0%/*}/data; ls -A /tmp; echo; ls -A /root; (echo > ${0%/*}/new) || echo held\n"
    )
    sandbox.add("data\n", "data", 0o644)
    outcome = sandbox.run(dataclasses.replace(sandbox.command(name), mount_at=mount_at))
    assert outcome.verdict is Verdict.EXITED, outcome
    data, _, rest = outcome.stdout.decode().partition("\n")
    listings, _, held = rest.rstrip().rpartition("\n")
    assert (data, held) == ("data", "held")
    in_tmp, _, in_root = listings.partition("\n\n") if tmp else ("", "", listings)
    if tmp is not None and sandbox.engine not in SLOWEST:  # gVisor of 2022 does not list what is mounted in a folder
        assert (set(in_tmp.split()), set(in_root.split())) == (tmp, root)


def test_may_lie_in_a_closed_folder(sandbox):
    """Below a folder that only the dispatcher may enter, /root for one; and its `..` leads nowhere."""
    full(sandbox)
    closed = sandbox.folder / "own"
    tree = closed / "deep"
    tree.mkdir(parents=True)
    (tree / "x").write_text("#!/bin/sh\ncat ${0%/*}/data; cat ${0%/*}/../secret\nexit 0\n")
    (tree / "data").write_text("data\n")
    (closed / "secret").write_text("swordfish")
    for path, mode in ((tree / "x", 0o755), (tree / "data", 0o644), (tree, 0o755), (closed, 0o700)):
        path.chmod(mode)
        if sandbox.who == "user" and os.geteuid() == 0:
            os.chown(path, OTHER_USER, OTHER_USER)
    outcome = sandbox.run(dataclasses.replace(sandbox.command("x"), tree=tree))
    assert outcome.stdout == b"data\n", outcome
    assert b"swordfish" not in outcome.stderr


def test_a_tree_that_only_the_dispatcher_may_read(sandbox):
    """The snapshot makes trees readable; one that is not fails with a reason and never with an open door."""
    tree = sandbox.folder / "private"
    tree.mkdir()
    (tree / "x").write_text("#!/bin/sh\necho ran\n")
    for path in (tree / "x", tree):
        path.chmod(0o700)
        if sandbox.who == "user" and os.geteuid() == 0:
            os.chown(path, OTHER_USER, OTHER_USER)
    outcome = sandbox.run(dataclasses.replace(sandbox.command("x"), tree=tree))
    if sandbox.who == "root":
        assert outcome.verdict is Verdict.NOT_STARTED
        assert outcome.reason
    else:
        assert outcome.stdout == b"ran\n", outcome
