"""What is in force, and why, as messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dispatcher_service.calls.limits import HostLimits, LimitInForce
from dispatcher_service.calls.limits import in_force as limits_in_force
from dispatcher_service.declarations.in_force import InForce, Noted
from dispatcher_service.residents.method import Status
from graft.dispatcher.v1 import dispatcher_pb2 as pb
from graft_common.declarations.api import Source
from graft_common.declarations.joining import Candidate
from graft_common.declarations.model import MethodLimits
from graft_common.rpc.api import SOURCES


def explain(
    in_force: InForce,
    method: str,
    access: Callable[[str], str],
    host: HostLimits,
    residents: Callable[[str], Status],
) -> pb.ExplainMethodsResponse:
    """Tell where methods come from, and what is wrong.

    Args:
        in_force: what is in force.
        method: only what concerns this one; all where it is empty.
        access: tells what a method asks for and is not given.
        host: what the host gives to calls.
        residents: tells how the resident processes of a method are.
    """
    found = in_force.candidates
    if method:
        found = {method: found[method]} if method in found else {}
    return pb.ExplainMethodsResponse(
        methods=[
            pb.MethodExplanation(
                name=name,
                candidates=[_candidate(name, one, access) for one in candidates],
                limits=_limits(candidates[0], host, every=bool(method)),
                residents=_residents(candidates[0], residents(name)),
            )
            for name, candidates in found.items()
        ],
        findings=[
            _finding(noted) for noted in in_force.notes if not method or _concerns(noted, method, found.get(method, ()))
        ],
    )


def _candidate(name: str, candidate: Candidate, access: Callable[[str], str]) -> pb.MethodCandidate:
    return pb.MethodCandidate(
        source=SOURCES[candidate.contribution.source],
        origin=candidate.contribution.place,
        executable=candidate.executable,
        declared=candidate.method is not None,
        in_force=candidate.in_force,
        reason=candidate.reason,
        access=access(name) if candidate.in_force else "",
    )


def _limits(first: Candidate, host: HostLimits, *, every: bool) -> list[pb.MethodLimit]:
    """Tell what calls may use, or where `every` does not say so, only what is less than is asked for."""
    if not first.in_force or first.contribution.source is Source.BUILT_IN:
        return []
    limits = limits_in_force(first.method.limits if first.method is not None else MethodLimits(), host)
    return [_limit(limit) for limit in limits.each.values() if every or limit.cut]


def _residents(first: Candidate, status: Status) -> pb.ResidentProcesses | None:
    if not first.in_force or first.method is None or not first.method.resident:
        return None
    return pb.ResidentProcesses(
        concurrency=first.method.residence.concurrency,
        at_most=first.method.residence.processes,
        processes=status.processes,
        under_way=status.under_way,
        waiting=status.waiting,
        started=status.started,
        last_end=status.last_end,
    )


def _limit(limit: LimitInForce) -> pb.MethodLimit:
    return pb.MethodLimit(
        name=limit.rule.name.replace("_", "-"),
        asked="" if limit.asked is None else limit.rule.format(limit.asked),
        in_force=limit.shown,
        set_by=limit.set_by,
        cut=limit.cut,
    )


def _finding(noted: Noted) -> pb.MethodFinding:
    finding = noted.finding
    return pb.MethodFinding(
        file=finding.file,
        line=finding.line,
        path=finding.path,
        reason=finding.reason,
        last_good_in_force=noted.last_good,
    )


def _concerns(noted: Noted, method: str, candidates: Sequence[Candidate]) -> bool:
    """Tell whether a finding has to do with a method: it names it, or is about a file that would bring it."""
    if method in noted.finding.reason:
        return True
    places = {candidate.contribution.place for candidate in candidates}
    return any(place and noted.finding.file.startswith(place) for place in places)
