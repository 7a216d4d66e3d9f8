"""What the end of an execution means to the caller: xapi's mapping (xapi_extensions.ml), with limits added."""

from __future__ import annotations

import signal

from dispatcher_service.engines.base import Limits, Outcome, Verdict
from graft_common.declarations.model import MethodLimits
from graft_common.errors import GraftError, internal_error
from graft_common.units import format_seconds, format_size
from graft_common.values import Value
from graft_common.xmlrpc import Failure, XmlRpcSyntaxError, parse_extension_output

MAX_SHOWN = 32 << 10
"""Bytes of stdout that an error shows."""


def value_of(outcome: Outcome, path: str, limits: Limits, declared: MethodLimits | None = None) -> Value:
    """Return what the extension has answered.

    Args:
        outcome: how it ended.
        path: the executable, as the caller is told of it.
        limits: the limits that it ran under.
        declared: those of them that the method's declaration has set.

    Raises:
        GraftError: what the extension reported; otherwise INTERNAL_ERROR [path, reason, stdout, stderr], where the
            last parameter tells what is wrong with the output when that could not be read.
    """
    if outcome.verdict is Verdict.NOT_STARTED:
        # xapi's helper exits with 126 or 127 then; it has nothing to say why, but an engine has.
        raise internal_error(path, "non-zero exit", "", outcome.reason)
    if outcome.verdict is not Verdict.EXITED or outcome.exit_code != 0:
        raise _not_well(outcome, path, limits, declared or MethodLimits())
    try:
        answer = parse_extension_output(outcome.stdout)
    except XmlRpcSyntaxError as error:
        raise internal_error(path, "failed to parse extension output", _shown(outcome.stdout), str(error)) from None
    if isinstance(answer, Failure):
        raise GraftError(*answer.error)
    return answer.value


def signal_name(number: int) -> str:
    """Name a signal as xapi does: `SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRT{number - signal.SIGRTMIN:+d}" if number >= signal.SIGRTMIN else f"signal {number}"


def _not_well(outcome: Outcome, path: str, limits: Limits, declared: MethodLimits) -> GraftError:
    details: dict[str, str] = {}
    match outcome.verdict:
        case Verdict.SIGNALED:
            reason = f"signal: {signal_name(outcome.signal)}"
        case Verdict.TIMED_OUT:
            limit = "GRAFT_CALL_TIMEOUT" if declared.timeout is None else "the declaration's timeout"
            details = {"limit": limit, "value": format_seconds(limits.wall)}
            reason = f"timed out after {details['value']} ({details['limit']})"
        case Verdict.OUTPUT_EXCEEDED:
            limit = "GRAFT_CALL_OUTPUT" if declared.output is None else "the declaration's output"
            details = {"limit": limit, "value": format_size(limits.output)}
            reason = f"output exceeded {details['value']} ({details['limit']})"
        case Verdict.KILLED:
            reason = f"killed: {outcome.reason}"
        case _:
            details = {"exit_code": str(outcome.exit_code)}
            reason = "non-zero exit"
    return internal_error(path, reason, _shown(outcome.stdout), _text(outcome.stderr), details=details)


def _shown(stdout: bytes) -> str:
    if len(stdout) <= MAX_SHOWN:
        return _text(stdout)
    return f"{_text(stdout[:MAX_SHOWN])}… [{len(stdout)} bytes]"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
