"""What `graft tasks watch` prints, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from graft_cli.exits import CliError
from graft_cli.task_watch import changes, ended
from graft_common.errors import GraftError


def task(
    status: str = "pending", progress: float = 0.0, log: tuple[str, ...] = (), total: int = -1, **more: Any
) -> Any:
    lines = [{"time": "2026-01-01T10:20:30.5Z", "text": text} for text in log]
    total = len(log) if total < 0 else total
    return {
        "status": status,
        "progress": progress,
        "log": lines,
        "log_total": total,
        "error": None,
        "result": None,
        **more,
    }


@pytest.mark.parametrize(
    ("before", "now", "lines"),
    [
        (None, task(), ["pending 0%"]),
        (None, task(log=("a",), progress=0.5), ["10:20:30  a", "pending 50%"]),
        (task(), task(), []),
        (task(log=("a",)), task(log=("a", "b")), ["10:20:30  b"]),
        (task(log=("a",)), task(log=("c", "d"), total=4), ["(1 lines have gone by)", "10:20:30  c", "10:20:30  d"]),
        (task(progress=0.5), task("success", 1.0), ["success 100%"]),
        (task(), task("cancelling"), ["cancelling 0%"]),
    ],
)
def test_changes(before: Any, now: Any, lines: list[str]) -> None:
    assert changes(before, now, as_json=False) == lines


def test_json_tells_all() -> None:
    assert changes(None, {"status": "pending"}, as_json=True) == ['{"status":"pending"}']


def test_ends() -> None:
    assert ended(task("success", result="x")) == "x"
    assert ended(task("success")) == ""
    with pytest.raises(GraftError) as caught:
        ended(task("failure", error={"code": "CODE", "params": ["a"], "message": ""}))
    assert caught.value.error_info() == ["CODE", "a"]
    for cut in (None, task()):
        with pytest.raises(CliError):
            ended(cut)
