"""A new extension version, made from the files in `templates/`: valid, without warnings, fit to be linked at once."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from graft_cli.exits import USAGE, CliError

MAX_NAME = 100
_SUFFIX = ".in"
_SCRIPT = "SCRIPT"
_VERSIONED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a new extension version is to be; names and versions are those of its directories."""

    name: str
    version: str
    stacks: tuple[tuple[str, str], ...]
    """The stacks that it fits, each with the least version."""
    services: tuple[str, ...] = ()
    extends: str | None = None
    auto_link: bool = False


def check(blueprint: Blueprint) -> None:
    """Refuse names that could not be directories, scripts or names in Ambari's API.

    Raises:
        CliError: one of them is not what it must be; the message says what would be right.
    """
    _check_name("the extension's name", blueprint.name)
    _check_name("the extension's version", blueprint.version)
    for name, version in blueprint.stacks:
        _check_name("the name of a stack", name)
        _check_name("the version of a stack", version.replace("*", "x"))
    if blueprint.extends is not None:
        _check_name("the version to extend", blueprint.extends)
    seen: set[str] = set()
    for service in blueprint.services:
        _check_service(service)
        script = service.lower()
        if script in seen:
            raise CliError(f"--service {service}: another service is named so, but for capitals at most", USAGE)
        seen.add(script)


def write(blueprint: Blueprint, extensions: Path) -> list[Path]:
    """Write `<extensions>/<name>/<version>`, as a whole or not at all; return its files.

    Raises:
        CliError: it exists already, or cannot be written.
    """
    target = extensions / blueprint.name / blueprint.version
    if os.path.lexists(target):
        raise CliError(f"{target} exists already, and is left as it is; choose another version, or remove it first")
    contents = dict(_contents(blueprint))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # The registry takes every folder beside the target for a version, and watches.
        beside = Path(tempfile.mkdtemp(prefix=".new-extension-", dir=_place_for_draft(extensions)))
        try:
            draft = beside / blueprint.version
            for path, content in contents.items():
                file = draft / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content, encoding="utf-8")
            draft.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise CliError(f"cannot write {target}: {error.filename}: {error.strerror}") from None
    return [target / path for path in contents]


def default_service(name: str) -> str:
    """Name a service after its extension: `my-ext` becomes MY_EXT.

    Raises:
        CliError: it is none for an extension, or nothing that could name a service is left of it.
    """
    _check_name("the extension's name", name)
    service = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    if not _SERVICE.fullmatch(service):
        raise CliError(f"no service can be named after {name}; name one with --service", USAGE)
    return service


def _check_name(what: str, name: str) -> None:
    if not _VERSIONED.fullmatch(name) or len(name) > MAX_NAME:
        raise CliError(
            f"{what} is {name[: MAX_NAME * 2]!r}; it must be letters, digits, '.', '_' and '-', begin with a letter "
            f"or a digit, and have at most {MAX_NAME} characters",
            USAGE,
        )


def _check_service(service: str) -> None:
    if not _SERVICE.fullmatch(service) or len(service) > MAX_NAME:
        raise CliError(
            f"--service {service[: MAX_NAME * 2]!r}: a service's name is letters, digits and '_', begins with a "
            f"letter, and has at most {MAX_NAME} characters",
            USAGE,
        )
    # The folder of a script comes first where Python looks for modules.
    if service.lower() in sys.stdlib_module_names | {"resource_management", "ambari_commons"}:
        raise CliError(
            f"--service {service}: its script {service.lower()}.py would hide the module of that name from Ambari's "
            f"library; choose another, such as {service}_SERVICE",
            USAGE,
        )


def _place_for_draft(extensions: Path) -> Path:
    """Where a draft is nobody's extension and can be renamed from: beside the folder of extensions, if possible."""
    parent = extensions.resolve().parent
    same_device = parent.stat().st_dev == extensions.stat().st_dev
    return parent if same_device and os.access(parent, os.W_OK | os.X_OK) else extensions


def _contents(blueprint: Blueprint) -> Iterator[tuple[str, str]]:
    """Yield the files: path below the version's directory, and content."""
    templates = files("graft_cli") / "templates"
    yield from _render(templates / "extension", "", _of_extension(blueprint))
    for service in blueprint.services:
        yield from _render(templates / "service", f"services/{service}/", _of_service(blueprint, service))


def _render(folder: Traversable, path: str, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _render(item, f"{path}{item.name}/", values)
        elif item.name.endswith(_SUFFIX):
            name = item.name.removesuffix(_SUFFIX).replace(_SCRIPT, values.get("script", _SCRIPT))
            yield f"{path}{name}", Template(item.read_text(encoding="utf-8")).substitute(values)


def _of_extension(blueprint: Blueprint) -> dict[str, str]:
    inherited = f"what it inherits from {blueprint.extends}" if blueprint.extends else ""
    own = ", ".join(blueprint.services)
    return {
        "name": blueprint.name,
        "version": blueprint.version,
        "extends": f"  <extends>{blueprint.extends}</extends>\n" if blueprint.extends else "",
        "auto_link": "  <auto-link>true</auto-link>\n" if blueprint.auto_link else "",
        "stacks": "".join(
            f"      <stack>\n        <name>{name}</name>\n        <version>{version}</version>\n      </stack>\n"
            for name, version in blueprint.stacks
        ),
        "stack": "/".join(blueprint.stacks[0]),
        "summary": f"An extension version with {' and '.join(part for part in (own, inherited) if part)}.",
    }


def _of_service(blueprint: Blueprint, service: str) -> dict[str, str]:
    words = [word for word in service.split("_") if word]
    return {
        "service": service,
        "title": " ".join(word.capitalize() for word in words) or service,
        "version": blueprint.version,
        "component": f"{service.upper()}_SERVER",
        "script": service.lower(),
        "class_name": "".join(word.capitalize() for word in words) + "Server",
    }
