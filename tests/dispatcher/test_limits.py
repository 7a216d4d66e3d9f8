"""What calls may use: the host's limits, declarations, ceilings."""

from __future__ import annotations

import dataclasses

import pytest

from dispatcher_service.calls.limits import RULES, HostLimits, in_force
from dispatcher_service.engines.base import Limits
from graft_common.declarations.model import MethodLimits
from graft_common.errors import StartupError
from graft_common.settings import Settings


@pytest.mark.parametrize(
    ("settings", "declared", "field", "value", "set_by", "asked"),
    [
        ({}, {}, "wall", 60.0, "GRAFT_CALL_TIMEOUT", None),
        ({}, {}, "cpu", None, "GRAFT_CALL_CPU", None),
        ({"call_cpu": "2s"}, {}, "cpu", 2.0, "GRAFT_CALL_CPU", None),
        ({}, {"cpu": 3.0}, "cpu", 3.0, "the declaration's cpu", 3.0),
        ({"call_max_cpu": "2s"}, {}, "cpu", 2.0, "GRAFT_CALL_MAX_CPU", None),
        ({"call_max_cpu": "2s"}, {"cpu": 3.0}, "cpu", 2.0, "GRAFT_CALL_MAX_CPU", 3.0),
        ({"call_max_cpu": "2s"}, {"cpu": 2.0}, "cpu", 2.0, "the declaration's cpu", 2.0),
        ({"call_max_memory": "2GiB"}, {"memory": 1 << 20}, "memory", 1 << 20, "the declaration's memory", 1 << 20),
        ({"call_max_memory": "2GiB"}, {"memory": 3 << 30}, "memory", 2 << 30, "GRAFT_CALL_MAX_MEMORY", 3 << 30),
        ({"call_max_tmp": "32MiB"}, {"tmp": 1 << 30}, "tmp_size", 32 << 20, "GRAFT_CALL_MAX_TMP", 1 << 30),
        ({"call_tmp": "1MiB"}, {}, "tmp_size", 1 << 20, "GRAFT_CALL_TMP", None),
        ({"call_open_files": 32}, {}, "open_files", 32, "GRAFT_CALL_OPEN_FILES", None),
        ({}, {"file_size": 5}, "file_size", 5, "the declaration's file-size", 5),
        ({"call_stderr": "8KiB"}, {}, "stderr", 8 << 10, "GRAFT_CALL_STDERR", None),
        ({"call_stderr": "8KiB"}, {"stderr": 5}, "stderr", 5, "the declaration's stderr", 5),
        ({"call_max_stderr": "64KiB"}, {"stderr": 1 << 20}, "stderr", 64 << 10, "GRAFT_CALL_MAX_STDERR", 1 << 20),
    ],
)
def test_limits_in_force(
    settings: dict[str, object], declared: dict[str, float], field: str, value: float, set_by: str, asked: float | None
) -> None:
    limits = in_force(MethodLimits(**declared), HostLimits.of(Settings(**settings)))
    limit = limits.each[field]
    assert (getattr(limits.limits, field), limit.value, limit.set_by, limit.asked) == (value, value, set_by, asked)
    assert limit.cut == (asked is not None and value < asked)


def test_what_is_cut_down_is_told() -> None:
    host = HostLimits.of(Settings(call_max_timeout="5min", call_max_memory="1GiB"))
    asked = MethodLimits(timeout=600.0, memory=2 << 30, output=1)
    assert in_force(asked, host).cuts_told() == (
        "the declaration's timeout 600 s is cut down to 300 s (GRAFT_CALL_MAX_TIMEOUT), "
        "the declaration's memory 2 GiB is cut down to 1 GiB (GRAFT_CALL_MAX_MEMORY)"
    )
    assert in_force(MethodLimits(timeout=1.0), host).cuts_told() == ""


def test_every_limit_has_a_rule_and_all_that_goes_with_it() -> None:
    """What a call may use is set by the host, by a declaration, and bounded by a ceiling."""
    assert {rule.field for rule in RULES} == {field.name for field in dataclasses.fields(Limits)}
    assert {rule.name for rule in RULES} == {field.name for field in dataclasses.fields(MethodLimits)}
    names = {f"call_{kind}{rule.name}" for rule in RULES for kind in ("", "max_")}
    assert names <= Settings.model_fields.keys()


def test_what_is_set_by_default_is_the_protocols() -> None:
    assert HostLimits.of(Settings()) == HostLimits(Limits())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_host_cannot_give_more_than_its_own_ceiling(rule) -> None:
    units = {"timeout": ("2s", "1s"), "cpu": ("2s", "1s"), "processes": (20, 19), "open_files": (20, 19)}
    value, ceiling = units.get(rule.name, ("2MiB", "1MiB"))
    with pytest.raises(StartupError, match=rf"{rule.setting} is .*, which is more than {rule.ceiling}, .*\. Lower"):
        HostLimits.of(Settings(**{f"call_{rule.name}": value, f"call_max_{rule.name}": ceiling}))
