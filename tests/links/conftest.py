"""Trees on which link rules are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.resources import Resources


@pytest.fixture
def tree(tmp_path: Path) -> Resources:
    """Two stacks that inherit, a third that does not, and extensions with and without needs."""
    resources = Resources(tmp_path / "resources")
    resources.stack("HDP/2.4", HDFS="")
    resources.stack("HDP/2.5", "<extends>2.4</extends>")
    resources.stack("HDP/2.10", YARN="")
    resources.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="<version>1</version>")
    resources.extension("EXT/2.0", needs("HDP", "2.4"), OOZIE="<version>2</version>", PIG="")
    resources.extension("EXT/3.0", needs("HDP", "2.4"), YARN="")
    resources.extension("BROKEN/1.0", "<extends>0.9</extends>" + needs("HDP", "2.4"))
    resources.extension("CLASH/1.0", needs("HDP", "2.4"), HDFS="", OOZIE="")
    resources.extension("LATE/1.0", needs("HDP", "2.6"))
    resources.extension("NEEDY/1.0", needs("HDP", "2.4", "EXT", "2.*"), NEEDY="")
    return resources


def needs(stack: str, version: str, extension: str = "", extension_version: str = "") -> str:
    """Write prerequisites."""
    others = (
        f"<min-extension-versions><extension><name>{extension}</name><version>{extension_version}</version>"
        "</extension></min-extension-versions>"
        if extension
        else ""
    )
    return (
        f"<prerequisites><min-stack-versions><stack><name>{stack}</name><version>{version}</version></stack>"
        f"</min-stack-versions>{others}</prerequisites>"
    )


def links_itself(stack: str, version: str) -> str:
    """Write the marks of an extension that links itself."""
    return f"<versions><active>true</active></versions><auto-link>true</auto-link>{needs(stack, version)}"
