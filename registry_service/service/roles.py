"""`graft.registry.v1.RoleService`."""

from __future__ import annotations

from graft.registry.v1 import role_pb2 as pb
from graft_common.rpc.context import CallContext, bearer
from registry_service.identity.access import Access
from registry_service.identity.roles import Roles
from registry_service.service import convert
from registry_service.service.origin import origin


class RoleServicer:
    """Translates."""

    def __init__(self, roles: Roles, access: Access) -> None:
        self._roles = roles
        self._access = access

    async def CreateRole(self, request: pb.CreateRoleRequest, context: CallContext) -> pb.CreateRoleResponse:  # noqa: N802  (gRPC's name)
        """Add a role."""
        caller = await self._access.need_session(bearer(context))
        role, revision = await self._roles.create(
            caller, request.name, request.description, request.base, request.permissions, origin(context)
        )
        return pb.CreateRoleResponse(role=convert.role(role), revision=revision)

    async def UpdateRole(self, request: pb.UpdateRoleRequest, context: CallContext) -> pb.UpdateRoleResponse:  # noqa: N802  (gRPC's name)
        """Change a role."""
        caller = await self._access.need_session(bearer(context))
        role, revision = await self._roles.update(
            caller,
            request.name,
            request.description if request.HasField("description") else None,
            request.base if request.HasField("base") else None,
            origin(context),
        )
        return pb.UpdateRoleResponse(role=convert.role(role), revision=revision)

    async def DeleteRole(self, request: pb.DeleteRoleRequest, context: CallContext) -> pb.DeleteRoleResponse:  # noqa: N802  (gRPC's name)
        """Remove a role."""
        caller = await self._access.need_session(bearer(context))
        return pb.DeleteRoleResponse(revision=await self._roles.remove(caller, request.name, origin(context)))

    async def GrantPermissions(  # noqa: N802  (gRPC's name)
        self, request: pb.GrantPermissionsRequest, context: CallContext
    ) -> pb.GrantPermissionsResponse:
        """Grant permissions."""
        caller = await self._access.need_session(bearer(context))
        role, revision = await self._roles.grant(caller, request.role, request.permissions, origin(context))
        return pb.GrantPermissionsResponse(role=convert.role(role), revision=revision)

    async def RevokePermissions(  # noqa: N802  (gRPC's name)
        self, request: pb.RevokePermissionsRequest, context: CallContext
    ) -> pb.RevokePermissionsResponse:
        """Take permissions back."""
        caller = await self._access.need_session(bearer(context))
        role, revision = await self._roles.revoke(caller, request.role, request.permissions, origin(context))
        return pb.RevokePermissionsResponse(role=convert.role(role), revision=revision)
