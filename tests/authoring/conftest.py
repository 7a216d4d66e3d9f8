"""What the tests of writing methods share."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from cli.conftest import Graft, environment, graft
from support.authoring import ECHOES, load

__all__ = ["Graft", "environment", "graft"]


@pytest.fixture(scope="session")
def echoes() -> ModuleType:
    """The methods of `echoes.py`, in this process."""
    return load(Path(ECHOES))
