"""The SDK in Java: compiled without a warning, and used on a running platform."""

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

pytestmark = pytest.mark.skipif(shutil.which("javac") is None, reason="there is no javac; Debian has default-jdk")

WALK = SDK_TESTS / "support" / "java" / "Walk.java"


def compiled(source: Path) -> Path:
    """Compile an SDK without a warning; its comments are checked, too."""
    strict = ["--release", "11", "-Xlint:all", "-Xdoclint:all/protected", "-Werror"]
    return javac(source / "classes", [*strict, *map(str, sorted(source.rglob("*.java")))])


def javac(out: Path, arguments: list[str]) -> Path:
    command = ["javac", "-encoding", "UTF-8", "-d", str(out), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return out


def run(classes: Path, platform: Platform, mode: str, given: str = "") -> str:
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", str(classes), "Walk", platform.url, ADMIN, PASSWORD, mode]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written_examples(api: Api, folder: Path) -> Iterator[Path]:
    """Write the example of each method as a class."""
    for number, method in enumerate(api.methods.values()):
        head, _, body = example(api, method, "java").partition("\n\n")
        if body:
            file = folder / f"Example{number}.java"
            file.write_text(f"{head}\nclass Example{number} {{ void run() {{\n{body}}} }}\n")
            yield file


def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    folder = make_sdk(golden_api(), "java", tmp_path / "golden")
    classes = compiled(folder)
    javac(classes, ["-cp", str(classes), *map(str, written_examples(golden_api(), tmp_path))])


def test_no_text_and_no_name_makes_it_stumble(tmp_path: Path) -> None:
    compiled(make_sdk(stumbling_api(), "java", tmp_path / "sdk"))


def test_what_is_made_of_a_datamodel_compiles_too(tmp_path: Path) -> None:
    sample()
    compiled(make_sdk(load_api([SAMPLE]), "java", tmp_path / "sample", package="com.example.xen"))


def test_it_is_used_on_a_platform(sdk_server: Platform, tmp_path: Path) -> None:
    classes = compiled(make_sdk(echo_api(), "java", tmp_path / "sdk"))
    javac(classes, ["-cp", str(classes), str(WALK)])
    assert run(classes, sdk_server, "walk").endswith(" checks\n")
    sent = corpus()
    check_corpus(sent, run(classes, sdk_server, "corpus", corpus_lines(sent)))


@pytest.mark.skipif(shutil.which("mvn") is None, reason="there is no mvn; Debian has it as maven")
def test_maven_packages_it(tmp_path: Path) -> None:
    folder = make_sdk(golden_api(), "java", tmp_path / "sdk", version="1.2.3")
    done = subprocess.run(
        ["mvn", "-q", "-B", "package"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode and ("Could not transfer" in done.stdout or "Unknown host" in done.stdout):
        pytest.skip("Maven's own plugins cannot be had")
    assert done.returncode == 0, done.stdout
    assert (folder / "target" / "graft-client-1.2.3.jar").is_file()
