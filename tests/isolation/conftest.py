from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isolation.bait import planted
from isolation.sandbox import PYTHON, SLOW, WALLED, Sandbox
from support.engines import BY_PYTHON, WARM

USERS = ("root", "user") if os.geteuid() == 0 else ("user",)
NEEDS_PYTHON = pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"no {PYTHON}, in which attacks are written")
FIRST_PROCESS = ("test_attacks.py", "test_beginnings.py", "test_signals.py")
"""What differs where the accelerator makes sandboxes is their first process; all else is shown once, with it."""
OF_SCRIPTS = ("test_attacks.py", "test_exhaustion.py", "test_neighbours.py")
"""What is written in Python, and is run in warm interpreters too."""
TOO_SLOW = pytest.mark.skip(reason="this engine takes long for each call: fewer are made on it, the attacks among them")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "many: many calls, which are not all made on slow engines")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    spared = [
        item
        for item in items
        if (f"{BY_PYTHON} as " in item.name and item.path.name not in FIRST_PROCESS)
        or (f"{WARM} as " in item.name and item.path.name not in OF_SCRIPTS)
    ]
    if spared:
        items[:] = [item for item in items if item not in spared]
        config.hook.pytest_deselected(items=spared)
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.isolation)
        item.add_marker(NEEDS_PYTHON)
        if item.get_closest_marker("many") and any(f"[{engine} as " in item.name for engine in SLOW):
            item.add_marker(TOO_SLOW)


@pytest.fixture(scope="session")
def dispatchers() -> Iterator[Callable[[str, str], tuple[Sandbox, dict]]]:
    """Dispatchers with what is planted for their calls. Each is started once, because that takes longest."""
    with contextlib.ExitStack() as stack:
        made: dict[tuple[str, str], tuple[Sandbox, dict] | str] = {}

        def get(engine: str, who: str) -> tuple[Sandbox, dict]:
            if (engine, who) not in made:
                try:
                    sandbox = Sandbox(engine, who)
                except pytest.skip.Exception as skipped:
                    made[engine, who] = str(skipped)
                else:
                    stack.callback(sandbox.close)
                    made[engine, who] = sandbox, stack.enter_context(planted(sandbox))
            found = made[engine, who]
            if isinstance(found, str):
                pytest.skip(found)
            return found

        yield get


@pytest.fixture(params=[f"{engine} as {who}" for engine in WALLED for who in USERS], scope="module")
def dispatcher(request: pytest.FixtureRequest, dispatchers) -> tuple[Sandbox, dict]:
    engine, _as, who = request.param.partition(" as ")
    return dispatchers(engine, who)


@pytest.fixture
def sandbox(dispatcher: tuple[Sandbox, dict]) -> Sandbox:
    """Every engine with walls, in a dispatcher of root's and in one of an ordinary user's."""
    return dispatcher[0]


@pytest.fixture
def bait(dispatcher: tuple[Sandbox, dict]) -> dict:
    """What the attackers of `sandbox` are told of what is planted for them."""
    return dispatcher[1]


@pytest.fixture(params=USERS, scope="module")
def bare_dispatcher(request: pytest.FixtureRequest, dispatchers) -> tuple[Sandbox, dict]:
    return dispatchers("none", request.param)


@pytest.fixture
def bare(bare_dispatcher: tuple[Sandbox, dict]) -> Sandbox:
    """The same without walls, to show that an attack is one."""
    return bare_dispatcher[0]


@pytest.fixture
def bare_bait(bare_dispatcher: tuple[Sandbox, dict]) -> dict:
    return bare_dispatcher[1]
