"""Fixtures: platforms in real processes, all in one (`graft up`) and as three services."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import XenAPI

from support.running import Platform, make_platform


@pytest.fixture(scope="module", params=["up", "services"])
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A running platform that the tests of a module share."""
    made = make_platform(request.param, tmp_path_factory.mktemp(request.param))
    try:
        made.start_all()
        yield made
    finally:
        made.kill_all()


@pytest.fixture(params=["up", "services"])
def own_platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """A running platform that a test may break."""
    made = make_platform(request.param, tmp_path / "platform")
    try:
        made.start_all()
        yield made
    finally:
        made.kill_all()
        shutil.rmtree(tmp_path / "platform", ignore_errors=True)


@pytest.fixture
def session(platform: Platform) -> Iterator[XenAPI.Session]:
    opened = platform.session()
    yield opened
    try:
        opened.xenapi.session.logout()
    except XenAPI.Failure as error:
        if error.details[0] != "SESSION_INVALID":
            raise
