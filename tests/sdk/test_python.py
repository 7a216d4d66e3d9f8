"""The Python SDK: what is made is formatted and typed, runs on old and new Pythons, and does what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graft_cli.api_source import load_api
from graft_common.declarations.api import Api
from graft_sdk.examples import example
from support.datamodels import SAMPLE
from support.running import Platform
from support.sdk import SDK_TESTS, access, check_corpus, corpus, corpus_lines, echo_api, golden_api, make_sdk
from support.sdk_texts import stumbling_api

PROGRAMS = SDK_TESTS / "support" / "python"
BIN = Path(sys.executable).parent


def _interpreters() -> list[str]:
    """Find this Python, and the oldest that is served where it is there."""
    places = [*Path("~/.pyenv/versions").expanduser().glob("3.9.*/bin/python3"), Path("/usr/bin/python3.9")]
    return [sys.executable, *[str(place) for place in places if place.exists()][:1]]


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


def _check_form(folder: Path) -> None:
    _run([str(BIN / "ruff"), "format", "--no-cache", "--isolated", "--line-length", "120", "--check", "."], folder)


def _check_types(folder: Path, *programs: str) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10", "graft_client", *programs]
    _run(command, folder, PYTHONWARNINGS="")


def _import_all(folder: Path) -> None:
    program = """
import importlib, pkgutil, graft_client, graft_client.methods as methods
for module in pkgutil.iter_modules(methods.__path__):
    importlib.import_module(f"{methods.__name__}.{module.name}")
with graft_client.Client("http://graft.example", session_ref="OpaqueRef:1") as client:
    for name in vars(graft_client.Client):
        getattr(client, name)
"""
    _run([sys.executable, "-c", program], folder)


def test_what_is_made_is_formatted_and_typed_and_so_are_examples(tmp_path: Path) -> None:
    folder = make_sdk(golden_api(), "python", tmp_path)
    _check_form(folder)
    programs = {f"example{number}.py": text for number, text in enumerate(_examples(golden_api()))}
    for name, text in programs.items():
        (folder / name).write_text(text)
    _check_types(folder, *programs)
    _import_all(folder)


def _examples(api: Api) -> list[str]:
    return [text for method in api.methods.values() if (text := example(api, method, "python"))]


def test_no_text_and_no_name_makes_it_stumble(tmp_path: Path) -> None:
    folder = make_sdk(stumbling_api(), "python", tmp_path)
    _check_types(folder)
    _import_all(folder)


def test_the_package_can_have_another_name(tmp_path: Path) -> None:
    folder = make_sdk(golden_api(), "python", tmp_path, package="volumes")
    _run([sys.executable, "-c", "import volumes; assert volumes.API_DIGEST in open('pyproject.toml').read()"], folder)


def test_the_published_datamodel_can_be_used(tmp_path: Path) -> None:
    if not SAMPLE.is_file():
        pytest.skip(f"the conformance data is not at {SAMPLE}")
    folder = make_sdk(load_api([SAMPLE]), "python", tmp_path)
    _check_form(folder)
    _check_types(folder)
    _import_all(folder)


@pytest.mark.e2e
def test_values_come_back(sdk: Path, sdk_server: Platform) -> None:
    sent = corpus()
    printed = _run(
        [sys.executable, str(PROGRAMS / "round_trip.py")],
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
