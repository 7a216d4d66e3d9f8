"""Where settings come from, which source wins, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from graft_common.settings import Settings, is_loopback, split_address


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GRAFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_defaults() -> None:
    settings = Settings()
    assert settings.http == "127.0.0.1:8080"
    assert settings.registry == "127.0.0.1:50051"
    assert settings.dispatcher == "127.0.0.1:50052"
    assert (settings.call_timeout, settings.call_memory) == (60.0, 1 << 30)
    assert (settings.call_processes, settings.call_output) == (64, 8 << 20)
    assert settings.session_idle == 24 * 3600
    assert settings.data_dir.name == "graft"
    assert settings.extensions_path == settings.data_dir / "extensions.d"
    assert settings.declarations_path == settings.data_dir / "declarations.d"
    assert settings.resources_path == settings.data_dir / "resources"
    assert settings.database("registry") == f"sqlite:///{settings.data_dir}/registry.db"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "graft.toml").write_text('call_timeout = "1min"\ncall_memory = "2GiB"\ncall_processes = 8\n')
    assert (Settings().call_timeout, Settings().call_memory, Settings().call_processes) == (60.0, 2 << 30, 8)
    monkeypatch.setenv("GRAFT_CALL_MEMORY", "256MiB")
    monkeypatch.setenv("GRAFT_CALL_PROCESSES", "9")
    settings = Settings(call_processes=10)
    assert (settings.call_timeout, settings.call_memory, settings.call_processes) == (60.0, 256 << 20, 10)


def test_folders_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = Settings(data_dir=Path(".data"), extensions_dir=Path("~/methods"))
    assert settings.data_dir == tmp_path / ".data"
    assert settings.extensions_path == Path("/home/somebody/methods")


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_HTTP", "")
    assert Settings().http == "127.0.0.1:8080"


def test_a_secret_comes_from_a_file_unless_the_variable_itself_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("GRAFT_ADMIN_PASSWORD_FILE", str(tmp_path / "secret"))
    secret = Settings().admin_password
    assert secret is not None
    assert secret.get_secret_value() == "from a file"
    assert "from a file" not in repr(Settings())
    monkeypatch.setenv("GRAFT_ADMIN_PASSWORD", "from the environment")
    secret = Settings().admin_password
    assert secret is not None
    assert secret.get_secret_value() == "from the environment"


def test_another_file_can_be_named_and_must_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('http = "127.0.0.1:1"\n')
    monkeypatch.setenv("GRAFT_CONFIG", str(tmp_path / "other.toml"))
    assert Settings().http == "127.0.0.1:1"
    monkeypatch.setenv("GRAFT_CONFIG", str(tmp_path / "missing.toml"))
    with pytest.raises(ValueError, match="there is no such file"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http", "8080"),
        ("http", "127.0.0.1:http"),
        ("registry", "127.0.0.1:65536"),
        ("call_timeout", "soon"),
        ("call_timeout", "0"),
        ("call_memory", "0"),
        ("call_processes", "0"),
        ("call_concurrency", "100000"),
        ("log_level", "loud"),
        ("admin_user", ""),
        ("service_token", ""),
    ],
)
def test_what_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        Settings(**{name: value})


def test_a_setting_that_does_not_exist_is_refused_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "graft.toml").write_text("call_timeuot = 5\n")
    with pytest.raises(ValidationError, match="call_timeuot"):
        Settings()


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:80", ("::1", 80)), ("registry:0", ("registry", 0))],
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    assert split_address(address) == expected


@pytest.mark.parametrize("address", ["", "80", ":80", "host", "host:", "host:-1", "host:x", "host:²"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address such as"):
        split_address(address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("127.0.0.1.example:1", False),
        ("127.example:1", False),
    ],
)
def test_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_roles_by_group_are_those_of_one_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "graft.toml").write_text('[oidc_roles]\nops = "pool-admin"\n"*" = "read-only"\n')
    assert Settings().oidc_roles == {"ops": "pool-admin", "*": "read-only"}
    file = tmp_path / "roles"
    file.write_text('{"ops": "vm-admin"}\n')
    monkeypatch.setenv("GRAFT_OIDC_ROLES_FILE", str(file))
    assert Settings().oidc_roles == {"ops": "vm-admin"}
    monkeypatch.setenv("GRAFT_OIDC_ROLES", '{"dev": "vm-operator"}')
    assert Settings().oidc_roles == {"dev": "vm-operator"}


@pytest.mark.parametrize(
    ("given", "told"),
    [("{bad", "no JSON such as"), ('["a"]', "valid dictionary"), ('{"a": 7}', "valid string")],
)
def test_roles_by_group_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, given: str, told: str) -> None:
    monkeypatch.setenv("GRAFT_CERTIFICATE_ROLES", given)
    with pytest.raises(ValidationError, match=told):
        Settings()
