"""The programs of docs/sdk.md, as a reader would run them."""

from __future__ import annotations

import json
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


def _needs(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} cannot be found")


def _check_first(printed: str) -> None:
    assert re.match(r"OpaqueRef:\S+ \S+ \S+\n", printed)
    assert "HANDLE_INVALID task OpaqueRef:no-such-task\n" in printed
    assert printed.rstrip('"\n').endswith("by its name")


def test_python(sdk_server: Platform, tmp_path: Path) -> None:
    make_sdk(echo_api(), "python", tmp_path)
    first, asynchronous = programs("python")
    _check_first(_run([sys.executable, "-W", "error", "-c", first], tmp_path, sdk_server))
    assert _run([sys.executable, "-W", "error", "-c", asynchronous], tmp_path, sdk_server).startswith("1 1\n[")
    (tmp_path / "program.py").write_text(first)
    _run([sys.executable, "-m", "mypy", "--strict", "program.py"], tmp_path, sdk_server)


def test_the_running_platform_is_asked(sdk_server: Platform, tmp_path: Path) -> None:
    done = sdk_server.graft("sdk", "generate", "--lang", "python", "--out", str(tmp_path / "made"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert {"graft_client/methods/echo.py", "graft_client/methods/host.py"} <= set(told["files"])
    assert "ULTRAVIOLET" in (tmp_path / "made/graft_client/types.py").read_text()
    again = sdk_server.graft("sdk", "generate", "--lang", "python", "--out", str(tmp_path / "made"), "--json")
    assert json.loads(again.stdout) == told | {"changed": []}
    (first, _) = programs("python")
    _check_first(_run([sys.executable, "-W", "error", "-c", first], tmp_path / "made", sdk_server))


def test_go(sdk_server: Platform, tmp_path: Path) -> None:
    _needs("go")
    make_sdk(echo_api(), "go", tmp_path / "graftclient")
    (tmp_path / "go.mod").write_text(
        "module program\ngo 1.21\nrequire graftclient v0.1.0\nreplace graftclient => ./graftclient\n"
    )
    (program,) = programs("go")
    (tmp_path / "main.go").write_text(program)
    _check_first(_run(["nice", "go", "run", "."], tmp_path, sdk_server, GOTOOLCHAIN="local", GOFLAGS="-mod=mod"))


def test_rust(sdk_server: Platform, tmp_path: Path) -> None:
    _needs("cargo")
    make_sdk(echo_api(), "rust", tmp_path / "sdk")
    (tmp_path / "src").mkdir()
    (program,) = programs("rust")
    (tmp_path / "src" / "main.rs").write_text(program)
    (tmp_path / "Cargo.toml").write_text(
        '[package]\nname = "program"\nversion = "0.1.0"\nedition = "2021"\n'
        '[dependencies]\ngraft-client = { path = "sdk" }\n'
    )
    _check_first(_run(["nice", "cargo", "run", "-q", "--offline"], tmp_path, sdk_server))


def test_java(sdk_server: Platform, tmp_path: Path) -> None:
    _needs("javac", "java")
    make_sdk(echo_api(), "java", tmp_path)
    (program,) = programs("java")
    (tmp_path / "Program.java").write_text(program)
    sources = [str(file) for file in sorted(tmp_path.rglob("*.java"))]
    _run(
        ["nice", "javac", "-encoding", "UTF-8", "-Xlint:all", "-Werror", "-d", "classes", *sources],
        tmp_path,
        sdk_server,
    )
    _check_first(_run(["java", "-cp", "classes", "Program"], tmp_path, sdk_server))


def test_csharp(sdk_server: Platform, tmp_path: Path) -> None:
    _needs("mcs", "mono")
    make_sdk(echo_api(), "csharp", tmp_path)
    (program,) = programs("csharp")
    (tmp_path / "Program.cs").write_text(program)
    sources = [str(file) for file in sorted(tmp_path.rglob("*.cs"))]
    options = ["-langversion:7.2", "-r:System.Net.Http.dll", "-out:program.exe"]
    _run(["nice", "mcs", *options, *sources], tmp_path, sdk_server)
    _check_first(_run(["mono", "program.exe"], tmp_path, sdk_server))


def test_c(sdk_server: Platform, tmp_path: Path) -> None:
    _needs("gcc", "make")
    make_sdk(echo_api(), "c", tmp_path)
    (program,) = programs("c")
    (tmp_path / "program.c").write_text(program)
    _run(["nice", "make", "-s", "libgraft_api.a"], tmp_path, sdk_server)
    options = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-o", "program"]
    _run(["gcc", *options, "program.c", "libgraft_api.a", "-lm"], tmp_path, sdk_server)
    _check_first(_run(["./program"], tmp_path, sdk_server))


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
