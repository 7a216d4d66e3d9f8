"""`graft.registry.v1.RegistryService`."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta

from graft.registry.v1 import registry_pb2 as pb
from graft_common import roles
from graft_common.errors import GraftError, value_not_supported
from graft_common.rpc.access_messages import grant_message
from graft_common.rpc.context import CallContext, bearer
from registry_service.catalog.findings import Position
from registry_service.catalog.origins import origins_of_properties
from registry_service.catalog.resolved import ResolvedExtension, ResolvedService
from registry_service.catalog.stack_views import StackView
from registry_service.catalog.value_types import Finding
from registry_service.grants.rules import MAX_GRANTED
from registry_service.identity.access import Access, require_role
from registry_service.identity.sessions import Sessions
from registry_service.library.findings import FindingSearch
from registry_service.library.library import Library
from registry_service.library.publishing import published
from registry_service.links.links import MAX_CREATED, Links
from registry_service.links.rules import Outcome
from registry_service.resources import Declaration
from registry_service.service import catalog_messages, convert, paging, service_messages
from registry_service.service.configuration_messages import properties
from registry_service.service.grants import access_spec
from registry_service.service.origin import origin
from registry_service.service.stack_order import StackOrder
from registry_service.store.store import Store
from registry_service.watch.mirror import ExtensionVersions, LinksById, Mirror
from registry_service.watch.values import PRIVATE_KINDS, Kind
from registry_service.watch.watches import Watches

WATCH = "registry.watch"
EXTENSION = Kind.EXTENSION_VERSION.value
STACK = "stack_version"
LINK = Kind.LINK.value
MAX_SERVICES_SIZE = 16 << 20
"""Bytes of services in one answer; well below what a message may have."""
_FEW = 4


class RegistryServicer:
    """Translates."""

    def __init__(
        self,
        store: Store,
        watches: Watches,
        mirror: Mirror,
        sessions: Sessions,
        access: Access,
        links: Links,
        library: Library,
        findings: FindingSearch,
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._stacks = StackOrder()
        self._findings = findings
        self._links = links
        self._library = library
        self._watches = watches
        self._sessions = sessions
        self._access = access

    async def ListExtensions(  # noqa: N802  (gRPC's name)
        self, request: pb.ListExtensionsRequest, context: CallContext
    ) -> pb.ListExtensionsResponse:
        """List the names of the extensions."""
        await self._access.need_role(bearer(context), f"{EXTENSION}.get_all", roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        names, token = paging.cut_names((await self._extension_versions()).names, page)
        return pb.ListExtensionsResponse(names=names, next_page_token=token)

    async def ListExtensionVersions(  # noqa: N802  (gRPC's name)
        self, request: pb.ListExtensionVersionsRequest, context: CallContext
    ) -> pb.ListExtensionVersionsResponse:
        """List the extension versions."""
        await self._access.need_role(bearer(context), f"{EXTENSION}.get_all", roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        after = paging.read_version(page)
        held = (await self._extension_versions()).page(after, page.size + 1, request.name)
        cut, more = paging.cut(held, page.size)
        found = paging.fit([convert.extension_version(item.resource, item.revision) for item in cut])
        more = more or len(found) < len(cut)
        return pb.ListExtensionVersionsResponse(
            extension_versions=found,
            next_page_token=paging.version_token(found[-1].name, found[-1].version) if more else "",
        )

    async def ListLinks(self, request: pb.ListLinksRequest, context: CallContext) -> pb.ListLinksResponse:  # noqa: N802  (gRPC's name)
        """List the links."""
        await self._access.need_role(bearer(context), f"{LINK}.get_all", roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        after = paging.read_id(page) or 0
        held = (await self._all_links()).page(after, page.size + 1, catalog_messages.link_filter(request))
        cut, more = paging.cut(held, page.size)
        found = paging.fit([convert.link(item.resource, item.revision) for item in cut])
        more = more or len(found) < len(cut)
        return pb.ListLinksResponse(links=found, next_page_token=paging.token(str(found[-1].id)) if more else "")

    async def GetLink(self, request: pb.GetLinkRequest, context: CallContext) -> pb.GetLinkResponse:  # noqa: N802  (gRPC's name)
        """Describe a link."""
        await self._access.need_role(bearer(context), f"{LINK}.get_record", roles.READ_ONLY)
        held = (await self._all_links()).get(request.id)
        if held is None:
            raise catalog_messages.link_not_found(request.id)
        return pb.GetLinkResponse(link=convert.link(held.resource, held.revision))

    async def ListDeclarations(  # noqa: N802  (gRPC's name)
        self, request: pb.ListDeclarationsRequest, context: CallContext
    ) -> pb.ListDeclarationsResponse:
        """List the declarations."""
        await self._access.need_role(bearer(context), f"{Kind.DECLARATION.value}.get_all", roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        # They are whole documents; the registry itself keeps none of them in memory.
        async with self._store.read() as view:
            listed = await view.resources(Kind.DECLARATION, after=page.after, limit=page.size + 1)
        cut, more = paging.cut(listed, page.size)
        found = [
            convert.declaration(item.resource, item.revision) for item in cut if isinstance(item.resource, Declaration)
        ]
        return pb.ListDeclarationsResponse(
            declarations=found, next_page_token=paging.token(cut[-1].position) if more else ""
        )

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

    async def FetchMethodBundle(  # noqa: N802  (gRPC's name)
        self, request: pb.FetchMethodBundleRequest, context: CallContext
    ) -> AsyncGenerator[pb.FetchMethodBundleResponse, None]:
        """Send a bundle of methods."""
        self._access.need_service(bearer(context))
        number = 0
        while True:
            async with self._store.read() as view:
                part = await view.bundle_part(request.digest, number)
            if part is None:
                break
            yield pb.FetchMethodBundleResponse(chunk=part)
            number += 1
        if number == 0:
            raise GraftError("BUNDLE_NOT_FOUND", request.digest)

    async def GetExtensionVersion(  # noqa: N802  (gRPC's name)
        self, request: pb.GetExtensionVersionRequest, context: CallContext
    ) -> pb.GetExtensionVersionResponse:
        """Describe an extension version."""
        await self._access.need_role(bearer(context), f"{EXTENSION}.get_record", roles.READ_ONLY)
        ground = await self._links.ground()
        key = (request.name, request.version)
        published_at = (await self._mirror.extension_versions()).get(*key)
        extension, effective = ground.catalog.extension(*key), ground.effective(key)
        if extension is None or effective is None:
            raise catalog_messages.extension_not_found(*key)
        warnings: Sequence[Finding] = extension.warnings
        if request.with_warnings:
            warnings = await self._findings.of_extension(ground.catalog, *key)
        return pb.GetExtensionVersionResponse(
            extension_version=convert.extension_version(
                published(extension), published_at.revision if published_at is not None else 0
            ),
            active=extension.definition.active,
            upgrade=extension.definition.upgrade,
            stacks=catalog_messages.prerequisites(extension.stacks),
            extensions=catalog_messages.prerequisites(extension.required_extensions),
            services=await _services(effective, request),
            warnings=[catalog_messages.warning(finding) for finding in warnings],
            last_good_in_force=key in ground.in_force,
            methods=sorted(effective.methods.declared) if effective.methods is not None else (),
        )

    async def ListStacks(self, request: pb.ListStacksRequest, context: CallContext) -> pb.ListStacksResponse:  # noqa: N802  (gRPC's name)
        """List the names of the stacks."""
        await self._access.need_role(bearer(context), f"{STACK}.get_all", roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        catalog = (await self._links.ground()).catalog
        names, token = paging.cut_names(self._stacks.names(catalog), page)
        return pb.ListStacksResponse(names=names, next_page_token=token)

    async def ListStackVersions(  # noqa: N802  (gRPC's name)
        self, request: pb.ListStackVersionsRequest, context: CallContext
    ) -> pb.ListStackVersionsResponse:
        """List the stack versions."""
        await self._access.need_role(bearer(context), f"{STACK}.get_all", roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        ground = await self._links.ground()
        ordered = self._stacks.versions(ground.catalog, request.name)
        begin = bisect_right(ordered, paging.read_version(page))
        keys, more = paging.cut(ordered[begin : begin + page.size + 1], page.size)
        views = [view for key in keys if (view := ground.views.get(*key)) is not None]
        found = paging.fit([catalog_messages.stack_version(view) for view in views])
        more = more or len(found) < len(views)
        return pb.ListStackVersionsResponse(
            stack_versions=found,
            next_page_token=paging.version_token(found[-1].name, found[-1].version) if more else "",
        )

    async def GetStackVersion(  # noqa: N802  (gRPC's name)
        self, request: pb.GetStackVersionRequest, context: CallContext
    ) -> pb.GetStackVersionResponse:
        """Describe a stack version."""
        await self._access.need_role(bearer(context), f"{STACK}.get_record", roles.READ_ONLY)
        ground = await self._links.ground()
        view = ground.views.get(request.name, request.version)
        if view is None:
            raise catalog_messages.stack_not_found(request.name, request.version)
        return pb.GetStackVersionResponse(
            stack_version=catalog_messages.stack_version(view),
            services=await _services(view, request),
            properties=properties(view.configurations, full=True) if request.with_properties else (),
            origins=origins_of_properties(view, ground.catalog)
            if request.with_properties and request.with_origins
            else {},
        )

    async def CreateLinks(self, request: pb.CreateLinksRequest, context: CallContext) -> pb.CreateLinksResponse:  # noqa: N802  (gRPC's name)
        """Make links."""
        caller = await self._access.need_session(bearer(context))
        specs = [catalog_messages.link_spec(spec) for spec in request.links[: MAX_CREATED + 1]]
        access = [access_spec(spec) for spec in request.grants[: MAX_GRANTED + 1]]
        links, grants, revision = await self._links.create(caller, specs, origin(context), access)
        return pb.CreateLinksResponse(
            links=[convert.link(link, revision) for link in links],
            revision=revision,
            grants=[grant_message(grant) for grant in grants],
        )

    async def UpdateLink(self, request: pb.UpdateLinkRequest, context: CallContext) -> pb.UpdateLinkResponse:  # noqa: N802  (gRPC's name)
        """Switch a link to another version."""
        caller = await self._access.need_session(bearer(context))
        link, revision = await self._links.switch(
            caller, request.id, request.extension_name, request.extension_version, origin(context)
        )
        return pb.UpdateLinkResponse(link=convert.link(link, revision), revision=revision)

    async def DeleteLink(self, request: pb.DeleteLinkRequest, context: CallContext) -> pb.DeleteLinkResponse:  # noqa: N802  (gRPC's name)
        """Remove a link."""
        caller = await self._access.need_session(bearer(context))
        return pb.DeleteLinkResponse(revision=await self._links.remove(caller, request.id, origin(context)))

    async def ExplainLink(self, request: pb.ExplainLinkRequest, context: CallContext) -> pb.ExplainLinkResponse:  # noqa: N802  (gRPC's name)
        """Tell which rules hold."""
        await self._access.need_role(bearer(context), "link.explain", roles.READ_ONLY)
        checks = await self._links.explain(catalog_messages.link_spec(request.link))
        return pb.ExplainLinkResponse(
            checks=[catalog_messages.check(check) for check in checks],
            allowed=all(check.outcome is Outcome.HOLDS for check in checks),
        )

    async def Reload(self, request: pb.ReloadRequest, context: CallContext) -> pb.ReloadResponse:  # noqa: ARG002, N802  (gRPC's)
        """Look at the whole directory now."""
        caller = await self._access.need_session(bearer(context))
        revision = await self._library.reload(caller, origin(context))
        catalog = (await self._links.ground()).catalog
        extensions = [item for versions in catalog.extensions.values() for item in versions.values()]
        return pb.ReloadResponse(
            revision=revision,
            extension_versions=len(extensions),
            invalid_extension_versions=sum(not extension.valid for extension in extensions),
            stack_versions=len(catalog.stacks),
        )

    async def ListWarnings(self, request: pb.ListWarningsRequest, context: CallContext) -> pb.ListWarningsResponse:  # noqa: N802  (gRPC's name)
        """List what is odd."""
        await self._access.need_role(bearer(context), "registry.get_warnings", roles.READ_ONLY)
        page = paging.read_page(request.page_size, request.page_token)
        begin = Position(*paging.read_place(page))
        found, after = await self._findings.page((await self._links.ground()).catalog, begin, page.size)
        return pb.ListWarningsResponse(
            warnings=[catalog_messages.warning(finding) for finding in found],
            next_page_token=paging.place_token(after.folder, after.done) if after is not None else "",
        )

    async def _extension_versions(self) -> ExtensionVersions:
        await self._links.first_reading()
        return await self._mirror.extension_versions()

    async def _all_links(self) -> LinksById:
        await self._links.first_reading()
        return await self._mirror.links()

    @property
    def _idle(self) -> timedelta:
        return self._sessions.idle


async def _services(
    owner: StackView | ResolvedExtension, request: pb.GetExtensionVersionRequest | pb.GetStackVersionRequest
) -> list[pb.Service]:
    """Write the services that a request asks for; many are merged in a thread, so that nobody waits for them.

    Raises:
        GraftError: SERVICE_NOT_FOUND; ANSWER_TOO_LARGE if they do not fit into one message.
    """
    if request.view not in pb.ServiceView.values():
        raise value_not_supported("view", str(request.view), "there is no such view of a service")
    nodes = catalog_messages.service_nodes(owner, request.service)
    if len(nodes) <= _FEW or request.view == service_messages.NAMES:
        return _written(nodes, request)
    return await asyncio.to_thread(_written, nodes, request)


def _written(
    nodes: Sequence[ResolvedService], request: pb.GetExtensionVersionRequest | pb.GetStackVersionRequest
) -> list[pb.Service]:
    found, size = [], 0
    for node in nodes:
        message = service_messages.service(node, request.view, with_origins=request.with_origins)
        size += message.ByteSize()
        if size > MAX_SERVICES_SIZE:
            text = (
                f"The services of {request.name} {request.version} are more than {MAX_SERVICES_SIZE >> 20} MiB; "
                "ask for them one by one, or for less of each"
            )
            raise GraftError("ANSWER_TOO_LARGE", text)
        found.append(message)
    return found
