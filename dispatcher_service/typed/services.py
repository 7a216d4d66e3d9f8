"""The typed services: which there are, what answers them, and what reflection tells of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from google.protobuf.descriptor_pool import DescriptorPool

from dispatcher_service.calls.arriving import request_of
from dispatcher_service.calls.calls import Calls
from dispatcher_service.typed.forms import Forms
from graft_common.declarations.api import Api
from graft_common.declarations.model import Method, Types
from graft_common.declarations.proto_form.descriptors import IMPORTS, PACKAGE, describe, has_service, method_of
from graft_common.errors import method_unknown
from graft_common.rpc.context import CallContext
from graft_common.rpc.service import BytesHandler, DescribedServices
from graft_common.values import Value

_log = structlog.get_logger("graft.typed")
_PREFIX = f"{PACKAGE}."


class TypedServices:
    """Follows what is in force: each call finds its method then, and each answer is by the declaration of its call."""

    def __init__(self, calls: Calls, api: Callable[[], Api]) -> None:
        """Begin with nothing made.

        Args:
            calls: what takes the calls.
            api: tells what is in force; the same value until something changes.
        """
        self._calls = calls
        self._api = api
        self._forms = Forms()
        self._of: Api | None = None
        self._described = DescribedServices((), DescriptorPool())
        self._describing = asyncio.Lock()

    def has(self, service: str) -> bool:
        """Tell whether a class is declared that is offered as that service."""
        return service.startswith(_PREFIX) and has_service(self._api(), service)

    def handler(self, service: str, rpc: str) -> BytesHandler | None:
        """Return what calls the method; None where none is declared."""
        method = method_of(self._api(), service, rpc) if service.startswith(_PREFIX) else None
        if method is None:
            return None
        name = method.name

        async def handle(data: bytes, context: CallContext) -> bytes:
            return await self._call(name, data, context)

        return handle

    async def described(self) -> DescribedServices:
        """Return the descriptors of all that is in force; made in a thread, and once for all who wait for them.

        Should they not hold together, the last ones that did stay: other services must still be told of.
        """
        async with self._describing:
            api = self._api()
            if self._of is not api:
                try:
                    self._described = await asyncio.to_thread(_describe, api)
                except (TypeError, LookupError):
                    _log.exception("typed.not_described")
                self._of = api
            return self._described

    async def _call(self, name: str, data: bytes, context: CallContext) -> bytes:
        def read(method: Method | None, types: Types) -> list[Value]:
            if method is None:
                # It was declared when the call came.
                raise method_unknown(name)
            return self._forms.of(method, types).messages.arguments(data)

        result = await self._calls.invoke(request_of(name, context, read=read))
        if result.declared is None:
            raise method_unknown(name)
        forms = self._forms.of(*result.declared)
        # Nobody has checked what built-in methods return.
        value = result.value if result.usage is not None else forms.checks.result(result.value)
        return forms.messages.result(value)


def _describe(api: Api) -> DescribedServices:
    made = describe(api)
    sources = {name: file.SerializeToString() for name, file in made.files.items()}
    pool = DescriptorPool()
    for data in (*(file.serialized_pb for file in IMPORTS), *sources.values()):
        pool.AddSerializedFile(data)
    return DescribedServices(made.services, pool, sources)
