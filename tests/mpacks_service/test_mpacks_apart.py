"""Management packs where the three services are processes of their own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.packs import extension_pack, write_pack
from support.resources import Resources
from support.running import Platform, make_platform


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("apart")
    tree = Resources(root / "resources")
    tree.stack("HDP/2.4", HDFS="")
    platform = make_platform("apart", root / "platform", GRAFT_RESOURCES_DIR=str(tree.root))
    try:
        platform.start_all()
        platform.log_in()
        yield platform
    finally:
        platform.kill_all()


def hooked(folder: Path, name: str, script: str) -> str:
    hooks = [{"name": "before-install", "type": "shell", "script": "hooks/it"}]
    files = {**extension_pack(name, "1.0", {f"{name.upper()}/1.0": "OOZIE"}, hooks=hooks), "hooks/it": script}
    return str(write_pack(folder / f"{name}.tar.gz", f"{name}-1.0", files))


def installed(platform: Platform) -> list[str]:
    done = platform.graft("mpack", "list", "--json")
    assert done.returncode == 0, done.stderr
    return [one["name"] for one in json.loads(done.stdout)]


def audited(platform: Platform) -> dict[str, Any]:
    done = platform.graft("audit", "--json")
    assert done.returncode == 0, done.stderr
    return {record["action"]: record["outcome"] for record in reversed(json.loads(done.stdout))}


def test_a_hook_runs_behind_the_dispatchers_walls(platform: Platform, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("swordfish")
    with tempfile.TemporaryDirectory(prefix="graft-test-") as others:
        Path(others).chmod(0o777)
        keys = f"{platform.root}/data/keys/service-token"
        attack = (
            f"for it in {secret} {keys} /etc/shadow; do cat $it && exit 9; done\n"
            f"echo x > {others}/written && exit 9\necho x > written && exit 9\nid -u; exit 3\n"
        )
        done = platform.graft("mpack", "install", hooked(tmp_path, "attack", attack))
        assert not list(Path(others).iterdir())
    assert done.returncode == 1
    assert "Failed to execute before-install hook. Failed with error code 3" in done.stderr
    assert "swordfish" not in done.stderr
    assert installed(platform) == []
    assert audited(platform)["mpack.install"] == "MPACK_HOOK_FAILED"
    assert audited(platform)["mpack.before-install"] == "HOOK_FAILED"

    good = platform.graft("mpack", "install", "-v", hooked(tmp_path, "good", "echo heard"))
    assert good.stdout.startswith("before-install hook, hooks/it:\n  heard\n"), good.stderr
    assert installed(platform) == ["good"]
    assert audited(platform)["mpack.before-install"] == "OK"


def test_without_a_dispatcher(platform: Platform, tmp_path: Path) -> None:
    platform.stop("dispatcher")
    try:
        done = platform.graft("mpack", "install", hooked(tmp_path, "away", "exit 0"))
        assert done.returncode == 1
        assert "MPACK_HOOK_FAILED" in done.stderr
        assert "it cannot be reached" in done.stderr
        assert "away" not in installed(platform)
        plain = write_pack(tmp_path / "plain.zip", "plain-1.0", extension_pack("plain", "1.0", {"PLAIN/1.0": "PIG"}))
        assert platform.graft("mpack", "install", str(plain)).returncode == 0
    finally:
        platform.start("dispatcher")
        platform.wait_ready()
    # The registry finds the one that has come back.
    assert platform.graft("mpack", "install", hooked(tmp_path, "back", "exit 0")).returncode == 0
