"""Commands that need no service: help, settings, exit codes, and failures to start."""

from __future__ import annotations

import json
import resource
import socket
from pathlib import Path

import pytest

from cli.conftest import Graft

COMMANDS = [
    [],
    ["up"],
    ["registry"],
    ["dispatcher"],
    ["gateway"],
    ["health"],
    ["login"],
    ["logout"],
    ["call"],
    ["methods"],
    ["tasks"],
    ["tasks", "list"],
    ["tasks", "show"],
    ["tasks", "wait"],
    ["tasks", "watch"],
    ["tasks", "cancel"],
    ["tasks", "destroy"],
    ["events"],
    ["audit"],
    ["user"],
    ["user", "add"],
    ["user", "list"],
    ["user", "passwd"],
    ["user", "roles"],
    ["user", "remove"],
    ["group"],
    ["group", "list"],
    ["group", "add"],
    ["group", "set"],
    ["group", "join"],
    ["group", "leave"],
    ["group", "remove"],
    ["role"],
    ["role", "list"],
    ["role", "show"],
    ["role", "add"],
    ["role", "set"],
    ["role", "remove"],
    ["role", "grant"],
    ["role", "revoke"],
    ["ls"],
    ["show"],
    ["reload"],
    ["link"],
    ["relink"],
    ["unlink"],
    ["links"],
    ["mpack"],
    ["mpack", "install"],
    ["mpack", "upgrade"],
    ["mpack", "uninstall"],
    ["mpack", "list"],
    ["mpack", "show"],
    ["mpack", "verify"],
    ["mpack", "log"],
    ["validate"],
    ["new"],
    ["new", "extension"],
    ["import"],
    ["export"],
    ["proto"],
    ["proto", "export"],
    ["docs"],
    ["docs", "generate"],
    ["settings"],
    ["doctor"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(graft: Graft, command: list[str]) -> None:
    done = graft(*command, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"graft {' '.join(command)}".strip() in done.stdout.partition("Example")[2]
    assert "\x1b" not in done.stdout


def test_help_is_quick(graft: Graft) -> None:
    # Time on a processor, which other tests do not lengthen.
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        graft("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.5


def test_version(graft: Graft) -> None:
    assert graft("--version").stdout.startswith("graft 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["call"],
        ["call", "X.y", "int:five"],
        ["call", "X.y", "--wait"],
        ["tasks", "show"],
        ["up", "--no"],
    ],
)
def test_wrong_usage_exits_with_2(graft: Graft, arguments: list[str]) -> None:
    done = graft(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_who_is_not_logged_in_is_told(graft: Graft) -> None:
    for arguments in (["call", "X.y"], ["audit"], ["logout"]):
        done = graft(*arguments)
        assert done.returncode == 4
        assert "not logged in" in done.stderr


def test_who_cannot_be_reached_is_named(graft: Graft) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        done = graft("login", "--url", f"http://{address}", "--user", "ann", GRAFT_PASSWORD="x")
        assert (done.returncode, address in done.stderr) == (3, True)
        done = graft("methods", GRAFT_DISPATCHER=address)
        assert (done.returncode, address in done.stderr) == (3, True)
        done = graft("health", "--json", GRAFT_DISPATCHER=address, GRAFT_REGISTRY=address, GRAFT_HTTP=address)
        assert done.returncode == 3
        assert [item["ready"] for item in json.loads(done.stdout)] == [False] * 3
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["junk", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http:///x", "http://a b"])
def test_what_is_no_url_is_told(graft: Graft, url: str) -> None:
    done = graft("call", "X.y", "--url", url)
    assert done.returncode == 2
    assert f"{url} is no URL of a gateway" in done.stderr


def test_no_password_without_a_terminal(graft: Graft) -> None:
    done = graft("login", "--user", "ann")
    assert done.returncode == 2
    assert "GRAFT_PASSWORD" in done.stderr


def test_settings_tell_their_source_and_no_secret(graft: Graft, tmp_path: Path) -> None:
    (tmp_path / "graft.toml").write_text('call_timeout = "5min"\nhttp = "127.0.0.1:1"\n')
    (tmp_path / "secret").write_text("the token")
    done = graft(
        "settings",
        "--json",
        "--data-dir",
        str(tmp_path / "data"),
        GRAFT_HTTP="127.0.0.1:2",
        GRAFT_ADMIN_PASSWORD="the password",
        GRAFT_SERVICE_TOKEN_FILE=str(tmp_path / "secret"),
        GRAFT_CALL_MEMROY="1GiB",
        GRAFT_NEW_PASSWORD="a new user's",
    )
    assert done.returncode == 0
    rows = {row["name"]: (row["value"], row["source"]) for row in json.loads(done.stdout)}
    assert rows["data_dir"] == (str(tmp_path / "data"), "command line")
    assert rows["http"] == ("127.0.0.1:2", "environment GRAFT_HTTP")
    assert rows["call_timeout"] == ("300 s", "file graft.toml")
    assert rows["call_memory"] == ("1 GiB", "default")
    assert rows["admin_password"] == ("********", "environment GRAFT_ADMIN_PASSWORD")
    assert rows["service_token"] == ("********", "environment GRAFT_SERVICE_TOKEN_FILE")
    assert rows["database_url"] == ("", "default")
    assert rows["extensions_dir"] == (str(tmp_path / "data/extensions.d"), "default")
    assert "the password" not in done.stdout + done.stderr
    assert "the token" not in done.stdout + done.stderr
    assert "GRAFT_CALL_MEMROY is set and is no setting" in done.stderr
    assert "GRAFT_NEW_PASSWORD" not in done.stderr


@pytest.mark.parametrize(
    ("content", "variables", "told"),
    [
        ("", {"GRAFT_CALL_TIMEOUT": "soon"}, "GRAFT_CALL_TIMEOUT: 'soon' is not a duration"),
        ('call_memory = "much"', {}, "graft.toml: call_memory: 'much' is not a size"),
        ("call_timeuot = 1", {}, "graft.toml: call_timeuot: there is no such setting"),
        ("= 1", {}, "graft.toml is not TOML"),
        ("", {"GRAFT_CONFIG": "none.toml"}, "GRAFT_CONFIG=none.toml: there is no such file"),
        ("", {"GRAFT_ADMIN_PASSWORD_FILE": "/none"}, "GRAFT_ADMIN_PASSWORD_FILE=/none: No such file or directory"),
    ],
)
def test_a_bad_setting_is_named(
    graft: Graft, tmp_path: Path, content: str, variables: dict[str, str], told: str
) -> None:
    (tmp_path / "graft.toml").write_text(content)
    done = graft("up", **variables)
    assert done.returncode == 1
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "mend"),
    [
        ("--http", "GRAFT_HTTP"),
        ("--registry", "GRAFT_REGISTRY"),
        ("--dispatcher", "GRAFT_DISPATCHER"),
        ("--metrics", "GRAFT_METRICS"),
    ],
)
def test_a_port_in_use_is_named(graft: Graft, tmp_path: Path, option: str, mend: str) -> None:
    addresses = dict.fromkeys(("--http", "--registry", "--dispatcher", "--metrics"), "127.0.0.1:0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addresses[option] = f"127.0.0.1:{taken.getsockname()[1]}"
        options = [part for pair in addresses.items() for part in pair]
        done = graft("up", "--data-dir", str(tmp_path / "data"), *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert addresses[option] in done.stderr
    assert "address already in use" in done.stderr
    assert mend in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", ["--http", "--registry", "--dispatcher", "--metrics"])
def test_a_demonstration_stays_on_this_machine(graft: Graft, option: str) -> None:
    done = graft("up", "--demo", option, "0.0.0.0:0")
    assert done.returncode == 1
    assert f"{option} is 0.0.0.0:0" in done.stderr


def test_a_demonstration_leaves_shared_databases_alone(graft: Graft) -> None:
    done = graft("up", "--demo", GRAFT_DATABASE_URL="postgresql://a:secret@b/c")
    assert done.returncode == 1
    assert "GRAFT_DATABASE_URL" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("command", ["up", "registry", "gateway"])
def test_data_of_a_demonstration_is_not_served_to_others(graft: Graft, tmp_path: Path, command: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/demo.json").write_text("{}")
    done = graft(
        command,
        "--data-dir",
        str(tmp_path / "data"),
        GRAFT_HTTP="0.0.0.0:0",
        GRAFT_REGISTRY_BIND="0.0.0.0:0",
        GRAFT_DISPATCHER="127.0.0.1:0",
        GRAFT_METRICS="off",
    )
    assert done.returncode == 1
    assert "was made by --demo" in done.stderr


def test_a_data_directory_that_cannot_be_made_is_named(graft: Graft, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = graft("registry", "--data-dir", str(tmp_path / "file/data"), "--bind", "127.0.0.1:0", "--metrics", "off")
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert len(done.stderr.splitlines()) == 1
