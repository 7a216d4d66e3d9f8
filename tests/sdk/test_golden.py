"""What SDKs look like: a change of a template shows in review as a change of `golden/<language>`.

`RENEW_GOLDEN=1 pytest tests/sdk/test_golden.py` writes them anew.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from graft_sdk.generation import Options, view_of
from graft_sdk.languages import find, names
from support.sdk import GOLDEN, golden_api, make_sdk


def _files(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
    }


def _copied(language: str) -> list[str]:
    """Name the files that are the same in every SDK; they stand with the templates already."""
    chosen = find(language)
    files = chosen.files(view_of(golden_api(), chosen, Options()))
    return [file.path for file in files if not file.template.endswith(".j2")]


@pytest.mark.parametrize("language", names())
def test_the_sdk_is_as_it_was(language: str, tmp_path: Path) -> None:
    made = make_sdk(golden_api(), language, tmp_path / "sdk")
    for path in _copied(language):
        (made / path).unlink()
    golden = GOLDEN / language
    if os.environ.get("RENEW_GOLDEN"):
        shutil.rmtree(golden, ignore_errors=True)
        shutil.copytree(made, golden)
    expected = _files(golden) if golden.is_dir() else {}
    found = _files(made)
    assert sorted(found) == sorted(expected), "renew the golden files: RENEW_GOLDEN=1 pytest tests/sdk/test_golden.py"
    for path, data in found.items():
        assert data.decode().splitlines() == expected[path].decode().splitlines(), path
        assert data == expected[path], path


@pytest.mark.parametrize("language", names())
def test_the_same_is_made_twice(language: str, tmp_path: Path) -> None:
    first = make_sdk(golden_api(), language, tmp_path / "first")
    second = make_sdk(golden_api(), language, tmp_path / "second")
    assert _files(first) == _files(second)
