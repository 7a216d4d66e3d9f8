"""The SDK in Go: formatted, without a finding of `go vet`, and used on a running platform."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from graft_cli.api_source import load_api
from graft_common.declarations.api import Api
from graft_sdk import Options, example, find, generate
from support.datamodels import SAMPLE, sample
from support.running import Platform
from support.sdk import SDK_TESTS, access, check_corpus, corpus, corpus_lines, echo_api, golden_api, make_sdk
from support.sdk_texts import stumbling_api


def _version() -> tuple[int, ...]:
    told = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"[0-9]+", told)[:2])


pytestmark = pytest.mark.skipif(
    shutil.which("go") is None or _version() < (1, 21), reason="there is no Go 1.21 or newer; it comes from go.dev/dl"
)

PROGRAM = SDK_TESTS / "support" / "go" / "main.go"


def go(folder: Path, *arguments: str) -> str:
    """Run the go command without a network: what is made needs nothing."""
    own = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
    return run(["nice", "go", *arguments], folder, **own)


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


def check(folder: Path) -> None:
    """Check the form of all that is there, and what the compiler and `go vet` say to it."""
    assert run(["gofmt", "-s", "-l", "-d", "."], folder) == ""
    go(folder, "vet", "./...")


def beside(sdk: Path, folder: Path) -> Path:
    """Make a module that uses the SDK as its README tells."""
    folder.mkdir()
    (folder / "go.mod").write_text("module program\n\ngo 1.21\n")
    go(folder, "mod", "edit", f"-replace=graftclient={sdk}")
    go(folder, "get", "graftclient")
    return folder


def write_examples(api: Api, folder: Path) -> None:
    """Write the example of each method as a program."""
    for number, method in enumerate(api.methods.values()):
        text = example(api, method, "go")
        if text:
            (folder / f"example{number}").mkdir()
            (folder / f"example{number}" / "main.go").write_text(text)


def test_it_is_formatted_and_vetted_and_so_are_examples(tmp_path: Path) -> None:
    sdk = make_sdk(golden_api(), "go", tmp_path / "sdk")
    check(sdk)
    examples = beside(sdk, tmp_path / "examples")
    write_examples(golden_api(), examples)
    check(examples)


def test_no_text_and_no_name_makes_it_stumble(tmp_path: Path) -> None:
    check(make_sdk(stumbling_api(), "go", tmp_path / "sdk"))


def test_what_is_made_of_a_datamodel_is_too(tmp_path: Path) -> None:
    sample()
    check(make_sdk(load_api([SAMPLE]), "go", tmp_path / "sample", package="example.com/xen/go-xen/v2"))


@pytest.mark.e2e
def test_it_is_used_on_a_platform(sdk_server: Platform, tmp_path: Path) -> None:
    folder = beside(make_sdk(echo_api(), "go", tmp_path / "sdk"), tmp_path / "program")
    shutil.copy(PROGRAM, folder)
    go(folder, "build", "-o", "program", ".")
    assert run(["./program", "walk"], folder, **access(sdk_server)) == "ok\n"
    sent = corpus(20)
    check_corpus(sent, run(["./program", "corpus"], folder, corpus_lines(sent), **access(sdk_server)))


def test_names_that_are_none_are_refused() -> None:
    for name in ("", "/", "a b", "a//b", "ü"):
        with pytest.raises(ValueError, match=r"example\.com/graftclient"):
            find("go").package_name(name)
    for name, package in (
        ("example.com/go-volumes/v2", "govolumes"),
        ("type", "grafttype"),
        ("example.com/5", "graft5"),
    ):
        files = generate(golden_api(), find("go"), Options(package=find("go").package_name(name)))
        assert f"\npackage {package}\n" in files["client.go"].decode()
