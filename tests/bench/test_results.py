"""What the benchmark makes of what it has measured."""

from __future__ import annotations

import json

import pytest

from benchmarks.results import (
    BARE,
    EMBEDDED,
    NGINX,
    Requirement,
    Row,
    Table,
    as_json,
    layout,
    percentile,
    requirement_lines,
    requirements,
)


def row(kind: str, clients: int, contender: str, p50: float, rate: float) -> Row:
    return Row(kind, clients, contender, 100, 0, p50, 2 * p50, rate)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([7.0], 0.99, 7.0), ([1.0, 2.0], 0.5, 2.0), ([1.0, 2.0, 3.0], 0.5, 2.0), (list(range(100)), 0.99, 99)],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_a_row_is_in_milliseconds_and_of_calls() -> None:
    made = Row.of(("static", 8, EMBEDDED), [0.003, 0.001, 0.002, 0.009], 100.0, 1, {"graft": 0.008})
    assert (made.p50, made.p99) == (pytest.approx(3.0), pytest.approx(9.0))
    assert (made.calls, made.errors, made.rate) == (4, 1, 100.0)
    assert made.cpu == {"graft": pytest.approx(2.0)}


def test_the_table_has_ratios_against_the_bare_spawn_and_the_peer_with_as_many_clients() -> None:
    table = Table(
        (
            row("python", 1, BARE, 40.0, 20.0),
            row("python", 16, BARE, 400.0, 40.0),
            row("python", 1, EMBEDDED, 4.0, 200.0),
            row("python", 16, NGINX, 500.0, 32.0),
            row("python", 16, EMBEDDED, 50.0, 320.0),
        )
    )
    lines = table.lines()
    assert [line[6:9] for line in lines[1:]] == [
        ["1.00", "1.00", "-"],
        ["1.00", "1.00", "1.25"],
        ["0.10", "10.00", "-"],
        ["1.25", "0.80", "1.00"],
        ["0.12", "8.00", "10.00"],
    ]
    assert {len(line) for line in lines} == {len(lines[0])}


def test_requirements_that_are_reached_and_not_and_not_measured() -> None:
    table = Table(
        (
            row("python", 1, BARE, 40.0, 20.0),
            row("python", 1, EMBEDDED, 4.0, 200.0),
            row("python", 16, NGINX, 500.0, 40.0),
            row("python", 16, EMBEDDED, 50.0, 319.0),
        )
    )
    found = requirements(table, {"python": (2.0, 9.0)}, 1.06, accelerated=True)
    assert [one.reached for one in found] == [True, False, None, None, None, None, None, None, True, False]
    assert [line[-1] for line in requirement_lines(found)[1:4]] == ["reached", "NOT REACHED", "not measured"]


@pytest.mark.parametrize(
    ("accelerated", "value"),
    [(True, {3.5: 3.0, 7: None}), (False, {3.5: None, 7: 3.0})],
)
def test_the_bound_is_that_of_the_launcher_that_was_measured(accelerated: bool, value: dict[float, float]) -> None:
    table = Table((row("static", 1, BARE, 1.0, 900.0), row("static", 1, EMBEDDED, 3.0, 300.0)))
    found = requirements(table, {}, None, accelerated=accelerated)
    assert {one.bound: one.value for one in found if "static executable, p50" in one.what} == value


@pytest.mark.parametrize(
    ("value", "at_least", "reached"),
    [(5.0, False, True), (5.1, False, False), (5.0, True, True), (4.9, True, False), (None, True, None)],
)
def test_bounds(value: float | None, at_least: bool, reached: bool | None) -> None:
    assert Requirement("what", "against", 5.0, value, at_least=at_least).reached is reached


def test_the_layout_keeps_columns() -> None:
    assert layout([["what", "n"], ["a", "12"], ["long one", "-"]]) == "what      n\na         12\nlong one   -"


def test_json_has_everything() -> None:
    table = Table((row("python", 1, BARE, 40.0, 20.0),))
    told = json.loads(as_json(table, requirements(table, {}, 1.0, accelerated=False), {"half": {}}))
    assert told["rows"][0]["contender"] == BARE
    assert told["requirements"][-1]["reached"] is True
    assert told["half"] == {}
