"""Links between extension versions and stack versions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.ambari.backend import Backend
from gateway.ambari.errors import AmbariError, NoParentError, Operation
from gateway.ambari.query.bodies import PropertySet
from gateway.ambari.resource_types import Keys, Kind, Method, Properties, Property, ResourceType
from gateway.ambari.writing import WriteRequest, Written
from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError

RELOAD_TIMEOUT = 300.0
"""Seconds; reading a large tree for the first time takes a while."""

_ID = "ExtensionLink/link_id"
_STACK_NAME = "ExtensionLink/stack_name"
_STACK_VERSION = "ExtensionLink/stack_version"
_EXTENSION_NAME = "ExtensionLink/extension_name"
_EXTENSION_VERSION = "ExtensionLink/extension_version"

_LONG = re.compile(r"[+-]?[0-9]{1,30}", re.ASCII)
_LIMIT = 1 << 63


async def _links(backend: Backend, keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    rpc = backend.registry.registry
    if "link_id" in keys:
        answer = await backend.read(rpc.GetLink, pb.GetLinkRequest(id=link_id(keys["link_id"])))
        return [_link(answer.link)]
    await _check_parents(backend, keys)
    request = pb.ListLinksRequest(
        stack_name=keys.get("stack_name", ""),
        stack_version=keys.get("stack_version", ""),
        extension_name=keys.get("extension_name", ""),
        extension_version=keys.get("extension_version", ""),
    )
    return [_link(link) async for page in backend.pages(rpc.ListLinks, request) for link in page.links]


async def _check_parents(backend: Backend, keys: Keys) -> None:
    """Raise where what the path names does not exist (ExtensionLinkResourceProvider.java)."""
    rpc = backend.registry.registry
    try:
        if "stack_version" in keys:
            of_stack = pb.GetStackVersionRequest(
                name=keys["stack_name"], version=keys["stack_version"], view=pb.SERVICE_VIEW_NAMES
            )
            await backend.read(rpc.GetStackVersion, of_stack)
        if "extension_version" in keys:
            of_extension = pb.GetExtensionVersionRequest(
                name=keys["extension_name"], version=keys["extension_version"], view=pb.SERVICE_VIEW_NAMES
            )
            await backend.read(rpc.GetExtensionVersion, of_extension)
    except GraftError as error:
        if error.code in {"STACK_NOT_FOUND", "EXTENSION_NOT_FOUND"}:
            raise NoParentError(error.params[0]) from None
        raise


def _link(link: pb.Link) -> Properties:
    shown: dict[str, str | int] = {
        _ID: link.id,
        _STACK_NAME: link.stack_name,
        _STACK_VERSION: link.stack_version,
        _EXTENSION_NAME: link.extension_name,
        _EXTENSION_VERSION: link.extension_version,
    }
    if link.problem:
        shown["ExtensionLink/problem"] = link.problem
    return shown


def link_id(text: str) -> int:
    """Read a link's id as Java reads a `Long`.

    Raises:
        AmbariError: it is none.
    """
    number = int(text) if _LONG.fullmatch(text) else _LIMIT
    if not -_LIMIT <= number < _LIMIT:
        raise AmbariError(400, f'Invalid Request: For input string: "{text}"')
    return number


async def _create(request: WriteRequest) -> Written:
    specs = [
        pb.LinkSpec(
            stack_name=_said(body, _STACK_NAME),
            stack_version=_said(body, _STACK_VERSION),
            extension_name=_said(body, _EXTENSION_NAME),
            extension_version=_said(body, _EXTENSION_VERSION),
        )
        for body in request.resources or [{}]
    ]
    rpc = request.backend.registry.registry
    answer = await request.backend.write(rpc.CreateLinks, pb.CreateLinksRequest(links=specs))
    # Ambari does not tell which link is new. A header can: of one link, for there is room for no more.
    location = [("location", f"/api/v1/links/{answer.links[0].id}")] if len(answer.links) == 1 else []
    return Written(201, headers=location)


async def _update(request: WriteRequest) -> Written:
    """Switch links to other versions; without anything to switch, read the resources directory again."""
    rpc = request.backend.registry.registry
    own = request.keys.get("link_id")
    bodies = request.resources or ([{}] if own else [])
    if not bodies:
        await request.backend.write(rpc.Reload, pb.ReloadRequest(), RELOAD_TIMEOUT)
        return Written()
    changes = [_change(body, own or _said(body, _ID)) for body in bodies]
    for change in changes:
        await request.backend.write(rpc.UpdateLink, change)
    return Written()


def _change(body: PropertySet, link: str) -> pb.UpdateLinkRequest:
    if not link:
        raise AmbariError(400, "Link ID should be provided")
    return pb.UpdateLinkRequest(
        id=link_id(link),
        extension_name=_said(body, _EXTENSION_NAME),
        extension_version=_said(body, _EXTENSION_VERSION),
    )


async def _delete(request: WriteRequest) -> Written:
    rpc = request.backend.registry.registry
    await request.backend.write(rpc.DeleteLink, pb.DeleteLinkRequest(id=link_id(request.keys["link_id"])))
    return Written()


def _said(body: PropertySet, property_id: str) -> str:
    value = body.get(property_id)
    if isinstance(value, list):
        raise AmbariError(400, f"Invalid Request: '{property_id}' must be one value, not a list.")
    return value or ""


_SPEC = (_STACK_NAME, _STACK_VERSION, _EXTENSION_NAME, _EXTENSION_VERSION)
_SWITCH = (_EXTENSION_NAME, _EXTENSION_VERSION)

CREATE = Method(
    "POST",
    Operation.CREATE,
    _create,
    "Link extension versions to stack versions: all of them, or none.",
    body=_SPEC,
    several=True,
    required=_SPEC,
    statuses=(201, 400, 404, 409),
)
UPDATE_ALL = Method(
    "PUT",
    Operation.UPDATE,
    _update,
    "Without a body, read the resources directory again; with one, switch the links that it names.",
    body=(_ID, *_SWITCH),
    several=True,
    required=(_ID, *_SWITCH),
    without_body=True,
    statuses=(200, 400, 404, 409),
)
UPDATE = Method(
    "PUT",
    Operation.UPDATE,
    _update,
    "Switch the link to another version of its extension.",
    body=_SWITCH,
    required=_SWITCH,
    statuses=(200, 400, 404, 409),
)
DELETE = Method("DELETE", Operation.DELETE, _delete, "Remove the link.", statuses=(200, 400, 404, 409))

EXTENSION_LINK = ResourceType(
    name="ExtensionLink",
    keys={
        "stack_name": _STACK_NAME,
        "stack_version": _STACK_VERSION,
        "extension_name": _EXTENSION_NAME,
        "extension_version": _EXTENSION_VERSION,
        "link_id": _ID,
    },
    properties=(
        Property(_ID, Kind.INTEGER, "The number of the link."),
        Property(_STACK_NAME, doc="The stack's name."),
        Property(_STACK_VERSION, doc="The stack's version."),
        Property(_EXTENSION_NAME, doc="The extension's name."),
        Property(_EXTENSION_VERSION, doc="The extension's version."),
        Property("ExtensionLink/problem", doc="Why the link has no effect, or not the whole; only where that is so."),
    ),
    fetch=_links,
    narrows=frozenset({"stack_name", "extension_name"}),
)
