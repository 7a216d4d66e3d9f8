"""What the comments of all languages tell of methods and parameters, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graft_sdk.view import LifecycleView, MethodView, ParamView


def history(shown: MethodView) -> Iterator[str]:
    """Say since when a method is there, and whether it may be called again."""
    lifecycle = shown.lifecycle
    if lifecycle.prototype:
        yield f"A prototype since {lifecycle.since}: it may change without notice."
    elif lifecycle.since:
        yield f"Since {lifecycle.since}."
    if shown.idempotent:
        yield "Calling it twice is as good as once."


def deprecation(lifecycle: LifecycleView) -> str:
    """Say since when a thing is deprecated, and why: `since 1.1: Use Volume.resize.`; empty for what is not."""
    release = lifecycle.deprecated
    if release is None:
        return ""
    reason = " ".join(release.doc.split())
    return f"since {release.name}{f': {reason}' if reason else ''}"


def in_backticks(text: str) -> str:
    """Write a literal as Markdown has code."""
    return f"`{text}`" if text else '`""`'


def param(shown: ParamView, code: Callable[[str], str] = in_backticks) -> str:
    """Say all of a parameter; `code` writes its default."""
    told = [shown.doc] if shown.doc.strip() else []
    if shown.default is not None:
        told.append("It has a default." if shown.secret else f"Default: {code(' '.join(shown.default.split()))}.")
    elif not shown.required:
        told.append("It may be left out.")
    if shown.since:
        told.append(f"Since {shown.since}.")
    return " ".join(told)
