"""Grants, as administrators give them and take them back."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from graft_common import roles
from graft_common.declarations import access
from graft_common.declarations.access import Asker, Grant
from registry_service.grants import rules
from registry_service.grants.giving import GRANT, give
from registry_service.grants.rules import AccessSpec
from registry_service.identity.values import Request, Session
from registry_service.links.ground import Ground
from registry_service.links.links import Links
from registry_service.store.change import Change
from registry_service.store.store import Store
from registry_service.tuning import Tuning
from registry_service.watch.values import Kind

REVOKE = "grant.destroy"

_log = structlog.get_logger("graft.registry")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a method of an extension version asks for, and the grant of just that, if there is one."""

    spec: AccessSpec
    grant: Grant | None


class Grants:
    """Changes grants in turn with links, whose transaction tells what extension versions ask for."""

    def __init__(self, links: Links, store: Store, tuning: Tuning) -> None:
        self._links = links
        self._store = store
        self._tuning = tuning

    async def grant(self, caller: Session, spec: AccessSpec, request: Request) -> tuple[Grant, int]:
        """Grant a request; return the grant with the revision. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; a code of `rules.check_specs` or `rules.check_asked`.
        """

        async def make(change: Change, ground: Ground) -> tuple[Ground, Grant]:
            [made] = await give(change, ground, caller, [spec], self._tuning.now())
            return ground, made

        return await self._links.write(
            GRANT, caller, roles.POOL_ADMIN, request, make, lambda: rules.check_specs([spec])
        )

    async def revoke(self, caller: Session, asker: Asker, request: Request) -> tuple[Grant, int]:
        """Take back what was granted to a method; return that with the revision. Needs pool-admin.

        Raises:
            GraftError: RBAC_PERMISSION_DENIED; VALUE_NOT_SUPPORTED; GRANT_NOT_FOUND.
        """

        async def remove(change: Change, ground: Ground) -> tuple[Ground, Grant]:
            found = await change.find_grants([asker])
            if not found:
                raise rules.grant_not_found(asker)
            await change.remove_grant(found[0])
            return ground, found[0]

        gone, revision = await self._links.write(
            REVOKE, caller, roles.POOL_ADMIN, request, remove, lambda: rules.check_asker(asker)
        )
        _log.info("access.revoked", asker=str(asker), digest=gone.digest, by=caller.user)
        return gone, revision

    async def page(self, after: str, limit: int) -> list[tuple[Grant, str]]:
        """Return at most `limit` grants beyond a position, by method, each with its own position."""
        async with self._store.read() as view:
            listed = await view.resources(Kind.GRANT, after=after, limit=limit)
        return [(item.resource, item.position) for item in listed if isinstance(item.resource, Grant)]

    async def asked(self, extension: str, version: str) -> list[Asked]:
        """Tell what the methods of an extension version ask for, by name.

        Raises:
            GraftError: EXTENSION_NOT_FOUND.
        """
        requests = await rules.requests_of(await self._links.ground(), (extension, version))
        specs = [
            AccessSpec(Asker(method, extension, version), requests[method])
            for method in sorted(requests)
            if requests[method] != access.NOTHING
        ]
        async with self._store.read() as view:
            granted = {grant.asker: grant for grant in await view.find_grants(spec.asker for spec in specs)}
        return [Asked(spec, _in_force(spec, granted.get(spec.asker))) for spec in specs]


def _in_force(spec: AccessSpec, grant: Grant | None) -> Grant | None:
    return grant if access.judge(spec.asker, spec.request, grant) is access.State.GRANTED else None
