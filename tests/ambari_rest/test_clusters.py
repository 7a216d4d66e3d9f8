"""Clusters over HTTP: what Ambari's clients send, and its statuses and texts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from support.resources import Resources
from support.rest import READER, Rest, message
from tests.ambari_rest.conftest import Serve

SPECIFIED = "The specified resource doesn't exist: "
REQUESTED = "The requested resource doesn't exist: "


@pytest.fixture
async def rest(serve: Serve, tree: Resources) -> AsyncIterator[Rest]:
    """A cluster on the stack version with a linked extension, HDFS installed in it."""
    async with serve(tree.root, ambari_version="2.7.5") as running:
        await running.link("EXT/1.0 HDP/2.4")
        await done(running.post("clusters/c1", version("HDP-2.4")), 201)
        await done(running.post("clusters/c1/services", service("HDFS")), 201)
        yield running


def version(text: str) -> Any:
    return {"Clusters": {"version": text}}


def service(name: str) -> Any:
    return {"ServiceInfo": {"service_name": name}}


def unsupported(names: str, resource_type: str) -> str:
    where = f"the request or predicate are not supported for the resource type {resource_type}."
    return f"The properties [{names}] specified in {where}"


async def done(request: Any, status: int) -> None:
    response: httpx.Response = await request
    assert (response.status_code, response.content) == (status, b"")


async def refused(request: Any, status: int, words: str) -> None:
    response: httpx.Response = await request
    assert (response.status_code, message(response)) == (status, words)


async def installed(rest: Rest) -> list[str]:
    items = (await rest.json("clusters/c1/services"))["items"]
    return [item["ServiceInfo"]["service_name"] for item in items]


async def test_what_is_shown(rest: Rest) -> None:
    assert await rest.json("clusters") == {
        "href": f"{rest.url}/clusters",
        "items": [{"href": f"{rest.url}/clusters/c1", "Clusters": {"cluster_name": "c1", "version": "HDP-2.4"}}],
    }
    cluster = await rest.json("clusters/c1")
    assert cluster == {
        "href": f"{rest.url}/clusters/c1",
        "Clusters": {
            "cluster_id": 1,
            "cluster_name": "c1",
            "provisioning_state": "INIT",
            "total_hosts": 0,
            "version": "HDP-2.4",
        },
        "services": [
            {
                "href": f"{rest.url}/clusters/c1/services/HDFS",
                "ServiceInfo": {"cluster_name": "c1", "service_name": "HDFS"},
            }
        ],
    }
    assert await rest.json("clusters/c1/services") == {
        "href": f"{rest.url}/clusters/c1/services",
        "items": cluster["services"],
    }
    assert await rest.json("clusters/c1/services/HDFS") == {
        "href": f"{rest.url}/clusters/c1/services/HDFS",
        "ServiceInfo": {"cluster_name": "c1", "maintenance_state": "OFF", "service_name": "HDFS", "state": "INIT"},
    }


FOUND = [
    ("clusters?Clusters/cluster_name=c1", ["c1"]),
    ("clusters?Clusters/version=HDP-2.5", []),
    ("clusters?services/ServiceInfo/service_name=HDFS", ["c1"]),
    ("clusters?services/ServiceInfo/service_name=OOZIE", []),
    ("clusters/c1/services?ServiceInfo/state=INIT&fields=ServiceInfo/state", ["HDFS"]),
    ("clusters/c1/services?ServiceInfo/state=STARTED", []),
    ("clusters/c1/services?fields=ServiceInfo/state,ServiceInfo/maintenance_state&minimal_response=true", ["HDFS"]),
]


async def test_what_is_found(rest: Rest) -> None:
    for path, names in FOUND:
        items = (await rest.json(path))["items"]
        found = [
            item["ServiceInfo"]["service_name"] if "ServiceInfo" in item else item["Clusters"]["cluster_name"]
            for item in items
        ]
        assert found == names, path


ABSENT = [
    ("clusters/c9", f"{REQUESTED}Cluster not found, clusterName=c9"),
    ("clusters/c9/services", "Parent Cluster resource doesn't exist.  Cluster not found, clusterName=c9"),
    ("clusters/c9/services/HDFS", "Parent Cluster resource doesn't exist.  Cluster not found, clusterName=c9"),
    ("clusters/c1/services/NONE", f"{REQUESTED}Service not found, clusterName=c1, serviceName=NONE"),
]


async def test_what_is_not_there(rest: Rest) -> None:
    for path, words in ABSENT:
        await refused(rest.get(path), 404, words)


NOT_MADE: list[tuple[str, Any, int, str]] = [
    ("c1", version("HDP-2.4"), 409, "Attempted to create a Cluster which already exists, clusterName=c1"),
    ("c2", None, 400, "Stack information should be provided when creating a cluster"),
    ("c2", {"Clusters": {}}, 400, "Stack information should be provided when creating a cluster"),
    ("c2", version("HDP"), 400, "Could not parse invalid Stack Id, stackId=HDP"),
    ("c2", version("HDP-9"), 404, "Stack data, Stack HDP 9 is not found in Ambari metainfo"),
    (
        "c2",
        {"blueprint": "b", "host_groups": []},
        400,
        unsupported("blueprint, host_groups", "Cluster"),
    ),
    (
        "c2",
        {"Clusters": {"version": "HDP-2.4", "cluster_id": 7}},
        400,
        "Cluster name should be provided and clusterId should be null",
    ),
    ("", version("HDP-2.4"), 400, "Cluster name should be provided and clusterId should be null"),
]


async def test_clusters_that_cannot_be_made(rest: Rest) -> None:
    for path, body, status, words in NOT_MADE:
        await refused(rest.post(f"clusters/{path}".rstrip("/"), body), status, words)
    assert len((await rest.json("clusters"))["items"]) == 1


async def test_a_cluster_comes_and_goes(rest: Rest) -> None:
    two = [{"Clusters": {"cluster_name": name, "version": "HDP-2.5"}} for name in ("c2", "c3")]
    await done(rest.post("clusters", two), 201)
    assert [item["Clusters"]["cluster_name"] for item in (await rest.json("clusters"))["items"]] == ["c1", "c2", "c3"]
    await done(rest.delete("clusters/c2"), 200)
    await refused(rest.delete("clusters/c2"), 404, f"{SPECIFIED}Cluster not found, clusterName=c2")
    assert "A cluster cannot be named 'a b'" in message(await rest.post("clusters/a%20b", version("HDP-2.4")))


INSTALLED: list[tuple[str, Any]] = [
    ("", [service("OOZIE")]),
    ("", service("OOZIE")),
    ("", {"ServiceInfo": {"service_name": "OOZIE", "state": "INIT"}}),
    ("", {"RequestInfo": {"context": "add"}, "Body": service("OOZIE")}),
    ("", {"ServiceInfo/service_name": "OOZIE"}),
    ("/OOZIE", None),
    ("/OOZIE", {"ServiceInfo": {}}),
    ("/OOZIE", service("OOZIE")),
]


async def test_services_that_can_be_installed(rest: Rest) -> None:
    for path, body in INSTALLED:
        await done(rest.post(f"clusters/c1/services{path}", body), 201)
        assert await installed(rest) == ["HDFS", "OOZIE"]
        await done(rest.delete("clusters/c1/services/OOZIE"), 200)


NOT_INSTALLED: list[tuple[str, Any, int, str]] = [
    ("c1/services", None, 400, "Service name should be provided when creating a service"),
    (
        "c1/services",
        [service("OOZIE"), service("NONE")],
        400,
        "Unsupported or invalid service in stack, clusterName=c1, serviceName=NONE, stackInfo=HDP-2.4",
    ),
    (
        "c1/services",
        [service("OOZIE"), service("HDFS")],
        409,
        "Attempted to create a service which already exists: , clusterName=c1 serviceName=HDFS",
    ),
    (
        "c1/services/OOZIE",
        {"ServiceInfo": {"state": "STARTED"}},
        400,
        "Invalid desired state only INIT state allowed during creation, providedDesiredState=STARTED",
    ),
    (
        "c9/services/HDFS",
        None,
        404,
        "Attempted to add a service to a cluster which doesn't exist.  Cluster not found, clusterName=c9",
    ),
    (
        "c1/services?ServiceInfo/service_name=HDFS",
        {"components": [{"ServiceComponentInfo": {"component_name": "NAMENODE"}}]},
        400,
        unsupported("components", "Service"),
    ),
]


async def test_services_that_cannot_be_installed(rest: Rest) -> None:
    for path, body, status, words in NOT_INSTALLED:
        await refused(rest.post(f"clusters/{path}", body), status, words)
    assert await installed(rest) == ["HDFS"]


async def test_an_installed_service_keeps_its_link_until_it_is_removed(rest: Rest) -> None:
    await done(rest.post("clusters/c1/services/OOZIE"), 201)
    words = (
        "Extension service is still installed, stackName=HDP, stackVersion=2.4, service=OOZIE, "
        "extensionName=EXT, extensionVersion=1.0"
    )
    (link,) = (await rest.json("links?ExtensionLink/extension_name=EXT"))["items"]
    path = f"links/{link['ExtensionLink']['link_id']}"
    await refused(rest.delete(path), 409, words)
    await done(rest.delete("clusters/c1/services/OOZIE"), 200)
    gone = f"{SPECIFIED}Service not found, clusterName=c1, serviceName=OOZIE"
    await refused(rest.delete("clusters/c1/services/OOZIE"), 404, gone)
    await done(rest.delete(path), 200)


async def test_nothing_is_started(rest: Rest) -> None:
    started = {"ServiceInfo": {"state": "STARTED"}}
    for path, body in (
        ("clusters/c1/services/HDFS", started),
        ("clusters/c1/services/HDFS", {"RequestInfo": {"context": "x"}, "Body": started}),
        ("clusters/c1/services/HDFS", {"ServiceInfo": {"maintenance_state": "ON"}}),
        ("clusters/c1/services", started),
        ("clusters/c1/services?ServiceInfo/state=INIT", {"ServiceInfo": {"state": "INSTALLED"}}),
        ("clusters/c1", version("HDP-2.5")),
    ):
        response = await rest.put(path, body)
        assert response.status_code == 400
        assert "it configures, installs, starts and stops none of them" in message(response)
    await done(rest.put("clusters/c1/services/HDFS", {"ServiceInfo": {"state": "INIT"}}), 200)
    gone = f"{SPECIFIED}Service not found, clusterName=c1, serviceName=NONE"
    await refused(rest.put("clusters/c1/services/NONE", started), 404, gone)
    await refused(rest.put("clusters/c9", version("HDP-2.5")), 404, f"{SPECIFIED}Cluster not found, clusterName=c9")
    assert (await rest.json("clusters/c1"))["Clusters"]["version"] == "HDP-2.4"


async def test_what_is_wrong_is_shown(rest: Rest, tree: Resources) -> None:
    (tree.root / "stacks/HDP/2.4").rename(tree.root / "away")
    await done(rest.put("links"), 200)
    problem = "Stack HDP 2.4 is not in the resources directory"
    assert (await rest.json("clusters/c1"))["Clusters"]["problem"] == problem
    assert (await rest.json("clusters/c1/services/HDFS"))["ServiceInfo"]["problem"] == problem


async def test_who_may_only_look(rest: Rest) -> None:
    await rest.add_user(READER, "read-only")
    rest.http.auth = httpx.BasicAuth(*READER)
    assert await installed(rest) == ["HDFS"]
    for request in (
        rest.post("clusters/c2", version("HDP-2.4")),
        rest.delete("clusters/c1"),
        rest.post("clusters/c1/services/OOZIE"),
        rest.delete("clusters/c1/services/HDFS"),
    ):
        response = await request
        assert response.status_code == 403
        assert response.json()["message"] == "You do not have permissions to access this resource."


async def test_the_version_of_the_server(rest: Rest) -> None:
    server = await rest.json("services/AMBARI/components/AMBARI_SERVER")
    assert server["RootServiceComponents"] == {
        "component_name": "AMBARI_SERVER",
        "component_version": "2.7.5",
        "service_name": "AMBARI",
    }
    (listed,) = (await rest.json("services"))["items"]
    assert listed["RootService"] == {"service_name": "AMBARI"}
    for path in ("services/NONE", "services/AMBARI/components/NONE"):
        assert (await rest.get(path)).status_code == 404
    wrong = await rest.get("services/AMBARI/components/AMBARI_SERVER", auth=("admin", "wrong"))
    assert wrong.status_code == 403
