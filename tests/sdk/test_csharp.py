"""The SDK in C#: compiled by Mono without a warning, and used on a running platform."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from graft_cli.api_source import load_api
from graft_common.declarations.api import Api
from graft_sdk import example
from support.datamodels import SAMPLE, sample
from support.running import ADMIN, PASSWORD, Platform
from support.sdk import SDK_TESTS, check_corpus, corpus, corpus_lines, echo_api, golden_api, make_sdk
from support.sdk_texts import stumbling_api

pytestmark = pytest.mark.skipif(
    not (shutil.which("mcs") and shutil.which("mono")), reason="there is no Mono; Debian has mono-mcs and mono-runtime"
)

WALK = SDK_TESTS / "support" / "csharp" / "Walk.cs"


def library(folder: Path) -> Path:
    """Compile an SDK without a warning, its comments checked."""
    made = folder / "Sdk.dll"
    sources = [str(file) for file in sorted(folder.rglob("*.cs"))]
    strict = ["-langversion:7.2", "-warnaserror", "-warn:4", f"-doc:{folder / 'Sdk.xml'}"]
    return mcs([*strict, "-target:library", "-r:System.Net.Http.dll", f"-out:{made}", *sources], made)


def mcs(arguments: list[str], made: Path) -> Path:
    done = subprocess.run(["mcs", *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def run(program: Path, platform: Platform, mode: str, given: str = "") -> str:
    command = ["mono", str(program), platform.url, ADMIN, PASSWORD, mode]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout


def written_examples(api: Api) -> Iterator[str]:
    """Write the example of each method as a function of a class."""
    for number, method in enumerate(api.methods.values()):
        head, _, body = example(api, method, "csharp").partition("\n\n")
        if body:
            yield f"namespace Example{number} {{ {head} class Example {{ static void Run() {{\n{body}}} }} }}\n"


def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    made = library(make_sdk(golden_api(), "csharp", tmp_path / "golden"))
    examples = tmp_path / "Examples.cs"
    examples.write_text("".join(written_examples(golden_api())))
    out = tmp_path / "Examples.dll"
    mcs(["-target:library", f"-r:{made}", "-r:System.Net.Http.dll", f"-out:{out}", str(examples)], out)


def test_no_text_and_no_name_makes_it_stumble(tmp_path: Path) -> None:
    library(make_sdk(stumbling_api(), "csharp", tmp_path / "sdk"))


def test_what_is_made_of_a_datamodel_compiles_too(tmp_path: Path) -> None:
    sample()
    library(make_sdk(load_api([SAMPLE]), "csharp", tmp_path / "sample", package="Example.Xen"))


def test_it_is_used_on_a_platform(sdk_server: Platform, tmp_path: Path) -> None:
    made = library(make_sdk(echo_api(), "csharp", tmp_path / "sdk"))
    program = mcs([f"-r:{made}", f"-out:{made.parent / 'Walk.exe'}", str(WALK)], made.parent / "Walk.exe")
    assert run(program, sdk_server, "walk").endswith(" checks\n")
    sent = corpus()
    check_corpus(sent, run(program, sdk_server, "corpus", corpus_lines(sent)))
