"""Files over HTTP, from servers of every kind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from graft_common.downloads import Bounds, NotDownloaded, check_url, download, file_name

BOUNDS = Bounds(size=1000, seconds=10)
Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def web() -> AsyncIterator[Callable[[Answer], Awaitable[str]]]:
    """Serves what a function writes for a path."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(answer: Answer) -> str:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                    assert "accept-encoding: identity" in head.lower()
                    await answer(head.split(" ")[1], writer)
            finally:
                writer.close()

        servers.append(await asyncio.start_server(connected, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"

    yield serve
    for server in servers:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def says(text: str) -> Answer:
    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()

    return answer


async def fetched(url: str, bounds: Bounds = BOUNDS) -> bytes:
    return b"".join([piece async for piece in download(url, bounds, 64)])


async def reason(url: str, bounds: Bounds = BOUNDS) -> str:
    with pytest.raises(NotDownloaded) as caught:
        await fetched(url, bounds)
    return str(caught.value)


async def test_a_file_as_it_lies_there(web: Callable[[Answer], Awaitable[str]]) -> None:
    # What the server calls packed is the archive itself.
    base = await web(says("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 6\n\nabc\nd"))
    assert await fetched(f"{base}/x") == b"abc\r\nd"


async def test_redirections_are_followed(web: Callable[[Answer], Awaitable[str]]) -> None:
    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        steps = int(path[1:])
        if steps:
            await says(f"HTTP/1.1 302 Found\nLocation: /{steps - 1}\nContent-Length: 0\n\n")(path, writer)
        else:
            await says("HTTP/1.1 200 OK\n\nfound")(path, writer)

    base = await web(answer)
    assert await fetched(f"{base}/5") == b"found"
    assert await reason(f"{base}/6") == "there are more than 5 redirections"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("HTTP/1.1 404 swordfish\nContent-Length: 9\n\nswordfish", "the server answers with 404"),
        ("HTTP/1.1 206 Partial Content\nContent-Length: 1\n\nx", "the server answers with 206"),
        (f"HTTP/1.1 200 OK\nContent-Length: 1001\n\n{'x' * 1001}", "it has more than 1000 bytes"),
        (f"HTTP/1.1 200 OK\nContent-Length: {'9' * 15}\n\n", "it has more than 1000 bytes"),
        (f"HTTP/1.1 200 OK\n\n{'x' * 1001}", "it has more than 1000 bytes"),
        ("HTTP/1.1 200 OK\nContent-Length: 100\n\nshort", "the server cannot be reached (RemoteProtocolError)"),
        ("no HTTP at all\n\n", "the server cannot be reached (RemoteProtocolError)"),
        ("HTTP/1.1 302 Found\nLocation: file:///etc/passwd\n\n", "/etc/passwd is no URL such as"),
        ("HTTP/1.1 302 Found\nLocation: gopher://x/\n\n", "gopher://x/ is no URL such as"),
    ],
)
async def test_what_is_not_taken(web: Callable[[Answer], Awaitable[str]], answer: str, expected: str) -> None:
    told = await reason(await web(says(answer)))
    assert expected in told
    assert "swordfish" not in told


async def test_a_slow_server_is_not_waited_for(web: Callable[[Answer], Awaitable[str]]) -> None:
    async def drip(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def silent(_path: str, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    bounds = Bounds(size=1000, seconds=0.3)
    assert await reason(await web(drip), bounds) == "it takes longer than 0.3 s"
    assert await reason(await web(silent), bounds) == "it takes longer than 0.3 s"


async def test_nobody_there() -> None:
    assert (await reason("http://127.0.0.1:1/x")).startswith("the server cannot be reached")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://x/y",
        "http://",
        "https:///x",
        "http://x:y/",
        "http://" + "x" * 3000,
    ],
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(NotDownloaded, match="is no URL such as"):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://x/a/pack-1.0.tar.gz?token=1#2", "pack-1.0.tar.gz"),
        ("http://x/a%20b.zip", "a b.zip"),
        ("http://x/a/", ""),
        ("http://x", ""),
        ("http://x/a%2fb", ""),
        ("http://x/..", ""),
        ("http://x/%00", ""),
        ("http://x/" + "a" * 300, ""),
        ("http://x:y/", ""),
    ],
)
def test_names_of_files(url: str, name: str) -> None:
    assert file_name(url) == name
