"""Sessions of those for whom an issuer's token or a client certificate vouches."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from graft_common.errors import GraftError
from graft_common.roles import RoleBook
from graft_common.rpc.context import digest as digest_of
from graft_common.settings import Settings
from registry_service import metrics
from registry_service.identity import rules
from registry_service.identity.audit import Action
from registry_service.identity.external.subjects import Subject, UnfitCredentialError, roles_of
from registry_service.identity.sessions import Opened, Sessions
from registry_service.identity.values import Request, Session, User
from registry_service.store.store import Store
from registry_service.tuning import Tuning

if TYPE_CHECKING:
    from registry_service.identity.external.issuer import Issuer

LOGIN_WITH_TOKEN = "session.login_with_token"  # noqa: S105  (a permission's name)
LOGIN_WITH_CERTIFICATE = "session.login_with_certificate"
REFUSED_FOR = 5.0
"""Seconds for which a token that was refused is not looked at again."""
MAX_REFUSED = 1024
"""Tokens of which that is remembered."""

_log = structlog.get_logger("graft.registry")


def open_issuer(settings: Settings, tuning: Tuning) -> Issuer | None:
    """Return the issuer that is set; None where none is.

    Raises:
        StartupError: what is set takes no token, or cannot be believed.
    """
    if settings.oidc_issuer is None:
        return None
    from registry_service.identity.external.issuer import Issuer  # noqa: PLC0415  (half a second that most do without)

    return Issuer.of(settings, tuning)


class ExternalLogins:
    """Opens sessions for tokens and certificates; fails closed where nothing is set."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        issuer: Issuer | None,
        certificate_roles: Mapping[str, str],
        tuning: Tuning,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._issuer = issuer
        self._certificate_roles = certificate_roles
        self._tuning = tuning
        self._clock = clock
        self._refused: OrderedDict[str, tuple[float, GraftError]] = OrderedDict()

    async def close(self) -> None:
        """Let go of the connections to the issuer."""
        if self._issuer is not None:
            await self._issuer.close()

    async def login_with_token(self, token: str, originator: str, request: Request) -> Opened:
        """Open a session with a reference of its own; it ends with the token.

        Raises:
            GraftError: SESSION_AUTHENTICATION_FAILED [user, reason]; RBAC_PERMISSION_DENIED [permission, text];
                SERVICE_UNAVAILABLE [issuer, reason]; VALUE_NOT_SUPPORTED.
        """
        rules.check_originator(originator)
        action = Action(LOGIN_WITH_TOKEN, request, self._tuning.now)
        subject, user = await self._of_token(token, action, originator)
        opened = await self._sessions.open_for(user, originator, action, subject=subject.identifier, ends=subject.ends)
        metrics.LOGINS.labels("OK").inc()
        return opened

    async def session_of_token(self, token: str) -> Session:
        """Open the session of a token that a client has sent as its credential.

        Raises:
            GraftError: as for `login_with_token`.
        """
        request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        return (await self._open_for_token(token, Request(request_id=request_id))).session

    async def lookup(self, token: str, request: Request) -> tuple[Session, int]:
        """Return the session of a token, opened if it has none yet, and the revision at which it was read.

        Raises:
            GraftError: as for `login_with_token`.
        """
        try:
            return await self._sessions.lookup(digest_of(token))
        except GraftError as error:
            if error.code != "SESSION_INVALID":
                raise
        opened = await self._open_for_token(token, request)
        return opened.session, opened.revision

    async def _open_for_token(self, token: str, request: Request) -> Opened:
        action = Action(LOGIN_WITH_TOKEN, request, self._tuning.now)
        subject, user = await self._of_token(token, action, "")
        opened = await self._sessions.open_for_token(token, user, action, subject.identifier, subject.ends)
        metrics.LOGINS.labels("OK").inc()
        return opened

    async def login_with_certificate(self, certificate: bytes, originator: str, request: Request) -> Opened:
        """Open a session for the owner of a certificate, who was verified in a handshake; it ends with that.

        Raises:
            GraftError: SESSION_AUTHENTICATION_FAILED [user, reason]; RBAC_PERMISSION_DENIED [permission, text];
                VALUE_NOT_SUPPORTED.
        """
        rules.check_originator(originator)
        action = Action(LOGIN_WITH_CERTIFICATE, request, self._tuning.now)
        try:
            subject = self._of_certificate(certificate)
        except UnfitCredentialError as error:
            raise await self._refusal(str(error), action, originator) from None
        user = await self._with_roles(subject, self._certificate_roles, action, LOGIN_WITH_CERTIFICATE, originator)
        opened = await self._sessions.open_for(user, originator, action, subject=subject.identifier, ends=subject.ends)
        metrics.LOGINS.labels("OK").inc()
        return opened

    async def _of_token(self, token: str, action: Action, originator: str) -> tuple[Subject, User]:
        """Verify a token, and say who may do what by it. One that was refused a moment ago costs nothing again."""
        key = digest_of(token)
        until, refusal = self._refused.get(key, (0.0, None))
        if refusal is not None and self._clock() < until:
            raise GraftError(refusal.code, *refusal.params)
        try:
            return await self._verified(token, action, originator)
        except GraftError as error:
            if error.code in {"SESSION_AUTHENTICATION_FAILED", "RBAC_PERMISSION_DENIED"}:
                self._refused[key] = self._clock() + REFUSED_FOR, error
                self._refused.move_to_end(key)
                while len(self._refused) > MAX_REFUSED:
                    self._refused.popitem(last=False)
            raise

    async def _verified(self, token: str, action: Action, originator: str) -> tuple[Subject, User]:
        try:
            issuer, claims = await self._signed(token)
        except UnfitCredentialError as error:
            # Anybody can make such tokens without end: the log tells of them, the record does not.
            raise await self._refusal(str(error), None, originator) from None
        try:
            subject = issuer.subject_of(claims, self._tuning.now())
        except UnfitCredentialError as error:
            raise await self._refusal(str(error), action, originator) from None
        return subject, await self._with_roles(subject, issuer.roles, action, LOGIN_WITH_TOKEN, originator)

    async def _signed(self, token: str) -> tuple[Issuer, Mapping[str, Any]]:
        if self._issuer is None:
            raise UnfitCredentialError("no issuer of tokens is set here (GRAFT_OIDC_ISSUER)")
        return self._issuer, await self._issuer.claims_of(token)

    def _of_certificate(self, certificate: bytes) -> Subject:
        if not certificate:
            raise UnfitCredentialError("the connection has no client certificate")
        if not self._certificate_roles:
            raise UnfitCredentialError("no certificate has a role here (GRAFT_CERTIFICATE_ROLES)")
        from registry_service.identity.external import certificates  # noqa: PLC0415  (what most do without)

        return certificates.read_subject(certificate, self._tuning.now())

    async def _refusal(self, reason: str, action: Action | None, originator: str) -> GraftError:
        error = GraftError("SESSION_AUTHENTICATION_FAILED", "", reason)
        _log.warning("login.failed", user="", reason=reason)
        metrics.LOGINS.labels(error.code).inc()
        if action is not None:
            await self._store.record(action.record(None, error.code, originator=originator))
        return error

    async def _with_roles(
        self, subject: Subject, mapping: Mapping[str, str], action: Action, permission: str, originator: str
    ) -> User:
        wanted = roles_of(subject.groups, mapping)
        async with self._store.read() as view:
            known = RoleBook(await view.roles()).roles
        held = tuple(role.name for role in known if role.name in wanted)
        if len(held) < len(wanted):
            _log.warning("role.unknown", roles=sorted(wanted.difference(held)), fix="make it, or set another")
        if not held:
            # The words are xapi's (xapi_session.ml).
            error = GraftError(
                "RBAC_PERMISSION_DENIED", permission, f"Subject {subject.identifier} has no roles in this pool"
            )
            metrics.LOGINS.labels(error.code).inc()
            await self._store.record(action.record(None, error.code, user=subject.user, originator=originator))
            raise error
        return User(subject.user, subject.uuid, held, self._tuning.now())
