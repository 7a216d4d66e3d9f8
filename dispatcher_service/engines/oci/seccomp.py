"""The filter of system calls in the form that OCI runtimes take."""

from __future__ import annotations

import itertools
import platform
from typing import Any

from dispatcher_service.engines.base import Network
from dispatcher_service.engines.seccomp.assembler import Action, Condition, Decision
from dispatcher_service.engines.seccomp.filter import Shares, rules

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
    name = machine or platform.machine()
    if name not in ARCHITECTURES:
        raise ValueError(f"no seccomp table for {name}; there are tables for {', '.join(ARCHITECTURES)}")
    table = rules(network, Shares.NETWORK)
    freely = sorted(call for call, decision in table.items() if decision is Action.ALLOW)
    checked = [rule for call, decision in table.items() for rule in _rules(call, decision)]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "architectures": [ARCHITECTURES[name]],
        "syscalls": [{"names": freely, "action": "SCMP_ACT_ALLOW"}, *checked],
    }


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
