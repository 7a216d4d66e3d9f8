"""Clusters, as they are made, filled, emptied and removed."""

from __future__ import annotations

from collections.abc import Sequence

from graft_common import roles
from graft_common.errors import value_not_supported
from registry_service.clusters import rules
from registry_service.identity.values import Request, Session
from registry_service.links.ground import Ground
from registry_service.links.links import Links
from registry_service.resources import Cluster, InstalledService
from registry_service.store.change import Change
from registry_service.tuning import Tuning

CREATE = "cluster.create"
REMOVE = "cluster.destroy"
ADD_SERVICES = "cluster.add_services"
REMOVE_SERVICE = "cluster.remove_service"


class Clusters:
    """Changes clusters in the state that links are in, so that no link goes while a service of it is installed.

    As in Ambari, administrators make and remove clusters, and operators decide what is installed in them.
    """

    def __init__(self, links: Links, tuning: Tuning) -> None:
        self._links = links
        self._tuning = tuning

    async def ground(self) -> Ground:
        """Return the newest state; waits for the first reading of the directory."""
        return await self._links.ground()

    async def create(
        self, caller: Session, name: str, stack_name: str, stack_version: str, request: Request
    ) -> tuple[Cluster, Ground, int]:
        """Make a cluster; return it with the state and the revision. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; a code of `rules.check_creation`.
        """

        async def make(change: Change, ground: Ground) -> tuple[Ground, tuple[Cluster, Ground]]:
            rules.check_creation(ground, name, stack_name, stack_version)
            cluster = await change.add_cluster(Cluster(0, name, stack_name, stack_version, self._tuning.now()))
            return _with(ground, cluster)

        (cluster, ground), revision = await self._links.write(CREATE, caller, roles.POOL_ADMIN, request, make)
        return cluster, ground, revision

    async def remove(self, caller: Session, name: str, request: Request) -> int:
        """Remove a cluster with all that is installed in it; return the revision. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; CLUSTER_NOT_FOUND.
        """

        async def delete(change: Change, ground: Ground) -> tuple[Ground, None]:
            await change.remove_cluster(rules.find_cluster(ground, name))
            return ground.without_cluster(name), None

        _, revision = await self._links.write(REMOVE, caller, roles.POOL_ADMIN, request, delete)
        return revision

    async def add_services(
        self, caller: Session, name: str, services: Sequence[str], request: Request
    ) -> tuple[Cluster, Ground, int]:
        """Install services in a cluster, all or none; return it with the state and the revision. Needs pool-operator.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; VALUE_NOT_SUPPORTED if there are too many; a code of
                `rules.check_addition`.
        """

        def check() -> None:
            if len(services) > rules.MAX_SERVICES:
                count, most = f"{len(services)}", f"{rules.MAX_SERVICES:,}"
                raise value_not_supported("services", count, f"a request adds at most {most} services")

        async def add(change: Change, ground: Ground) -> tuple[Ground, tuple[Cluster, Ground]]:
            cluster = rules.check_addition(ground, name, services)
            now = self._tuning.now()
            new = [InstalledService(service, rules.INIT, now) for service in services]
            return _with(ground, await change.add_services(cluster, new))

        (cluster, ground), revision = await self._links.write(
            ADD_SERVICES, caller, roles.POOL_OPERATOR, request, add, check
        )
        return cluster, ground, revision

    async def remove_service(
        self, caller: Session, name: str, service: str, request: Request
    ) -> tuple[Cluster, Ground, int]:
        """Remove a service from a cluster; return it with the state and the revision. Needs pool-operator.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; a code of `rules.check_removal`.
        """

        async def take(change: Change, ground: Ground) -> tuple[Ground, tuple[Cluster, Ground]]:
            cluster = rules.check_removal(ground, name, service)
            return _with(ground, await change.remove_service(cluster, service))

        (cluster, ground), revision = await self._links.write(
            REMOVE_SERVICE, caller, roles.POOL_OPERATOR, request, take
        )
        return cluster, ground, revision


def _with(ground: Ground, cluster: Cluster) -> tuple[Ground, tuple[Cluster, Ground]]:
    """Return the state with what a cluster has become, and both once more as the result."""
    after = ground.with_cluster(cluster)
    return after, (cluster, after)
