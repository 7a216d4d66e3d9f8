"""Engines for tests."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from dispatcher_service.engines.base import Engine, EngineUnavailable
from dispatcher_service.engines.factory import create
from dispatcher_service.engines.launcher.accelerated import PROGRAM
from dispatcher_service.engines.options import DEFAULTS, EngineOptions

HAS_ACCELERATOR = Path(PROGRAM).exists()
needs_accelerator = pytest.mark.skipif(not HAS_ACCELERATOR, reason="the accelerator was not compiled")
BY_PYTHON = "-python"
"""Behind the name of the engine `native`, when its sandboxes are to be made without the accelerator."""
WARM = "-warm"
"""The same, when Python scripts are to be run in warm interpreters, each of them."""


def made(name: str) -> Engine:
    """The engine of that name, which is not prepared."""
    options = EngineOptions(accelerator="off") if name.endswith(BY_PYTHON) else DEFAULTS
    return create(name.removesuffix(BY_PYTHON), options)


@asynccontextmanager
async def prepared(name: str) -> AsyncIterator[Engine]:
    """An engine that runs calls; the test is skipped where this host has none of that name."""
    if name.endswith(BY_PYTHON) and not HAS_ACCELERATOR:
        pytest.skip("the accelerator was not compiled: the engine without it is the same")
    engine = made(name)
    try:
        await engine.prepare()
    except EngineUnavailable as error:
        pytest.skip(str(error))
    yield engine
    await engine.close()


def depth(pid: int) -> int:
    """In how many namespaces of processes one is; -1 for one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return -1
    found = re.search("^NSpid:(.*)", status, re.MULTILINE)
    return len(found[1].split()) if found else -1


def maker_of(launcher: int) -> int:
    """The child of `native`'s launcher that clones sandboxes: the only one that is in the same namespaces."""
    (found,) = (child.pid for child in psutil.Process(launcher).children() if depth(child.pid) == depth(launcher))
    return found
