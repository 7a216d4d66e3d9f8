"""Management packs as commands ask the registry about them: archives are sent, and progress is shown on a terminal."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from graft_cli.archives import Archive
from graft_cli.registry_client import ask_registry

if TYPE_CHECKING:
    from graft.registry.v1 import mpack_pb2
    from graft_common.rpc.clients import RegistryClients

_TIMEOUT = 900.0
_PHASES = {
    1: "sending",
    2: "copying",
    3: "unpacking",
    4: "checking",
    5: "running the hook",
    6: "changing files",
    7: "reading the directory",
}
"""By `MpackPhase`."""


class Meter(Protocol):
    """Shows how far something is."""

    def __call__(self, text: str, done: int, total: int) -> None:
        """Show it; `total` is 0 where it is not known."""


def ask(rpc: str, request: Any, url: str | None, user: str | None) -> Any:
    """Make one call and return its answer; errors as `ask_registry`."""

    async def use(clients: RegistryClients, metadata: Any) -> Any:
        from graft_common.rpc.client import call

        return await call(getattr(clients.mpacks, rpc), request, timeout=_TIMEOUT, metadata=metadata)

    return ask_registry(use, url, user)


def ask_all(rpc: str, request_type: Any, field: str, url: str | None, user: str | None, **fields: Any) -> list[Any]:
    """Return every item of a list."""
    found: list[Any] = []

    async def use(clients: RegistryClients, metadata: Any) -> None:
        from graft_cli.grpc_client import TIMEOUT
        from graft_common.rpc.client import call

        token = ""
        while True:
            request = request_type(page_size=1000, page_token=token, **fields)
            answer = await call(getattr(clients.mpacks, rpc), request, timeout=TIMEOUT, metadata=metadata)
            found.extend(getattr(answer, field))
            token = answer.next_page_token
            if not token:
                return

    ask_registry(use, url, user)
    return found


def send(
    rpc: str, request_type: Any, head: Any, archive: Archive, url: str | None, user: str | None
) -> mpack_pb2.MpackResult:
    """Send an archive to be installed; return what has come of it. Errors as `ask_registry`, and CliError."""

    async def use(clients: RegistryClients, metadata: Any) -> Any:
        from graft_common.rpc.uploads import exchange

        with _meter() as meter:
            requests = _requests(request_type, head, archive, meter)
            async with aclosing(exchange(getattr(clients.mpacks, rpc), requests, metadata=metadata)) as events:
                async for event in events:
                    if event.WhichOneof("event") == "result":
                        return event.result
                    told = event.progress
                    if told.phase != 1:
                        text = f"{_PHASES.get(told.phase, '')} {told.what}".strip()
                        meter(text, told.done, told.total)
        raise AssertionError("the registry has ended a call without a result")

    result: mpack_pb2.MpackResult = ask_registry(use, url, user)
    return result


def send_to_verify(
    request_type: Any, head: Any, archive: Archive, url: str | None, user: str | None
) -> mpack_pb2.VerifyMpackResponse:
    """Send an archive to be checked; return what was found. Errors as `send`."""

    async def use(clients: RegistryClients, metadata: Any) -> Any:
        from graft_common.rpc.uploads import upload

        with _meter() as meter:
            requests = _requests(request_type, head, archive, meter)
            return await upload(clients.mpacks.VerifyMpack, requests, timeout=_TIMEOUT, metadata=metadata)

    found: mpack_pb2.VerifyMpackResponse = ask_registry(use, url, user)
    return found


async def _requests(request_type: Any, head: Any, archive: Archive, meter: Meter) -> AsyncGenerator[Any, None]:
    yield request_type(head=head)
    sent = 0
    async with aclosing(archive.chunks()) as chunks:
        async for chunk in chunks:
            yield request_type(chunk=chunk)
            sent += len(chunk)
            meter(_PHASES[1], sent, archive.size)


@contextmanager
def _meter() -> Iterator[Meter]:
    """Show progress while the block lasts, if somebody looks at it."""
    if not sys.stderr.isatty():
        yield lambda text, done, total: None  # noqa: ARG005  (nothing is shown)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def show(text: str, done: int, total: int) -> None:
            progress.update(task, description=text, completed=done, total=total or None)

        yield show
