"""Management packs: the archives that install extensions, stacks and services (MpackResourceProvider.java)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from gateway.ambari.backend import Backend
from gateway.ambari.errors import AmbariError, Operation
from gateway.ambari.query.bodies import parse_body
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Keys, Kind, Method, Properties, Property, ResourceType
from gateway.ambari.writing import WriteRequest, Written
from gateway.streams import BodyStream
from graft.registry.v1 import identity_pb2
from graft.registry.v1 import mpack_pb2 as pb
from graft_common import roles
from graft_common.downloads import Bounds, NotDownloaded, check_url, download, file_name
from graft_common.errors import GraftError
from graft_common.rpc.uploads import CHUNK

UNINSTALL_TIMEOUT = 300.0
MAX_JSON = 64 << 10
CACHE = "mpacks/cache"

_ID = "MpackInfo/id"
_NAME = "MpackInfo/mpack_name"
_VERSION = "MpackInfo/mpack_version"
_DESCRIPTION = "MpackInfo/mpack_description"
_URI = "MpackInfo/mpack_uri"
_STACK_NAME = "MpackInfo/stack_name"
_STACK_VERSION = "MpackInfo/stack_version"
_EXTENSIONS = "MpackInfo/extension_versions"
_STACKS = "MpackInfo/stack_versions"
_SERVICES = "MpackInfo/services"
_DIGEST = "MpackInfo/digest"

_JSON_BEGINS = (b"{", b"[")


async def _packs(backend: Backend, _keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    return [_shown(pack) for pack in await _all(backend)]


async def _all(backend: Backend) -> list[pb.Mpack]:
    pages = backend.pages(backend.registry.mpacks.ListMpacks, pb.ListMpacksRequest())
    return [pack async for page in pages for pack in page.mpacks]


def _shown(pack: pb.Mpack) -> Properties:
    shown: dict[str, Json] = {
        _ID: pack.id,
        _NAME: pack.name,
        _VERSION: pack.version,
        _DESCRIPTION: pack.description,
        _URI: f"{CACHE}/{pack.archive}" if pack.archive else "",
        _EXTENSIONS: list(pack.extension_versions),
        _STACKS: list(pack.stack_versions),
        _SERVICES: list(pack.services),
        _DIGEST: pack.digest,
    }
    # Ambari's packs are of one stack version or of none.
    name, _, version = pack.stack_versions[0].partition("/") if len(pack.stack_versions) == 1 else ("", "", "")
    return {**shown, _STACK_NAME: name or None, _STACK_VERSION: version or None}


def _also_named(properties: Properties) -> str:
    return f"{properties[_NAME]}-{properties[_VERSION]}"


async def _install(request: WriteRequest) -> Written:
    """Install the archive that is the body, or the one that it names."""
    stream = request.stream
    if stream is None:
        raise TypeError("the table has to say that this body is streamed")
    begin = (await stream.peek()).lstrip()[:1]
    uri = _uri(await stream.read(MAX_JSON)) if begin in _JSON_BEGINS or not begin else ""
    if uri and not await _may_install(request.backend):
        # Nothing is fetched for others. That they are refused is the registry's to say, and to record.
        requests = _requests(pb.MpackUpload(), _nothing)
    elif uri:
        requests = _requests(pb.MpackUpload(file_name=file_name(uri)), lambda: _fetched(uri, stream.limit))
    else:
        # A session that has ended is opened anew, which the body must not have been begun for.
        await _may_install(request.backend)
        requests = _requests(pb.MpackUpload(size=stream.size), lambda: _sent(stream))
    pack = await _installed(request.backend, requests)
    href = f"{request.base}/mpacks/{pack.id}"
    info = {name.partition("/")[2]: value for name, value in sorted(_shown(pack).items())}
    body: Json = {"resources": [{"href": href, "MpackInfo": info}]}
    return Written(201, body, headers=[("location", f"/api/v1/mpacks/{pack.id}")])


def _uri(body: bytes) -> str:
    """Return the URL that a body in JSON names.

    Raises:
        AmbariError: it names none that could be fetched, or more than that.
        QueryError: it is no JSON.
    """
    named = [properties for one in parse_body(body) for properties in one.properties] if body.strip() else []
    if len(named) != 1 or set(named[0]) != {_URI} or not isinstance(named[0][_URI], str):
        text = f"Invalid Request: the body must be the archive itself, or have the property {_URI} and no other."
        raise AmbariError(400, text)
    uri = str(named[0][_URI])
    try:
        check_url(uri)
    except NotDownloaded as error:
        raise AmbariError(400, f"Management pack could not be downloaded! {error}") from None
    return uri


async def _may_install(backend: Backend) -> bool:
    who = await backend.write(backend.registry.identity.WhoAmI, identity_pb2.WhoAmIRequest())
    return roles.Holding.of(who.rank, who.permissions).permits("mpack.install", roles.POOL_ADMIN)


async def _installed(backend: Backend, requests: AsyncGenerator[pb.InstallMpackRequest, None]) -> pb.Mpack:
    async with aclosing(backend.exchange(backend.registry.mpacks.InstallMpack, requests)) as events:
        async for event in events:
            if event.WhichOneof("event") == "result":
                pack: pb.Mpack = event.result.mpack
                return pack
    raise GraftError("INTERNAL_ERROR", "the registry has ended an installation without a result")


async def _requests(
    upload: pb.MpackUpload, pieces: Callable[[], AsyncGenerator[bytes, None]]
) -> AsyncGenerator[pb.InstallMpackRequest, None]:
    yield pb.InstallMpackRequest(head=pb.InstallMpackHead(upload=upload))
    async with aclosing(pieces()) as chunks:
        async for chunk in chunks:
            yield pb.InstallMpackRequest(chunk=chunk)


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""


async def _sent(stream: BodyStream) -> AsyncGenerator[bytes, None]:
    async with aclosing(stream.pieces(CHUNK)) as pieces:
        async for piece in pieces:
            yield piece


async def _fetched(uri: str, limit: int) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(download(uri, Bounds(limit), CHUNK)) as pieces:
            async for piece in pieces:
                yield piece
    except NotDownloaded as error:
        raise GraftError("MPACK_NOT_READABLE", f"Management pack could not be downloaded! {error}") from None


async def _uninstall(request: WriteRequest) -> Written:
    rpc, given = request.backend.registry.mpacks, request.keys["mpack_id"]
    for pack in await _all(request.backend):
        if given in {str(pack.id), f"{pack.name}-{pack.version}"}:
            asked = pb.UninstallMpackRequest(name=pack.name, version=pack.version)
            await request.backend.write(rpc.UninstallMpack, asked, UNINSTALL_TIMEOUT)
            return Written()
    raise GraftError("MPACK_NOT_FOUND", f"Management pack {given[:255]} is not installed")


INSTALL = Method(
    "POST",
    Operation.CREATE,
    _install,
    "Install a management pack. The body is its archive (tar, tar.gz or zip), or JSON that says where that is fetched.",
    body=(_URI,),
    required=(_URI,),
    streams=True,
    statuses=(201, 400, 409),
)
UNINSTALL = Method("DELETE", Operation.DELETE, _uninstall, "Remove the management pack.", statuses=(200, 404, 409))

MPACK = ResourceType(
    name="Mpack",
    keys={"mpack_id": _ID},
    properties=(
        Property(_ID, Kind.INTEGER, "The number of the pack. A path may also name it as `<name>-<version>`."),
        Property(_NAME, doc="Its name."),
        Property(_VERSION, doc="Its version."),
        Property(_DESCRIPTION, doc="What it is."),
        Property(_URI, doc="Its archive, below the resources directory; to install one, a URL of http or https."),
        Property(_STACK_NAME, doc="The stack that it brings, where there is only one.", nullable=True),
        Property(_STACK_VERSION, doc="The version of that stack.", nullable=True),
        Property(_EXTENSIONS, Kind.STRINGS, "The extension versions that it brings, as `<name>/<version>`."),
        Property(_STACKS, Kind.STRINGS, "The stack versions that it brings or adds to, as `<name>/<version>`."),
        Property(_SERVICES, Kind.STRINGS, "The services that it brings, as `<name>/<version>`."),
        Property(_DIGEST, doc="The SHA-256 of its archive, in lower-case hex."),
    ),
    fetch=_packs,
    also_named=_also_named,
)
