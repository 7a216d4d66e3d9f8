"""Fetching a file over HTTP, within bounds of size, time and redirections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import unquote

import httpx

from graft_common.units import format_size

SCHEMES = ("http", "https")
MAX_URL = 2048
MAX_REDIRECTS = 5
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
TOTAL_TIMEOUT = 900.0
_OK = 200

Result = TypeVar("Result")


class NotDownloaded(Exception):  # noqa: N818  (what the server has, not a mistake in the code)
    """The file cannot be fetched; the message says why, and holds nothing of what the server has answered."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is taken, and how long that may last."""

    size: int
    """Bytes."""
    seconds: float = TOTAL_TIMEOUT
    """From the first request to the last byte."""


def check_url(url: str) -> httpx.URL:
    """Return a URL that can be fetched.

    Raises:
        NotDownloaded: it is none of http or https.
    """
    try:
        parsed = httpx.URL(url) if len(url) <= MAX_URL else httpx.URL("")
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in SCHEMES or not parsed.host:
        raise NotDownloaded(f"{url[:200]} is no URL such as https://example.com/pack.tar.gz")
    return parsed


def file_name(url: str) -> str:
    """Return the last part of a URL's path, unquoted; empty where that is no name of a file."""
    try:
        path = httpx.URL(url).raw_path.partition(b"?")[0].decode("ascii")
    except (httpx.InvalidURL, UnicodeDecodeError):
        return ""
    name = unquote(path.rpartition("/")[2])
    return name if len(name.encode()) <= 255 and "\0" not in name and PurePosixPath(name).name == name else ""


async def download(url: str, bounds: Bounds, chunk: int) -> AsyncGenerator[bytes, None]:
    """Fetch a file in pieces of at most `chunk` bytes, as they lie on the server.

    Redirections are followed, but not from https to http.

    Raises:
        NotDownloaded: it cannot be fetched, or is too large, or takes too long.
    """
    deadline = time.monotonic() + bounds.seconds
    async with AsyncExitStack() as open_until:
        try:
            response = await _within(deadline, _open(check_url(url), open_until), bounds)
            declared = response.headers.get("content-length", "")
            if declared.isascii() and declared.isdecimal() and int(declared[:20]) > bounds.size:
                raise _too_large(bounds)
            taken, pieces = 0, aiter(response.aiter_raw(chunk))
            while (piece := await _within(deadline, anext(pieces, b""), bounds)) != b"":
                taken += len(piece)
                if taken > bounds.size:
                    raise _too_large(bounds)
                yield piece
        except httpx.TimeoutException:
            raise NotDownloaded("the server does not answer in time") from None
        except httpx.HTTPError as error:
            raise NotDownloaded(f"the server cannot be reached ({type(error).__name__})") from None


async def _open(url: httpx.URL, open_until: AsyncExitStack) -> httpx.Response:
    timeout = httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
    client = await open_until.enter_async_context(httpx.AsyncClient(timeout=timeout))
    # Compressed on the way, an archive would not be the file that it is.
    headers = {"Accept-Encoding": "identity"}
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.send(client.build_request("GET", url, headers=headers), stream=True)
        open_until.push_async_callback(response.aclose)
        if response.next_request is None:
            if response.status_code != _OK:
                raise NotDownloaded(f"the server answers with {response.status_code}")
            return response
        following = check_url(str(response.next_request.url))
        if url.scheme == "https" and following.scheme != "https":
            raise NotDownloaded("the server leads from https to http")
        url = following
    raise NotDownloaded(f"there are more than {MAX_REDIRECTS} redirections")


async def _within(deadline: float, step: Awaitable[Result], bounds: Bounds) -> Result:
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await step
    except TimeoutError:
        raise NotDownloaded(f"it takes longer than {bounds.seconds:g} s") from None


def _too_large(bounds: Bounds) -> NotDownloaded:
    return NotDownloaded(f"it has more than {format_size(bounds.size)}")
