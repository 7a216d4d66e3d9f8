"""`HookService`: translates between gRPC and hooks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog

from dispatcher_service.engines.base import Verdict
from dispatcher_service.hooks.hooks import PYTHON, SHELL, Hook, Hooks
from dispatcher_service.messages import usage_message
from graft.dispatcher.v1 import hook_pb2 as pb
from graft.dispatcher.v1 import hook_pb2_grpc
from graft_common.errors import GraftError, value_not_supported
from graft_common.rpc.chunks import Stalled, read_chunks, read_head
from graft_common.rpc.context import CallContext, bearer, peer_address
from graft_common.rpc.service import RpcService
from graft_common.service_token import is_service

_INTERPRETERS = {pb.HOOK_INTERPRETER_PYTHON: PYTHON, pb.HOOK_INTERPRETER_SHELL: SHELL}
_VERDICTS = {
    Verdict.EXITED: pb.HOOK_VERDICT_EXITED,
    Verdict.SIGNALED: pb.HOOK_VERDICT_SIGNALED,
    Verdict.TIMED_OUT: pb.HOOK_VERDICT_TIMED_OUT,
    Verdict.OUTPUT_EXCEEDED: pb.HOOK_VERDICT_OUTPUT_EXCEEDED,
    Verdict.CPU_EXCEEDED: pb.HOOK_VERDICT_CPU_EXCEEDED,
    Verdict.MEMORY_EXCEEDED: pb.HOOK_VERDICT_MEMORY_EXCEEDED,
    Verdict.KILLED: pb.HOOK_VERDICT_KILLED,
    Verdict.BROKE_OFF: pb.HOOK_VERDICT_KILLED,  # only of resident methods
    Verdict.NOT_STARTED: pb.HOOK_VERDICT_NOT_STARTED,
}


class HookServicer:
    """Serves the registry."""

    def __init__(self, hooks: Hooks, token: str) -> None:
        self._hooks = hooks
        self._token = token

    def service(self) -> RpcService:
        """Return what a server needs."""
        descriptor = pb.DESCRIPTOR.services_by_name["HookService"]
        return RpcService(descriptor, self, hook_pb2_grpc.add_HookServiceServicer_to_server)

    async def RunHook(self, requests: AsyncIterator[pb.RunHookRequest], context: CallContext) -> pb.RunHookResponse:  # noqa: N802  (gRPC's name)
        """Run a script."""
        if not is_service(bearer(context), self._token):
            raise GraftError("SERVICE_TOKEN_INVALID", "this call is for Graft's own services; it needs their token")
        try:
            hook = _hook(await read_head(requests))
        except Stalled as error:
            raise value_not_supported("head", "", str(error)) from None
        request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        outcome = await self._hooks.run(hook, read_chunks(requests), request_id, peer_address(context))
        return pb.RunHookResponse(
            verdict=_VERDICTS[outcome.verdict],
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            stdout=outcome.stdout,
            stderr=outcome.stderr,
            reason=outcome.reason,
            usage=usage_message(outcome.usage),
        )


def _hook(head: pb.RunHookHead) -> Hook:
    interpreter = _INTERPRETERS.get(head.interpreter)
    if interpreter is None:
        raise value_not_supported("interpreter", str(head.interpreter), "it must be that of Python or of the shell")
    seconds = head.timeout.ToNanoseconds() / 1e9 if head.HasField("timeout") else None
    return Hook(head.hook, head.script, interpreter, seconds)
