"""The secret by which Graft's services know one another."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from graft_common.settings import Settings


def service_token(settings: Settings) -> str:
    """Return the token that was set, or the one kept in the data dir; the first service to start there makes it."""
    if settings.service_token is not None:
        return settings.service_token.get_secret_value()
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600, exist_ok=False)
    try:
        draft.write_text(secrets.token_urlsafe(32))
        # A hard link appears whole or not at all, and fails where another service was first.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


def find_service_token(settings: Settings) -> str:
    """Return the token that was set, or that a service has made in the data dir already; empty where there is none."""
    if settings.service_token is not None:
        return settings.service_token.get_secret_value()
    try:
        return _path(settings).read_text()
    except OSError:
        return ""


def is_service(credential: str, token: str) -> bool:
    """Compare a credential with the token in constant time."""
    return hmac.compare_digest(credential.encode("utf-8", "surrogatepass"), token.encode())


def _path(settings: Settings) -> Path:
    return settings.data_dir / "keys" / "service-token"
