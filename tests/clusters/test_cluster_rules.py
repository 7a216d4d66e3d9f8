"""The rules of clusters, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graft_common.errors import GraftError
from links.conftest import needs
from registry_service.clusters.rules import (
    check_addition,
    check_creation,
    check_removal,
    find_cluster,
    problem_of,
    problem_of_service,
)
from registry_service.links.ground import Ground
from registry_service.resources import Cluster, InstalledService, Link
from support.resources import Resources

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def cluster_of(name: str, stack: str, *services: str) -> Cluster:
    installed = tuple(InstalledService(service, "INIT", NOW) for service in services)
    return Cluster(1, name, *stack.split("/"), NOW, installed)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Two clusters, on a stack version with a linked extension and on one that inherits from it."""
    tree = Resources(tmp_path / "resources")
    tree.stack("HDP/2.4", HDFS="", HIVE="<requiredServices><service>HDFS</service></requiredServices>")
    tree.stack("HDP/2.5", "<extends>2.4</extends>", YARN="")
    tree.stack("HDP/2.10", HDFS="")
    tree.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="")
    tree.extension("EXT/2.0", needs("HDP", "2.4"), PIG="")
    clusters = [cluster_of("c1", "HDP/2.4", "HDFS"), cluster_of("c2", "HDP/2.5"), cluster_of("lost", "HDP/1", "HDFS")]
    ground = Ground.of(tree.read(), {}, clusters={cluster.name: cluster for cluster in clusters})
    return ground.with_link(Link(1, "HDP", "2.4", "EXT", "1.0", NOW))


@pytest.mark.parametrize(
    ("name", "stack", "code", "text"),
    [
        ("", "HDP/2.4", "CLUSTER_INCOMPLETE", "Cluster name should be provided and clusterId should be null"),
        (" ", "HDP/2.4", "CLUSTER_INCOMPLETE", "Cluster name should be provided and clusterId should be null"),
        ("c3", "/", "CLUSTER_INCOMPLETE", "Stack information should be provided when creating a cluster"),
        ("c3", "HDP/", "CLUSTER_INCOMPLETE", "Stack information should be provided when creating a cluster"),
        ("c3", "HDP/9", "STACK_NOT_FOUND", "Stack data, Stack HDP 9 is not found in Ambari metainfo"),
        ("c1", "HDP/2.10", "CLUSTER_EXISTS", "Attempted to create a Cluster which already exists, clusterName=c1"),
        *(
            (name, "HDP/2.4", "CLUSTER_NAME_INVALID", "A cluster cannot be named")
            for name in ("a b", "a/b", "-a", ".", "..", "a\n", "ä", "a" * 101, "a\0")
        ),
    ],
)
def test_what_cannot_be_made(ground: Ground, name: str, stack: str, code: str, text: str) -> None:
    with pytest.raises(GraftError) as raised:
        check_creation(ground, name, *stack.split("/"))
    assert raised.value.code == code
    assert raised.value.params[0].startswith(text)


@pytest.mark.parametrize("name", ["c3", "C1", "a" * 100, "0", "my-cluster_2.example"])
def test_what_can_be_made(ground: Ground, name: str) -> None:
    check_creation(ground, name, "HDP", "2.4")


