"""One script in both ways that the engine `native` runs Python: in a warm interpreter's copy, and executed."""

from __future__ import annotations

import dataclasses
import re
import secrets
import time

from dispatcher_service.engines.base import Command, Outcome
from isolation.sandbox import PYTHON, Sandbox

SHEBANG = f"#!{PYTHON}"
PROBE = "import os\nprint(os.getppid())\n"
"""A script's parent is the sandbox's first process where it is executed, and of another space where it is warm."""
WARM, EXECUTED = b"0\n", b"1\n"
ADDRESS = re.compile(rb"0x[0-9a-f]+")
SECONDS = 30.0
"""How long an interpreter may take to be warm on a machine that has much to do."""


def afresh(command: Command, **changed: object) -> Command:
    """The same command, to be run once more."""
    return dataclasses.replace(command, call_id=secrets.token_hex(8), **changed)


def script(sandbox: Sandbox, text: str | bytes, shebang: str = SHEBANG, **more: object) -> Command:
    """A command that runs a new Python script."""
    data = text.encode() if isinstance(text, str) else text
    name = sandbox.add(f"{shebang}\n".encode() + data, str(more.pop("name", "")))
    return sandbox.command(name, more.pop("stdin", b""), **{"arguments": ["--xmlrpc"], **more})


def run_warm(sandbox: Sandbox, command: Command, shebang: str = SHEBANG) -> Outcome:
    """Run it in a warm interpreter, which is waited for."""
    warm_up(sandbox, shebang, mount_at=command.mount_at)
    return sandbox.run(afresh(command, zygote=True))


def warm_up(sandbox: Sandbox, shebang: str = SHEBANG, **changed: object) -> None:
    """Wait until scripts with that first line are run in a warm interpreter."""
    probe = script(sandbox, PROBE, shebang, name=f"probe-{secrets.token_hex(4)}")
    deadline = time.monotonic() + SECONDS
    while (outcome := sandbox.run(afresh(probe, **changed))).stdout != WARM:
        assert outcome.stdout == EXECUTED, outcome
        assert time.monotonic() < deadline, f"no interpreter was warm for {shebang!r} after {SECONDS} s"
        time.sleep(0.02)


def is_executed(sandbox: Sandbox, shebang: str = SHEBANG, **more: object) -> bool:
    """Whether such a script is executed though an interpreter for scripts with the usual first line is warm."""
    warm_up(sandbox)
    probe = script(sandbox, PROBE, shebang, **more)
    return {sandbox.run(afresh(probe)).stdout for _round in range(3)} == {EXECUTED}


def run_both(sandbox: Sandbox, command: Command, shebang: str = SHEBANG) -> tuple[Outcome, Outcome]:
    """Run it warm, and then executed."""
    warm = run_warm(sandbox, command, shebang)
    return warm, sandbox.run(afresh(command, zygote=False))


def seen(outcome: Outcome) -> tuple[object, ...]:
    """What a caller sees of how a call has ended."""
    stdout, stderr = (ADDRESS.sub(b"0x", text) for text in (outcome.stdout, outcome.stderr))
    return outcome.verdict, outcome.exit_code, outcome.signal, stdout, stderr, outcome.reason, outcome.refused


def assert_same(sandbox: Sandbox, command: Command, shebang: str = SHEBANG) -> Outcome:
    """Run it in both ways, and find no difference."""
    warm, plain = run_both(sandbox, command, shebang)
    assert seen(warm) == seen(plain)
    return warm
