"""What `graft tasks watch` prints of a task as it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from graft_cli.exits import CliError
from graft_cli.output import readable
from graft_common.errors import GraftError

Task = Mapping[str, Any]
"""A task as REST tells of it."""


def changes(before: Task | None, now: Task, *, as_json: bool) -> Sequence[str]:
    """Return the lines that tell what is new of a task.

    Args:
        before: the task as it was told last; None for the first time.
        now: the task.
        as_json: tell all of it, in one line of JSON.
    """
    if as_json:
        return [orjson.dumps(now).decode()]
    new = now["log_total"] - (before["log_total"] if before else 0)
    kept: Sequence[Mapping[str, str]] = now["log"]
    lines = [f"{line['time'][11:19]}  {line['text']}" for line in kept[max(len(kept) - new, 0) :]]
    if new > len(kept):
        lines.insert(0, f"({new - len(kept)} lines have gone by)")
    if before is None or (before["status"], before["progress"]) != (now["status"], now["progress"]):
        lines.append(f"{now['status']} {now['progress']:.0%}")
    return lines


def ended(task: Task | None) -> str:
    """Return the result of a task that has ended.

    Raises:
        GraftError: it has failed or was cancelled; the error is the task's own.
        CliError: it has not ended.
    """
    if task is None or task["status"] in {"pending", "cancelling"}:
        raise CliError("the server has ended before the task; it goes on where it runs")
    if task["status"] != "success":
        error = task["error"]
        raise GraftError(error["code"], *error["params"]) if error else GraftError("TASK_FAILED", task["status"])
    return readable(task["result"]) if task["result"] is not None else ""
