"""`graft.registry.v1.MpackService`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, TypeVar

import structlog

from graft.registry.v1 import mpack_pb2 as pb
from graft_common import roles
from graft_common.errors import GraftError, value_not_supported
from graft_common.rpc.chunks import Stalled, read_chunks, read_head
from graft_common.rpc.context import CallContext, bearer
from registry_service.identity.access import Access, require_role
from registry_service.identity.audit import Action
from registry_service.identity.values import Request, Session
from registry_service.mpacks.mpacks import INSTALL, UPGRADE, VERIFY, Mpacks
from registry_service.mpacks.values import Done, Pack, Progress, Report
from registry_service.service import mpack_messages, paging
from registry_service.service.origin import origin
from registry_service.store.store import Store
from registry_service.uploads import Upload, Uploads

MAX_FILE_NAME = 255

T = TypeVar("T")
Operate = Callable[[Session, Upload, str, Request, Report], Awaitable[T]]


class MpackServicer:
    """Translates, and receives archives."""

    def __init__(
        self, mpacks: Mpacks, uploads: Uploads, access: Access, store: Store, now: Callable[[], datetime]
    ) -> None:
        self._mpacks = mpacks
        self._uploads = uploads
        self._access = access
        self._store = store
        self._now = now

    async def InstallMpack(  # noqa: N802  (gRPC's name)
        self, requests: AsyncIterator[pb.InstallMpackRequest], context: CallContext
    ) -> AsyncGenerator[pb.InstallMpackResponse, None]:
        """Install a pack."""
        caller = await self._administrator(INSTALL, context)
        head = await _head(requests)
        options = mpack_messages.options_of(head.options)

        def operate(session: Session, upload: Upload, name: str, request: Request, report: Report) -> Awaitable[Done]:
            return self._mpacks.install(session, upload.path, options, request, report, name)

        async with aclosing(self._operate(caller, head.upload, requests, context, operate)) as events:
            async for event in events:
                yield (
                    pb.InstallMpackResponse(progress=event)
                    if isinstance(event, pb.MpackProgress)
                    else pb.InstallMpackResponse(result=mpack_messages.result(event))
                )

    async def UpgradeMpack(  # noqa: N802  (gRPC's name)
        self, requests: AsyncIterator[pb.UpgradeMpackRequest], context: CallContext
    ) -> AsyncGenerator[pb.UpgradeMpackResponse, None]:
        """Install a pack in place of its older versions."""
        caller = await self._administrator(UPGRADE, context)
        head = await _head(requests)

        def operate(session: Session, upload: Upload, name: str, request: Request, report: Report) -> Awaitable[Done]:
            return self._mpacks.upgrade(session, upload.path, request, report, name, verbose=head.verbose)

        async with aclosing(self._operate(caller, head.upload, requests, context, operate)) as events:
            async for event in events:
                yield (
                    pb.UpgradeMpackResponse(progress=event)
                    if isinstance(event, pb.MpackProgress)
                    else pb.UpgradeMpackResponse(result=mpack_messages.result(event))
                )

    async def VerifyMpack(  # noqa: N802  (gRPC's name)
        self, requests: AsyncIterator[pb.VerifyMpackRequest], context: CallContext
    ) -> pb.VerifyMpackResponse:
        """Check an archive."""
        caller = await self._administrator(VERIFY, context)
        head = await _head(requests)

        def operate(session: Session, upload: Upload, name: str, _request: Request, report: Report) -> Awaitable[Any]:
            return self._mpacks.verify(session, upload.path, report, name)

        found: Any = None
        async with aclosing(self._operate(caller, head.upload, requests, context, operate)) as events:
            async for event in events:
                found = event
        return mpack_messages.verification(found)

    async def UninstallMpack(  # noqa: N802  (gRPC's name)
        self, request: pb.UninstallMpackRequest, context: CallContext
    ) -> pb.UninstallMpackResponse:
        """Remove a pack."""
        caller = await self._access.need_session(bearer(context))
        done = await self._mpacks.uninstall(caller, request.name, origin(context), version=request.version)
        return pb.UninstallMpackResponse(
            message=done.message,
            removed=[mpack_messages.pack(one) for one in done.packs],
            warnings=done.warnings,
            revision=done.revision,
        )

    async def ListMpacks(self, request: pb.ListMpacksRequest, context: CallContext) -> pb.ListMpacksResponse:  # noqa: N802  (gRPC's name)
        """List the packs."""
        page = paging.read_page(request.page_size, request.page_token)
        packs = await self._packs(context)
        shown = [one for one in packs if request.name in ("", one.name)]
        found, token = _page(shown, page)
        return pb.ListMpacksResponse(mpacks=[mpack_messages.pack(one) for one in found], next_page_token=token)

    async def GetMpack(self, request: pb.GetMpackRequest, context: CallContext) -> pb.GetMpackResponse:  # noqa: N802  (gRPC's name)
        """Describe a pack."""
        for one in await self._packs(context):
            if one.id == request.id if request.id else (one.name, one.version) == (request.name, request.version):
                return pb.GetMpackResponse(mpack=mpack_messages.pack(one))
        what = str(request.id) if request.id else f"{request.name[:255]}-{request.version[:255]}"
        raise GraftError("MPACK_NOT_FOUND", f"Management pack {what} is not installed")

    async def ListMpackOperations(  # noqa: N802  (gRPC's name)
        self, request: pb.ListMpackOperationsRequest, context: CallContext
    ) -> pb.ListMpackOperationsResponse:
        """List what the replay log holds."""
        page = paging.read_page(request.page_size, request.page_token)
        caller = await self._access.need_session(bearer(context))
        found, token = _page(await self._mpacks.operations(caller), page)
        return pb.ListMpackOperationsResponse(
            operations=[mpack_messages.operation(one) for one in found], next_page_token=token
        )

    async def _packs(self, context: CallContext) -> list[Pack]:
        return await self._mpacks.packs(await self._access.need_session(bearer(context)))

    async def _administrator(self, permission: str, context: CallContext) -> Session:
        """Return the caller's session before anything of an archive is read; a refusal is recorded."""
        action = Action(permission, origin(context), self._now)
        caller = await self._access.need_session(bearer(context))
        try:
            require_role(caller, permission, roles.POOL_ADMIN)
        except GraftError as error:
            await self._store.record(action.record(caller, error.code))
            raise
        return caller

    async def _operate(
        self,
        caller: Session,
        sent: pb.MpackUpload,
        requests: AsyncIterator[Any],
        context: CallContext,
        operate: Operate[T],
    ) -> AsyncGenerator[pb.MpackProgress | T, None]:
        """Receive an archive, do something with it, and tell how far that is; the last event is what it returns."""
        name, request = _file_name(sent), origin(context)
        upload = self._uploads.begin(sent.size)
        try:
            async with aclosing(upload.fill(read_chunks(requests))) as filling:
                async for done in filling:
                    yield mpack_messages.received(done, sent.size)
        except BaseException:
            await upload.remove()
            raise
        news = _News()

        async def work() -> T:
            try:
                with structlog.contextvars.bound_contextvars(request_id=request.request_id):
                    return await operate(caller, upload, name, request, news.tell)
            finally:
                await upload.remove()
                news.end()

        working = asyncio.create_task(work())
        try:
            async for progress in news:
                yield mpack_messages.progress(progress)
            yield await working
        finally:
            # Where the caller has left, the operation ends before it has changed anything, or is done all the same.
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


