"""The methods of `session.*` that open, close and change sessions, served by the registry's IdentityService."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from gateway.backends import Backends, Caller
from graft.registry.v1 import identity_pb2
from graft_common.errors import (
    field_type_error,
    handle_invalid,
    parameter_count_mismatch,
    session_invalid,
)
from graft_common.values import Value, type_name

VOID = ""
"""What a XenAPI method without a result returns."""

_LOGIN_PARAMS = ("uname", "pwd", "version", "originator")
_LOGIN_REQUIRED = 2
_TOKEN_PARAMS = ("token", "version", "originator")
_SET_PARAMS = 2
_REF = "OpaqueRef:"


class _Method(Protocol):
    def __call__(
        self, methods: SessionMethods, name: str, params: Sequence[Value], caller: Caller, /
    ) -> Awaitable[Value]:
        """Serve one call."""


class SessionMethods:
    """Serves the methods of `SESSION_METHODS`."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    async def call(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Serve a method that is a key of `SESSION_METHODS`.

        Raises:
            GraftError: the call has failed.
        """
        return await SESSION_METHODS[name](self, name, params, caller)

    async def login(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Open a session: `uname, pwd [, version [, originator]]`; the version is ignored, as by xapi."""
        if not _LOGIN_REQUIRED <= len(params) <= len(_LOGIN_PARAMS):
            raise parameter_count_mismatch(name, _LOGIN_REQUIRED, len(params))
        user, password, _, originator = _strings(_LOGIN_PARAMS, [*params, *[""] * (len(_LOGIN_PARAMS) - len(params))])
        if caller.local_uid is not None:
            return (await self._backends.log_in_locally(caller.local_uid, originator, caller)).session_ref
        if caller.certificate and not user and not password:
            # xapi takes the owner of a certificate without looking at the name (xapi_session.ml).
            opened = await self._backends.log_in_with_certificate(caller.certificate, originator, caller)
            return opened.session_ref
        response = await self._backends.log_in(user, password, originator, caller)
        return response.session_ref

    async def login_with_token(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Open a session for a token of an OpenID Connect issuer: `token [, version [, originator]]`."""
        if not 1 <= len(params) <= len(_TOKEN_PARAMS):
            raise parameter_count_mismatch(name, 1, len(params))
        token, _, originator = _strings(_TOKEN_PARAMS, [*params, *[""] * (len(_TOKEN_PARAMS) - len(params))])
        return await self._backends.log_in_with_token(token, originator, caller)

    async def local_login(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Open a session: `uname, pwd`. In xapi it is one of the host alone; here every host knows every session."""
        if len(params) != _LOGIN_REQUIRED:
            raise parameter_count_mismatch(name, _LOGIN_REQUIRED, len(params))
        return await self.login(name, params, caller)

    async def change_password(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Change the password of the session's user; unlike in xapi, the old one must be right."""
        ref, (old, new) = await self._strings_after_session(name, ("old_pwd", "new_pwd"), params, caller)
        await self._backends.change_password(old, new, ref, caller)
        return VOID

    async def get_all_subject_identifiers(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Return the identifiers of all who have a session."""
        ref, _ = await self._strings_after_session(name, (), params, caller)
        return [*await self._backends.subject_identifiers(ref, caller)]

    async def logout_subject_identifier(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Close all sessions of somebody but the caller's own."""
        ref, (identifier,) = await self._strings_after_session(name, ("subject_identifier",), params, caller)
        await self._backends.log_out_subject(identifier, ref, caller)
        return VOID

    async def set_other_config(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Put notes in place of all that there are with the caller's session."""
        ref, own = _session_of(params)
        session = await self._backends.who_am_i(ref, caller)
        if len(own) != _SET_PARAMS:
            raise parameter_count_mismatch(name, _SET_PARAMS, len(own))
        _check_itself(own[0], ref, session)
        value = own[1]
        if not isinstance(value, dict):
            raise field_type_error("value", "map", type_name(value))
        values = _strings([f"value[{key}]" for key in value], [*value.values()])
        put = dict(zip(value, values, strict=True))
        await self._backends.update_session(identity_pb2.UpdateSessionRequest(put=put, replace_all=True), ref, caller)
        return VOID

    async def add_to_other_config(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Add a note to the caller's session."""
        ref, (_, key, value) = await self._strings_after_session(name, ("self", "key", "value"), params, caller)
        added = identity_pb2.UpdateSessionRequest(put={key: value}, only_new=True)
        await self._backends.update_session(added, ref, caller)
        return VOID

    async def remove_from_other_config(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Remove a note of the caller's session, if it is there."""
        ref, (_, key) = await self._strings_after_session(name, ("self", "key"), params, caller)
        await self._backends.update_session(identity_pb2.UpdateSessionRequest(remove=[key]), ref, caller)
        return VOID

    async def logout(self, name: str, params: Sequence[Value], caller: Caller) -> Value:
        """Close the session."""
        ref, own = _session_of(params)
        if own:
            await self._backends.who_am_i(ref, caller)
            raise parameter_count_mismatch(name, 0, len(own))
        await self._backends.log_out(ref, caller)
        return VOID

    async def _strings_after_session(
        self, name: str, names: Sequence[str], params: Sequence[Value], caller: Caller
    ) -> tuple[str, list[str]]:
        """Check the session, and then that so many strings stand behind it; `self` must be the session."""
        ref, own = _session_of(params)
        session = await self._backends.who_am_i(ref, caller)
        if len(own) != len(names):
            raise parameter_count_mismatch(name, len(names), len(own))
        strings = _strings(names, own)
        if names[:1] == ("self",):
            _check_itself(strings[0], ref, session)
        return ref, strings


def _check_itself(this: Value, ref: str, session: identity_pb2.Session) -> None:
    """Check `self`, which must be the caller's session: by its reference, or by that which others know it by."""
    [wanted] = _strings(("self",), [this])
    if wanted not in {ref, f"{_REF}{session.uuid}"}:
        raise handle_invalid("session", wanted)


def _session_of(params: Sequence[Value]) -> tuple[str, Sequence[Value]]:
    if not params:
        raise session_invalid("")
    ref = params[0]
    if not isinstance(ref, str):
        raise field_type_error("session_id", "string", type_name(ref))
    return ref, params[1:]


def _strings(names: Sequence[str], values: Sequence[Value]) -> list[str]:
    strings: list[str] = []
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, str):
            raise field_type_error(name, "string", type_name(value))
        strings.append(value)
    return strings


SESSION_METHODS: Mapping[str, _Method] = {
    "session.login_with_password": SessionMethods.login,
    "session.login_with_token": SessionMethods.login_with_token,
    "session.slave_local_login_with_password": SessionMethods.local_login,
    "session.change_password": SessionMethods.change_password,
    "session.get_all_subject_identifiers": SessionMethods.get_all_subject_identifiers,
    "session.logout_subject_identifier": SessionMethods.logout_subject_identifier,
    "session.set_other_config": SessionMethods.set_other_config,
    "session.add_to_other_config": SessionMethods.add_to_other_config,
    "session.remove_from_other_config": SessionMethods.remove_from_other_config,
    "session.logout": SessionMethods.logout,
    "session.local_logout": SessionMethods.logout,
}
"""Each method of `session.*` that is served here, and what serves it; the dispatcher has those that read sessions."""
