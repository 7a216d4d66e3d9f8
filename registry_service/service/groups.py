"""`graft.registry.v1.GroupService`."""

from __future__ import annotations

from graft.registry.v1 import group_pb2 as pb
from graft_common.roles import POOL_ADMIN
from graft_common.rpc.context import CallContext, bearer
from registry_service.identity.access import Access
from registry_service.identity.groups import LIST, Groups
from registry_service.identity.values import Group
from registry_service.service import convert
from registry_service.service.origin import origin


class GroupServicer:
    """Translates."""

    def __init__(self, groups: Groups, access: Access) -> None:
        self._groups = groups
        self._access = access

    async def ListGroups(self, request: pb.ListGroupsRequest, context: CallContext) -> pb.ListGroupsResponse:  # noqa: ARG002, N802  (gRPC's)
        """List the groups."""
        await self._access.need_role(bearer(context), LIST, POOL_ADMIN)
        return pb.ListGroupsResponse(groups=[_message(group) for group in await self._groups.groups()])

    async def CreateGroup(self, request: pb.CreateGroupRequest, context: CallContext) -> pb.CreateGroupResponse:  # noqa: N802  (gRPC's name)
        """Add a group."""
        caller = await self._access.need_session(bearer(context))
        group = await self._groups.create(
            caller, request.name, request.description, request.roles, request.members, origin(context)
        )
        return pb.CreateGroupResponse(group=_message(group))

    async def UpdateGroup(self, request: pb.UpdateGroupRequest, context: CallContext) -> pb.UpdateGroupResponse:  # noqa: N802  (gRPC's name)
        """Change a group."""
        caller = await self._access.need_session(bearer(context))
        description = request.description if request.HasField("description") else None
        group = await self._groups.update(caller, request.name, description, request.roles, origin(context))
        return pb.UpdateGroupResponse(group=_message(group))

    async def ChangeMembers(self, request: pb.ChangeMembersRequest, context: CallContext) -> pb.ChangeMembersResponse:  # noqa: N802  (gRPC's name)
        """Add and remove members."""
        caller = await self._access.need_session(bearer(context))
        group = await self._groups.change_members(caller, request.group, request.add, request.remove, origin(context))
        return pb.ChangeMembersResponse(group=_message(group))

    async def DeleteGroup(self, request: pb.DeleteGroupRequest, context: CallContext) -> pb.DeleteGroupResponse:  # noqa: N802  (gRPC's name)
        """Remove a group."""
        caller = await self._access.need_session(bearer(context))
        await self._groups.remove(caller, request.name, origin(context))
        return pb.DeleteGroupResponse()


def _message(group: Group) -> pb.Group:
    return pb.Group(
        name=group.name,
        description=group.description,
        roles=group.roles,
        members=group.members,
        created=convert.timestamp(group.created),
    )
