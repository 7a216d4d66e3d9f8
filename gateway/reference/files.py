"""The files of the reference, made when first asked for and kept for as long as the platform offers the same."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from graft_common.declarations.api import Api
from graft_common.declarations.xenapi_export import export_datamodel
from graft_common.declarations.xenapi_json import write_datamodel
from graft_docs.html import HtmlSite

T = TypeVar("T")

DECLARATIONS: Final = "declarations.xml"
DATAMODEL: Final = "xenapi.json"
MAX_HELD: Final = 64 << 20
"""Bytes of files that are kept; those that were not asked for the longest go first."""
_MIN_PACKED: Final = 1024
_PACKING: Final = 6
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "xml": "application/xml; charset=utf-8",
    "json": "application/json",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent."""

    body: bytes
    packed: bytes | None
    """The body in gzip, where that is worth it."""
    content_type: str
    tag: str
    """An entity tag of the content."""

    @classmethod
    def of(cls, name: str, body: bytes) -> File:
        """Make a file ready to be sent."""
        packed = gzip.compress(body, _PACKING, mtime=0) if len(body) >= _MIN_PACKED else None
        tag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
        return cls(body, packed, _TYPES[name.rpartition(".")[2]], tag)

    @property
    def size(self) -> int:
        """How many bytes it takes to keep."""
        return len(self.body) + len(self.packed or b"")


class Files:
    """Makes files in a thread, one at a time, and each once for all who wait for it."""

    def __init__(self, max_held: int = MAX_HELD) -> None:
        self._max_held = max_held
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="graft-reference")
        self._digest = ""
        self._site: HtmlSite | None = None
        self._held: OrderedDict[str, File] = OrderedDict()
        self._size = 0
        self._making: dict[tuple[str, str], asyncio.Future[File | None]] = {}

    async def get(self, api: Api, name: str) -> File | None:
        """Return a file of what is offered; None where there is none of that name."""
        if api.digest != self._digest:
            self._digest, self._site, self._size = api.digest, None, 0
            self._held.clear()
        if name in self._held:
            self._held.move_to_end(name)
            return self._held[name]
        key = (api.digest, name)
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.ensure_future(self._make(api, name))
            making.add_done_callback(lambda _: self._making.pop(key, None))
        # Who no longer waits must not take the file from the others.
        return await asyncio.shield(making)

    async def missing(self, api: Api, path: str) -> bytes:
        """Make the page that says that there is no such file."""
        site = await self._site_of(api)
        return await self._in_thread(lambda: site.missing(path))

    def close(self) -> None:
        """Make no more."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _make(self, api: Api, name: str) -> File | None:
        site = await self._site_of(api)
        file = await self._in_thread(lambda: _made(site, name))
        if file is not None and api.digest == self._digest and file.size <= self._max_held:
            self._held[name] = file
            self._size += file.size
            while self._size > self._max_held:
                self._size -= self._held.popitem(last=False)[1].size
        return file

    async def _site_of(self, api: Api) -> HtmlSite:
        if self._site is not None and api.digest == self._digest:
            return self._site
        site = await self._in_thread(lambda: HtmlSite(api))
        if api.digest == self._digest:
            self._site = site
        return site

    async def _in_thread(self, make: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, make)


def _made(site: HtmlSite, name: str) -> File | None:
    match name:
        case "declarations.xml":
            body = site.api.xml
        case "xenapi.json":
            body = write_datamodel(export_datamodel([site.api.document]))
        case _ if name in site.files:
            body = site.file(name)
        case _:
            return None
    return File.of(name, body)
