"""Which web pages may use the MCP end point.

A page's name may come to stand for the address of this server (DNS rebinding), so that what its browser takes for the
page's own server is this one. Hence names count only where they are set, and addresses where they are the server's own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit


def origin_fits(origin: str, host: str, allowed: Collection[str]) -> bool:
    """Tell whether a request may be served.

    Args:
        origin: the header `Origin`; empty where there is none, as from all that are no browsers.
        host: the header `Host`.
        allowed: the origins that are set: `https://console.example`.
    """
    if not origin or origin.lower() in allowed:
        return True
    try:
        parts = urlsplit(origin.lower())
        name = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc == host.lower() and _is_no_name(name)


def read_origins(setting: str) -> frozenset[str]:
    """Read the setting: origins with commas between them."""
    return frozenset(part.strip().rstrip("/").lower() for part in setting.split(",") if part.strip())


def _is_no_name(host: str) -> bool:
    """Tell whether nobody can make a host stand for something else."""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
