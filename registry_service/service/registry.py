"""`graft.registry.v1.RegistryService`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta

from graft.registry.v1 import registry_pb2 as pb
from graft_common import roles
from graft_common.errors import GraftError, value_not_supported
from graft_common.rpc.context import CallContext, bearer
from registry_service.catalog.values import Declaration, ExtensionVersion, Link
from registry_service.identity.access import Access, require_role
from registry_service.identity.sessions import Sessions
from registry_service.service import convert, paging
from registry_service.store.reading import Listed
from registry_service.store.store import Store
from registry_service.watch.values import PRIVATE_KINDS, Kind
from registry_service.watch.watches import Watches

WATCH = "registry.watch"


class RegistryServicer:
    """Translates."""

    def __init__(self, store: Store, watches: Watches, sessions: Sessions, access: Access) -> None:
        self._store = store
        self._watches = watches
        self._sessions = sessions
        self._access = access

    async def ListExtensionVersions(  # noqa: N802  (gRPC's name)
        self, request: pb.ListExtensionVersionsRequest, context: CallContext
    ) -> pb.ListExtensionVersionsResponse:
        """List the extension versions."""
        listed, token = await self._list(Kind.EXTENSION_VERSION, request.page_size, request.page_token, context)
        found = [
            convert.extension_version(item.resource, item.revision)
            for item in listed
            if isinstance(item.resource, ExtensionVersion)
        ]
        return pb.ListExtensionVersionsResponse(extension_versions=found, next_page_token=token)

    async def ListLinks(self, request: pb.ListLinksRequest, context: CallContext) -> pb.ListLinksResponse:  # noqa: N802  (gRPC's name)
        """List the links."""
        listed, token = await self._list(Kind.LINK, request.page_size, request.page_token, context)
        found = [convert.link(item.resource, item.revision) for item in listed if isinstance(item.resource, Link)]
        return pb.ListLinksResponse(links=found, next_page_token=token)

    async def ListDeclarations(  # noqa: N802  (gRPC's name)
        self, request: pb.ListDeclarationsRequest, context: CallContext
    ) -> pb.ListDeclarationsResponse:
        """List the declarations."""
        listed, token = await self._list(Kind.DECLARATION, request.page_size, request.page_token, context)
        found = [
            convert.declaration(item.resource, item.revision)
            for item in listed
            if isinstance(item.resource, Declaration)
        ]
        return pb.ListDeclarationsResponse(declarations=found, next_page_token=token)

    async def Watch(  # noqa: N802  (gRPC's name)
        self, request: pb.WatchRequest, context: CallContext
    ) -> AsyncGenerator[pb.WatchResponse, None]:
        """Stream the snapshot and the changes."""
        credential = bearer(context)
        service = self._access.is_service(credential)
        if not service:
            require_role(await self._access.need_session(credential), WATCH, roles.READ_ONLY)
        if request.start_revision < 0:
            raise value_not_supported("start_revision", str(request.start_revision), "a revision is 0 or more")
        visible = frozenset(Kind) if service else frozenset(Kind) - PRIVATE_KINDS
        kinds = convert.kinds_of(request.kinds) or visible
        if not kinds <= visible:
            raise GraftError(
                "RBAC_PERMISSION_DENIED",
                f"{WATCH}/private",
                "Users and sessions are shown to Graft's own services only.",
            )

        async def still_allowed() -> None:
            if not service:
                await self._sessions.check(credential)

        async with aclosing(self._watches.follow(request.start_revision, kinds, still_allowed)) as steps:
            async for step in steps:
                yield convert.step(step, self._idle)

    @property
    def _idle(self) -> timedelta:
        return self._sessions.idle

    async def _list(self, kind: Kind, size: int, token: str, context: CallContext) -> tuple[Sequence[Listed], str]:
        await self._access.need_role(bearer(context), f"{kind.value}.get_all", roles.READ_ONLY)
        page = paging.read_page(size, token)
        async with self._store.read() as view:
            found = await view.resources(kind, after=page.after, limit=page.size + 1)
        listed, more = paging.cut(found, page.size)
        return listed, paging.token(listed[-1].position) if more else ""
