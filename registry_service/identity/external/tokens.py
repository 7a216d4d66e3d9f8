"""What a bearer token must be and say to be taken, on plain values (RFC 7519, RFC 8725, OpenID Connect Core)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from registry_service.identity.external.subjects import Subject, UnfitCredentialError
from registry_service.identity.rules import MAX_NAME

PREFIX = "oidc:"
"""What the names of these users begin with."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What tokens may be signed with: never with a secret that the holder shares, never not at all."""

_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""Other types are not for access, such as those that tell of a logout."""
_LISTS_IN_TEXT = frozenset({"scope", "scp"})
"""Claims that hold a list as one text with spaces in between (RFC 8693, 4.2)."""
_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "enforce_minimum_key_length": True,
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss"), False),
}
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose tokens are taken, what they must say, and what of it is made use of."""

    issuer: str
    audience: str
    user_claim: str
    groups_claim: str
    roles: Mapping[str, str]
    algorithms: frozenset[str]
    skew: timedelta


@dataclass(frozen=True, slots=True)
class Header:
    """How a token says that it is signed."""

    algorithm: str
    key_id: str | None


def read_header(token: str, terms: Terms) -> Header:
    """Read a token's header, of which nothing is proved.

    Raises:
        UnfitCredentialError: it is no token, or none that could be taken.
    """
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError):
        raise UnfitCredentialError("the token is no signed JWT") from None
    algorithm, kind = header.get("alg"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in terms.algorithms:
        raise UnfitCredentialError(f"the token must be signed with one of {', '.join(sorted(terms.algorithms))}")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise UnfitCredentialError("the token is of a type that is not for access")
    if "crit" in header:
        raise UnfitCredentialError("the token has critical extensions, of which none is understood")
    return Header(algorithm, header.get("kid"))


def read_claims(token: str, header: Header, key: jwt.PyJWK) -> dict[str, Any]:
    """Check a token's signature, and return what it says.

    Raises:
        UnfitCredentialError: the signature is not of this key.
    """
    try:
        return jwt.decode(token, key, algorithms=[header.algorithm], options=_SIGNATURE_ONLY)
    except (jwt.InvalidTokenError, RecursionError):
        raise UnfitCredentialError("the token's signature is not the issuer's") from None
    except jwt.InvalidKeyError:
        raise UnfitCredentialError("the issuer's key is too weak") from None


def read_subject(claims: Mapping[str, Any], terms: Terms, now: datetime) -> Subject:
    """Check what a token says, whose signature is the issuer's.

    Raises:
        UnfitCredentialError: it is of another issuer, for somebody else, not valid now, or does not name its user.
    """
    if claims.get("iss") != terms.issuer:
        raise UnfitCredentialError(f"the token must be of the issuer {terms.issuer}")
    audience = claims.get("aud")
    if terms.audience not in (audience if isinstance(audience, list) else [audience]):
        raise UnfitCredentialError(f"the token must be for {terms.audience}")
    ends = _time(claims, "exp", now) + terms.skew
    if ends <= now:
        raise UnfitCredentialError("the token has expired")
    for claim in ("nbf", "iat"):
        if claim in claims and _time(claims, claim, now) - terms.skew > now:
            raise UnfitCredentialError(f"the token is not valid yet ({claim})")
    subject = _name(claims, "sub")
    return Subject(
        identifier=f"{PREFIX}{terms.issuer} {subject}",
        user=f"{PREFIX}{_name(claims, terms.user_claim)}",
        groups=tuple(_groups(claims, terms.groups_claim)),
        ends=ends,
    )


def _time(claims: Mapping[str, Any], claim: str, now: datetime) -> datetime:
    value = claims.get(claim)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise UnfitCredentialError(f"the token does not say when ({claim})")
    return datetime.fromtimestamp(min(value, _LATEST), now.tzinfo)


def _name(claims: Mapping[str, Any], claim: str) -> str:
    value = _claim(claims, claim)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME - len(PREFIX) or not value.isprintable():
        raise UnfitCredentialError(f"the token does not name its user ({claim})")
    return value


def _groups(claims: Mapping[str, Any], claim: str) -> Sequence[str]:
    value = _claim(claims, claim)
    if isinstance(value, str):
        return value.split() if claim in _LISTS_IN_TEXT else [value]
    return [group for group in value if isinstance(group, str)] if isinstance(value, list) else []


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Find a claim by its name, or by a path of names: `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found
