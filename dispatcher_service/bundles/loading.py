"""From a bundle's digest to what it brings: out of the cache, or else fetched from the registry and put there."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dispatcher_service.bundles.cache import BundleCache
from dispatcher_service.bundles.marks import BundleMark
from graft.registry.v1 import registry_pb2
from graft_common.declarations.model import Document
from graft_common.declarations.reader import DeclarationError, read_document
from graft_common.errors import GraftError
from graft_common.method_bundles import DECLARATIONS, FILES, MAX_SIZE, BundleError, executables_of
from graft_common.rpc.client import stream
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.context import call_metadata

SILENCE = 20.0
"""Seconds in which the next piece of a bundle has to come."""
_DIGEST = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")


class LoadError(Exception):
    """A bundle cannot be had; the message says why. `is_lasting`: another attempt would find the same."""

    def __init__(self, reason: str, *, is_lasting: bool = False) -> None:
        super().__init__(reason)
        self.is_lasting = is_lasting


@dataclass(frozen=True, slots=True)
class Content:
    """What a bundle holds."""

    document: Document
    executables: frozenset[str]
    tree: Path


class Loader:
    """Loads bundles, of which no two of one digest at a time; works on the disk in a thread of its own."""

    def __init__(self, registry: RegistryClients, token: str, cache: BundleCache) -> None:
        self._registry = registry
        self._metadata = call_metadata(token)
        self._cache = cache
        # One thread, so that what is removed and fetched again comes in this order.
        self._thread = ThreadPoolExecutor(1, "bundles")

    async def open(self) -> frozenset[str]:
        """Name the digests of bundles that are in the cache.

        Raises:
            OSError: the cache cannot be written.
        """
        return await self._in_thread(self._cache.open)

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False)

    def tree(self, digest: str) -> Path:
        """Return the folder that the executables of a bundle have."""
        return self._cache.tree(digest)

    def remove(self, digest: str) -> None:
        """Remove a bundle that nobody uses from the cache, in its turn."""
        self._thread.submit(self._cache.remove, digest)

    async def load(self, mark: BundleMark) -> Content:
        """Return what a bundle holds.

        Raises:
            LoadError: it cannot be had.
        """
        if not _DIGEST.fullmatch(mark.digest):
            raise LoadError(f"{mark.digest[:100]!r} is no digest", is_lasting=True)
        try:
            folder = await self._in_thread(self._cache.find, mark.digest) or await self._fetch(mark)
            return await self._in_thread(_read, folder)
        except GraftError as error:
            raise LoadError(f"it cannot be fetched: {error}") from error
        except TimeoutError:
            raise LoadError(f"it cannot be fetched: the registry has sent nothing for {SILENCE:g} s") from None
        except BundleError as error:
            raise LoadError(f"it cannot be unpacked: {error}", is_lasting=True) from error
        except DeclarationError as error:
            raise LoadError(f"its declarations cannot be read: {error}", is_lasting=True) from error
        except OSError as error:
            raise LoadError(f"it cannot be kept: {error.strerror or error}") from error

    async def _fetch(self, mark: BundleMark) -> Path:
        try:
            await self._receive(mark)
            return await self._in_thread(self._cache.finish, mark.digest)
        except BaseException:
            # Also where nobody wants it any more: another fetch of it comes behind this in the thread.
            self._thread.submit(self._cache.discard, mark.digest)
            raise

    async def _receive(self, mark: BundleMark) -> None:
        """Write a bundle into its file."""
        digest, received = hashlib.sha256(), 0
        request = registry_pb2.FetchMethodBundleRequest(digest=mark.digest)
        fetch = self._registry.registry.FetchMethodBundle
        archive = self._cache.archive(mark.digest)
        await self._in_thread(archive.write_bytes, b"")
        async with aclosing(stream(fetch, request, metadata=self._metadata, service="registry")) as responses:
            while True:
                async with asyncio.timeout(SILENCE):
                    response = await anext(responses, None)
                if response is None:
                    break
                received += len(response.chunk)
                if received > min(mark.size, MAX_SIZE):
                    raise LoadError(f"it cannot be fetched: more than its {mark.size} bytes came")
                digest.update(response.chunk)
                await self._in_thread(_append, archive, response.chunk)
        if received < mark.size:
            raise LoadError(f"it cannot be fetched: only {received} of its {mark.size} bytes came")
        if digest.hexdigest() != mark.digest:
            raise LoadError(f"it cannot be fetched: what came has the digest {digest.hexdigest()}, not {mark.digest}")

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)


def _append(archive: Path, chunk: bytes) -> None:
    # Opened for each piece: whoever waits may go away at any moment, and would leave it open.
    with archive.open("ab") as file:
        file.write(chunk)


def _read(folder: Path) -> Content:
    document = read_document((folder / DECLARATIONS).read_bytes(), DECLARATIONS)
    return Content(document, executables_of(folder), folder / FILES)
