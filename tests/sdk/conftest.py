"""A platform that all tests of SDKs call."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from support.running import Platform
from support.sdk import echoing_platform


@pytest.fixture(scope="session")
def sdk_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that offers `tests/sdk/support/echo.xml`; user and password are `support.running.ADMIN`, `PASSWORD`."""
    root = tmp_path_factory.mktemp("sdk") / "platform"
    with echoing_platform(root) as platform:
        yield platform
    shutil.rmtree(root, ignore_errors=True)


COMPILER = "typescript@>=5.5 <8"


@pytest.fixture(scope="session")
def tsc(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the compiler: that of the machine, or one fetched for these tests."""
    node = shutil.which("node")
    if node is None or _version(node) < 20:
        pytest.skip("Node 20 or newer is not installed (Debian: nodejs)")
    if found := shutil.which("tsc"):
        return found
    if shutil.which("npm") is None:
        pytest.skip("neither tsc nor npm is installed (Debian: npm)")
    folder = tmp_path_factory.mktemp("typescript")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", COMPILER]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm could not fetch the TypeScript compiler within two minutes")
    if done.returncode != 0:
        pytest.skip(f"npm could not fetch the TypeScript compiler: {done.stderr[-300:]}")
    return str(folder / "node_modules" / ".bin" / "tsc")


def _version(node: str) -> int:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout.strip().removeprefix("v").split(".")[0])
