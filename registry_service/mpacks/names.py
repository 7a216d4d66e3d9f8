"""Which names the members of an archive may have, and where links in it may lead."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from pathlib import PurePosixPath

from graft_common.errors import GraftError
from registry_service.mpacks.errors import malformed

MAX_PATH = 1024
"""Bytes."""
MAX_COMPONENT = 255
MAX_DEPTH = 32
_MAX_HOPS = 40
"""Links that are followed from one to the next, as Linux does."""
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\]")

Parts = tuple[str, ...]
"""A path, relative to the root of an archive."""


def shown(name: str) -> str:
    """Write a name for a message, whatever is in it."""
    text = repr(name)
    return text if len(text) <= 200 else f"{text[:200]}…"


def member_path(name: str) -> Parts:
    """Return the path that a member's name means; empty for the root itself.

    Raises:
        GraftError: MPACK_MALFORMED.
    """
    problem = _text_problem(name)
    if problem:
        raise malformed(f"The name {shown(name)} {problem}")
    if name.startswith("/"):
        raise malformed(f"The name {shown(name)} is absolute; members must lie in the pack's folder")
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if ".." in parts:
        raise malformed(f"The name {shown(name)} leads out of the pack")
    if len(parts) > MAX_DEPTH:
        raise malformed(f"The name {shown(name)} is more than {MAX_DEPTH} folders deep")
    if any(len(part.encode()) > MAX_COMPONENT for part in parts):
        raise malformed(f"The name {shown(name)} has a part of more than {MAX_COMPONENT} bytes")
    return parts


def relative_path(field: str, value: str) -> PurePosixPath:
    """Return the path in the pack that a field of `mpack.json` means.

    Raises:
        GraftError: MPACK_MALFORMED.
    """
    try:
        return PurePosixPath(*member_path(value))
    except GraftError:
        raise malformed(f"{field} is {shown(value)}; it must be a path in the pack") from None


def is_component(text: str) -> bool:
    """Tell whether a text is one plain part of a path, and not a hidden one."""
    return (
        0 < len(text.encode(errors="surrogatepass")) <= MAX_COMPONENT
        and "/" not in text
        and not text.startswith((".", "-"))
        and not text.endswith((" ", "."))
        and text == text.strip()
        and not _FORBIDDEN.search(text)
    )


def check_link(path: Parts, target: str, links: Mapping[Parts, str]) -> None:
    """See that a symbolic link stays in the pack, through whatever other links it leads.

    Args:
        path: where it lies; the first part is the pack's folder.
        target: what it says.
        links: all links of the archive.

    Raises:
        GraftError: MPACK_MALFORMED.
    """
    name = "/".join(path)
    if not target or _text_problem(target):
        raise malformed(f"The link {shown(name)} leads to {shown(target)}, which is no path")
    at, hops = list(path[:-1]), 0
    waiting = deque([target])
    rest: deque[str] = deque()
    while waiting or rest:
        if waiting:
            text = waiting.pop()
            if text.startswith("/"):
                raise malformed(f"The link {shown(name)} leads to {shown(target)}, out of the pack")
            rest.extendleft(reversed(text.split("/")))
            continue
        part = rest.popleft()
        if part in {"", "."}:
            continue
        if part == "..":
            at.pop()
            if not at:
                raise malformed(f"The link {shown(name)} leads to {shown(target)}, out of the pack")
            continue
        further = links.get((*at, part))
        if further is None:
            at.append(part)
            continue
        hops += 1
        if hops > _MAX_HOPS:
            raise malformed(f"The link {shown(name)} leads to {shown(target)}, in a circle or through too many others")
        waiting.append(further)


def _text_problem(name: str) -> str:
    if _FORBIDDEN.search(name):
        return "has control characters, a backslash, or is no valid UTF-8"
    if len(name.encode()) > MAX_PATH:
        return f"has more than {MAX_PATH} bytes"
    return ""
