"""One script in both ways that the engine `native` runs Python: in a warm interpreter's copy, and executed."""

from __future__ import annotations

import dataclasses
import re
import secrets
from pathlib import Path

from dispatcher_service.engines.base import Command, Outcome
from isolation.sandbox import IS_EXECUTED, PROBE, PYTHON, Sandbox

SHEBANG = f"#!{PYTHON}"
ADDRESS = re.compile(rb"0x[0-9a-f]+")


def lay_venv(folder: Path, name: str = "python3", *, system: bool = False) -> None:
    """Make a virtual environment, with the system's packages or without them."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / name).symlink_to(PYTHON)
    told = f"home = {Path(PYTHON).parent}\ninclude-system-site-packages = {str(system).lower()}\n"
    (folder / "pyvenv.cfg").write_text(told)
    for path, mode in ((folder, 0o755), (folder / "bin", 0o755), (folder / "pyvenv.cfg", 0o644)):
        path.chmod(mode)


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
    sandbox.warm_up(shebang, mount_at=command.mount_at)
    return sandbox.run(afresh(command, zygote=True))


def is_executed(sandbox: Sandbox, shebang: str = SHEBANG, **more: object) -> bool:
    """Whether such a script is executed though an interpreter for scripts with the usual first line is warm."""
    sandbox.warm_up(SHEBANG)
    probe = script(sandbox, PROBE, shebang, **more)
    return {sandbox.run(afresh(probe)).stdout for _round in range(3)} == {IS_EXECUTED}


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
