"""Reading one service's directory (ServiceDirectory.java, ServiceModule.java)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from graft_common.xml_documents import XmlError, parse_document
from registry_service.catalog.configuration import parse_configuration
from registry_service.catalog.configuration_definitions import Configuration, Property
from registry_service.catalog.definitions import Document, Service, ServiceEntry, entry_of
from registry_service.catalog.documents import DocumentError, check_quick_links, check_theme
from registry_service.catalog.files import Directory, FileError
from registry_service.catalog.metainfo import parse_services, service_errors
from registry_service.catalog.value_types import File, Finding, Folder

METAINFO = "metainfo.xml"
_FOLDERS = ("package", "upgrades", "checks", "server_actions")


class ServicesMissingError(ValueError):
    """A service's `metainfo.xml` has no `<services>`."""


class ServiceReader:
    """Reads the services that one directory of a version defines.

    Args:
        directory: the version's directory.
        folder: the service's folder in it; empty where the version's directory is the service's own.
        advisor_name: returns the name of the advisor's class for a service's name.
    """

    def __init__(self, directory: Directory, folder: str, advisor_name: Callable[[str], str]) -> None:
        self._directory = directory
        self._folder = folder
        self._advisor_name = advisor_name
        self.errors: list[str] = []
        """What makes the whole version invalid and belongs to no service."""
        self.warnings: list[Finding] = []

    def read(self) -> list[ServiceEntry]:
        """Return the services, in order; what is wrong is in `errors` and `warnings`.

        Raises:
            ServicesMissingError: there is no `<services>`.
        """
        metainfo = self._path(METAINFO)
        if metainfo not in self._directory.files:
            path = self._absolute(METAINFO)
            self._warn(METAINFO, f"Stack Definition Service at '{path}' doesn't contain a metainfo.xml file")
            return []
        try:
            parsed = parse_services(self._directory.read(metainfo))
        except (XmlError, FileError) as error:
            path = self._absolute(METAINFO)
            self.errors += [f"Unable to parse service metainfo.xml file '{path}' ", f"{path}: {error}"]
            return []
        if parsed is None:
            raise ServicesMissingError
        return [self._complete(service, said) for service, said in parsed if self._has_name(service)]

    def _complete(self, service: Service, said: dict[str, Any]) -> ServiceEntry:
        """Add what the files beside `metainfo.xml` define."""
        errors = service_errors(service)
        themes, themes_broken = self._documents(
            said.get("themes", ()), said.get("themes_dir", "themes"), "theme", check_theme
        )
        links, links_broken = self._documents(
            said.get("quick_links", ()), said.get("quick_links_dir", "quicklinks"), "quicklinks", check_quick_links
        )
        advisor = self._file("service_advisor.py")
        configurations = self._configurations(said.get("configuration_dir", "configuration"), errors)
        complete = msgspec.structs.replace(
            service,
            configurations=configurations,
            themes=themes,
            quick_links=links,
            themes_broken=themes_broken,
            quick_links_broken=links_broken,
            metrics=self._file(said.get("metrics_file", "metrics.json")),
            widgets=self._file(said.get("widgets_file", "widgets.json")),
            alerts=self._file("alerts.json"),
            kerberos=self._file("kerberos.json"),
            role_command_order=self._role_command_order(),
            advisor=advisor,
            advisor_name=self._advisor_name(service.name) if advisor is not None else None,
            directory=self._named(""),
            **{name: self._shipped(name) for name in _FOLDERS},
        )
        return entry_of(complete, tuple(errors))

    def _has_name(self, service: Service) -> bool:
        if not service.name:
            self._warn(METAINFO, "a service without a <name> is left out")
        return bool(service.name)

    def _configurations(self, folder: str, errors: list[str]) -> dict[str, Configuration]:
        """Read a folder of configuration files, by type."""
        if not self._is_inside(folder, METAINFO, "configuration-dir"):
            return {}
        return read_configurations(self._directory, self._path(folder), self._path("properties"), errors, self.warnings)

    def _documents(
        self, declared: Iterable[dict[str, Any]], folder: str, kind: str, check: Callable[[bytes], None]
    ) -> tuple[dict[str, Document], bool]:
        """Read themes or quick links; broken ones are left out, and it is told whether any was."""
        documents: dict[str, Document] = {}
        broken = False
        for item in declared:
            name = item.get("file_name", "")
            document = Document(name, default=item.get("default", False), deleted=item.get("deleted", False))
            path = f"{folder}/{name}"
            if not document.deleted and self._is_inside(path, METAINFO, "fileName"):
                try:
                    content = self._directory.read(self._path(path))
                    check(content)
                except (DocumentError, FileError) as error:
                    self._warn(path, f"the {kind} file is left out: {error}")
                else:
                    documents[name] = msgspec.structs.replace(document, content=content)
                    continue
            elif document.deleted:
                documents[name] = document
                continue
            broken = True
        return documents, broken

    def _role_command_order(self) -> File | None:
        file = self._file("role_command_order.json")
        if file is None:
            return None
        try:
            msgspec.json.decode(self._directory.read(self._path("role_command_order.json")), type=dict)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, FileError) as error:
            self._warn("role_command_order.json", f"the role command order is left out: {error}")
            return None
        return file

    def _file(self, name: str) -> File | None:
        path = self._path(name)
        if path not in self._directory.files or not self._is_inside(name, METAINFO, "file name"):
            return None
        return File(self._named(name), self._directory.digest(path).hex())

    def _shipped(self, name: str) -> Folder | None:
        return read_folder(self._directory, self._path(name))

    def _is_inside(self, path: str, blamed: str, what: str) -> bool:
        """Tell whether a path that a file gives stays in the service's folder."""
        if path.startswith("/") or ".." in path.split("/"):
            self._warn(blamed, f"the {what} {path!r} leads out of the service's folder; it is left out")
            return False
        return True

    def _warn(self, path: str, text: str) -> None:
        self.warnings.append(Finding(file=self._named(path), text=text))

    def _path(self, path: str) -> str:
        return f"{self._folder}/{path}" if self._folder else path

    def _absolute(self, path: str) -> str:
        return f"{self._directory.path}/{self._path(path)}"

    def _named(self, path: str) -> str:
        return f"{self._directory.name}/{self._path(path)}".rstrip("/")


