"""An OpenID Connect issuer: from a token that a client shows to whom it speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from graft_common.bearer_tokens import is_token
from graft_common.errors import StartupError
from graft_common.settings import Settings
from registry_service.identity.external import tokens
from registry_service.identity.external.keys import Closing, IssuerKeys, open_fetch
from registry_service.identity.external.subjects import Subject, UnfitCredentialError
from registry_service.identity.external.terms import read_terms
from registry_service.identity.external.tokens import Terms
from registry_service.tuning import Tuning


class Issuer:
    """Whose tokens are taken, and on what terms."""

    def __init__(self, terms: Terms, keys: IssuerKeys, closing: Closing) -> None:
        """Take the terms, what finds the keys, and what is closed at the end."""
        self.roles: Mapping[str, str] = terms.roles
        self._terms = terms
        self._keys = keys
        self._closing = closing

    @classmethod
    def of(cls, settings: Settings, tuning: Tuning) -> Self:
        """Return the issuer that is set. It is asked for its keys with the first token.

        Raises:
            StartupError: what is set takes no token, or cannot be believed.
        """
        terms = read_terms(settings)
        try:
            fetch, closing = open_fetch(settings.oidc_authorities)
        except OSError as error:
            raise StartupError(
                f"GRAFT_OIDC_AUTHORITIES={settings.oidc_authorities}: it must be a file with certificates in PEM, "
                f"which this user may read: {error.strerror or error}"
            ) from error
        return cls(terms, IssuerKeys(terms.issuer, fetch, tuning.issuer_pause), closing)

    async def claims_of(self, token: str) -> Mapping[str, Any]:
        """Return what a token says, if the issuer has signed it.

        Raises:
            UnfitCredentialError: it has not.
            GraftError: SERVICE_UNAVAILABLE [issuer, reason].
        """
        if not is_token(token):
            raise UnfitCredentialError("the token is no signed JWT")
        header = tokens.read_header(token, self._terms)
        return tokens.read_claims(token, header, await self._keys.key_of(header))

    def subject_of(self, claims: Mapping[str, Any], now: datetime) -> Subject:
        """Say whom a token speaks of.

        Raises:
            UnfitCredentialError: it is for somebody else, not valid now, or does not name its user.
        """
        return tokens.read_subject(claims, self._terms, now)

    async def close(self) -> None:
        """Ask it nothing more, and let go of the connections to it."""
        await self._keys.close()
        await self._closing.aclose()
