"""Has hooks run by a dispatcher."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import structlog

from graft.dispatcher.v1 import hook_pb2 as pb
from graft.dispatcher.v1 import hook_pb2_grpc
from graft_common.errors import GraftError, service_unavailable
from graft_common.rpc.client import PATIENCE, open_channel
from graft_common.rpc.context import call_metadata
from graft_common.rpc.uploads import CHUNK, upload
from registry_service.hooks.folders import as_tar
from registry_service.mpacks.values import PYTHON, SHELL, Hook, HookOutcome

if TYPE_CHECKING:
    from graft.dispatcher.v1.hook_pb2_grpc import HookServiceAsyncStub

TIMEOUT = 900.0
"""Seconds for a folder to be sent and its script to run; the dispatcher's own limit of the script is shorter."""
KILLED = 999
"""What Ambari's agent tells as the exit code of a script that it had to kill (CustomServiceOrchestrator.py)."""
MAX_SHOWN = 32 << 10
"""Bytes of stdout that are kept."""

_INTERPRETERS = {PYTHON: pb.HOOK_INTERPRETER_PYTHON, SHELL: pb.HOOK_INTERPRETER_SHELL}


class DispatcherHooks:
    """A `HookRunner`: sends the folder of a pack to a dispatcher, which runs the script behind the walls of calls.

    Args:
        address: where dispatchers are reached; a connection is made when the first hook has to run.
        token: the service token.
        connect: opens a channel to an address, with a patience.
    """

    def __init__(
        self, address: str, token: str, connect: Callable[[str, float], grpc.aio.Channel] = open_channel
    ) -> None:
        self._address = address
        self._token = token
        self._connect = connect
        self._stub: HookServiceAsyncStub | None = None
        self._channel: grpc.aio.Channel | None = None

    def use(self, stub: HookServiceAsyncStub) -> None:
        """Call the dispatcher of this process from now on."""
        self._stub = stub

    async def run(self, hook: Hook, tree: Path) -> HookOutcome:
        """Run a hook; see `HookRunner`.

        Raises:
            GraftError: SERVICE_UNAVAILABLE [dispatcher, reason] when none answers; MPACK_HOOK_FAILED when the script
                could not be started.
        """
        request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        try:
            answer = await upload(
                self._connected().RunHook,
                _requests(hook, tree),
                timeout=TIMEOUT,
                metadata=call_metadata(self._token, request_id),
                service="dispatcher",
            )
        except GraftError as error:
            reason = error.params[-1] if error.params else error.code
            if error.code in {"SERVICE_UNAVAILABLE", "SERVER_BUSY"}:
                raise service_unavailable("dispatcher", f"No dispatcher runs {hook.script}: {reason}") from None
            raise _not_run(hook, f"{error.code}, {reason}") from None
        except OSError as error:
            raise _not_run(hook, f"its folder cannot be read: {error.strerror or error}") from error
        if answer.verdict == pb.HOOK_VERDICT_NOT_STARTED:
            raise _not_run(hook, answer.reason)
        return _outcome(answer)

    async def close(self) -> None:
        """Disconnect."""
        self._stub = None
        if self._channel is not None:
            await self._channel.close()

    def _connected(self) -> HookServiceAsyncStub:
        if self._stub is None:
            self._channel = self._connect(self._address, PATIENCE)
            # gRPC types its stubs for threads first.
            stub: Any = hook_pb2_grpc.HookServiceStub(self._channel)
            self._stub = stub
        return self._stub


async def _requests(hook: Hook, tree: Path) -> AsyncGenerator[pb.RunHookRequest, None]:
    interpreter = _INTERPRETERS.get(hook.type, pb.HOOK_INTERPRETER_UNSPECIFIED)
    yield pb.RunHookRequest(head=pb.RunHookHead(hook=hook.name, script=hook.script, interpreter=interpreter))
    async with aclosing(as_tar(tree, CHUNK)) as pieces:
        async for piece in pieces:
            yield pb.RunHookRequest(chunk=piece)
            # A local stub never waits, and others want their turn.
            await asyncio.sleep(0)


def _outcome(answer: pb.RunHookResponse) -> HookOutcome:
    stdout = answer.stdout[:MAX_SHOWN].decode("utf-8", "replace")
    stderr = answer.stderr.decode("utf-8", "replace")
    if answer.verdict == pb.HOOK_VERDICT_EXITED:
        return HookOutcome(answer.exit_code, stdout, stderr)
    if answer.verdict == pb.HOOK_VERDICT_SIGNALED:
        return HookOutcome(128 + answer.signal, stdout, stderr)
    return HookOutcome(KILLED, stdout, f"{stderr}\nkilled: {answer.reason}".lstrip())


def _not_run(hook: Hook, reason: str) -> GraftError:
    return GraftError("MPACK_HOOK_FAILED", f"{hook.script} could not be run: {reason}")
