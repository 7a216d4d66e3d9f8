"""What is logged, and what is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import structlog
from graft_common import logging
logging.configure("info", "{log_format}")

def fail(secret):
    raise ValueError("the reason")

try:
    fail("{first}" + "{second}")
except ValueError:
    structlog.get_logger().exception("crashed")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_variables_of_what_crashes_are_not_logged(log_format: str) -> None:
    program = _PROGRAM.format(log_format=log_format, first="OpaqueRef:", second="1234")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "crashed" in done.stderr
    assert "the reason" in done.stderr
    assert "OpaqueRef:1234" not in done.stderr
