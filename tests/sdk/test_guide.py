"""The programs of docs/sdk.md, as a reader would run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.running import Platform
from support.sdk import access, echo_api, make_sdk

pytestmark = pytest.mark.e2e

GUIDE = Path(__file__).parents[2] / "docs" / "sdk.md"


def programs(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def _run(command: list[str], folder: Path, platform: Platform, **environment: str) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **access(platform), **environment}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def _check_first(printed: str) -> None:
    assert re.match(r"OpaqueRef:\S+ \S+ \S+\n", printed)
    assert "HANDLE_INVALID task OpaqueRef:no-such-task\n" in printed
    assert printed.endswith("by its name\n")


def test_python(sdk_server: Platform, tmp_path: Path) -> None:
    make_sdk(echo_api(), "python", tmp_path)
    first, asynchronous = programs("python")
    _check_first(_run([sys.executable, "-W", "error", "-c", first], tmp_path, sdk_server))
    assert _run([sys.executable, "-W", "error", "-c", asynchronous], tmp_path, sdk_server).startswith("1 1\n[")
    (tmp_path / "program.py").write_text(first)
    _run([sys.executable, "-m", "mypy", "--strict", "program.py"], tmp_path, sdk_server)


def test_typescript(sdk_server: Platform, tmp_path: Path, tsc: str) -> None:
    sdk = make_sdk(echo_api(), "typescript", tmp_path / "node_modules" / "graft-client")
    _run([tsc, "-p", "."], sdk, sdk_server)
    (program,) = programs("typescript")
    (tmp_path / "program.ts").write_text(program)
    (tmp_path / "node.d.ts").write_text("declare const process: { env: { [name: string]: string | undefined } };")
    (tmp_path / "package.json").write_text('{ "type": "module" }')
    options = ["--strict", "--module", "NodeNext", "--target", "ES2022", "--lib", "ES2022,DOM"]
    _run([tsc, *options, "program.ts", "node.d.ts"], tmp_path, sdk_server)
    node = shutil.which("node")
    assert node is not None
    _check_first(_run([node, "program.js"], tmp_path, sdk_server))
