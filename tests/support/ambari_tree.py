"""A resources directory as an operator of Ambari might have it, and platforms that serve it."""

from __future__ import annotations

from pathlib import Path

from support.resources import Resources, component, config_property
from support.running import Platform, make_platform

_DEPENDENCY = "<dependencies><dependency><name>HDFS/NAMENODE</name><scope>host</scope></dependency></dependencies>"
_SERVER = f"<category>MASTER</category><cardinality>1</cardinality>{_DEPENDENCY}"
_THEMES = "<themes><theme><fileName>theme.json</fileName><default>true</default></theme></themes>"


def write_tree(root: Path) -> Resources:
    """Write HDP 2.4, which EXT 1.0 and its successor EXT 2.0 fit, and extensions that cannot be linked to it."""
    tree = Resources(root)
    tree.stack("HDP/2.4", "<versions><active>true</active></versions>", HDFS=component("NAMENODE"))
    tree.stack("HDP/2.5", "<extends>2.4</extends>")
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE2=oozie("4.0.0"))
    tree.extension(
        "EXT/2.0", f"<extends>1.0</extends>{needs('HDP', '2.4')}", OOZIE2="<version>4.1.0</version>", PIG2=""
    )
    for version in ("1.0", "2.0"):
        folder = f"extensions/EXT/{version}/services/OOZIE2"
        tree.configuration(folder, "oozie-site", config_property("oozie.base.url", "http://localhost:11000/oozie"))
        tree.write(f"{folder}/themes/theme.json", '{"name": "default", "configuration": {}}')
    tree.extension("CLASH/1.0", needs("HDP", "2.4"), HDFS="")
    tree.extension("LATE/1.0", needs("HDP", "2.6"), LATE="")
    return tree


def serve_tree(kind: str, root: Path, **settings: str) -> tuple[Platform, Resources]:
    """Start a platform with such a directory."""
    tree = write_tree(root / "resources")
    platform = make_platform(kind, root / "platform", GRAFT_RESOURCES_DIR=str(tree.root), **settings)
    try:
        platform.start_all()
    except BaseException:
        platform.kill_all()
        raise
    return platform, tree


def needs(stack: str, version: str) -> str:
    """Return what an extension's metainfo says of the stacks that it fits."""
    minimum = (
        f"<min-stack-versions><stack><name>{stack}</name><version>{version}</version></stack></min-stack-versions>"
    )
    return f"<prerequisites>{minimum}</prerequisites>"


def oozie(version: str) -> str:
    """Return a service with a component, a dependency and a theme."""
    return f"<version>{version}</version>{component('OOZIE2_SERVER', _SERVER)}{_THEMES}"
