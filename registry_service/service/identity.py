"""`graft.registry.v1.IdentityService`."""

from __future__ import annotations

from graft.registry.v1 import identity_pb2 as pb
from graft_common import roles
from graft_common.rpc.context import CallContext, bearer, peer_certificate
from registry_service.identity.access import Access
from registry_service.identity.accounts import LIST, Accounts
from registry_service.identity.external.logins import ExternalLogins
from registry_service.identity.logins import Logins
from registry_service.identity.rules import MAX_TOUCHES
from registry_service.identity.sessions import Opened, Sessions
from registry_service.service import convert, paging
from registry_service.service.origin import origin, origin_of_login
from registry_service.store.store import Store

AUDIT = "audit_log.get"


class IdentityServicer:
    """Translates."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        sessions: Sessions,
        logins: Logins,
        external: ExternalLogins,
        access: Access,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._sessions = sessions
        self._logins = logins
        self._external = external
        self._access = access

    async def Login(self, request: pb.LoginRequest, context: CallContext) -> pb.LoginResponse:  # noqa: N802  (gRPC's name)
        """Open a session: for a password, a token, or a certificate that a service or this connection has met."""
        opened = await self._log_in(request, context)
        return pb.LoginResponse(
            session_ref=opened.ref,
            session=convert.session(opened.session, self._sessions.idle, with_digest=False),
            revision=opened.revision,
        )

    async def _log_in(self, request: pb.LoginRequest, context: CallContext) -> Opened:
        client = origin_of_login(context, self._access)
        if request.token:
            return await self._external.login_with_token(request.token, request.originator, client)
        if request.certificate:
            self._access.need_service(bearer(context))
            return await self._external.login_with_certificate(request.certificate, request.originator, client)
        if request.own_certificate:
            certificate = peer_certificate(context)
            return await self._external.login_with_certificate(certificate, request.originator, client)
        return await self._logins.login(request.user, request.password, request.originator, client)

    async def LoginLocal(self, request: pb.LoginLocalRequest, context: CallContext) -> pb.LoginLocalResponse:  # noqa: N802  (gRPC's name)
        """Open a session of the local superuser, for services."""
        self._access.need_service(bearer(context))
        opened = await self._logins.login_local(request.uid, request.originator, origin(context))
        return pb.LoginLocalResponse(
            session_ref=opened.ref,
            session=convert.session(opened.session, self._sessions.idle, with_digest=False),
            revision=opened.revision,
        )

    async def Logout(self, request: pb.LogoutRequest, context: CallContext) -> pb.LogoutResponse:  # noqa: ARG002, N802  (gRPC's)
        """Close the caller's session."""
        return pb.LogoutResponse(revision=await self._sessions.logout(bearer(context), origin(context)))

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: CallContext) -> pb.WhoAmIResponse:  # noqa: ARG002, N802  (gRPC's)
        """Describe the caller's session."""
        session = await self._access.need_session(bearer(context))
        held = session.book.together(session.roles)
        return pb.WhoAmIResponse(
            session=convert.session(session, self._sessions.idle, with_digest=False),
            rank=held.rank,
            permissions=held.permissions,
        )

    async def UpdateSession(  # noqa: N802  (gRPC's name)
        self, request: pb.UpdateSessionRequest, context: CallContext
    ) -> pb.UpdateSessionResponse:
        """Change what is noted with the caller's session."""
        session, revision = await self._sessions.note(
            bearer(context),
            request.put,
            request.remove,
            replace_all=request.replace_all,
            only_new=request.only_new,
        )
        message = convert.session(session, self._sessions.idle, with_digest=False)
        return pb.UpdateSessionResponse(session=message, revision=revision)

    async def ListSubjectIdentifiers(  # noqa: N802  (gRPC's name)
        self,
        request: pb.ListSubjectIdentifiersRequest,  # noqa: ARG002  (gRPC's)
        context: CallContext,
    ) -> pb.ListSubjectIdentifiersResponse:
        """Name everybody who has a session."""
        await self._access.need_session(bearer(context))
        return pb.ListSubjectIdentifiersResponse(identifiers=await self._sessions.subjects())

    async def LogoutSubject(  # noqa: N802  (gRPC's name)
        self, request: pb.LogoutSubjectRequest, context: CallContext
    ) -> pb.LogoutSubjectResponse:
        """Close somebody's sessions."""
        caller = await self._access.need_session(bearer(context))
        closed, revision = await self._accounts.log_out(caller, request.identifier, origin(context))
        return pb.LogoutSubjectResponse(closed=closed, revision=revision)

    async def LookupSession(  # noqa: N802  (gRPC's name)
        self, request: pb.LookupSessionRequest, context: CallContext
    ) -> pb.LookupSessionResponse:
        """Find a session by digest, or by the token that it is of, for services."""
        self._access.need_service(bearer(context))
        if request.token:
            session, revision = await self._external.lookup(request.token, origin(context))
        else:
            session, revision = await self._sessions.lookup(request.digest)
        return pb.LookupSessionResponse(
            session=convert.session(session, self._sessions.idle, with_digest=True), revision=revision
        )

    async def TouchSessions(  # noqa: N802  (gRPC's name)
        self, request: pb.TouchSessionsRequest, context: CallContext
    ) -> pb.TouchSessionsResponse:
        """Take a report of use, from services."""
        self._access.need_service(bearer(context))
        await self._sessions.touch([convert.touch(touch) for touch in request.touches[: MAX_TOUCHES + 1]])
        return pb.TouchSessionsResponse()

    async def ListRoles(self, request: pb.ListRolesRequest, context: CallContext) -> pb.ListRolesResponse:  # noqa: ARG002, N802  (gRPC's)
        """List the roles; any session will do, and services."""
        credential = bearer(context)
        if not self._access.is_service(credential):
            await self._access.need_session(credential)
        return pb.ListRolesResponse(roles=map(convert.role, (await self._access.book()).roles))

    async def CreateUser(self, request: pb.CreateUserRequest, context: CallContext) -> pb.CreateUserResponse:  # noqa: N802  (gRPC's name)
        """Add a user."""
        caller = await self._access.need_session(bearer(context))
        user, revision = await self._accounts.create(
            caller, request.name, request.password, request.roles, origin(context)
        )
        return pb.CreateUserResponse(user=convert.user(user), revision=revision)

    async def SetUserRoles(self, request: pb.SetUserRolesRequest, context: CallContext) -> pb.SetUserRolesResponse:  # noqa: N802  (gRPC's name)
        """Give a user other roles."""
        caller = await self._access.need_session(bearer(context))
        user, revision = await self._accounts.set_roles(caller, request.name, request.roles, origin(context))
        return pb.SetUserRolesResponse(user=convert.user(user), revision=revision)

    async def ChangePassword(  # noqa: N802  (gRPC's name)
        self, request: pb.ChangePasswordRequest, context: CallContext
    ) -> pb.ChangePasswordResponse:
        """Give a user another password."""
        caller = await self._access.need_session(bearer(context))
        revision = await self._accounts.change_password(
            caller, request.name, request.old_password, request.new_password, origin(context)
        )
        return pb.ChangePasswordResponse(revision=revision)

    async def DeleteUser(self, request: pb.DeleteUserRequest, context: CallContext) -> pb.DeleteUserResponse:  # noqa: N802  (gRPC's name)
        """Remove a user."""
        caller = await self._access.need_session(bearer(context))
        return pb.DeleteUserResponse(revision=await self._accounts.remove(caller, request.name, origin(context)))

    async def ListUsers(self, request: pb.ListUsersRequest, context: CallContext) -> pb.ListUsersResponse:  # noqa: ARG002, N802  (gRPC's)
        """List the users."""
        await self._access.need_role(bearer(context), LIST, roles.POOL_ADMIN)
        return pb.ListUsersResponse(users=[convert.user(user) for user in await self._accounts.users()])

    async def ListLoginRecords(  # noqa: N802  (gRPC's name)
        self, request: pb.ListLoginRecordsRequest, context: CallContext
    ) -> pb.ListLoginRecordsResponse:
        """List the login audit."""
        await self._access.need_role(bearer(context), AUDIT, roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        since = convert.time_of("since", request.since) if request.HasField("since") else None
        async with self._store.read() as view:
            found = await view.login_records(
                beyond=paging.read_id(page), since=since, limit=page.size + 1, oldest_first=request.oldest_first
            )
        records, more = paging.cut(found, page.size)
        return pb.ListLoginRecordsResponse(
            records=[convert.login_record(record) for record in records],
            next_page_token=paging.token(str(records[-1].id)) if more else "",
        )
