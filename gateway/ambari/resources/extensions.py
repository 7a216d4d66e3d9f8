"""Extensions and their versions."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ambari.backend import Backend
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Keys, Kind, Properties, Property, ResourceType
from graft.registry.v1 import registry_pb2 as pb

_NAME = "Extensions/extension_name"
_VERSION_NAME = "Versions/extension_name"
_VERSION = "Versions/extension_version"
_WARNINGS = "Versions/warnings"


async def _extensions(backend: Backend, keys: Keys, _wanted: frozenset[str]) -> Sequence[Properties]:
    rpc = backend.registry.registry
    if "extension_name" in keys:
        # An extension is there as long as it has a version, and those are mostly wanted next.
        own = backend.pages(rpc.ListExtensionVersions, pb.ListExtensionVersionsRequest(name=keys["extension_name"]))
        return [{_NAME: version.name} async for page in own for version in page.extension_versions][:1]
    pages = backend.pages(rpc.ListExtensions, pb.ListExtensionsRequest())
    return [{_NAME: name} async for page in pages for name in page.names]


async def _versions(backend: Backend, keys: Keys, wanted: frozenset[str]) -> Sequence[Properties]:
    rpc, name = backend.registry.registry, keys.get("extension_name", "")
    if "extension_version" in keys:
        request = pb.GetExtensionVersionRequest(
            name=name,
            version=keys["extension_version"],
            view=pb.SERVICE_VIEW_NAMES,
            with_warnings=_WARNINGS in wanted,
        )
        answer = await backend.read(rpc.GetExtensionVersion, request)
        found = _version(answer.extension_version)
        return [{**found, _WARNINGS: _warnings(answer)} if _WARNINGS in wanted else found]
    pages = backend.pages(rpc.ListExtensionVersions, pb.ListExtensionVersionsRequest(name=name))
    versions = [_version(version) async for page in pages for version in page.extension_versions]
    if _WARNINGS not in wanted:
        return versions
    more = [
        await _versions(
            backend, {"extension_name": str(one[_VERSION_NAME]), "extension_version": str(one[_VERSION])}, wanted
        )
        for one in versions
    ]
    return [one for found in more for one in found]


def _version(version: pb.ExtensionVersion) -> Properties:
    return {
        _VERSION_NAME: version.name,
        _VERSION: version.version,
        "Versions/valid": version.valid,
        "Versions/extension-errors": sorted(version.errors),
        "Versions/parent_extension_version": version.parent_version or None,
    }


def _warnings(answer: pb.GetExtensionVersionResponse) -> Json:
    return [
        {"file": warning.file, "line": warning.line, "path": warning.path, "text": warning.text}
        for warning in answer.warnings
    ]


EXTENSION = ResourceType(
    name="Extension",
    keys={"extension_name": _NAME},
    properties=(Property(_NAME, doc="The extension's name."),),
    fetch=_extensions,
    missing=lambda keys: f"Stack data, extensionName={keys['extension_name']}",
)

EXTENSION_VERSION = ResourceType(
    name="ExtensionVersion",
    keys={"extension_name": _VERSION_NAME, "extension_version": _VERSION},
    properties=(
        Property(_VERSION_NAME, doc="The extension's name."),
        Property(_VERSION, doc="The version."),
        Property("Versions/valid", Kind.BOOLEAN, "Whether it can be linked."),
        Property("Versions/extension-errors", Kind.STRINGS, "Why it is not valid."),
        Property("Versions/parent_extension_version", doc="The version that it inherits from.", nullable=True),
        Property(_WARNINGS, Kind.ANY, "What is odd in its files, by file and line.", on_request=True),
    ),
    fetch=_versions,
    lists_all=True,
)
