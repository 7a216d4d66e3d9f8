"""One run of a file in the sandbox, as the dispatcher would run it, without anything being installed."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from dispatcher_service.calls.limits import DECLARATION, CallLimits, HostLimits, in_force
from dispatcher_service.calls.outcome import value_of
from dispatcher_service.dropins.generation import Cache, Generation, remove
from dispatcher_service.dropins.rules import file_fault, is_executable
from dispatcher_service.dropins.tree import MAX_BYTES, MAX_ENTRIES, TreeTooLarge, look
from dispatcher_service.engines import factory
from dispatcher_service.engines.base import Command, EngineUnavailable, Outcome, Verdict
from graft_cli.authoring.declared import Target
from graft_cli.exits import CliError
from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.model import MethodLimits
from graft_common.errors import GraftError, StartupError
from graft_common.settings import Settings
from graft_common.values import Value
from graft_common.xmlrpc import format_extension_call

SESSION = "OpaqueRef:00000000-0000-0000-0000-000000000000"
"""Stands for the caller's session."""
HELPERS = (".py", ".sh")
"""What modules that lie beside a file end with."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a run has shown."""

    method: str
    call: bytes = b""
    """What the file was given on standard input; empty where the arguments did not fit and nothing was run."""
    outcome: Outcome | None = None
    value: Value = None
    """What a client would be given."""
    error: GraftError | None = None
    """What a client would be told instead."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is to be run."""

    file: Path
    target: Target
    engine: str
    limits: HostLimits = field(default_factory=HostLimits)
    """The host's; what the declaration says goes before."""
    own_limits: MethodLimits = field(default_factory=MethodLimits)
    """Goes before both."""
    with_folder: bool = False
    """Whether all that lies beside the file goes with it, and not only modules."""


def run(plan: Plan, arguments: Sequence[Value]) -> Trial:
    """Run a file once.

    Raises:
        CliError: it cannot be run at all: it is not executable, or this host cannot build the walls.
    """
    declared = plan.target.declared
    checks = MethodChecks(declared.method, declared.types) if declared else None
    try:
        given = checks.arguments(arguments) if checks else list(arguments)
    except GraftError as error:
        return Trial(plan.target.name, error=error)
    call = format_extension_call(plan.target.name, [SESSION, *given])
    said = _over(declared.method.limits if declared else MethodLimits(), plan.own_limits)
    limits = _by_options(in_force(said, plan.limits), plan.own_limits)
    with _copied(plan.file, whole=plan.with_folder) as tree:
        command = Command(
            call_id=str(uuid.uuid4()),
            tree=tree,
            mount_at=str(plan.file.parent),
            executable=plan.file.name,
            stdin=call,
            arguments=("--xmlrpc",),
            limits=limits.limits,
            zygote=declared.method.zygote if declared else True,
        )
        outcome = asyncio.run(_execute(plan.engine, command))
    try:
        value = value_of(outcome, str(plan.file), limits)
        value = checks.result(value) if checks else value
    except GraftError as error:
        return Trial(plan.target.name, call, outcome, error=error)
    return Trial(plan.target.name, call, outcome, value)


def host_limits(settings: Settings) -> HostLimits:
    """Return the limits that the dispatcher has for a call by these settings.

    Raises:
        CliError: they contradict each other.
    """
    try:
        return HostLimits.of(settings)
    except StartupError as error:
        raise CliError(str(error)) from None


def why_ignored(file: Path) -> str:
    """Tell why the platform would ignore a file that can be tried all the same; empty when it would not."""
    return file_fault(str(file), file.stat(), file.parent.stat())


def _over(declared: MethodLimits, own: MethodLimits) -> MethodLimits:
    return replace(
        declared,
        timeout=declared.timeout if own.timeout is None else own.timeout,
        memory=declared.memory if own.memory is None else own.memory,
    )


def _by_options(limits: CallLimits, own: MethodLimits) -> CallLimits:
    """Name the options, and not a declaration, as what has set what they have set."""
    each = {
        name: replace(limit, set_by=f"--{limit.rule.name}")
        if getattr(own, limit.rule.name) is not None and limit.set_by == limit.rule.of(DECLARATION)
        else limit
        for name, limit in limits.each.items()
    }
    return replace(limits, each=each)


async def _execute(name: str, command: Command) -> Outcome:
    try:
        engine = factory.create(name)
    except ValueError as error:
        raise CliError(str(error)) from None
    try:
        await engine.prepare()
        outcome = await engine.run(command)
    except EngineUnavailable as error:
        lines = [f"the engine {name} cannot run calls on this host (`graft doctor` tells more):"]
        lines += [f"  {found.name}: {found.detail} (fix: {found.fix})" for found in error.findings if not found.ok]
        raise CliError("\n".join(lines)) from None
    finally:
        await engine.close()
    if outcome.verdict is Verdict.NOT_STARTED and not outcome.reason:
        raise CliError(f"{command.executable} could not be started")
    return outcome


@contextmanager
def _copied(file: Path, *, whole: bool) -> Iterator[Path]:
    """Copy a file and what it needs into a folder that nothing changes, as the dispatcher does."""
    try:
        found = file.stat()
    except OSError as error:
        raise CliError(f"cannot read {file}: {error.strerror}") from None
    if not file.is_file():
        raise CliError(f"{file} is no regular file")
    if not is_executable(found):
        raise CliError(f"{file} is not executable; run chmod +x {file}")
    place = Path(tempfile.mkdtemp(prefix="graft-try-"))
    try:
        with _whole_folder(file, place) if whole else _with_helpers(file, place) as tree:
            yield tree
    except TreeTooLarge as error:
        raise CliError(f"{error}; or leave --with-folder out") from None
    except OSError as error:
        raise CliError(f"cannot copy {error.filename or file}: {error.strerror}") from None
    finally:
        remove(place)


@contextmanager
def _whole_folder(file: Path, place: Path) -> Iterator[Path]:
    with Cache(place / "cache") as cache:
        generation = cache.make(file.parent, look(file.parent), Generation(place))
        if file.name not in generation.files:
            raise CliError(f"{file}: {why_ignored(file) or 'it is being written'}")
        yield generation.root


@contextmanager
def _with_helpers(file: Path, place: Path) -> Iterator[Path]:
    tree = place / "tree"
    tree.mkdir()
    _copy(file, tree)
    total = file.stat().st_size
    for number, path in enumerate(path for path in sorted(file.parent.iterdir()) if path.suffix in HELPERS):
        if path == file or not path.is_file() or not os.access(path, os.R_OK):
            continue
        total += path.stat().st_size
        if total > MAX_BYTES or number > MAX_ENTRIES:
            raise CliError(f"{file} and the modules beside it are more than {MAX_BYTES >> 20} MiB, or too many")
        _copy(path, tree)
    tree.chmod(0o555)
    yield tree


def _copy(file: Path, folder: Path) -> None:
    target = folder / file.name
    shutil.copyfile(file, target)
    target.chmod(0o555 if is_executable(file.stat()) else 0o444)
