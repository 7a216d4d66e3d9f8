"""`graft link`, `relink`, `unlink`, `links`: which extension versions are linked to which stack versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import FAILED, USAGE, CliError
from graft_cli.options import Json, Url, User
from graft_cli.registry_client import all_pages, ask_once, ask_registry

if TYPE_CHECKING:
    from graft.registry.v1 import registry_pb2
    from graft_common.rpc.clients import RegistryClients

_MAX_DIGITS = 18
_MAX_SHOWN = 10
_MARKS = {1: "holds", 2: "FAILS", 3: "unknown"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="""\
\b
Examples:
  graft link EXT/1.0 HDP/2.4
  graft link EXT/1.0 HDP/2.4 HDP/2.5
  graft link EXT/1.0 HDP/2.4 --why
"""
    )(link)
    app.command(
        epilog="""\
\b
Examples:
  graft relink EXT/2.0 HDP/2.4
  graft relink EXT/2.0 7
"""
    )(relink)
    app.command(epilog="\b\nExamples:\n  graft unlink EXT/1.0 HDP/2.4\n  graft unlink 7")(unlink)
    app.command(epilog="\b\nExamples:\n  graft links\n  graft links --json")(links)


def link(
    extension: Annotated[str, typer.Argument(metavar="EXTENSION/VERSION", help="What to link.")],
    stacks: Annotated[list[str], typer.Argument(metavar="STACK/VERSION...", help="What to link it to: all, or none.")],
    why: Annotated[bool, typer.Option("--why", help="Link nothing; tell for every rule whether it holds.")] = False,
    grant_access: Annotated[
        bool, typer.Option("--grant-access", help="Grant what its methods ask for, together with the links.")
    ] = False,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Link an extension version to stack versions.

    Needs pool-admin, and with --why read-only. With --why the exit code is 1 if a link cannot be made. What its methods
    ask to reach beyond their sandboxes they are not given without --grant-access, or `graft grant`; it is printed.
    """
    from graft.registry.v1 import registry_pb2
    from graft_cli.output import print_json

    specs = [_spec(extension, stack) for stack in stacks]
    if why:
        _explain(specs, as_json, url, user)
        return
    asked = [one.spec for one in _asked(extension, url, user)] if grant_access else []
    answer = ask_once("CreateLinks", registry_pb2.CreateLinksRequest(links=specs, grants=asked), url, user)
    if as_json:
        print_json([_record(one) for one in answer.links])
    else:
        for one in answer.links:
            typer.echo(f"link {one.id}: {_extension(one)} to {_stack(one)}")
    _tell_access(_asked(extension, url, user), granted=answer.grants if not as_json else ())


