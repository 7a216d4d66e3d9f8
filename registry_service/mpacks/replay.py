"""The replay log: one line for each pack that was installed, as Ambari writes them, Python's own notation of a dict."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Collection
from pathlib import Path

from graft_common.errors import GraftError
from registry_service.mpacks.values import DEFAULT_PURGE, INSTALL_COMMAND, UPGRADE_COMMAND, Operation

FILE_NAME = "mpacks_replay.log"
MAX_BYTES = 16 * 1024 * 1024
_MAX_LINE = 16 * 1024


def read(file: Path) -> str:
    """Return what is in a log; nothing where there is none.

    Raises:
        GraftError: MPACK_REPLAY_LOG_INVALID.
        OSError: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    if len(content) > MAX_BYTES:
        raise GraftError(
            "MPACK_REPLAY_LOG_INVALID", f"The mpack replay log {file.name} has more than {MAX_BYTES} bytes"
        )
    return content.decode(errors="replace")


def line_of(operation: Operation) -> str:
    """Write a line, without its end."""
    upgrade = operation.command == UPGRADE_COMMAND
    purge_list = ",".join(operation.purge_list or DEFAULT_PURGE)
    return repr(
        {
            "mpack_command": operation.command,
            "mpack_path": operation.path,
            "purge": operation.purge,
            "purge_list": [] if upgrade else purge_list,
            "force": operation.force,
            "verbose": operation.verbose,
        }
    )


def parse(text: str, name: str) -> list[Operation]:
    """Read a whole log; `name` is what messages call it.

    Raises:
        GraftError: MPACK_REPLAY_LOG_INVALID.
    """
    return [parse_line(line, number, name) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def parse_line(line: str, number: int, name: str) -> Operation:
    """Read one line.

    Raises:
        GraftError: MPACK_REPLAY_LOG_INVALID.
    """
    try:
        said = ast.literal_eval(line.strip()) if len(line) <= _MAX_LINE else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("mpack_path"), str):
        raise GraftError("MPACK_REPLAY_LOG_INVALID", f"Line {number} of mpack replay log {name} cannot be read")
    command = said.get("mpack_command")
    if command not in {INSTALL_COMMAND, UPGRADE_COMMAND}:
        raise GraftError("MPACK_REPLAY_LOG_INVALID", f"Invalid mpack command {command} in mpack replay log {name}!")
    listed = said.get("purge_list", ",".join(DEFAULT_PURGE))
    purge_list = listed.split(",") if isinstance(listed, str) else listed if isinstance(listed, (list, tuple)) else ()
    return Operation(
        command,
        said["mpack_path"],
        bool(said.get("purge")),
        tuple(str(item) for item in purge_list if item),
        bool(said.get("force")),
        bool(said.get("verbose")),
    )


def without(text: str, archives: Collection[str]) -> str:
    """Return a log without the lines for some files of the cache; what cannot be read stays."""
    return "".join(f"{line}\n" for line in text.splitlines() if line.strip() and _archive(line) not in archives)


def _archive(line: str) -> str:
    try:
        return posixpath.basename(parse_line(line, 0, "").path)
    except GraftError:
        return ""
