"""What the end of an execution means to the caller."""

from __future__ import annotations

import signal

import pytest

from dispatcher_service.calls.limits import HostLimits, in_force
from dispatcher_service.calls.outcome import MAX_SHOWN, exceeded, signal_name, value_of
from dispatcher_service.engines.base import Limits, Outcome, Usage, Verdict
from graft_common.declarations.model import MethodLimits
from graft_common.errors import GraftError
from graft_common.values import Value

LIMITS = in_force(MethodLimits(memory=256 << 20), HostLimits(Limits(cpu=2.0)))
USED = Usage(cpu=2.0129, memory_peak=300 << 20, wall=60.0221)
PATH = "/etc/xapi.d/extensions/A.b"
HEAD = '<?xml version="1.0"?><methodResponse><params><param>'
TAIL = "</param></params></methodResponse>"


def answer(value: str) -> bytes:
    return f"{HEAD}{value}{TAIL}".encode()


def envelope(**members: str) -> bytes:
    inner = "".join(f"<member><name>{name}</name>{value}</member>" for name, value in members.items())
    return answer(f"<value><struct>{inner}</struct></value>")


def array(*items: str) -> str:
    return f"<value><array><data>{''.join(items)}</data></array></value>"


def failure_of(outcome: Outcome) -> GraftError:
    with pytest.raises(GraftError) as caught:
        value_of(outcome, PATH, LIMITS)
    return caught.value


@pytest.mark.parametrize(
    ("stdout", "value"),
    [
        (envelope(Status="<value>Success</value>", Value="<value><int>5</int></value>"), 5),
        (envelope(Status="<value>Maybe</value>"), {"Status": "Maybe"}),
        (answer("<value>bare</value>"), "bare"),
        (answer("<value>first</value>") + b" and garbage", "first"),
        (answer("<value><base64>YWJj\nZGVm\n</base64></value>"), b"abcdef"),
        (answer("<value><boolean>true</boolean></value>"), True),
    ],
)
def test_values(stdout: bytes, value: Value) -> None:
    assert value_of(Outcome(Verdict.EXITED, stdout=stdout, stderr=b"noise"), PATH, LIMITS) == value


@pytest.mark.parametrize(
    ("stdout", "error"),
    [
        (
            envelope(
                Status="<value>Failure</value>", ErrorDescription=array(*["<value>CODE</value>", "<value>a</value>"])
            ),
            ["CODE", "a"],
        ),
        (envelope(Status="<value>Failure</value>", ErrorDescription="<value>CODE</value>"), ["CODE"]),
    ],
)
def test_failures_of_the_extension(stdout: bytes, error: list[str]) -> None:
    assert failure_of(Outcome(Verdict.EXITED, stdout=stdout)).error_info() == error


def test_a_fault_is_a_failure() -> None:
    members = "<member><name>faultCode</name><value><int>4</int></value></member><member><name>faultString</name><value>Too many</value></member>"
    stdout = f"<methodResponse><fault><value><struct>{members}</struct></value></fault></methodResponse>".encode()
    assert failure_of(Outcome(Verdict.EXITED, stdout=stdout)).error_info() == ["fault", "4", "Too many"]


OK = answer("<value>ok</value>")
OK_TEXT = OK.decode()