@pytest.mark.parametrize(
    ("cluster", "services", "code", "text"),
    [
        ("", ["HIVE"], "CLUSTER_INCOMPLETE", "Cluster name should be provided when creating a service"),
        ("c1", [], "CLUSTER_INCOMPLETE", "Service name should be provided when creating a service"),
        ("c1", ["HIVE", " "], "CLUSTER_INCOMPLETE", "Service name should be provided when creating a service"),
        (
            "c9",
            ["HIVE"],
            "CLUSTER_NOT_FOUND",
            "Attempted to add a service to a cluster which doesn't exist.  Cluster not found, clusterName=c9",
        ),
        *(
            (
                cluster,
                ["HIVE", service],
                "SERVICE_NOT_IN_STACK",
                f"Unsupported or invalid service in stack, clusterName={cluster}, serviceName={service}, stackInfo={stack}",
            )
            for cluster, stack, service in (
                ("c1", "HDP-2.4", "YARN"),
                ("c1", "HDP-2.4", "PIG"),
                ("c2", "HDP-2.5", "hive"),
            )
        ),
        (
            "c1",
            ["HDFS"],
            "CLUSTER_SERVICE_EXISTS",
            "Attempted to create a service which already exists: , clusterName=c1 serviceName=HDFS",
        ),
        (
            "c1",
            ["HIVE", "HDFS", "HIVE", "HIVE"],
            "CLUSTER_SERVICE_EXISTS",
            "Attempted to create a service which already exists: , clusterName=c1 serviceName=HDFS,HIVE",
        ),
        (
            "lost",
            ["HIVE"],
            "SERVICE_NOT_IN_STACK",
            "Unsupported or invalid service in stack, clusterName=lost, serviceName=HIVE, stackInfo=HDP-1",
        ),
    ],
)
def test_what_cannot_be_installed(ground: Ground, cluster: str, services: Sequence[str], code: str, text: str) -> None:
    with pytest.raises(GraftError) as raised:
        check_addition(ground, cluster, services)
    assert (raised.value.code, raised.value.params[0]) == (code, text)


@pytest.mark.parametrize(
    ("cluster", "services"),
    [
        pytest.param("c1", ["OOZIE"], id="of a linked extension"),
        pytest.param("c2", ["HIVE", "YARN", "OOZIE"], id="inherited, its own, and of an inherited link"),
        pytest.param("c2", ["HIVE"], id="without the service that it requires, as in Ambari"),
    ],
)
def test_what_can_be_installed(ground: Ground, cluster: str, services: Sequence[str]) -> None:
    assert check_addition(ground, cluster, services).name == cluster


def test_an_invalid_service_is_not_offered(tmp_path: Path) -> None:
    tree = Resources(tmp_path / "resources")
    tree.stack("HDP/2.4", HIVE="")
    tree.write("stacks/HDP/2.4/services/HIVE/configuration/hive-site.xml", "<configuration")
    ground = Ground.of(tree.read(), {}, clusters={"c1": cluster_of("c1", "HDP/2.4")})
    with pytest.raises(GraftError, match="SERVICE_NOT_IN_STACK"):
        check_addition(ground, "c1", ["HIVE"])
    (service,) = (cluster := cluster_of("c1", "HDP/2.4", "HIVE")).services
    assert problem_of_service(ground, cluster, service) == "The service HIVE of stack HDP 2.4 is not valid"


def test_what_can_be_found_and_removed(ground: Ground) -> None:
    assert find_cluster(ground, "c1").stack == ("HDP", "2.4")
    assert check_removal(ground, "c1", "HDFS").name == "c1"
    assert check_removal(ground, "lost", "HDFS").name == "lost"
    for cluster, service, code, text in (
        ("c9", "HDFS", "CLUSTER_NOT_FOUND", "Cluster not found, clusterName=c9"),
        ("c1", "HIVE", "CLUSTER_SERVICE_NOT_FOUND", "Service not found, clusterName=c1, serviceName=HIVE"),
    ):
        with pytest.raises(GraftError) as raised:
            check_removal(ground, cluster, service)
        assert (raised.value.code, raised.value.params[0]) == (code, text)


def test_what_is_away_is_told(ground: Ground) -> None:
    def problems(cluster: Cluster) -> list[str]:
        return [problem_of(ground, cluster), *(problem_of_service(ground, cluster, it) for it in cluster.services)]

    assert problems(cluster_of("c1", "HDP/2.4", "HDFS", "OOZIE")) == ["", "", ""]
    assert problems(cluster_of("c1", "HDP/2.4", "PIG")) == ["", "Stack HDP 2.4 has no service PIG any more"]
    assert problems(ground.clusters["lost"]) == ["Stack HDP 1 is not in the resources directory"] * 2
