"""Where sessions are kept, and who can read them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from graft_cli import sessions
from graft_cli.exits import CliError

URL, OTHER = "http://127.0.0.1:8080", "http://127.0.0.1:8081"


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_a_session_is_kept_for_its_url_and_user() -> None:
    assert sessions.find(URL, None) is None
    sessions.remember(URL, "ann", "OpaqueRef:1")
    sessions.remember(URL, "bob", "OpaqueRef:2")
    sessions.remember(OTHER, "ann", "OpaqueRef:3")
    assert sessions.find(URL, None) == ("bob", "OpaqueRef:2")
    assert sessions.find(URL, "ann") == ("ann", "OpaqueRef:1")
    assert sessions.find(OTHER, None) == ("ann", "OpaqueRef:3")
    sessions.remember(URL, "ann", "OpaqueRef:4")
    assert sessions.find(URL, None) == ("ann", "OpaqueRef:4")
    sessions.forget(URL, "ann")
    sessions.forget(URL, "ann")
    assert sessions.find(URL, None) == ("bob", "OpaqueRef:2")
    assert sessions.find(URL, "ann") is None


def test_nobody_else_can_read_them() -> None:
    sessions.sessions_file().parent.mkdir(parents=True, mode=0o755)
    sessions.remember(URL, "ann", "OpaqueRef:1")
    assert stat.S_IMODE(sessions.sessions_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(sessions.sessions_file().parent.stat().st_mode) == 0o700
    assert [path.name for path in sessions.sessions_file().parent.iterdir()] == ["sessions.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"http://x": 1}'])
def test_a_damaged_file_is_named(content: str) -> None:
    sessions.sessions_file().parent.mkdir(parents=True)
    sessions.sessions_file().write_text(content)
    with pytest.raises(CliError, match=r"sessions\.json is damaged"):
        sessions.find(URL, None)
