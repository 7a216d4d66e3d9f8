"""What every call to the registry and the dispatcher carries: the credential, who asks, and how fresh it must be."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc

from gateway.task_headers import NO_TASK, TaskHeaders
from graft.dispatcher.v1 import dispatcher_pb2
from graft.registry.v1 import identity_pb2
from graft_common.bearer_tokens import MAX_TOKEN
from graft_common.errors import GraftError, session_invalid
from graft_common.roles import Holding
from graft_common.rpc.batch_client import BatchClient
from graft_common.rpc.client import Request, Response, call
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.rpc.usage import USAGE, format_usage, read_usage

LIST_TIMEOUT = 10.0
LOGIN_TIMEOUT = 60.0
"""Seconds; hashing passwords is slow on purpose, and logins wait for one another."""
LOOKUP_TIMEOUT = 10.0
REVISION_AGE = 30.0
"""Seconds for which a revision is asked for. Followers are milliseconds behind; if one is cut off from the registry,
calls must not go on waiting for what it cannot get."""

# What gRPC can carry in metadata, white space left out because the ends of a value may lose it.
_CREDENTIAL = re.compile(rf"[\x21-\x7e]{{1,{MAX_TOKEN}}}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the id of the request, and the client's address."""

    request_id: str
    peer: str
    told_usage: Callable[[str], None] = field(default=lambda _usage: None, compare=False, repr=False)
    """Takes what a call of this caller has used, as `format_usage` writes it; not asked where nothing was run."""
    local_uid: int | None = None
    """The machine's user, where the caller has come by the local socket."""
    certificate: bytes = field(default=b"", compare=False, repr=False)
    """The client certificate that the caller has shown at the handshake, in DER."""
    task: TaskHeaders = NO_TASK
    """The tasks that the call has to do with."""


