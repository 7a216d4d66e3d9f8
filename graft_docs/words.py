"""What declarations say in numbers and marks, in words for readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graft_common import roles
from graft_common.declarations.api import Origin, Source
from graft_common.declarations.model import ANYONE, Access, Change, Lifecycle, Method, MethodLimits, State
from graft_common.declarations.secrets import HIDDEN as HIDDEN  # noqa: PLC0414 - templates find it here

_CHANGES: Final = {
    Change.PROTOTYPED: "Prototyped",
    Change.PUBLISHED: "Published",
    Change.EXTENDED: "Extended",
    Change.CHANGED: "Changed",
    Change.DEPRECATED: "Deprecated",
    Change.REMOVED: "Removed",
}
_SIZES: Final = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def last_change(lifecycle: Lifecycle) -> str:
    """Say when and why something came to its state."""
    for transition in reversed(lifecycle.transitions):
        if transition.change.value == lifecycle.state.value:
            return f"in {transition.release}{f': {transition.doc}' if transition.doc else ''}"
    return ""


def change(which: Change) -> str:
    """Name a change of a lifecycle."""
    return _CHANGES[which]


def since(lifecycle: Lifecycle) -> str:
    """Return the release in which something was first to be used; empty where nothing says so."""
    for wanted in (Change.PUBLISHED, Change.PROTOTYPED):
        for transition in lifecycle.transitions:
            if transition.change is wanted:
                return transition.release
    return ""


def standing(lifecycle: Lifecycle) -> str:
    """Return a word for a state that a caller must know of; empty for what is simply there."""
    state = lifecycle.state
    return state.value if state in (State.PROTOTYPED, State.DEPRECATED, State.REMOVED) else ""


def role(method: Method) -> str:
    """Say who may call a method."""
    if method.role != ANYONE:
        return method.role
    return "anyone with a session" if method.session else "anyone, without a session"


def callers(method: Method) -> list[str]:
    """Name the roles that may call a method; none where no role is needed."""
    return roles.at_least(method.role) if roles.exists(method.role) else []


def origin(of: Origin | None) -> str:
    """Say where a method comes from."""
    match of:
        case Origin(source=Source.BUILT_IN):
            return "built in"
        case Origin(source=Source.EXTENSION, place=place):
            return f"extension {place}" if place else "an extension"
        case Origin(source=Source.DROP_IN, place=place):
            return f"drop-in, declared in {place}" if place else "drop-in"
        case _:
            return ""


def limits(of: MethodLimits) -> Iterator[tuple[str, str]]:
    """Name each limit that a method sets itself, and say how much it is."""
    if of.timeout is not None:
        yield "time", f"{of.timeout:g} s"
    if of.cpu is not None:
        yield "processor time", f"{of.cpu:g} s"
    for name, size in (
        ("memory", of.memory),
        ("output", of.output),
        ("stderr that is kept", of.stderr),
        ("size of a file", of.file_size),
        ("private tmp", of.tmp),
    ):
        if size is not None:
            yield name, _size(size)
    for name, count in (("processes", of.processes), ("open files", of.open_files)):
        if count is not None:
            yield name, str(count)


def access(of: Access) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name each thing that a method asks to reach."""
    if of.network != "none":
        yield "network", (of.network,)
    for name, asked in (
        ("reads", of.read),
        ("writes", of.write),
        ("environment", of.environment),
        ("secrets", of.secrets),
    ):
        if asked:
            yield name, asked


def _size(size: int) -> str:
    for factor, unit in _SIZES:
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size:,} bytes"
