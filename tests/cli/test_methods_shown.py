"""What `graft methods --why` shows of thousands of methods."""

from __future__ import annotations

from typing import Any

import pytest

from graft_cli.commands.methods import _print_reasons


def method(name: str, *reasons: str) -> dict[str, Any]:
    parts = {"source": "drop-in", "origin": "a.xml", "executable": name, "declared": True}
    return {
        "name": name,
        "candidates": [{**parts, "in_force": number == 0, "reason": reason} for number, reason in enumerate(reasons)],
        "limits": [],
    }


def test_many_that_are_only_missing_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    gone = "nothing else brings it; its executable x is missing, so that calls are refused"
    methods = [
        method("A.two", "the first", "the second"),
        *(method(f"B.{number:02}", gone) for number in range(30)),
        *(method(f"C.{number}", "nothing else brings it") for number in range(5)),
    ]
    _print_reasons(methods, [], every=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["A.two", "no", "B.00", "B.01"]
    assert lines[-3:] == [
        "",
        "10 more are declared, and their executables are missing.",
        "5 other methods: each is brought by one alone.",
    ]
    _print_reasons(methods, [], every=True)
    assert len(capsys.readouterr().out.splitlines()) == 1 + 2 + 30 + 5


def test_findings_come_last(capsys: pytest.CaptureFixture[str]) -> None:
    finding = {"file": "a.xml", "line": 5, "path": "/methods", "reason": "\x1b[31mwrong", "last_good_in_force": True}
    _print_reasons([], [finding, {**finding, "line": 0, "path": "", "last_good_in_force": False}], every=False)
    assert capsys.readouterr().out.splitlines() == [
        "Findings:",
        "  a.xml:5: /methods: \\x1b[31mwrong (an earlier version is in force)",
        "  a.xml: \\x1b[31mwrong",
    ]


def test_limits_of_one_method_and_cuts_of_many(capsys: pytest.CaptureFixture[str]) -> None:
    cut = {"name": "timeout", "asked": "600 s", "in_force": "300 s", "set_by": "GRAFT_CALL_MAX_TIMEOUT", "cut": True}
    free = {"name": "cpu", "asked": "", "in_force": "", "set_by": "GRAFT_CALL_CPU", "cut": False}
    told = method("A.one", "nothing else brings it") | {"limits": [cut, free]}
    _print_reasons([told], [], every=True)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["timeout", "600", "s", "300", "s", "GRAFT_CALL_MAX_TIMEOUT"] in lines
    assert ["cpu", "-", "-", "GRAFT_CALL_CPU"] in lines
    _print_reasons([told | {"limits": [cut]}, method("B.one", "nothing else brings it")], [], every=False)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "Limits that are cut down to the host's:",
        "  A.one: timeout 600 s to 300 s (GRAFT_CALL_MAX_TIMEOUT)",
    ]


def test_processes_that_stay(capsys: pytest.CaptureFixture[str]) -> None:
    never = {"concurrency": 4, "at_most": 2, "processes": 0, "under_way": 0, "waiting": 0, "started": 0, "last_end": ""}
    often = never | {"processes": 1, "under_way": 3, "waiting": 1, "started": 7, "last_end": "idle"}
    methods = [method(f"{name}.one", "it") | {"residents": told} for name, told in (("A", never), ("B", often))]
    _print_reasons(methods, [], every=False)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "Resident processes:",
        "  B.one: 1 of 2, for 4 calls each; 3 calls under way, 1 wait; 7 started, the last one ended: idle",
    ]
    _print_reasons(methods[:1], [], every=True)
    assert capsys.readouterr().out.splitlines()[-1] == (
        "  A.one: 0 of 2, for 4 calls each; 0 calls under way, 0 wait; 0 started"
    )
