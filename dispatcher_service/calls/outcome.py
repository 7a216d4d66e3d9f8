"""What the end of an execution means to the caller: xapi's mapping (xapi_extensions.ml), with limits added."""

from __future__ import annotations

import signal

from dispatcher_service.calls.limits import CallLimits
from dispatcher_service.engines.base import Outcome, Verdict
from graft_common.errors import GraftError, internal_error
from graft_common.units import format_seconds, short_size
from graft_common.values import Value
from graft_common.xmlrpc import Failure, XmlRpcSyntaxError, parse_extension_output

MAX_SHOWN = 32 << 10
"""Bytes of stdout that an error shows."""
_EXCEEDED = {
    Verdict.TIMED_OUT: "wall",
    Verdict.OUTPUT_EXCEEDED: "output",
    Verdict.CPU_EXCEEDED: "cpu",
    Verdict.MEMORY_EXCEEDED: "memory",
}
"""The limit that a verdict is about, by its field of `Limits`."""


def value_of(outcome: Outcome, path: str, limits: CallLimits) -> Value:
    """Return what the extension has answered.

    Args:
        outcome: how it ended.
        path: the executable, as the caller is told of it.
        limits: what it ran under.

    Raises:
        GraftError: what the extension reported; otherwise INTERNAL_ERROR [path, reason, stdout, stderr], where the
            last parameter tells what is wrong with the output when that could not be read.
    """
    if outcome.verdict is Verdict.NOT_STARTED:
        # xapi's helper exits with 126 or 127 then; it has nothing to say why, but an engine has.
        raise internal_error(path, "non-zero exit", "", outcome.reason)
    if outcome.verdict is not Verdict.EXITED or outcome.exit_code != 0:
        raise _not_well(outcome, path, limits)
    try:
        answer = parse_extension_output(outcome.stdout)
    except XmlRpcSyntaxError as error:
        raise internal_error(path, "failed to parse extension output", _shown(outcome.stdout), str(error)) from None
    if isinstance(answer, Failure):
        raise GraftError(*answer.error)
    return answer.value


def exceeded(outcome: Outcome, limits: CallLimits) -> tuple[str, ...]:
    """Name the limits that an execution has run into, as settings and declarations do: `timeout`, `processes`."""
    fields = [*_refusing(outcome, limits), *([_EXCEEDED[outcome.verdict]] if outcome.verdict in _EXCEEDED else [])]
    return tuple(limits.each[field].rule.name for field in fields)


def is_over(outcome: Outcome) -> bool:
    """Tell whether an execution was killed at one of its limits."""
    return outcome.verdict in _EXCEEDED


def signal_name(number: int) -> str:
    """Name a signal as xapi does: `SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRT{number - signal.SIGRTMIN:+d}" if number >= signal.SIGRTMIN else f"signal {number}"


def _not_well(outcome: Outcome, path: str, limits: CallLimits) -> GraftError:
    details: dict[str, str] = {}
    match outcome.verdict:
        case Verdict.SIGNALED:
            reason = f"signal: {signal_name(outcome.signal)}"
        case Verdict.KILLED:
            reason = f"killed: {outcome.reason}"
        case Verdict.BROKE_OFF:
            reason = f"resident: {outcome.reason}"
        case Verdict.EXITED:
            details = {"exit_code": str(outcome.exit_code)}
            reason = "non-zero exit"
        case _:
            reason, details = over(outcome, limits)
    if refusing := _refusing(outcome, limits):
        details["refused"] = "; ".join(_refused(outcome, limits, name) for name in refusing)
    return internal_error(path, reason, _shown(outcome.stdout), _text(outcome.stderr), details=details)


def over(outcome: Outcome, limits: CallLimits) -> tuple[str, dict[str, str]]:
    """Say which limit was exceeded, what it is and who has set it, and what was used; in details, too.

    Args:
        outcome: of an execution that was killed for what `is_over` tells.
        limits: what it ran under.
    """
    limit = limits.each[_EXCEEDED[outcome.verdict]]
    value, usage = limit.shown, outcome.usage
    details = {"limit": limit.set_by, "value": value}
    match outcome.verdict:
        case Verdict.TIMED_OUT:
            return f"timed out after {value} ({limit.set_by})", details | {"peak": format_seconds(round(usage.wall, 3))}
        case Verdict.CPU_EXCEEDED:
            peak = format_seconds(round(usage.cpu, 3))
            return f"cpu exceeded: {peak} used, limit {value} ({limit.set_by})", details | {"peak": peak}
        case Verdict.MEMORY_EXCEEDED:
            peak = short_size(usage.memory_peak)
            told = f"memory exceeded: {peak} at most at once, limit {value} ({limit.set_by})"
            return told, details | {"peak": peak}
        case _:
            # It is killed as soon as there is more.
            return f"output exceeded {value} ({limit.set_by})", details | {"peak": f"more than {value}"}


def _refusing(outcome: Outcome, limits: CallLimits) -> tuple[str, ...]:
    """Name the limits that have refused something, by their fields of `Limits`: for stderr, to keep all of it."""
    return (*outcome.refused, *(("stderr",) if outcome.stderr_size > limits.limits.stderr else ()))


def _refused(outcome: Outcome, limits: CallLimits, field: str) -> str:
    limit = limits.each[field]
    peak = ""
    if field == "stderr":
        peak = f", {short_size(outcome.stderr_size)} written"
    elif field == "processes" and outcome.usage.processes_peak:
        peak = f", {outcome.usage.processes_peak} at most at once"
    return f"{limit.rule.name.replace('_', '-')}: limit {limit.shown} ({limit.set_by}){peak}"


def _shown(stdout: bytes) -> str:
    if len(stdout) <= MAX_SHOWN:
        return _text(stdout)
    return f"{_text(stdout[:MAX_SHOWN])}… [{len(stdout)} bytes]"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