class _News:
    """The newest progress of an operation, for a reader who may be slower than it is."""

    def __init__(self) -> None:
        self._newest: Progress | None = None
        self._changed = asyncio.Event()
        self._ended = False

    def tell(self, progress: Progress) -> None:
        self._newest = progress
        self._changed.set()

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def __aiter__(self) -> AsyncGenerator[Progress, None]:
        while not self._ended:
            await self._changed.wait()
            self._changed.clear()
            newest, self._newest = self._newest, None
            if newest is not None:
                yield newest


async def _head(requests: AsyncIterator[Any]) -> Any:
    try:
        return await read_head(requests)
    except Stalled as error:
        raise value_not_supported("head", "", str(error)) from None


def _file_name(sent: pb.MpackUpload) -> str:
    name = sent.file_name
    if len(name.encode()) > MAX_FILE_NAME or PurePosixPath(name).name != name or "\0" in name or name == "..":
        raise value_not_supported("file_name", name[:MAX_FILE_NAME], "it must be the name of a file, without folders")
    return name


def _page(items: list[T], page: paging.Page) -> tuple[list[T], str]:
    begin = paging.read_id(page) or 0
    found, more = paging.cut(items[begin : begin + page.size + 1], page.size)
    return list(found), paging.token(str(begin + page.size)) if more else ""
