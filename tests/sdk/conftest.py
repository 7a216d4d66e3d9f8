"""A platform that all tests of SDKs call."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from support.running import Platform
from support.sdk import echoing_platform


@pytest.fixture(scope="session")
def sdk_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that offers `tests/sdk/support/echo.xml`; user and password are `support.running.ADMIN`, `PASSWORD`."""
    root = tmp_path_factory.mktemp("sdk") / "platform"
    with echoing_platform(root) as platform:
        yield platform
    shutil.rmtree(root, ignore_errors=True)