class Backends:
    """The two services, and the highest revision of the registry that this gateway has caused."""

    def __init__(
        self,
        registry: RegistryClients,
        dispatcher: DispatcherClients,
        batches: BatchClient | None = None,
        service_token: str = "",
    ) -> None:
        """Take the services' clients.

        Args:
            registry: of the registry.
            dispatcher: of the dispatcher.
            batches: what sends calls together, where the dispatcher is another process.
            service_token: what the registry knows this gateway by; needed for callers by the local socket, and for
                those with certificates. Without it the registry believes no address of a client who logs in.
        """
        self.registry = registry
        self.dispatcher = dispatcher
        self._batches = batches
        self._service_token = service_token
        self._revision = 0
        self._revision_until = 0.0

    def remember(self, revision: int) -> None:
        """Have the calls from now on see what the registry was told at a revision: a login, a logout."""
        self._revision = max(self._revision, revision)
        self._revision_until = time.monotonic() + REVISION_AGE

    def metadata(self, caller: Caller, session: str | None) -> Sequence[tuple[str, str]]:
        """Build a call's metadata; None stands for a caller without credentials.

        Raises:
            GraftError: SESSION_INVALID, when the reference can be none because metadata cannot even carry it.
        """
        if session is not None and not _CREDENTIAL.fullmatch(session):
            raise session_invalid(session)
        revision = self._revision if time.monotonic() < self._revision_until else 0
        return call_metadata(session or "", caller.request_id, caller.peer, revision)

    def _as_service(self, caller: Caller) -> Sequence[tuple[str, str]]:
        """Build the metadata of a login, of which the registry believes a service where its client is."""
        return call_metadata(self._service_token, caller.request_id, caller.peer)

    async def invoke(
        self, request: dispatcher_pb2.InvokeRequest, seconds: float, session: str | None, caller: Caller
    ) -> dispatcher_pb2.InvokeResponse:
        """Have the dispatcher make a call.

        Raises:
            GraftError: it has failed, or the dispatcher does not answer.
        """
        try:
            metadata = self.metadata(caller, session)
            if self._batches is not None:
                response = await self._batches.invoke(request, timeout=seconds, metadata=metadata)
            else:
                invoke = self.dispatcher.dispatcher.Invoke
                response = await call(invoke, request, timeout=seconds, metadata=metadata, service="dispatcher")
        except GraftError as error:
            used = error.details.get(USAGE, "")
            if read_usage(used):
                caller.told_usage(used)
            raise
        if response.HasField("usage"):
            usage = response.usage
            cpu, wall = (span.ToTimedelta().total_seconds() for span in (usage.cpu, usage.wall))
            caller.told_usage(format_usage(cpu, usage.memory_peak_bytes, wall, usage.processes_peak))
        return response

    async def log_in(self, user: str, password: str, originator: str, caller: Caller) -> identity_pb2.LoginResponse:
        """Open a session for a name and a password, wherever the caller has come from.

        Raises:
            GraftError: the registry does not, or does not answer.
        """
        request = identity_pb2.LoginRequest(user=user, password=password, originator=originator)
        response = await self._ask_registry(
            self.registry.identity.Login, request, self._as_service(caller), LOGIN_TIMEOUT
        )
        self.remember(response.revision)
        return response

    async def log_in_locally(self, uid: int, originator: str, caller: Caller) -> identity_pb2.LoginLocalResponse:
        """Open a session for whoever has come by the local socket, who is asked for nothing.

        Only a login that a client asks for may do so: what is remembered by credentials would let in whoever sends the
        same over the network.

        Raises:
            GraftError: the registry does not, or does not answer.
        """
        request = identity_pb2.LoginLocalRequest(uid=uid, originator=originator)
        response = await self._ask_registry(self.registry.identity.LoginLocal, request, self._as_service(caller))
        self.remember(response.revision)
        return response

    async def log_in_with_certificate(
        self, certificate: bytes, originator: str, caller: Caller
    ) -> identity_pb2.LoginResponse:
        """Open a session for the owner of a certificate, in DER, who has proved at a handshake here to be that.

        Raises:
            GraftError: the registry does not, or does not answer.
        """
        request = identity_pb2.LoginRequest(certificate=certificate, originator=originator)
        response = await self._ask_registry(self.registry.identity.Login, request, self._as_service(caller))
        self.remember(response.revision)
        return response

    async def log_in_with_token(self, token: str, originator: str, caller: Caller) -> str:
        """Open a session for a token of an OpenID Connect issuer, and return its reference.

        Raises:
            GraftError: the registry does not, or does not answer.
        """
        if not token:
            # To the registry, who sends nothing at all means the certificate of the connection.
            raise GraftError("SESSION_AUTHENTICATION_FAILED", "", "the token is no signed JWT")
        request = identity_pb2.LoginRequest(token=token, originator=originator)
        response = await self._ask_registry(self.registry.identity.Login, request, self._as_service(caller))
        self.remember(response.revision)
        return response.session_ref

    async def change_password(self, old: str, new: str, session: str, caller: Caller) -> None:
        """Change the password of the session's user.

        Raises:
            GraftError: the registry does not, or does not answer.
        """
        response = await self._ask_registry(
            self.registry.identity.ChangePassword,
            identity_pb2.ChangePasswordRequest(old_password=old, new_password=new),
            self.metadata(caller, session),
            LOGIN_TIMEOUT,
        )
        self.remember(response.revision)

    async def update_session(self, change: identity_pb2.UpdateSessionRequest, session: str, caller: Caller) -> None:
        """Change what is noted with a session.

        Raises:
            GraftError: the registry does not, or does not answer.
        """
        response = await self._ask_registry(
            self.registry.identity.UpdateSession, change, self.metadata(caller, session)
        )
        self.remember(response.revision)

    async def subject_identifiers(self, session: str, caller: Caller) -> Sequence[str]:
        """Name everybody who has a session.

        Raises:
            GraftError: the registry does not, or does not answer.
        """
        response = await self._ask_registry(
            self.registry.identity.ListSubjectIdentifiers,
            identity_pb2.ListSubjectIdentifiersRequest(),
            self.metadata(caller, session),
        )
        return response.identifiers

    async def log_out_subject(self, identifier: str, session: str, caller: Caller) -> None:
        """Close somebody's sessions.

        Raises:
            GraftError: the registry does not, or does not answer.
        """
        response = await self._ask_registry(
            self.registry.identity.LogoutSubject,
            identity_pb2.LogoutSubjectRequest(identifier=identifier),
            self.metadata(caller, session),
        )
        self.remember(response.revision)

    async def log_out(self, session: str, caller: Caller) -> None:
        """Close a session.

        Raises:
            GraftError: SESSION_INVALID; the registry does not answer.
        """
        response = await self._ask_registry(
            self.registry.identity.Logout, identity_pb2.LogoutRequest(), self.metadata(caller, session)
        )
        self.remember(response.revision)

    async def who_am_i(self, session: str, caller: Caller) -> identity_pb2.Session:
        """Return what the registry knows of a session.

        Raises:
            GraftError: SESSION_INVALID; the registry does not answer.
        """
        return (await self._who_am_i(session, caller)).session

    async def holding_of(self, session: str, caller: Caller) -> Holding:
        """Return what a session may; each service checks that for itself.

        Raises:
            GraftError: SESSION_INVALID; the registry does not answer.
        """
        found = await self._who_am_i(session, caller)
        return Holding.of(found.rank, found.permissions)

    async def _who_am_i(self, session: str, caller: Caller) -> identity_pb2.WhoAmIResponse:
        return await self._ask_registry(
            self.registry.identity.WhoAmI, identity_pb2.WhoAmIRequest(), self.metadata(caller, session)
        )

    async def _ask_registry(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        metadata: Sequence[tuple[str, str]],
        seconds: float = LOOKUP_TIMEOUT,
    ) -> Response:
        return await call(method, request, timeout=seconds, metadata=metadata, service="registry")

    async def list_methods(self, caller: Caller) -> Sequence[dispatcher_pb2.Method]:
        """Return the methods that the dispatcher serves.

        Raises:
            GraftError: it does not tell.
        """
        response = await call(
            self.dispatcher.dispatcher.ListMethods,
            dispatcher_pb2.ListMethodsRequest(),
            timeout=LIST_TIMEOUT,
            metadata=self.metadata(caller, None),
            service="dispatcher",
        )
        return response.methods
