"""Themes and quick links of a stack's services."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import orjson

from gateway.ambari.backend import Backend
from gateway.ambari.rendering import Json
from gateway.ambari.resource_types import Fetch, Keys, Kind, Properties, Property, ResourceType
from gateway.ambari.resources.services import services_of_parent
from graft.registry.v1 import registry_pb2 as pb


def _document_type(
    name: str, category: str, data: str, documents: Callable[[pb.Service], Iterable[pb.Document]], what: str
) -> ResourceType:
    return ResourceType(
        name=name,
        keys={
            "stack_name": f"{category}/stack_name",
            "stack_version": f"{category}/stack_version",
            "service_name": f"{category}/service_name",
            "file_name": f"{category}/file_name",
        },
        properties=(
            Property(f"{category}/stack_name", doc="The stack's name."),
            Property(f"{category}/stack_version", doc="The stack's version."),
            Property(f"{category}/service_name", doc="The service's name."),
            Property(f"{category}/file_name", doc="The file's name."),
            Property(f"{category}/default", Kind.BOOLEAN, "Whether it is the default."),
            Property(f"{category}/{data}", Kind.OBJECT, f"{what}, as in the file."),
        ),
        fetch=_fetch(category, data, documents),
        lists_all=True,
    )


def _fetch(category: str, data: str, documents: Callable[[pb.Service], Iterable[pb.Document]]) -> Fetch:
    async def fetch(backend: Backend, keys: Keys, wanted: frozenset[str]) -> Sequence[Properties]:
        with_data = f"{category}/{data}" in wanted
        view = pb.SERVICE_VIEW_FULL if with_data else pb.SERVICE_VIEW_SUMMARY
        rows = []
        for service in await services_of_parent(backend, keys, view):
            # The default comes first (ThemeArtifactResourceProvider.java).
            for document in sorted(documents(service), key=lambda one: not one.default):
                row: dict[str, Json] = {
                    f"{category}/stack_name": keys["stack_name"],
                    f"{category}/stack_version": keys["stack_version"],
                    f"{category}/service_name": service.name,
                    f"{category}/file_name": document.file_name,
                    f"{category}/default": document.default,
                }
                if with_data:
                    row[f"{category}/{data}"] = _content(document.content)
                rows.append(row)
        return rows

    return fetch


def _content(content: bytes) -> Json:
    """Read a document; the registry has taken only those that are JSON."""
    try:
        value: Json = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return value


THEME = _document_type(
    "Theme", "ThemeInfo", "theme_data", lambda service: service.theme_documents, "How the configuration is laid out"
)
QUICK_LINK = _document_type(
    "QuickLink", "QuickLinkInfo", "quicklink_data", lambda service: service.quick_link_documents, "The links"
)