def relink(
    extension: Annotated[str, typer.Argument(metavar="EXTENSION/VERSION", help="What the link is to lead to.")],
    link: Annotated[
        str,
        typer.Argument(metavar="STACK/VERSION|ID", help="The stack version that it leads to, or the link's id."),
    ],
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Switch a link to another version of its extension.

    Needs pool-admin. The link keeps its id. The rules are those of `graft link`; besides, a service that a cluster uses
    must be in the new version too.
    """
    from graft.registry.v1 import registry_pb2
    from graft_cli.output import print_json

    name, version = _name_and_version(extension, "EXT/2.0")
    before = _linked(name, link, url, user)
    request = registry_pb2.UpdateLinkRequest(id=before.id, extension_name=name, extension_version=version)
    now = ask_once("UpdateLink", request, url, user).link
    if as_json:
        print_json(_record(now))
    elif before.extension_version == now.extension_version:
        typer.echo(f"link {now.id}: {_extension(now)} to {_stack(now)}, as before")
    else:
        typer.echo(f"link {now.id}: {_extension(now)} to {_stack(now)}, before {_extension(before)}")
    _tell_access(_asked(extension, url, user), granted=())


def unlink(
    link: Annotated[
        str, typer.Argument(metavar="EXTENSION/VERSION|ID", help="What is linked, or the link's id from `graft links`.")
    ],
    stack: Annotated[str, typer.Argument(metavar="[STACK/VERSION]", help="What it is linked to.")] = "",
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Remove a link.

    Needs pool-admin. An extension that links itself is linked anew at once.
    """
    from graft.registry.v1 import registry_pb2
    from graft_cli.output import print_json

    if bool(stack) is _is_id(link):
        raise CliError("give a link's id alone, or an extension version and a stack version: EXT/1.0 HDP/2.4", USAGE)
    link_id = _id_of(_spec(link, stack), url, user) if stack else int(link)
    answer = ask_once("DeleteLink", registry_pb2.DeleteLinkRequest(id=link_id), url, user)
    if as_json:
        print_json({"id": link_id, "revision": answer.revision})


def links(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """List the links.

    PROBLEM tells why one has no effect, or not the effect that the files on disk would have: its extension or stack has
    vanished, or has become invalid, so that nothing or the last valid state of it is in force.
    """
    from graft_cli.output import print_json, print_table

    found = _all_links(url, user)
    if as_json:
        print_json([_record(one) for one in found])
        return
    rows = [
        (str(one.id), _extension(one), _stack(one), _state(one), one.created.ToJsonString(), one.problem)
        for one in found
    ]
    columns = ("ID", "EXTENSION", "STACK", "STATE", "CREATED", "PROBLEM")
    print_table(columns, rows, ("cyan", "", "", "bold", "dim", "red"))
    problems = sum(bool(one.problem) for one in found)
    if problems:
        typer.echo(f"links with a problem: {problems} of {len(found)}", err=True)


def _asked(extension: str, url: str | None, user: str | None) -> list[Any]:
    """Return what the methods of an extension version ask to reach, and what is granted of it."""
    from graft.registry.v1 import grant_pb2

    name, version = _name_and_version(extension, "EXT/1.0")
    request = grant_pb2.ListAccessRequestsRequest(extension_name=name, extension_version=version)
    return list(ask_once("ListAccessRequests", request, url, user, service="grants").requests)


def _tell_access(asked: Sequence[Any], granted: Sequence[Any]) -> None:
    """Tell what was granted just now, and which methods are not given what they ask for."""
    from graft_cli.access_client import summary
    from graft_cli.output import plain

    for grant in granted:
        typer.echo(plain(f"granted to {grant.method}: {summary(grant.access)}"))
    without = [one.spec for one in asked if not one.HasField("grant")]
    if not without:
        return
    typer.echo("These methods ask for access, and are not given it before `graft grant METHOD`:", err=True)
    for spec in without[:_MAX_SHOWN]:
        typer.echo(plain(f"  {spec.method}: {summary(spec.access)}"), err=True)
    if len(without) > _MAX_SHOWN:
        typer.echo(f"  {len(without) - _MAX_SHOWN} more; `graft access` lists them", err=True)


def _explain(specs: list[registry_pb2.LinkSpec], as_json: bool, url: str | None, user: str | None) -> None:
    from graft.registry.v1 import registry_pb2
    from graft_cli.output import plain, print_json

    answers = [(spec, ask_once("ExplainLink", registry_pb2.ExplainLinkRequest(link=spec), url, user)) for spec in specs]
    if as_json:
        print_json(
            [
                {
                    "extension": _extension(spec),
                    "stack": _stack(spec),
                    "allowed": answer.allowed,
                    "checks": [
                        {
                            "code": check.code,
                            "rule": check.rule,
                            "outcome": _MARKS.get(check.outcome, "").lower(),
                            "problems": list(check.problems),
                        }
                        for check in answer.checks
                    ],
                }
                for spec, answer in answers
            ]
        )
    else:
        for spec, answer in answers:
            typer.echo(f"{_extension(spec)} {'can' if answer.allowed else 'cannot'} be linked to {_stack(spec)}")
            for check in answer.checks:
                typer.echo(f"  {_MARKS.get(check.outcome, ''):<8}{check.rule}")
                for problem in check.problems:
                    typer.echo(f"          {plain(problem)}")
    if not all(answer.allowed for _, answer in answers):
        raise typer.Exit(FAILED)


def _spec(extension: str, stack: str) -> registry_pb2.LinkSpec:
    from graft.registry.v1 import registry_pb2

    extension_name, extension_version = _name_and_version(extension, "EXT/1.0")
    stack_name, stack_version = _name_and_version(stack, "HDP/2.4")
    return registry_pb2.LinkSpec(
        extension_name=extension_name,
        extension_version=extension_version,
        stack_name=stack_name,
        stack_version=stack_version,
    )


def _name_and_version(text: str, example: str) -> tuple[str, str]:
    name, _, version = text.partition("/")
    if not (name and version):
        raise CliError(f"{text!r} is no name and version such as {example}", USAGE)
    return name, version


def _all_links(url: str | None, user: str | None) -> list[Any]:
    from graft.registry.v1 import registry_pb2

    async def read(clients: RegistryClients, metadata: Any) -> list[Any]:
        return await all_pages(clients, metadata, "ListLinks", registry_pb2.ListLinksRequest, "links")

    return ask_registry(read, url, user)


def _linked(name: str, link: str, url: str | None, user: str | None) -> Any:
    """Find the link that is meant: by its id, or by the extension's name and a stack version."""
    from graft.registry.v1 import registry_pb2

    if _is_id(link):
        return ask_once("GetLink", registry_pb2.GetLinkRequest(id=int(link)), url, user).link
    stack_name, stack_version = _name_and_version(link, "HDP/2.4, nor a link's id")
    request = registry_pb2.ListLinksRequest(
        stack_name=stack_name, stack_version=stack_version, extension_name=name, page_size=_MAX_SHOWN
    )
    found = ask_once("ListLinks", request, url, user).links
    if not found:
        raise CliError(
            f"no version of {name} is linked to {link}; `graft links` lists the links, and `graft link` makes one"
        )
    if len(found) > 1:
        several = ", ".join(f"{one.id} ({_extension(one)})" for one in found)
        raise CliError(f"several links of {name} lead to {link}; give the id of one: {several}", USAGE)
    return found[0]


def _id_of(spec: registry_pb2.LinkSpec, url: str | None, user: str | None) -> int:
    from graft.registry.v1 import registry_pb2

    request = registry_pb2.ListLinksRequest(
        stack_name=spec.stack_name,
        stack_version=spec.stack_version,
        extension_name=spec.extension_name,
        extension_version=spec.extension_version,
    )
    found = ask_once("ListLinks", request, url, user).links
    if not found:
        raise CliError(f"{_extension(spec)} is not linked to {_stack(spec)}; `graft links` lists the links")
    return int(found[0].id)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS


def _state(one: Any) -> str:
    return "PROBLEM" if one.problem else "ok"


def _record(one: Any) -> dict[str, Any]:
    return {
        "id": one.id,
        "extension_name": one.extension_name,
        "extension_version": one.extension_version,
        "stack_name": one.stack_name,
        "stack_version": one.stack_version,
        "created": one.created.ToJsonString(),
        "problem": one.problem,
    }


def _extension(one: Any) -> str:
    return f"{one.extension_name}/{one.extension_version}"


def _stack(one: Any) -> str:
    return f"{one.stack_name}/{one.stack_version}"
