"""`graft ls`, `show`, `reload`: extensions and stacks as the registry has them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import USAGE, CliError
from graft_cli.options import Json, Url, User
from graft_cli.registry_client import all_pages, ask_once, ask_registry

if TYPE_CHECKING:
    from graft_common.rpc.clients import RegistryClients

_RELOAD_TIMEOUT = 300.0
_IN_FULL = {
    "script": "command_script",
    "custom_commands": "custom_command_definitions",
    "dependencies": "dependency_definitions",
    "themes": "theme_documents",
    "quick_links": "quick_link_documents",
    "package": "package_folder",
    "checks": "checks_folder",
    "server_actions": "server_actions_folder",
}
"""Fields that name what another field has in full."""
_TELLING = frozenset({"valid", "active", "support_delete_via_ui", "merge_on_stack_upgrade"})
"""Fields whose False is news."""


class What(StrEnum):
    """What `graft ls` lists."""

    EXTENSIONS = "extensions"
    STACKS = "stacks"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ls", epilog="\b\nExamples:\n  graft ls\n  graft ls stacks --json")(list_versions)
    app.command(
        epilog="""\
\b
Examples:
  graft show EXT
  graft show EXT/1.0
  graft show EXT/1.0/OOZIE --explain
  graft show HDP/2.4
"""
    )(show)
    app.command(epilog="\b\nExample:\n  graft reload")(reload)


def list_versions(
    what: Annotated[What | None, typer.Argument(help="Only these.", show_default="both")] = None,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """List the versions of extensions and stacks.

    ERROR has the first reason of each that is not valid; `graft show NAME/VERSION` has them all.
    """
    from graft_cli.output import print_json, print_table

    found = ask_registry(_read_versions, url, user)
    if as_json:
        print_json({kind: [_fields(item) for item in items] for kind, items in found.items() if what in {None, kind}})
        return
    rows = [
        (
            kind.removesuffix("s"),
            f"{item.name}/{item.version}",
            "valid" if item.valid else "NOT VALID",
            item.parent_version,
            ", ".join(item.services),
            ", ".join(getattr(item, "extensions", ())),
            _first(item.errors),
        )
        for kind, items in found.items()
        if what in {None, kind}
        for item in items
    ]
    columns = ("KIND", "VERSION", "STATE", "EXTENDS", "SERVICES", "LINKED", "ERROR")
    print_table(columns, rows, ("dim", "cyan", "", "", "", "", "red"))


def show(
    path: Annotated[
        str, typer.Argument(metavar="NAME[/VERSION[/SERVICE]]", help="An extension or a stack, or a service of it.")
    ],
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell for every merged value which version it comes from.")
    ] = False,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Show an extension, a stack version, or a service with all that it inherits."""
    from graft_cli.output import plain, print_json, readable

    name, _, rest = path.partition("/")
    version, _, service = rest.partition("/")
    if not name or path.endswith("/") or "/" in service:
        raise CliError(f"{path!r} is not NAME, NAME/VERSION or NAME/VERSION/SERVICE", USAGE)
    if version:
        answer = _describe(name, version, service, explain, url, user)
        shown: Any = _fields(answer.services[0]) if service else _fields(answer)
    else:
        found = ask_registry(_read_versions, url, user)
        shown = [_fields(item) for items in found.values() for item in items if item.name == name]
        if not shown:
            raise CliError(f"there is no extension or stack {name}")
    if as_json:
        print_json(shown)
    else:
        typer.echo(plain(readable(_briefly(shown))))


def reload(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """Let the registry look at the whole resources directory now.

    Changes are noticed without it. Needs pool-admin.
    """
    from graft.registry.v1 import registry_pb2
    from graft_cli.output import print_json

    answer = ask_once("Reload", registry_pb2.ReloadRequest(), url, user, _RELOAD_TIMEOUT)
    if as_json:
        print_json(_fields(answer))
        return
    typer.echo(
        f"{answer.extension_versions} extension versions, {answer.invalid_extension_versions} of them not valid; "
        f"{answer.stack_versions} stack versions"
    )


async def _read_versions(clients: RegistryClients, metadata: Any) -> dict[str, list[Any]]:
    from graft.registry.v1 import registry_pb2 as pb

    return {
        "extensions": await all_pages(
            clients, metadata, "ListExtensionVersions", pb.ListExtensionVersionsRequest, "extension_versions"
        ),
        "stacks": await all_pages(
            clients, metadata, "ListStackVersions", pb.ListStackVersionsRequest, "stack_versions"
        ),
    }


def _describe(name: str, version: str, service: str, explain: bool, url: str | None, user: str | None) -> Any:
    """Ask for an extension version, or else for a stack version: no name is both."""
    from graft.registry.v1 import registry_pb2 as pb
    from graft_common.errors import GraftError

    wanted: dict[str, Any] = {"name": name, "version": version, "service": service, "with_origins": explain}
    try:
        return ask_once(
            "GetExtensionVersion", pb.GetExtensionVersionRequest(**wanted, with_warnings=not service), url, user
        )
    except GraftError as error:
        if error.code != "EXTENSION_NOT_FOUND":
            raise
    try:
        return ask_once("GetStackVersion", pb.GetStackVersionRequest(**wanted), url, user)
    except GraftError as error:
        if error.code != "STACK_NOT_FOUND":
            raise
        raise CliError(f"there is no extension or stack {name}/{version}") from None


def _first(errors: Sequence[str]) -> str:
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{errors[0].strip()}{more}" if errors else ""


def _fields(message: Any) -> Any:
    from google.protobuf.json_format import MessageToDict

    fields = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    for service in [fields, *fields.get("services", [])]:
        # Of a map the order is nobody's.
        if isinstance(service, dict) and "origins" in service:
            service["origins"] = dict(sorted(service["origins"].items()))
    return fields


def _briefly(value: Any) -> Any:
    """Leave out what says nothing, or nothing that is not said beside it; people need not read it."""
    if isinstance(value, dict):
        return {key: _briefly(item) for key, item in value.items() if _tells(key, item, value)}
    return [_briefly(item) for item in value] if isinstance(value, list) else value


def _tells(key: str, item: Any, beside: dict[str, Any]) -> bool:
    if item in ("", [], {}, "0", 0):  # False is 0
        return key in _TELLING
    if key == "merge_on_stack_upgrade":
        return not item
    if key == "file_name":
        return bool(item != f"{beside.get('type')}.xml")
    if key in {"service_name", "component_name"}:
        return beside.get("name") != f"{beside.get('service_name')}/{beside.get('component_name')}"
    return not beside.get(_IN_FULL.get(key, ""))
