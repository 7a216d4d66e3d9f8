"""The cookie of a session."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

COOKIE = "AMBARISESSIONID"


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
