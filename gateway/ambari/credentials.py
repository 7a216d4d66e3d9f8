"""The credentials of a request: Basic authentication, or the cookie of a session."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from gateway.ambari.logins import Credentials

COOKIE = "AMBARISESSIONID"


def basic_credentials(headers: Mapping[str, str]) -> Credentials | None:
    """Return what `Authorization: Basic …` says; None where there is nothing of the kind that can be read."""
    scheme, _, encoded = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        # What old clients send (RFC 7617, B.3).
        text = decoded.decode("latin-1")
    user, colon, password = text.partition(":")
    return Credentials(user, password) if colon else None


def session_cookie(headers: Mapping[str, str]) -> str:
    """Return the session that the cookie names; empty where there is none."""
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    found = cookies.get(COOKIE)
    return found.value if found is not None else ""


def set_cookie(ref: str, *, secure: bool) -> str:
    """Write the cookie of a session.

    Scripts of a page cannot read it, and other sites' pages cannot make a browser send it: nothing there has reason to.
    """
    return f"{COOKIE}={ref}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"


def clear_cookie() -> str:
    """Write the cookie that takes the session's away."""
    return f"{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
