"""`graft docs generate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Graft, environment, graft
from support.reference_pages import STORAGE, read_page, split_link

__all__ = ["environment", "graft"]


def test_pages_of_files(graft: Graft, tmp_path: Path) -> None:
    done = graft("docs", "generate", "--out", "made/here", "--from", str(STORAGE), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    made = tmp_path / "made/here"
    assert told["files"] == told["changed"] == sorted(file.name for file in made.iterdir() if file.name[0] != ".")
    assert (told["format"], told["classes"], told["methods"]) == ("html", ["Volume", "volume"], 6)
    for file in made.glob("*.html"):
        for link in read_page(file.read_bytes()).links:
            assert link.startswith("https://example.org/") or (made / (split_link(link)[0] or file.name)).is_file()

    again = graft("docs", "generate", "--out", "made/here", "--from", str(STORAGE), "--class", "volume")
    assert again.stdout == "made/here: classes: 1, methods: 1, files: 12, new or changed: 9, removed: 2\n"
    assert not (made / "class-Volume.html").exists()


def test_what_it_did_not_make_stays(graft: Graft, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.md").write_text("mine")
    done = graft("docs", "generate", "--out", "mine", "--from", str(STORAGE), "--format", "markdown")
    assert done.returncode == 1
    assert done.stderr == (
        "graft: mine/index.md was not made by `graft docs generate` and would be overwritten; nothing is written\n"
    )
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["index.md"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--class", "Nothing"], "graft: there is no class Nothing; there are Volume, volume\n"),
        (["--from", "nothing.xml"], "graft: cannot read nothing.xml: No such file or directory\n"),
    ],
)
def test_what_cannot_be(graft: Graft, arguments: list[str], message: str) -> None:
    done = graft("docs", "generate", "--out", "made", "--from", str(STORAGE), *arguments)
    assert (done.returncode, done.stderr) == (1, message)