def read_folder(directory: Directory, path: str) -> Folder | None:
    """Return a folder with what is in it, or None where it is missing or holds no file."""
    files = list(directory.below(path))
    if not files:
        return None
    return Folder(f"{directory.name}/{path}", directory.digest_all(files).hex())


def read_configurations(
    directory: Directory, folder: str, properties: str, errors: list[str], warnings: list[Finding]
) -> dict[str, Configuration]:
    """Read the `*.xml` of a folder, by type (ConfigurationDirectory.java).

    Args:
        directory: the version's directory.
        folder: the folder in it.
        properties: the folder of the files that hold the values of single properties.
        errors: what makes the version invalid is added here.
        warnings: what does not is added here.
    """
    configurations: dict[str, Configuration] = {}
    for name in directory.files_in(folder):
        if not name.endswith(".xml"):
            continue
        path = f"{folder}/{name}"

        def value_of(item: Property, blamed: str = path) -> str | None:
            value, reason = _read_property_file(directory, properties, item)
            if reason:
                warnings.append(Finding(f"{directory.name}/{blamed}", f"property {item.name!r}: {reason}"))
            return value

        config_type = name.removesuffix(".xml")
        try:
            configurations[config_type] = parse_configuration(config_type, directory.read(path), value_of)
        except XmlError as error:
            errors.append(f"Could not parse XML {directory.path}/{path}: {error}")
        except FileError as error:
            errors += [
                f"Could not load configuration for {directory.path}/{path}",
                f"{directory.path}/{path}: {error}",
            ]
    return configurations


def _read_property_file(directory: Directory, folder: str, item: Property) -> tuple[str | None, str]:
    """Return the value that a property's own file holds, or why there is none."""
    attributes = item.value_attributes
    name = (attributes.property_file_name if attributes else None) or ""
    if not name or name not in directory.files_in(folder):
        return None, f"its file {folder}/{name} does not exist"
    try:
        content = directory.read(f"{folder}/{name}")
        kind = (attributes.property_file_type or "").lower() if attributes else ""
        if kind == "xml":
            parse_document(content)
        elif kind == "json":
            msgspec.json.decode(content)
        return content.decode(), ""
    except (XmlError, FileError, ValueError, RecursionError) as error:
        return None, f"its file {folder}/{name} is not read: {error}"


def plain_letters(name: str) -> str:
    """Return what may be in the name of a Python class."""
    return re.sub(r"[^A-Za-z0-9]", "", name)
