"""What a call is given: what its method asks for, if just that is granted to it, as it is on this host now."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dispatcher_service.declarations.in_force import Target
from dispatcher_service.engines.base import NO_ACCESS, Network
from dispatcher_service.engines.base import Access as Given
from dispatcher_service.grants.faults import AccessError
from dispatcher_service.grants.paths import OffLimits
from dispatcher_service.grants.secrets import SecretFolder
from graft_common.declarations import access
from graft_common.declarations.access import NOTHING, Asker, Grant, State
from graft_common.declarations.api import Source
from graft_common.declarations.model import Access

LOOK_SECONDS = 10.0
"""How long looking at files and folders may take; a network's may hang."""
MAX_ENVIRONMENT = 32 << 10
"""Bytes of all variables of a call together; the launcher gets them in one message."""
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """What a method asks for, and where that stands."""

    asker: Asker
    asked: Access
    grant: Grant | None
    """What was granted to the asker, be it this or another request."""
    state: State

    @property
    def in_force(self) -> Access:
        """What calls are given."""
        return self.asked if self.state is State.GRANTED else NOTHING


class AccessGiver:
    """Answers for every call. A method that asks for nothing costs nothing here."""

    def __init__(self, grants: Callable[[], Mapping[str, Grant]], secrets: SecretFolder, off_limits: OffLimits) -> None:
        """Begin.

        Args:
            grants: tells what the registry has told of grants, by their keys.
            secrets: where secrets are.
            off_limits: what no call is given.
        """
        self._grants = grants
        self._secrets = secrets
        self._off_limits = off_limits
        self._threads = ThreadPoolExecutor(_THREADS, "access")

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def standing(self, target: Target) -> Standing:
        """Tell what a method asks for, and where that stands."""
        asked = target.method.access if target.method is not None else NOTHING
        asker = Asker(target.name)
        if target.bundle is not None:
            asker = Asker(target.name, target.bundle.name, target.bundle.version)
        if asked == NOTHING or target.origin.source is Source.BUILT_IN:
            return Standing(asker, NOTHING, None, State.NOT_ASKED)
        grant = self._grants().get(asker.key)
        return Standing(asker, asked, grant, access.judge(asker, asked, grant))

    async def give(self, target: Target) -> Given:
        """Return what a call of a method is given: nothing, unless what it asks for is granted.

        Raises:
            AccessError: something that is granted cannot be given; the call must not begin with a part of it.
        """
        if target.method is None or target.method.access == NOTHING:
            return NO_ACCESS
        in_force = self.standing(target).in_force
        if in_force == NOTHING:
            return NO_ACCESS
        return await self._resolve(in_force)

    async def problems(self, standing: Standing) -> list[str]:
        """Tell what stands against a call on this host now, as far as it is granted."""
        if standing.in_force == NOTHING:
            return []
        try:
            await self._resolve(standing.in_force)
        except AccessError as error:
            return [str(error)]
        return []

    async def _resolve(self, granted: Access) -> Given:
        # Declarations that an earlier release has read may break the rules of this one.
        for _, _, reason in access.faults(granted):
            raise AccessError(reason)
        given = Given(
            network=Network(granted.network),
            read=tuple(path for path in granted.read if path not in granted.write),
            write=granted.write,
            environment=_environment(granted.environment),
        )
        if not (granted.read or granted.write or granted.secrets):
            return given
        looking = asyncio.get_running_loop().run_in_executor(self._threads, self._look, given, granted.secrets)
        try:
            return await asyncio.wait_for(looking, LOOK_SECONDS)
        except TimeoutError:
            raise AccessError(f"its paths and secrets could not be looked at within {LOOK_SECONDS:g} s") from None

    def _look(self, given: Given, secrets: tuple[str, ...]) -> Given:
        for path in (*given.read, *given.write):
            self._off_limits.check(path)
        return Given(given.network, given.read, given.write, given.environment, self._secrets.read(secrets))


def _environment(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the variables that are set in the dispatcher's own environment."""
    found = tuple((name, os.environ[name]) for name in names if name in os.environ)
    for name, value in found:
        if not _is_text(value):
            raise AccessError(f"the variable {name} cannot be given: its value is no UTF-8")
    size = sum(len(name) + len(value.encode()) for name, value in found)
    if size > MAX_ENVIRONMENT:
        raise AccessError(f"its variables have {size} bytes together; at most {MAX_ENVIRONMENT >> 10} KiB are given")
    return found


def _is_text(value: str) -> bool:
    # What is no UTF-8 stands there as lone surrogates.
    return not any("\ud800" <= char <= "\udfff" for char in value)
