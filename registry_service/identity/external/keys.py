"""The keys of an OpenID Connect issuer: found by its own description, kept for a while, asked for when they change."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import jwt
import msgspec
import structlog

from graft_common.errors import service_unavailable
from graft_common.settings import is_loopback_host
from registry_service.identity.external.subjects import UnfitCredentialError
from registry_service.identity.external.tokens import Header

FRESH = 600.0
"""Seconds for which keys are used without asking for them again."""
KEPT = 3600.0
"""Seconds for which they are used while the issuer does not answer."""
TIMEOUT = 10.0
"""Seconds that the answers to both questions may take together."""
MAX_DOCUMENT = 256 << 10
"""Bytes of an answer."""
MAX_KEYS = 64
"""Keys of an issuer that are looked at."""

_KINDS = frozenset({"RSA", "EC", "OKP"})
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_DESCRIPTION = "/.well-known/openid-configuration"
_log = structlog.get_logger("graft.registry")

Fetch = Callable[[str], Awaitable[bytes]]


class _AwayError(Exception):
    """The issuer has not told its keys; the text says why."""


class Closing(Protocol):
    """What is let go of at the end."""

    async def aclose(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class _Known:
    keys: Sequence[Mapping[str, Any]] = ()
    since: float = float("-inf")
    made: dict[tuple[int, str], jwt.PyJWK | None] = field(default_factory=dict)
    """Keys that have been read for an algorithm, by their place and that."""


class IssuerKeys:
    """Finds the key that a token says it is signed with.

    Args:
        issuer: the issuer's URL, as its tokens have it.
        fetch: reads a document; what it raises counts as the issuer being away.
        pause: seconds at least between two questions to the issuer, whatever keys tokens name.
        clock: tells the seconds that have gone by.
    """

    def __init__(self, issuer: str, fetch: Fetch, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._pause = pause
        self._clock = clock
        self._known = _Known()
        self._asked = float("-inf")
        self._problem = ""
        self._asking: asyncio.Task[str] | None = None

    async def key_of(self, header: Header) -> jwt.PyJWK:
        """Return the key of a token; keys that are not fresh are asked for meanwhile.

        Raises:
            UnfitCredentialError: the issuer has no such key.
            GraftError: SERVICE_UNAVAILABLE [issuer, reason] when it must be asked and does not answer.
        """
        found, asking = self._find(header), None
        if found is None or self._age() >= FRESH:
            asking = self._ask_again()
        if found is not None:
            return found
        # Whoever gives up waiting leaves the answer to those who come later.
        problem = self._problem if asking is None else await asyncio.shield(asking)
        found = self._find(header)
        if found is not None:
            return found
        if problem:
            raise service_unavailable("issuer", problem)
        raise UnfitCredentialError("the token is signed with a key that the issuer does not have")

    async def close(self) -> None:
        """Give up on an answer that is waited for."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _ask_again(self) -> asyncio.Task[str] | None:
        """Ask for the keys, or return who does; None where that was done a moment ago."""
        if self._asking is None and self._clock() - self._asked >= self._pause:
            self._asked = self._clock()
            self._asking = asyncio.create_task(self._ask(), name="ask the issuer for its keys")
            self._asking.add_done_callback(self._asked_for)
        return self._asking

    def _asked_for(self, _ended: asyncio.Task[str]) -> None:
        self._asking = None

    async def _ask(self) -> str:
        """Ask for the keys; return why they could not be had, or nothing."""
        try:
            async with asyncio.timeout(TIMEOUT):
                keys = await self._read_keys()
        except (_AwayError, TimeoutError) as error:
            self._problem = str(error) or f"no answer within {TIMEOUT:g} s"
            _log.warning("issuer.away", issuer=self._issuer, reason=self._problem)
        else:
            self._problem = ""
            self._known = _Known(keys, self._clock())
            _log.info("issuer.keys", issuer=self._issuer, keys=len(keys))
        return self._problem

    def _age(self) -> float:
        return self._clock() - self._known.since

    def _find(self, header: Header) -> jwt.PyJWK | None:
        """Find the one key that fits; where a token names none and several fit, none does."""
        if self._age() >= KEPT:
            return None
        named = [
            place
            for place, data in enumerate(self._known.keys)
            if header.key_id is None or data.get("kid") == header.key_id
        ]
        fitting = [key for place in named if (key := self._made(place, header.algorithm)) is not None]
        return fitting[0] if len(fitting) == 1 else None

    def _made(self, place: int, algorithm: str) -> jwt.PyJWK | None:
        known = self._known
        if (place, algorithm) not in known.made:
            known.made[place, algorithm] = _key(known.keys[place], algorithm)
        return known.made[place, algorithm]

    async def _read_keys(self) -> Sequence[Mapping[str, Any]]:
        description = await self._read(self._issuer.rstrip("/") + _DESCRIPTION)
        if description.get("issuer") != self._issuer:
            raise _AwayError(f"what is at {self._issuer} calls itself {str(description.get('issuer'))[:200]}")
        place = description.get("jwks_uri")
        if not isinstance(place, str) or not is_safe(place):
            raise _AwayError("it does not tell a safe place of its keys (jwks_uri)")
        keys = (await self._read(place)).get("keys")
        if not isinstance(keys, list):
            raise _AwayError("it does not tell its keys")
        return [key for key in keys[:MAX_KEYS] if isinstance(key, dict) and _is_for_signatures(key)]

    async def _read(self, url: str) -> Mapping[str, Any]:
        try:
            document = msgspec.json.decode(await self._fetch(url))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
            raise _AwayError(f"{url}: {str(error)[:200] or type(error).__name__}") from None
        if not isinstance(document, dict):
            raise _AwayError(f"{url}: this is no JSON object")
        return document


def is_safe(url: str) -> bool:
    """Tell whether what a URL leads to can be believed: by TLS, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return host is not None and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback_host(host)))


def open_fetch(authorities: Path | None) -> tuple[Fetch, Closing]:
    """Return what reads documents over HTTP, and what closes its connections.

    Args:
        authorities: the certificates of the authorities that may vouch for the issuer; those of the system if None.

    Raises:
        OSError: the file cannot be read, or holds none.
    """
    context = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    client = httpx.AsyncClient(verify=context, timeout=TIMEOUT, follow_redirects=False)

    async def fetch(url: str) -> bytes:
        async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"it answers {response.status_code}")
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_DOCUMENT:
                    raise ValueError(f"it is larger than {MAX_DOCUMENT} bytes")
            return bytes(body)

    return fetch, client


def _is_for_signatures(key: Mapping[str, Any]) -> bool:
    operations = key.get("key_ops", ["verify"])
    return (
        str(key.get("kty")) in _KINDS
        and key.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _key(data: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """Read a key for an algorithm; None where it is not for that."""
    if data.get("alg", algorithm) != algorithm:
        return None
    if algorithm in _CURVES and data.get("crv") != _CURVES[algorithm]:
        return None
    try:
        return jwt.PyJWK(dict(data), algorithm)
    except (jwt.InvalidKeyError, jwt.PyJWKError):
        return None
