"""The SDK in C: built without a warning, and used on a running platform under gcc's sanitizers."""

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
    not (shutil.which("gcc") and shutil.which("make")), reason="there is no gcc or no make; Debian has build-essential"
)

WALK = SDK_TESTS / "support" / "c" / "walk.c"
STRICT = "-O1 -g -Wpedantic -Wshadow -Werror"
SANITIZED = "-fsanitize=address,undefined -fno-sanitize-recover=all"


def built(folder: Path, flags: str = STRICT, loading: str = "") -> Path:
    """Build an SDK without a warning."""
    run(["make", "-s", "-C", str(folder), f"CFLAGS={flags}", f"LDFLAGS={loading}"])
    return folder


def run(command: list[str], given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def written_examples(api: Api) -> Iterator[str]:
    """Write the example of each method as a function."""
    for number, method in enumerate(api.methods.values()):
        head, _, body = example(api, method, "c").partition("\n\n")
        if body:
            yield f"{head}\nvoid example_{number}(void);\nvoid example_{number}(void)\n{{\n{body}}}\n"


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    folder = built(make_sdk(golden_api(), "c", tmp_path / "golden"))
    examples = tmp_path / "examples.c"
    examples.write_text("".join(written_examples(golden_api())))
    flags = ["-std=c99", "-Wall", "-Wno-deprecated-declarations", "-Werror", f"-I{folder / 'include'}"]
    run(["gcc", *flags, "-c", "-o", str(tmp_path / "examples.o"), str(examples)])
    run(["make", "-s", "-C", str(folder), "install", f"PREFIX={tmp_path / 'installed'}"])
    assert (tmp_path / "installed/lib/pkgconfig/graft_api.pc").is_file()


def test_its_header_can_be_used_in_cpp(tmp_path: Path) -> None:
    folder = make_sdk(golden_api(), "c", tmp_path / "golden")
    if shutil.which("g++") is None:
        pytest.skip("there is no g++; Debian has it as g++")
    run(["g++", "-Wall", "-Werror", "-fsyntax-only", "-x", "c++", str(folder / "include" / "graft_api.h")])


def test_no_text_and_no_name_makes_it_stumble(tmp_path: Path) -> None:
    built(make_sdk(stumbling_api(), "c", tmp_path / "sdk"))


def test_what_is_made_of_a_datamodel_builds_too(tmp_path: Path) -> None:
    sample()
    built(make_sdk(load_api([SAMPLE]), "c", tmp_path / "sample", package="xen"))


def test_it_is_used_on_a_platform(sdk_server: Platform, tmp_path: Path) -> None:
    folder = built(make_sdk(echo_api(), "c", tmp_path / "sdk"), f"{STRICT} {SANITIZED}", SANITIZED)
    program = str(tmp_path / "walk")
    flags = ["-std=c99", "-Wall", "-Werror", "-g", *SANITIZED.split(), f"-I{folder / 'include'}"]
    run(["gcc", *flags, "-o", program, str(WALK), str(folder / "libgraft_api.a"), "-lm"])
    arguments = [program, sdk_server.url, ADMIN, PASSWORD]
    assert run([*arguments, "walk"]).endswith(" checks\n")
    sent = corpus()
    check_corpus(sent, run([*arguments, "corpus"], corpus_lines(sent)))
