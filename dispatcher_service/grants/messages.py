"""What methods ask for and are given, as messages."""

from __future__ import annotations

import asyncio

from dispatcher_service.declarations.in_force import InForce, Target
from dispatcher_service.grants.giving import AccessGiver
from graft.dispatcher.v1 import dispatcher_pb2 as pb
from graft_common.declarations.access import NOTHING, State
from graft_common.rpc.access_messages import access_message, grant_message
from graft_common.rpc.api import SOURCES

_STATES = {
    State.NOT_ASKED: pb.ACCESS_STATE_NOT_ASKED,
    State.GRANTED: pb.ACCESS_STATE_GRANTED,
    State.NOT_GRANTED: pb.ACCESS_STATE_NOT_GRANTED,
    State.CHANGED: pb.ACCESS_STATE_CHANGED,
}


async def describe_access(giver: AccessGiver, in_force: InForce, method: str) -> pb.DescribeAccessResponse:
    """Tell what methods ask for, what is granted of it, and what their calls are given.

    Args:
        giver: knows it.
        in_force: the methods.
        method: only this one, also if it asks for nothing; empty: all that ask for any.
    """
    names = [method] if method else sorted(name for name, of in in_force.api.methods.items() if of.access != NOTHING)
    targets = [target for name in names if (target := in_force.target(name)) is not None and target.method is not None]
    return pb.DescribeAccessResponse(methods=await asyncio.gather(*(_told(giver, target) for target in targets)))


def not_given(giver: AccessGiver, in_force: InForce, method: str) -> str:
    """Say what a method asks for and is not given; empty where there is nothing of that kind."""
    target = in_force.target(method)
    match giver.standing(target).state if target is not None else State.NOT_ASKED:
        case State.NOT_GRANTED:
            return f"it asks for access that nobody has granted; see `graft access {method}`"
        case State.CHANGED:
            return f"it asks for other access than was granted, and has none; see `graft access {method}`"
        case _:
            return ""


async def _told(giver: AccessGiver, target: Target) -> pb.MethodAccess:
    standing = giver.standing(target)
    return pb.MethodAccess(
        method=target.name,
        source=SOURCES[target.origin.source],
        origin=target.origin.place,
        extension_name=standing.asker.extension,
        extension_version=standing.asker.version,
        asked=access_message(standing.asked),
        state=_STATES[standing.state],
        grant=grant_message(standing.grant) if standing.grant is not None else None,
        in_force=access_message(standing.in_force),
        problems=await giver.problems(standing),
    )
