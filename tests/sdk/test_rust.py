"""The SDK in Rust: formatted, without a finding of clippy, and used on a running platform."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from graft_cli.api_source import load_api
from graft_common.declarations.api import Api
from graft_sdk import Options, example, find, generate
from support.datamodels import SAMPLE, sample
from support.running import Platform
from support.sdk import SDK_TESTS, access, check_corpus, corpus, corpus_lines, echo_api, golden_api, make_sdk
from support.sdk_texts import stumbling_api

PROGRAM = SDK_TESTS / "support" / "rust" / "main.rs"
MANIFEST = """[package]
name = "program"
version = "0.1.0"
edition = "2021"

[dependencies]
graft-client = {{ path = "{sdk}" }}
"""
Cargo = Callable[..., str]


def _version() -> tuple[int, ...]:
    told = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"[0-9]+", told)[:2])


def _has(*command: str) -> bool:
    if shutil.which("cargo") is None:
        return False
    return subprocess.run(["cargo", *command, "--version"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    shutil.which("cargo") is None or _version() < (1, 70), reason="there is no cargo of Rust 1.70 or newer"
)


@pytest.fixture(scope="module")
def cargo(tmp_path_factory: pytest.TempPathFactory) -> Cargo:
    """Return a function that runs cargo without a network: what is made needs nothing."""
    target = tmp_path_factory.mktemp("rust-target")

    def run_cargo(folder: Path, *arguments: str) -> str:
        return run(["nice", "cargo", *arguments], folder, CARGO_TARGET_DIR=str(target), CARGO_NET_OFFLINE="true")

    return run_cargo


def run(command: list[str], folder: Path, given: str = "", **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def check(folder: Path, cargo: Cargo) -> None:
    """Check the form of a crate, and what the compiler or, where it is there, clippy says to it."""
    if _has("fmt"):
        assert cargo(folder, "fmt", "--", "--check") == ""
    if _has("clippy"):
        cargo(folder, "clippy", "-q", "--", "-D", "warnings")
    else:
        cargo(folder, "check", "-q")


def beside(sdk: Path, folder: Path) -> Path:
    """Make a crate that uses the SDK."""
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(MANIFEST.format(sdk=sdk))
    return folder


def write_examples(api: Api, folder: Path) -> None:
    """Write the example of each method as a program."""
    (folder / "src" / "lib.rs").touch()
    (folder / "examples").mkdir()
    for number, method in enumerate(api.methods.values()):
        text = example(api, method, "rust")
        if text:
            (folder / "examples" / f"example{number}.rs").write_text(text)


def test_it_is_formatted_and_without_a_finding(tmp_path: Path, cargo: Cargo) -> None:
    sdk = make_sdk(golden_api(), "rust", tmp_path / "sdk")
    check(sdk, cargo)
    examples = beside(sdk, tmp_path / "examples")
    write_examples(golden_api(), examples)
    cargo(examples, "check", "-q", "--examples")


def test_no_text_and_no_name_makes_it_stumble(tmp_path: Path, cargo: Cargo) -> None:
    check(make_sdk(stumbling_api(), "rust", tmp_path / "sdk"), cargo)


def test_what_is_made_of_a_datamodel_is_too(tmp_path: Path, cargo: Cargo) -> None:
    sample()
    check(make_sdk(load_api([SAMPLE]), "rust", tmp_path / "sdk", package="xen-client"), cargo)


@pytest.mark.e2e
def test_it_is_used_on_a_platform(sdk_server: Platform, tmp_path: Path, cargo: Cargo) -> None:
    folder = beside(make_sdk(echo_api(), "rust", tmp_path / "sdk"), tmp_path / "program")
    shutil.copy(PROGRAM, folder / "src")
    cargo(folder, "install", "-q", "--debug", "--no-track", "--path", ".", "--root", str(tmp_path / "installed"))
    program = str(tmp_path / "installed" / "bin" / "program")
    assert run([program, "walk"], folder, **access(sdk_server)) == "ok\n"
    sent = corpus(20)
    check_corpus(sent, run([program, "corpus"], folder, corpus_lines(sent), **access(sdk_server)))


def test_names_that_are_none_are_refused() -> None:
    for name in ("", "5", "a b", "type", "std", "ü"):
        with pytest.raises(ValueError, match="graft-client"):
            find("rust").package_name(name)


@pytest.mark.parametrize(
    ("wanted", "written"),
    [("1.2.3", "1.2.3"), ("1.2", "1.2.0"), ("1.2.0-rc.1+x", "1.2.0-rc.1+x"), ("1.2.3.4", ""), ("1.2.03", "")],
)
def test_versions_are_cargos(wanted: str, written: str) -> None:
    if written:
        files = generate(golden_api(), find("rust"), Options(version=wanted))
        assert f'\nversion = "{written}"\n' in files["Cargo.toml"].decode()
        return
    with pytest.raises(ValueError, match=r"1\.2\.0"):
        generate(golden_api(), find("rust"), Options(version=wanted))
