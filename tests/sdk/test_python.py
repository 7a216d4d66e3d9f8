"""The Python SDK: what is made is formatted and typed, runs on old and new Pythons, and does what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graft_cli.api_source import load_api
from support.datamodels import SAMPLE
from support.running import Platform
from support.sdk import SDK_TESTS, access, check_corpus, corpus, corpus_lines, echo_api, golden_api, make_sdk

PROGRAMS = SDK_TESTS / "support" / "python"
BIN = Path(sys.executable).parent


def _interpreters() -> list[str]:
    """Find this Python, and an older and a newer one where there are some."""
    found = [sys.executable]
    for name in ("python3.9", "python3.13"):
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0:
            found.append(path)
    return found


def _run(command: list[str], folder: Path, stdin: str = "", **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        input=stdin,
        env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sdk(echo_api(), "python", tmp_path_factory.mktemp("python-sdk"))


def _check(folder: Path, package: str = "graft_client") -> None:
    _run([str(BIN / "ruff"), "format", "--no-cache", "--isolated", "--line-length", "120", "--check", "."], folder)
    _run([sys.executable, "-m", "compileall", "-q", package], folder, PYTHONDONTWRITEBYTECODE="")
    _run([sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10", package], folder, PYTHONWARNINGS="")


def test_what_is_made_is_formatted_and_typed(tmp_path: Path) -> None:
    _check(make_sdk(golden_api(), "python", tmp_path, package="volumes"), "volumes")


def test_the_published_datamodel_can_be_used(tmp_path: Path) -> None:
    if not SAMPLE.is_file():
        pytest.skip(f"the conformance data is not at {SAMPLE}")
    folder = make_sdk(load_api([SAMPLE]), "python", tmp_path)
    _check(folder)
    _run([sys.executable, "-c", "from graft_client import *; import graft_client.methods.vmss"], folder)


@pytest.mark.e2e
@pytest.mark.parametrize("interpreter", _interpreters())
def test_values_come_back(interpreter: str, sdk: Path, sdk_server: Platform) -> None:
    sent = corpus()
    printed = _run(
        [interpreter, str(PROGRAMS / "round_trip.py")],
        sdk,
        corpus_lines(sent),
        PYTHONPATH=str(sdk),
        **access(sdk_server),
    )
    check_corpus(sent, printed)


@pytest.mark.e2e
@pytest.mark.parametrize("interpreter", _interpreters())
def test_features(interpreter: str, sdk: Path, sdk_server: Platform) -> None:
    program = str(PROGRAMS / "features.py")
    assert _run([interpreter, program], sdk, PYTHONPATH=str(sdk), **access(sdk_server)) == "ok\n"
