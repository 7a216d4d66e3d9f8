"""The filter of system calls in the form that OCI runtimes take."""

from __future__ import annotations

import itertools
import platform
from collections.abc import Sequence
from typing import Any

from dispatcher_service.engines.base import Network
from dispatcher_service.engines.seccomp.assembler import Action, Check, Condition, Decision
from dispatcher_service.engines.seccomp.filter import CHECKS, SPECIAL_BITS, Shares, rules

EPERM, ENOSYS = 1, 38
LOW_WORD = 0xFFFFFFFF
ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}


def profile(network: Network, machine: str | None = None) -> dict[str, Any]:
    """The object `linux.seccomp` of a runtime's configuration.

    Calls of another ABI of the same machine kill, because only the one architecture is named. Names that a runtime's
    library does not know yet stay refused.

    Raises:
        ValueError: the architecture has no table.
    """
    architecture = _architecture(machine)
    table = rules(network, Shares.NETWORK)
    freely = sorted(call for call, decision in table.items() if decision is Action.ALLOW)
    checked = [rule for call, decision in table.items() for rule in _rules(call, decision)]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "architectures": [architecture],
        "syscalls": [{"names": freely, "action": "SCMP_ACT_ALLOW"}, *checked],
    }


def refusals(machine: str | None = None) -> dict[str, Any]:
    """The same for a runtime that answers system calls itself: it need refuse only what reaches the host all the same.

    That is what becomes of files in folders that a call has been granted: they must not lend its user to others.

    Raises:
        ValueError: the architecture has no table.
    """
    refused = [
        {"names": [call], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM, "args": [_has(*bit) for bit in bits]}
        for call, decision in CHECKS.items()
        if isinstance(decision, Check) and _minds_special_bits(decision)
        for bits in itertools.product(*(_forbidden(conditions) for conditions in decision.alternatives))
    ]
    refused += _rules("openat2", CHECKS["openat2"])
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [_architecture(machine)], "syscalls": refused}


def _architecture(machine: str | None) -> str:
    name = machine or platform.machine()
    if name not in ARCHITECTURES:
        raise ValueError(f"no seccomp table for {name}; there are tables for {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def _minds_special_bits(check: Check) -> bool:
    return any(condition.forbidden_bits == SPECIAL_BITS for found in check.alternatives for condition in found)


def _forbidden(conditions: Sequence[Condition]) -> list[tuple[int, int]]:
    """Each bit, with its argument's place, that an alternative does not allow."""
    return [
        (condition.argument, 1 << bit)
        for condition in conditions
        for bit in range(condition.forbidden_bits.bit_length())
        if condition.forbidden_bits >> bit & 1
    ]


def _has(argument: int, bit: int) -> dict[str, Any]:
    return {"index": argument, "value": bit, "valueTwo": bit, "op": "SCMP_CMP_MASKED_EQ"}


def _rules(call: str, decision: Decision) -> list[dict[str, Any]]:
    """What becomes of a system call whose arguments decide: a rule for each combination of values that allows it."""
    if decision is Action.ENOSYS:
        return [{"names": [call], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS}]
    if isinstance(decision, Action):
        return []
    return [
        {"names": [call], "action": "SCMP_ACT_ALLOW", "args": list(comparisons)}
        for conditions in decision.alternatives
        for comparisons in itertools.product(*(_comparisons(condition) for condition in conditions))
    ]


def _comparisons(condition: Condition) -> list[dict[str, Any]]:
    """A condition as comparisons of which one has to hold; of the low word, as the other engines' filter compares."""
    masked = [(condition.forbidden_bits, 0)] if condition.forbidden_bits else [(LOW_WORD, v) for v in condition.values]
    return [
        {"index": condition.argument, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
        for mask, value in masked
    ]