@pytest.mark.parametrize(
    ("outcome", "params", "details"),
    [
        (
            Outcome(Verdict.EXITED, exit_code=7, stdout=OK, stderr=b"why"),
            ["non-zero exit", OK_TEXT, "why"],
            {"exit_code": "7"},
        ),
        (Outcome(Verdict.SIGNALED, signal=9, stdout=b"a", stderr=b"b"), ["signal: SIGKILL", "a", "b"], {}),
        (
            Outcome(Verdict.TIMED_OUT, stdout=b"a\xff", stderr=b"b", usage=USED),
            ["timed out after 60 s (GRAFT_CALL_TIMEOUT)", "a\ufffd", "b"],
            {"limit": "GRAFT_CALL_TIMEOUT", "value": "60 s", "peak": "60.022 s"},
        ),
        (
            Outcome(Verdict.OUTPUT_EXCEEDED, stdout=b"a", stderr=b""),
            ["output exceeded 8 MiB (GRAFT_CALL_OUTPUT)", "a", ""],
            {"limit": "GRAFT_CALL_OUTPUT", "value": "8 MiB", "peak": "more than 8 MiB"},
        ),
        (
            Outcome(Verdict.CPU_EXCEEDED, usage=USED),
            ["cpu exceeded: 2.013 s used, limit 2 s (GRAFT_CALL_CPU)", "", ""],
            {"limit": "GRAFT_CALL_CPU", "value": "2 s", "peak": "2.013 s"},
        ),
        (
            Outcome(Verdict.MEMORY_EXCEEDED, usage=USED),
            ["memory exceeded: 300 MiB at most at once, limit 256 MiB (the declaration's memory)", "", ""],
            {"limit": "the declaration's memory", "value": "256 MiB", "peak": "300 MiB"},
        ),
        (
            Outcome(Verdict.EXITED, exit_code=1, refused=("processes", "file_size")),
            ["non-zero exit", "", ""],
            {
                "exit_code": "1",
                "refused": "processes: limit 64 (GRAFT_CALL_PROCESSES); file-size: limit 64 MiB (GRAFT_CALL_FILE_SIZE)",
            },
        ),
        (
            Outcome(Verdict.EXITED, exit_code=1, refused=("processes",), usage=Usage(processes_peak=64)),
            ["non-zero exit", "", ""],
            {"exit_code": "1", "refused": "processes: limit 64 (GRAFT_CALL_PROCESSES), 64 at most at once"},
        ),
        (
            Outcome(Verdict.TIMED_OUT, stderr=b"long", stderr_size=3 << 20, usage=USED),
            ["timed out after 60 s (GRAFT_CALL_TIMEOUT)", "", "long"],
            {
                "limit": "GRAFT_CALL_TIMEOUT",
                "value": "60 s",
                "peak": "60.022 s",
                "refused": "stderr: limit 32 KiB (GRAFT_CALL_STDERR), 3 MiB written",
            },
        ),
        (
            Outcome(Verdict.EXITED, exit_code=1, stderr=b"whole", stderr_size=32 << 10),
            ["non-zero exit", "", "whole"],
            {"exit_code": "1"},
        ),
        (Outcome(Verdict.KILLED, reason="the launcher died"), ["killed: the launcher died", "", ""], {}),
        (Outcome(Verdict.NOT_STARTED, reason="no fork"), ["non-zero exit", "", "no fork"], {}),
    ],
)
def test_bad_ends(outcome: Outcome, params: list[str], details: dict[str, str]) -> None:
    error = failure_of(outcome)
    assert error.error_info() == ["INTERNAL_ERROR", PATH, *params]
    assert error.details == details


@pytest.mark.parametrize("stdout", [b"", b"garbage", b"debug\n" + OK, b"<methodResponse>", b"\xff\xfe\x00"])
def test_output_that_cannot_be_parsed(stdout: bytes) -> None:
    code, path, reason, shown, why = failure_of(Outcome(Verdict.EXITED, stdout=stdout)).error_info()
    assert (code, path, reason) == ("INTERNAL_ERROR", PATH, "failed to parse extension output")
    assert shown == stdout.decode("utf-8", "replace")
    assert why


def test_long_output_is_cut_in_errors() -> None:
    shown = failure_of(Outcome(Verdict.EXITED, exit_code=1, stdout=b"x" * 100_000)).params[2]
    assert shown == "x" * MAX_SHOWN + "… [100000 bytes]"


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGTERM, "SIGTERM"), (signal.SIGRTMIN + 3, "SIGRT+3"), (0, "signal 0")],
)
def test_signal_names(number: int, name: str) -> None:
    assert signal_name(number) == name


@pytest.mark.parametrize(
    ("outcome", "names"),
    [
        (Outcome(Verdict.EXITED), ()),
        (Outcome(Verdict.TIMED_OUT), ("timeout",)),
        (Outcome(Verdict.MEMORY_EXCEEDED, refused=("processes",)), ("processes", "memory")),
        (Outcome(Verdict.SIGNALED, signal=25, refused=("file_size",)), ("file_size",)),
        (Outcome(Verdict.OUTPUT_EXCEEDED), ("output",)),
        (Outcome(Verdict.EXITED, stderr_size=(32 << 10) + 1), ("stderr",)),
    ],
)
def test_limits_that_were_run_into(outcome: Outcome, names: tuple[str, ...]) -> None:
    assert exceeded(outcome, LIMITS) == names
