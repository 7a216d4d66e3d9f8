"""The load generator: what it sends, what it counts, and how it takes answers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from benchmarks.load import Load, Order, compiled, complete, due_times, generate, run

PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx: y\r\n\r\nok\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
def test_an_answer_is_complete_with_its_last_byte(answer: bytes) -> None:
    assert [complete(answer[:end]) for end in range(len(answer) + 1)] == [False] * len(answer) + [True]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order(1, "/", "", "", calls=3, rate=2.0), [10.0, 10.5, 11.0]),
        (Order(1, "/", "", "", seconds=0.4, rate=10.0), [10.0, 10.1, 10.2, 10.3]),
    ],
)
def test_when_requests_fall_due(order: Order, expected: list[float]) -> None:
    assert list(due_times(order, 10.0)) == pytest.approx(expected)


@contextlib.asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Serve the same answer to everything, in two pieces; yields the port and what has been asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
                asked.append(head + await reader.readexactly(length))
                writer.write(answer[:20])
                await writer.drain()
                await asyncio.sleep(0)
                writer.write(answer[20:])
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], asked


@pytest.fixture(scope="module", params=["C", "Python"])
def generator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Order], Load]:
    """Both load generators, as processes."""
    program = compiled(tmp_path_factory.mktemp("load"))
    if request.param == "C" and program is None:
        pytest.skip("there is no C compiler")
    return functools.partial(generate, program=program if request.param == "C" else None)


@pytest.mark.parametrize("rate", [0.0, 500.0])
@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
async def test_so_many_calls_are_made_and_counted(
    generator: Callable[[Order], Load], answer: bytes, rate: float
) -> None:
    async with server(answer) as (port, asked):
        load = await asyncio.to_thread(generator, Order(port, "/RPC2", "<x/>", "ok", clients=3, calls=20, rate=rate))
    assert len(load.latencies) == len(asked) == 20
    assert load.errors == 0
    assert min(load.latencies) > 0
    assert load.rate > 0
    assert asked[0].startswith(b"POST /RPC2 HTTP/1.1\r\n")
    assert asked[0].endswith(b"\r\n\r\n<x/>")


async def test_calls_go_on_for_some_time(generator: Callable[[Order], Load]) -> None:
    async with server(PLAIN) as (port, asked):
        load = await asyncio.to_thread(generator, Order(port, "/", "", "ok", clients=2, seconds=0.05))
    assert len(load.latencies) == len(asked) >= 2
    assert load.elapsed >= 0.05


async def test_wrong_answers_are_errors(generator: Callable[[Order], Load]) -> None:
    async with server(PLAIN) as (port, _):
        load = await asyncio.to_thread(generator, Order(port, "/", "", "other", clients=2, calls=5))
    assert load.errors == 5
    assert load.example == PLAIN.decode()
    assert load.cpu > 0


async def test_a_failure_of_the_generator_is_told(generator: Callable[[Order], Load]) -> None:
    order = Order(1, "/", "", "", calls=1)
    with pytest.raises(RuntimeError, match="refused"):
        await asyncio.to_thread(generator, order)


def test_an_order_without_an_end_is_refused() -> None:
    order = Order(1, "/", "", "", calls=1)
    with pytest.raises(ValueError, match="give one of them"):
        run(replace(order, seconds=1.0))


def test_turns_add_up() -> None:
    load = Load([1.0], 2.0, 0.5, 0, "")
    load.add(Load([3.0, 4.0], 1.0, 0.25, 1, "bad"))
    assert load == Load([1.0, 3.0, 4.0], 3.0, 0.75, 1, "bad")
    assert load.rate == 1.0
