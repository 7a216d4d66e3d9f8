"""Packages of npm that tests run: fetched once, and kept where pytest keeps what it remembers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def npm_package(cache: pytest.Cache, package: str, node: int) -> Path:
    """Return the folder in which npm has installed a package, such as `xen-api@4.7.6`; skip the test without it.

    Args:
        cache: of pytest.
        package: its name and version.
        node: the oldest version of Node that it runs on.
    """
    program = shutil.which("node")
    if program is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed (Debian: nodejs, npm)")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    if int(version.removeprefix("v").split(".")[0]) < node:
        pytest.skip(f"Node is older than {node}")
    found = cache.mkdir("npm") / package
    if found.is_dir():
        return found
    draft = cache.mkdir("npm") / f"draft-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", package]
    try:
        done = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm could not fetch {package} within two minutes")
    if done.returncode != 0:
        pytest.skip(f"npm could not fetch {package}: {done.stderr[-300:]}")
    try:
        draft.rename(found)
    except OSError:
        # Another worker was first.
        shutil.rmtree(draft)
    return found
