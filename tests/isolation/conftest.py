from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from isolation.bait import planted
from isolation.sandbox import PYTHON, WALLED, Sandbox

USERS = ("root", "user") if os.geteuid() == 0 else ("user",)
needs_python = pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"no {PYTHON}, in which attacks are written")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.isolation)
            item.add_marker(needs_python)


@pytest.fixture(scope="session", params=[f"{engine} as {who}" for engine in WALLED for who in USERS])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Every engine with walls, in a dispatcher of root's and in one of an ordinary user's."""
    engine, _as, who = request.param.partition(" as ")
    made = Sandbox(engine, who)
    yield made
    made.close()


@pytest.fixture(scope="session", params=USERS)
def bare(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The same without walls, to show that an attack is one."""
    made = Sandbox("none", request.param)
    yield made
    made.close()


@pytest.fixture(scope="session")
def bait(sandbox: Sandbox) -> Iterator[dict]:
    with planted(sandbox) as told:
        yield told


@pytest.fixture(scope="session")
def bare_bait(bare: Sandbox) -> Iterator[dict]:
    with planted(bare) as told:
        yield told
