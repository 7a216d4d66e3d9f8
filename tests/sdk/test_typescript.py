"""The TypeScript SDK: it builds under the strictest rules, and does what it says in Node."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from graft_cli.api_source import load_api
from graft_sdk.examples import example
from support.datamodels import SAMPLE
from support.running import Platform
from support.sdk import SDK_TESTS, access, check_corpus, corpus, corpus_lines, echo_api, golden_api, make_sdk
from support.sdk_texts import stumbling_api

PROGRAMS = SDK_TESTS / "support" / "typescript"


def _run(command: list[str], folder: Path, stdin: str = "", **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        input=stdin,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-5000:]}\n{done.stderr[-5000:]}"
    return done.stdout


def test_what_is_made_builds(tsc: str, tmp_path: Path) -> None:
    folder = make_sdk(golden_api(), "typescript", tmp_path, package="@me/volumes")
    _run([tsc, "-p", "."], folder)
    program = "const sdk = await import('./dist/index.js'); console.log(sdk.ResizeState.HalfDone, sdk.API_DIGEST)"
    printed = _run(["node", "--input-type=module", "-e", program], folder)
    assert printed.split() == ["half-done", golden_api().digest]


def test_examples_are_programs(tsc: str, tmp_path: Path) -> None:
    api = golden_api()
    _run([tsc, "-p", "."], make_sdk(api, "typescript", tmp_path / "node_modules" / "graft-client"))
    (tmp_path / "package.json").write_text('{ "type": "module" }')
    (tmp_path / "node.d.ts").write_text("declare const process: { env: { [name: string]: string | undefined } };")
    files = ["node.d.ts"]
    for number, method in enumerate(api.methods.values()):
        files.append(f"example{number}.ts")
        (tmp_path / files[-1]).write_text(example(api, method, "typescript") or "export {};")
    _run([tsc, "--noEmit", "--strict", "--module", "NodeNext", "--target", "ES2022", *files], tmp_path)


def test_no_text_and_no_name_makes_it_stumble(tsc: str, tmp_path: Path) -> None:
    _run([tsc, "-p", ".", "--noEmit"], make_sdk(stumbling_api(), "typescript", tmp_path))


def test_the_published_datamodel_builds(tsc: str, tmp_path: Path) -> None:
    if not SAMPLE.is_file():
        pytest.skip(f"the conformance data is not at {SAMPLE}")
    _run([tsc, "-p", ".", "--noEmit"], make_sdk(load_api([SAMPLE]), "typescript", tmp_path))


@pytest.fixture(scope="module")
def programs(tsc: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the SDK, and the programs that use it as a package."""
    root = tmp_path_factory.mktemp("typescript-sdk")
    sdk = make_sdk(echo_api(), "typescript", root / "node_modules" / "graft-client")
    _run([tsc, "-p", "."], sdk)
    for file in PROGRAMS.iterdir():
        shutil.copy(file, root)
    _run([tsc, "-p", "."], root)
    return root


def test_json(programs: Path) -> None:
    assert _run(["node", "json.js"], programs) == "ok\n"


@pytest.mark.e2e
def test_values_come_back(programs: Path, sdk_server: Platform) -> None:
    sent = corpus()
    printed = _run(["node", "round-trip.js"], programs, corpus_lines(sent), **access(sdk_server))
    check_corpus(sent, printed)


@pytest.mark.e2e
def test_features(programs: Path, sdk_server: Platform) -> None:
    assert _run(["node", "features.js"], programs, **access(sdk_server)) == "ok\n"
