"""Clusters on the command line, against a whole platform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from links.conftest import needs
from support.resources import Resources
from support.running import Platform, make_platform


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("clusters")
    tree = Resources(root / "resources")
    tree.stack("HDP/2.4", HDFS="")
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="")
    platform = make_platform("up", root / "platform", GRAFT_RESOURCES_DIR=str(tree.root), GRAFT_ENGINE="none")
    try:
        platform.start_all()
        platform.log_in()
        yield platform
    finally:
        platform.kill_all()


def answer(platform: Platform, *arguments: str) -> Any:
    done = platform.graft(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_cluster_from_its_making_to_its_end(platform: Platform) -> None:
    link = answer(platform, "link", "EXT/1.0", "HDP/2.4")[0]["id"]
    made = answer(platform, "clusters", "create", "c1", "HDP/2.4")
    assert (made["name"], made["stack_version"], made["services"], made["problem"]) == ("c1", "2.4", [], "")
    done = platform.graft("clusters", "add-service", "c1", "OOZIE", "HDFS")
    assert done.stdout == "cluster c1 on HDP/2.4: HDFS, OOZIE\n", done.stderr
    (listed,) = answer(platform, "clusters", "list")
    assert [(item["name"], item["state"]) for item in listed["services"]] == [("HDFS", "INIT"), ("OOZIE", "INIT")]
    assert platform.graft("clusters", "list").stdout.splitlines()[1:] == ["c1       HDP/2.4  HDFS, OOZIE"]

    refused = platform.graft("unlink", str(link))
    assert refused.returncode == 1
    assert "Extension service is still installed, stackName=HDP, stackVersion=2.4, service=OOZIE" in refused.stderr
    assert answer(platform, "clusters", "remove-service", "c1", "OOZIE")["services"][0]["name"] == "HDFS"
    assert platform.graft("unlink", str(link)).returncode == 0
    assert platform.graft("clusters", "delete", "c1").returncode == 0
    assert answer(platform, "clusters", "list") == []


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("create", "c2", "HDP"), 2, "'HDP' is no name and version such as HDP/2.4"),
        (("create", "c2", "HDP/9"), 1, "Stack data, Stack HDP 9 is not found in Ambari metainfo"),
        (("create", "c 2", "HDP/2.4"), 1, "CLUSTER_NAME_INVALID"),
        (("delete", "c2"), 1, "Cluster not found, clusterName=c2"),
        (("add-service", "c2", "HDFS"), 1, "Attempted to add a service to a cluster which doesn't exist."),
        (("remove-service", "c2", "HDFS"), 1, "Cluster not found, clusterName=c2"),
    ],
)
def test_what_is_refused(platform: Platform, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = platform.graft("clusters", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
