"""What the tests of writing methods share."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

from cli.conftest import Graft
from graft_cli.main import main
from support.authoring import ECHOES, load


@pytest.fixture(scope="session")
def echoes() -> ModuleType:
    """The methods of `echoes.py`, in this process."""
    return load(Path(ECHOES))


@pytest.fixture
def graft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Graft:
    """Run `graft` in this process, which spares each run a second of imports; no settings of the machine's own count."""
    for name in os.environ:
        if name.startswith(("GRAFT_", "XDG_")):
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "tempdir", None)
            for name, value in variables.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as end:
                main(arguments)
        shown = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, int(end.value.code or 0), shown.out, shown.err)

    return run
