"""What clusters may be made, and what may be installed in them: the rules, their order and their texts.

They are Ambari's (AmbariManagementControllerImpl.createCluster, ServiceResourceProvider), but for the names that a
cluster may have, of which Ambari checks only the length. As there, nobody looks whether a cluster has the services that
a new one requires.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from graft_common.errors import GraftError
from registry_service.links.ground import Ground
from registry_service.resources import Cluster, InstalledService

MAX_SERVICES = 1000
"""Services that one request adds."""
INIT = "INIT"
"""Ambari's state of a service that nothing was done with yet."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SHOWN = 255


def check_creation(ground: Ground, name: str, stack_name: str, stack_version: str) -> None:
    """Raise what is against a new cluster.

    Raises:
        GraftError: CLUSTER_INCOMPLETE, CLUSTER_NAME_INVALID, STACK_NOT_FOUND, CLUSTER_EXISTS, with Ambari's text.
    """
    if not name.strip():
        raise GraftError("CLUSTER_INCOMPLETE", "Cluster name should be provided and clusterId should be null")
    if _NAME.fullmatch(name) is None:
        raise GraftError(
            "CLUSTER_NAME_INVALID",
            f"A cluster cannot be named {name[:_SHOWN]!r}: a name has 1 to 100 letters, digits, '_', '-' and '.', "
            "and begins with a letter or a digit",
        )
    if not (stack_name.strip() and stack_version.strip()):
        raise GraftError("CLUSTER_INCOMPLETE", "Stack information should be provided when creating a cluster")
    if (stack_name, stack_version) not in ground.catalog.stacks:
        raise GraftError(
            "STACK_NOT_FOUND",
            f"Stack data, Stack {stack_name[:_SHOWN]} {stack_version[:_SHOWN]} is not found in Ambari metainfo",
        )
    if name in ground.clusters:
        raise GraftError("CLUSTER_EXISTS", f"Attempted to create a Cluster which already exists, clusterName={name}")


def find_cluster(ground: Ground, name: str) -> Cluster:
    """Return the cluster of that name.

    Raises:
        GraftError: CLUSTER_NOT_FOUND.
    """
    cluster = ground.clusters.get(name)
    if cluster is None:
        raise GraftError("CLUSTER_NOT_FOUND", f"Cluster not found, clusterName={name[:_SHOWN]}")
    return cluster


def check_addition(ground: Ground, cluster_name: str, services: Sequence[str]) -> Cluster:
    """Return the cluster, in which the services may be installed.

    Raises:
        GraftError: CLUSTER_INCOMPLETE, CLUSTER_NOT_FOUND, SERVICE_NOT_IN_STACK, CLUSTER_SERVICE_EXISTS, with Ambari's
            text; of several services that the cluster has already, all are named.
    """
    if not cluster_name.strip():
        raise GraftError("CLUSTER_INCOMPLETE", "Cluster name should be provided when creating a service")
    if not services or not all(name.strip() for name in services):
        raise GraftError("CLUSTER_INCOMPLETE", "Service name should be provided when creating a service")
    if cluster_name not in ground.clusters:
        raise GraftError(
            "CLUSTER_NOT_FOUND",
            # Two blanks, as in Ambari.
            "Attempted to add a service to a cluster which doesn't exist.  "
            f"Cluster not found, clusterName={cluster_name[:_SHOWN]}",
        )
    cluster = ground.clusters[cluster_name]
    taken = {service.name for service in cluster.services}
    duplicates = []
    for name in services:
        if name in taken:
            duplicates.append(name)
        elif not _is_offered(ground, cluster, name):
            raise GraftError(
                "SERVICE_NOT_IN_STACK",
                f"Unsupported or invalid service in stack, clusterName={cluster_name}, serviceName={name[:_SHOWN]}, "
                f"stackInfo={cluster.stack_name}-{cluster.stack_version}",
            )
        taken.add(name)
    if duplicates:
        raise GraftError(
            "CLUSTER_SERVICE_EXISTS",
            # The stray comma is Ambari's.
            f"Attempted to create a service which already exists: , clusterName={cluster_name} "
            f"serviceName={','.join(dict.fromkeys(duplicates))}",
        )
    return cluster


def check_removal(ground: Ground, cluster_name: str, service: str) -> Cluster:
    """Return the cluster, from which the service may be removed.

    Raises:
        GraftError: CLUSTER_NOT_FOUND, CLUSTER_SERVICE_NOT_FOUND, with Ambari's text.
    """
    cluster = find_cluster(ground, cluster_name)
    if all(installed.name != service for installed in cluster.services):
        raise GraftError(
            "CLUSTER_SERVICE_NOT_FOUND",
            f"Service not found, clusterName={cluster_name}, serviceName={service[:_SHOWN]}",
        )
    return cluster


def problem_of(ground: Ground, cluster: Cluster) -> str:
    """Say what is wrong with a cluster; empty when all is well."""
    if cluster.stack in ground.catalog.stacks:
        return ""
    return f"Stack {cluster.stack_name} {cluster.stack_version} is not in the resources directory"


def problem_of_service(ground: Ground, cluster: Cluster, service: InstalledService) -> str:
    """Say why nothing could be done with a service of a cluster; empty when all is well."""
    view = ground.views.get(*cluster.stack)
    if view is None:
        return problem_of(ground, cluster)
    called = f"{cluster.stack_name} {cluster.stack_version}"
    offered = view.services.get(service.name)
    if offered is None:
        return f"Stack {called} has no service {service.name} any more"
    return "" if offered.valid else f"The service {service.name} of stack {called} is not valid"


def _is_offered(ground: Ground, cluster: Cluster, service: str) -> bool:
    view = ground.views.get(*cluster.stack)
    offered = view.services.get(service) if view is not None else None
    return offered is not None and offered.valid
