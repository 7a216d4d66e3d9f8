"""The sessions that `graft login` keeps: `~/.config/graft/sessions.json`, readable by its owner only."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from graft_cli.exits import CliError


def sessions_file() -> Path:
    """Name the file, below `XDG_CONFIG_HOME` or `~/.config`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "graft" / "sessions.json"


def find(url: str, user: str | None) -> tuple[str, str] | None:
    """Return user and session reference for a URL: those of the user named, or of who logged in there last."""
    users = _read().get(url, {})
    name = user if user is not None else next(reversed(users), None)
    return (name, users[name]) if name is not None and name in users else None


def remember(url: str, user: str, ref: str) -> None:
    """Keep a session; it is the one used for the URL until another user logs in."""
    sessions = _read()
    users = sessions.setdefault(url, {})
    users.pop(user, None)
    users[user] = ref
    _write(sessions)


def forget(url: str, user: str) -> None:
    """Drop a session; none kept is fine."""
    sessions = _read()
    users = sessions.get(url, {})
    if users.pop(user, None) is None:
        return
    if not users:
        del sessions[url]
    _write(sessions)


def _read() -> dict[str, dict[str, str]]:
    path = sessions_file()
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        content = None
    if isinstance(content, dict) and all(isinstance(users, dict) for users in content.values()):
        return content
    raise CliError(f"{path} is damaged; remove it and log in again with `graft login`")


def _write(sessions: dict[str, dict[str, str]]) -> None:
    path = sessions_file()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(sessions, file, indent=2)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CliError(f"cannot write {path}: {error.strerror}") from None
