"""`graft group`: users who have roles in common."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from graft_cli.options import Json, Url, User
from graft_cli.registry_client import ask_once

Name = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.")]
Users = Annotated[list[str], typer.Argument(metavar="USER", help="A user's name.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]

_group = typer.Typer(
    help="List, make and change groups, whose users have their roles besides their own, from the next login on. Needs "
    "pool-admin. Asks the registry at GRAFT_REGISTRY.",
    no_args_is_help=True,
    epilog="\b\nExamples:\n  graft group add ops --role pool-operator --member ann\n  graft group join ops bob",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_group, name="group")


@_group.command("list", epilog="\b\nExample:\n  graft group list --json")
def list_groups(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """List the groups with their roles and users."""
    from graft.registry.v1 import group_pb2
    from graft_cli.output import print_json, print_table

    answer = ask_once("ListGroups", group_pb2.ListGroupsRequest(), url, user, service="groups")
    if as_json:
        print_json([_record(group) for group in answer.groups])
        return
    rows = [
        (group.name, ", ".join(group.roles), ", ".join(group.members), group.description) for group in answer.groups
    ]
    print_table(("GROUP", "ROLES", "USERS", "DESCRIPTION"), rows, ("cyan",))


@_group.command(epilog="\b\nExample:\n  graft group add ops --role pool-operator --member ann --description 'On call.'")
def add(
    name: Name,
    role: Annotated[list[str], typer.Option(help="A role; `graft role list` lists them. May be repeated.")],
    member: Annotated[list[str] | None, typer.Option(metavar="USER", help="A user. May be repeated.")] = None,
    description: Description = None,
    url: Url = None,
    user: User = None,
) -> None:
    """Make a group."""
    from graft.registry.v1 import group_pb2

    request = group_pb2.CreateGroupRequest(name=name, description=description or "", roles=role, members=member or [])
    ask_once("CreateGroup", request, url, user, service="groups")


@_group.command("set", epilog="\b\nExample:\n  graft group set ops --role vm-admin --role greeter")
def set_group(
    name: Name,
    role: Annotated[
        list[str] | None, typer.Option(help="A role that it is to have, in place of all others; may be repeated.")
    ] = None,
    description: Description = None,
    url: Url = None,
    user: User = None,
) -> None:
    """Give a group other roles, or another description."""
    from graft.registry.v1 import group_pb2

    request = group_pb2.UpdateGroupRequest(name=name, description=description, roles=role or [])
    ask_once("UpdateGroup", request, url, user, service="groups")


@_group.command(epilog="\b\nExample:\n  graft group join ops ann bob")
def join(name: Name, users: Users, url: Url = None, user: User = None) -> None:
    """Add users to a group."""
    from graft.registry.v1 import group_pb2

    request = group_pb2.ChangeMembersRequest(group=name, add=users)
    ask_once("ChangeMembers", request, url, user, service="groups")


@_group.command(epilog="\b\nExample:\n  graft group leave ops ann")
def leave(name: Name, users: Users, url: Url = None, user: User = None) -> None:
    """Remove users from a group; they stay users."""
    from graft.registry.v1 import group_pb2

    request = group_pb2.ChangeMembersRequest(group=name, remove=users)
    ask_once("ChangeMembers", request, url, user, service="groups")


@_group.command(epilog="\b\nExample:\n  graft group remove ops")
def remove(name: Name, url: Url = None, user: User = None) -> None:
    """Remove a group; who was in it stays a user."""
    from graft.registry.v1 import group_pb2

    ask_once("DeleteGroup", group_pb2.DeleteGroupRequest(name=name), url, user, service="groups")


def _record(group: Any) -> dict[str, Any]:
    return {
        "name": group.name,
        "description": group.description,
        "roles": list(group.roles),
        "members": list(group.members),
        "created": group.created.ToJsonString(),
    }
