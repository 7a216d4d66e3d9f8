"""What the OpenAPI document says of Ambari's REST interface, tried by schemathesis against a platform."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ambari_tree import serve_tree
from support.running import ADMIN, PASSWORD, Platform

pytestmark = pytest.mark.e2e

SCHEMATHESIS = Path(sys.executable).with_name("st")
TESTS = Path(__file__).parents[1]
CONFIG = """
[phases.coverage]
unexpected-methods = ["DELETE", "PATCH"]

# What is valid by itself is refused all the same where no stack has that service, no pack is at that address, or a
# link is to another extension.
[[operations]]
include-path-regex = "^/(clusters|mpacks|links/)"
[operations.checks.positive_data_acceptance]
enabled = false
"""
LINK = b'{"ExtensionLink/stack_name": "HDP", "ExtensionLink/stack_version": "2.4", "ExtensionLink/extension_name": "EXT", "ExtensionLink/extension_version": "1.0"}'


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a link, so that the paths of the document's examples lead somewhere."""
    platform, _ = serve_tree("up", tmp_path_factory.mktemp("linked"))
    try:
        credentials = b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "X-Requested-By": "ambari"}
        request = urllib.request.Request(f"{platform.url}/api/v1/links", LINK, headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 201
        yield platform
    finally:
        platform.kill_all()


def test_every_operation_does_what_the_document_says(linked: Platform, tmp_path: Path) -> None:
    """Examples, edge cases and some random requests, valid and invalid, with all checks that schemathesis has."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    done = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", config, "run", f"{linked.url}/api/v1/openapi.json"),
            *("--auth", f"{ADMIN}:{PASSWORD}", "--phases", "examples,coverage,fuzzing", "--max-examples", "2"),
            *("--generation-deterministic", "--no-color"),
        ],
        env={**os.environ, "PYTHONPATH": str(TESTS), "SCHEMATHESIS_HOOKS": "support.schemathesis_hooks"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tested = re.search(r"Tested: ([0-9]+)", done.stdout)
    assert tested is not None, done.stdout
    assert int(tested[1]) >= 50, done.stdout
    assert "http.crashed" not in linked.logs()
