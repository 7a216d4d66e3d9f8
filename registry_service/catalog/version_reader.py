"""Reading the directory of one version of an extension or a stack, or of one common service.

ExtensionDirectory.java, StackDirectory.java, CommonServiceDirectory.java.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graft_common.xml_documents import XmlError
from registry_service.catalog.definitions import (
    CommonDefinition,
    Definition,
    ExtensionDefinition,
    ServiceEntry,
    StackDefinition,
)
from registry_service.catalog.files import Directory, FileError
from registry_service.catalog.metainfo import parse_extension, parse_stack
from registry_service.catalog.method_reader import read_methods
from registry_service.catalog.service_reader import (
    METAINFO,
    ServiceReader,
    ServicesMissingError,
    plain_letters,
    read_configurations,
)
from registry_service.catalog.value_types import File, Finding

EXTENSIONS = "extensions"
STACKS = "stacks"
COMMON_SERVICES = "common-services"


def read_version(kind: str, name: str, version: str, directory: Directory) -> Definition:
    """Read what a directory defines; `kind` is `extensions`, `stacks` or `common-services`."""
    readers: dict[str, Callable[[str, str, Directory], Definition]] = {
        EXTENSIONS: _read_extension,
        STACKS: _read_stack,
        COMMON_SERVICES: _read_common,
    }
    return readers[kind](name, version, directory)


def _read_extension(name: str, version: str, directory: Directory) -> ExtensionDefinition:
    errors, warnings = _problems(directory)
    fields = _metainfo(directory, "extension", parse_extension, errors)
    services = _services(directory, "extension", name, version, errors, warnings)
    return ExtensionDefinition(
        name=name,
        version=version,
        services=services,
        methods=read_methods(directory, errors, warnings),
        errors=tuple(dict.fromkeys(errors)),
        warnings=tuple(warnings),
        **fields,
    )


def _read_stack(name: str, version: str, directory: Directory) -> StackDefinition:
    errors, warnings = _problems(directory)
    fields = _metainfo(directory, "stack", parse_stack, errors)
    configurations = read_configurations(directory, "configuration", "properties", errors, warnings)
    services = _services(directory, "stack", name, version, errors, warnings)
    order = "role_command_order.json"
    return StackDefinition(
        name=name,
        version=version,
        services=services,
        configurations=configurations,
        upgrade_packs=tuple(
            file.removesuffix(".xml")
            for file in directory.files_in("upgrades")
            if file.endswith(".xml") and file != "config-upgrade.xml"
        ),
        role_command_order=File(f"{directory.name}/{order}", directory.digest(order).hex())
        if order in directory.files
        else None,
        errors=tuple(dict.fromkeys(errors)),
        warnings=tuple(warnings),
        **fields,
    )


def _read_common(name: str, version: str, directory: Directory) -> CommonDefinition:
    errors, warnings = _problems(directory)
    plain_version = plain_letters(version)
    reader = ServiceReader(directory, "", lambda service: f"{plain_letters(service)}{plain_version}ServiceAdvisor")
    services: list[ServiceEntry] = []
    try:
        services = reader.read()
    except ServicesMissingError:
        errors.append(f"Exception caught while populating services for common service: {name}-{version}")
    return CommonDefinition(
        name=name,
        version=version,
        services=tuple((service, service.load().version) for service in services),
        errors=tuple(dict.fromkeys([*errors, *reader.errors])),
        warnings=(*warnings, *reader.warnings),
    )


def _problems(directory: Directory) -> tuple[list[str], list[Finding]]:
    """Turn what hindered the walk into errors, and what is odd into warnings."""
    odd = [Finding(f"{directory.name}/{path}", "neither a file nor a folder; left out") for path in directory.oddities]
    return [f"{directory.path}: {problem}" for problem in directory.problems], odd


def _metainfo(
    directory: Directory, what: str, parse: Callable[[bytes], dict[str, Any]], errors: list[str]
) -> dict[str, Any]:
    if METAINFO not in directory.files:
        return {}
    path = f"{directory.path}/{METAINFO}"
    try:
        return parse(directory.read(METAINFO))
    except (XmlError, FileError) as error:
        errors += [f"Unable to parse {what} metainfo.xml file at location: {path}", f"{path}: {error}"]
        return {}


def _services(
    directory: Directory, what: str, name: str, version: str, errors: list[str], warnings: list[Finding]
) -> dict[str, ServiceEntry]:
    """Read the services of an extension or a stack, by name; of one name, the one in the last folder counts."""
    services: dict[str, ServiceEntry] = {}
    prefix = plain_letters(f"{name}{version}")

    def advisor_name(service: str) -> str:
        return f"{prefix}{plain_letters(service)}ServiceAdvisor"

    for folder in directory.folders_in("services"):
        reader = ServiceReader(directory, f"services/{folder}", advisor_name)
        try:
            found = reader.read()
        except ServicesMissingError:
            errors.append(f"Exception caught while populating services for {what}: {name}-{version}")
            found = []
        for service in found:
            if service.name in services:
                text = f"service {service.name} is also defined in {services[service.name].directory}; this one counts"
                warnings.append(Finding(f"{service.directory}/{METAINFO}", text))
            services[service.name] = service
            errors += service.errors
        errors += reader.errors
        warnings += reader.warnings
    return services
