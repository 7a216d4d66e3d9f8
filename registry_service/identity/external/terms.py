"""From settings to the terms on which tokens are taken."""

from __future__ import annotations

from datetime import timedelta

from graft_common.errors import StartupError
from graft_common.settings import Settings
from registry_service.identity.external.keys import is_safe
from registry_service.identity.external.tokens import ALGORITHMS, Terms


def read_terms(settings: Settings) -> Terms:
    """Return the terms that are set.

    Raises:
        StartupError: what is set takes no token, or cannot be believed.
    """
    issuer = settings.oidc_issuer or ""
    if not is_safe(issuer):
        raise StartupError(
            f"GRAFT_OIDC_ISSUER={issuer}: it must be a URL with https, "
            "or with http on this machine; anybody on the way could make tokens otherwise."
        )
    if not settings.oidc_audience:
        raise StartupError(
            "GRAFT_OIDC_AUDIENCE is not set. Set it to what the issuer puts into tokens for Graft (the claim `aud`); "
            "without it, tokens that are for anything else would open sessions here."
        )
    if not settings.oidc_roles:
        raise StartupError(
            "GRAFT_OIDC_ROLES gives nobody a role. Set it to roles of groups, such as "
            '{"operators": "pool-operator", "*": "read-only"}.'
        )
    algorithms = frozenset(name.strip() for name in settings.oidc_algorithms.split(",") if name.strip())
    unknown = sorted(algorithms - set(ALGORITHMS))
    if unknown or not algorithms:
        raise StartupError(
            f"GRAFT_OIDC_ALGORITHMS={settings.oidc_algorithms}: there must be some of {', '.join(ALGORITHMS)}, "
            "with commas between them."
        )
    return Terms(
        issuer=issuer,
        audience=settings.oidc_audience,
        user_claim=settings.oidc_user,
        groups_claim=settings.oidc_groups,
        roles=settings.oidc_roles,
        algorithms=algorithms,
        skew=timedelta(seconds=settings.oidc_skew),
    )
