"""`graft.registry.v1.GrantService`."""

from __future__ import annotations

from graft.common.v1 import access_pb2
from graft.registry.v1 import grant_pb2 as pb
from graft_common import roles
from graft_common.declarations.access import Asker
from graft_common.declarations.model import Access as AccessRequest
from graft_common.errors import value_not_supported
from graft_common.rpc.access_messages import access_message, grant_message, read_access
from graft_common.rpc.context import CallContext, bearer
from registry_service.grants.grants import Grants
from registry_service.grants.rules import AccessSpec
from registry_service.identity.access import Access
from registry_service.service import paging
from registry_service.service.origin import origin


class GrantServicer:
    """Translates."""

    def __init__(self, grants: Grants, access: Access) -> None:
        self._grants = grants
        self._access = access

    async def GrantAccess(self, request: pb.GrantAccessRequest, context: CallContext) -> pb.GrantAccessResponse:  # noqa: N802  (gRPC's name)
        """Grant a request."""
        caller = await self._access.need_session(bearer(context))
        grant, revision = await self._grants.grant(caller, access_spec(request.spec), origin(context))
        return pb.GrantAccessResponse(grant=grant_message(grant), revision=revision)

    async def RevokeAccess(self, request: pb.RevokeAccessRequest, context: CallContext) -> pb.RevokeAccessResponse:  # noqa: N802  (gRPC's name)
        """Take a grant back."""
        caller = await self._access.need_session(bearer(context))
        asker = Asker(request.method, request.extension_name, request.extension_version)
        grant, revision = await self._grants.revoke(caller, asker, origin(context))
        return pb.RevokeAccessResponse(grant=grant_message(grant), revision=revision)

    async def ListGrants(self, request: pb.ListGrantsRequest, context: CallContext) -> pb.ListGrantsResponse:  # noqa: N802  (gRPC's name)
        """List the grants."""
        await self._access.need_role(bearer(context), "grant.get_all", roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        cut, more = paging.cut(await self._grants.page(page.after, page.size + 1), page.size)
        found = paging.fit([grant_message(grant) for grant, _ in cut])
        more = more or len(found) < len(cut)
        return pb.ListGrantsResponse(grants=found, next_page_token=paging.token(cut[len(found) - 1][1]) if more else "")

    async def ListAccessRequests(  # noqa: N802  (gRPC's name)
        self, request: pb.ListAccessRequestsRequest, context: CallContext
    ) -> pb.ListAccessRequestsResponse:
        """Tell what an extension version asks for."""
        await self._access.need_role(bearer(context), "grant.get_requests", roles.READ_ONLY)
        found = await self._grants.asked(request.extension_name, request.extension_version)
        return pb.ListAccessRequestsResponse(
            requests=[
                pb.MethodAccessRequest(
                    spec=_spec_message(asked.spec),
                    grant=grant_message(asked.grant) if asked.grant is not None else None,
                )
                for asked in found
            ]
        )


def access_spec(message: pb.AccessSpec) -> AccessSpec:
    """Read what is to be granted.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED if it asks for a network that does not exist.
    """
    asker = Asker(message.method, message.extension_name, message.extension_version)
    return AccessSpec(asker, _request(message.access))


def _request(message: access_pb2.Access) -> AccessRequest:
    try:
        return read_access(message)
    except ValueError as error:
        raise value_not_supported("access.network", str(message.network), str(error)) from None


def _spec_message(spec: AccessSpec) -> pb.AccessSpec:
    return pb.AccessSpec(
        method=spec.asker.method,
        extension_name=spec.asker.extension,
        extension_version=spec.asker.version,
        access=access_message(spec.request),
    )
