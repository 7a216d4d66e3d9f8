"""Management packs on the command line, against a whole platform."""

from __future__ import annotations

import functools
import json
import os
import pty
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import GRAFT
from support.packs import artifact, extension_pack, metadata, service, write_pack
from support.resources import Resources
from support.running import Platform, make_platform


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("mpacks")
    tree = Resources(root / "resources")
    tree.stack("HDP/2.4", HDFS="")
    platform = make_platform(
        "up",
        root / "platform",
        GRAFT_RESOURCES_DIR=str(tree.root),
        GRAFT_ENGINE="none",
        GRAFT_MPACK_MAX_ARCHIVE="1MiB",
    )
    try:
        platform.start_all()
        platform.log_in()
        yield platform
    finally:
        platform.kill_all()


def pack(folder: Path, name: str, version: str, extensions: dict[str, str], **more: Any) -> str:
    files = extension_pack(name, version, extensions, **more)
    if "hooks" in more:
        files = {**files, "hooks/it": "echo heard; exit ${0##*/it}"}
    return str(write_pack(folder / f"{name}-{version}.tar.gz", f"{name}-{version}", files))


def answer(platform: Platform, *arguments: str, code: int = 0) -> Any:
    done = platform.graft("mpack", *arguments, "--json")
    assert done.returncode == code, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def refused(platform: Platform, *arguments: str, code: int = 1) -> str:
    done = platform.graft("mpack", *arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_from_a_check_to_the_end(platform: Platform, tmp_path: Path) -> None:
    first, second = (
        pack(tmp_path, "foo", "1.0", {"EXT/1.0": "OOZIE"}),
        pack(tmp_path, "foo", "1.1", {"EXT/2.0": "OOZIE"}),
    )
    assert "Management pack foo-1.0 can be installed" in platform.graft("mpack", "verify", first).stdout
    done = platform.graft("mpack", "install", f"--mpack={first}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Management pack foo-1.0 successfully installed!")
    assert refused(platform, "install", first) == (
        "graft: MPACK_INSTALLED\n  Management pack foo-1.0 already installed!\n"
    )
    problems = answer(platform, "verify", first, code=1)["problems"]
    assert any("already installed" in problem for problem in problems)
    # What was installed can be linked at once: nothing is restarted.
    assert platform.graft("link", "EXT/1.0", "HDP/2.4").returncode == 0
    assert "MPACK_IN_USE" in refused(platform, "uninstall", "foo/1.0")
    assert "link 1: EXT/1.0 to EXT/2.0" in platform.graft("mpack", "upgrade", second).stdout
    assert [(one["name"], one["version"]) for one in answer(platform, "list")] == [("foo", "1.1")]
    assert "foo   1.1      EXT/2.0" in platform.graft("mpack", "list").stdout
    assert answer(platform, "show", "foo/1.1")["extension_versions"] == ["EXT/2.0"]
    assert "version: 1.1" in platform.graft("mpack", "show", "foo").stdout
    assert "MPACK_NOT_FOUND" in refused(platform, "show", "foo/1.0")
    commands = [one["mpack_command"] for one in answer(platform, "log")]
    assert commands == ["install-mpack", "upgrade-mpack"]
    assert "foo-1.1.tar.gz" in platform.graft("mpack", "log").stdout
    assert platform.graft("unlink", "1").returncode == 0
    assert answer(platform, "uninstall", "--mpack-name=foo")["removed"][0]["version"] == "1.1"
    assert "No management packs found that can be uninstalled!" in refused(platform, "uninstall", "foo")


def test_wrong_usage(platform: Platform, tmp_path: Path) -> None:
    assert "Management pack not specified!" in refused(platform, "install", code=2)
    assert "Management pack name not specified!" in refused(platform, "uninstall", code=2)
    assert "give it once" in refused(platform, "install", "a", "--mpack=b", code=2)
    assert "Management pack could not be downloaded!" in refused(platform, "install", "none.tar.gz")
    assert "it is no regular file" in refused(platform, "install", str(tmp_path))
    large = tmp_path / "large.tar.gz"
    large.write_bytes(b"x" * ((1 << 20) + 1))
    assert "MPACK_TOO_LARGE" in refused(platform, "install", str(large))
    assert "MPACK_MALFORMED" in refused(platform, "verify", str(GRAFT))


def test_from_a_url(platform: Platform, tmp_path: Path) -> None:
    pack(tmp_path, "web", "1.0", {"WEB/1.0": "PIG"})
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        assert answer(platform, "install", f"{base}/web-1.0.tar.gz?x=1")["mpack"]["archive"] == "web-1.0.tar.gz"
        for path, reason in (("none", "answers with 404"), ("large", "it has more than 1 MiB")):
            assert reason in refused(platform, "install", f"{base}/{path}")
        server.shutdown()
    assert "cannot be reached" in refused(platform, "install", f"{base}/web-1.0.tar.gz")
    assert "is no URL such as" in refused(platform, "install", "ftp://example.com/x.tar.gz")
    answer(platform, "uninstall", "web")


def test_hooks(platform: Platform, tmp_path: Path) -> None:
    good = [{"name": "before-install", "type": "shell", "script": "hooks/it"}]
    done = platform.graft("mpack", "install", "-v", pack(tmp_path, "good", "1.0", {"G/1.0": "G"}, hooks=good))
    assert done.stdout.startswith("before-install hook, hooks/it:\n  heard\nManagement pack good-1.0")
    bad = extension_pack("bad", "1.0", {"B/1.0": "B"}, hooks=good)
    path = write_pack(tmp_path / "bad.zip", "bad-1.0", {**bad, "hooks/it": "echo no disk >&2; exit 3"})
    assert refused(platform, "install", str(path)) == (
        "graft: MPACK_HOOK_FAILED\n  Failed to execute before-install hook. Failed with error code 3\n  no disk\n"
    )
    assert not [one for one in answer(platform, "list") if one["name"] == "bad"]
    answer(platform, "uninstall", "good")


def stacks_pack(folder: Path) -> str:
    files = {
        "mpack.json": metadata("stacks", "1.0", artifacts=[artifact("stack-definitions", "stacks")]),
        "stacks/HDP/2.4/metainfo.xml": "<metainfo/>",
        "stacks/HDP/2.4/services/PIG/metainfo.xml": service("PIG"),
    }
    return str(write_pack(folder / "stacks-1.0.zip", "stacks-1.0", files))


def test_a_purge_is_asked_for(platform: Platform, tmp_path: Path) -> None:
    path = stacks_pack(tmp_path)
    assert "with --yes" in refused(platform, "install", path, "--purge", code=2)
    assert "--purge-list all is none" in refused(platform, "install", path, "--purge", "--purge-list=all", code=2)
    code, shown = on_a_terminal(platform, "n\n", "mpack", "install", path, "--purge")
    assert code == 1
    assert "CAUTION: You have specified the --purge option with --purge-list=[stack-definitions,mpacks]." in shown
    assert "Management pack installation cancelled by user" in shown
    assert not [one for one in answer(platform, "list") if one["name"] == "stacks"]
    code, shown = on_a_terminal(platform, "y\n", "mpack", "install", path, "--purge")
    assert code == 0, shown
    assert "Management pack stacks-1.0 successfully installed!" in shown
    assert platform.graft("mpack", "install", path, "--purge", "--force", "--yes").returncode == 0


def on_a_terminal(platform: Platform, typed: str, *arguments: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    environment = {**platform.environment, "HOME": str(platform.root), "TERM": "xterm", "COLUMNS": "200"}
    with subprocess.Popen(
        [str(GRAFT), *arguments], env=environment, cwd=platform.root, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # nobody has the other end open any more
                break
            if not piece:
                break
            shown += piece
        code = process.wait(60)
    os.close(ours)
    return code, shown.decode()


def test_who_may_not(platform: Platform, tmp_path: Path) -> None:
    assert platform.graft("user", "add", "olga", "--role", "pool-operator", GRAFT_NEW_PASSWORD="x" * 20).returncode == 0
    path = pack(tmp_path, "foo", "1.0", {"EXT/1.0": "OOZIE"})
    done = platform.graft("mpack", "install", path, "--user", "olga", GRAFT_PASSWORD="x" * 20)
    assert done.returncode == 1
    assert "RBAC_PERMISSION_DENIED\n  mpack.install\n" in done.stderr
    assert platform.graft("mpack", "list", "--user", "olga", GRAFT_PASSWORD="x" * 20).returncode == 0
