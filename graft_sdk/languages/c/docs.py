"""Comments."""

from __future__ import annotations

from collections.abc import Iterator

from graft_sdk.generation import lines, role_sentence
from graft_sdk.view import LifecycleView, MethodView, ParamView

WIDTH = 110


def comment(text: str, indent: int = 0) -> str:
    """Write a comment without the indentation of its first line."""
    told = [line for part in text.split("\f") for line in (lines(part, WIDTH - indent) or [""])]
    safe = [line.replace("*/", "* /").replace("/*", "/ *").replace("\\", "\\ ").rstrip() for line in told]
    return "/* " + f"\n{' ' * indent}   ".join(safe).replace(f"\n{' ' * indent}   \n", "\n\n").rstrip() + " */"


def method(shown: MethodView) -> str:
    """Write the comment of a method."""
    return comment("\f".join(_method(shown)))


def _method(shown: MethodView) -> Iterator[str]:
    yield shown.doc or f"Calls `{shown.name}`."
    yield ""
    yield " ".join([role_sentence(shown), *_history(shown)])
    for item in shown.params:
        told = param(item)
        yield f"{item.ident}: {told}" if told else f"{item.ident}: {item.type}"
    if shown.result is not None:
        yield f"result: {shown.result.doc or shown.result.type}"
    for use in shown.errors:
        yield f"{use.error.code}: {use.doc or use.error.doc}".rstrip(": ")


def _history(shown: MethodView) -> Iterator[str]:
    lifecycle = shown.lifecycle
    if lifecycle.prototype:
        yield f"A prototype since {lifecycle.since}: it may change without notice."
    elif lifecycle.since:
        yield f"Since {lifecycle.since}."
    if lifecycle.deprecated is not None:
        yield f"{deprecation(lifecycle)}."
    if shown.idempotent:
        yield "Calling it twice is as good as once."


def deprecation(lifecycle: LifecycleView) -> str:
    """Say since when a thing is deprecated, and why."""
    release = lifecycle.deprecated
    if release is None:
        return ""
    reason = " ".join(release.doc.split()).rstrip(".")
    return f"Deprecated since {release.name}{f': {reason}' if reason else ''}"


def param(shown: ParamView) -> str:
    """Say all of a parameter."""
    told = [shown.doc] if shown.doc else []
    if shown.default is not None:
        value = '""' if shown.default == "" else " ".join(shown.default.split())
        told.append("It has a default." if shown.secret else f"Default: `{value}`.")
    elif not shown.required:
        told.append("It may be left out.")
    if shown.since:
        told.append(f"Since {shown.since}.")
    return " ".join(told)
