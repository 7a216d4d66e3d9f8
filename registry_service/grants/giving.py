"""Gives what is asked for, within a transaction that may do more than that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from graft_common.declarations import access
from graft_common.declarations.access import Grant
from registry_service.grants.rules import AccessSpec, check_asked
from registry_service.identity.values import Session
from registry_service.links.ground import Ground
from registry_service.store.change import Change

GRANT = "grant.create"

_log = structlog.get_logger("graft.registry")


async def give(
    change: Change, ground: Ground, caller: Session, specs: Sequence[AccessSpec], now: datetime
) -> list[Grant]:
    """Grant requests, in place of what was granted to the same methods before; return the grants in order.

    Raises:
        GraftError: a code of `rules.check_asked`.
    """
    await check_asked(ground, specs)
    made = [Grant(spec.asker, spec.request, access.digest(spec.request), caller.user, now) for spec in specs]
    await change.put_grants(list({grant.asker: grant for grant in made}.values()))
    for grant in made:
        _log.info("access.granted", asker=str(grant.asker), digest=grant.digest, by=caller.user)
    return made
