"""`graft user`: who may log in, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.options import (
    Json,
    NewPasswordFile,
    Url,
    User,
    read_new_password,
)
from graft_cli.registry_client import ask_registry
from graft_common.roles import READ_ONLY

if TYPE_CHECKING:
    from graft_common.rpc.clients import RegistryClients

_user = typer.Typer(
    help="Add, list and remove users. Needs pool-admin. Asks the registry at GRAFT_REGISTRY.",
    no_args_is_help=True,
    epilog="\b\nExamples:\n  graft user add ann --role pool-operator\n  graft user list",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_user, name="user")


@_user.command(
    epilog="""\
\b
Examples:
  graft user add ann --role pool-operator
  graft user add ann --password-file ann.txt
"""
)
def add(
    name: Annotated[str, typer.Argument(help="The new user's name.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="A role; `graft role list` lists them. May be repeated; read-only if not given."),
    ] = None,
    password_file: NewPasswordFile = None,
    url: Url = None,
    user: User = None,
) -> None:
    """Add a user."""
    from graft.registry.v1 import identity_pb2
    from graft_cli.grpc_client import TIMEOUT
    from graft_common.rpc.client import call

    request = identity_pb2.CreateUserRequest(
        name=name, password=read_new_password(password_file, f"Password of {name}"), roles=role or [READ_ONLY]
    )

    async def create(clients: RegistryClients, metadata: Any) -> None:
        await call(clients.identity.CreateUser, request, timeout=TIMEOUT, metadata=metadata)

    ask_registry(create, url, user)


@_user.command("list", epilog="\b\nExample:\n  graft user list --json")
def list_users(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """List the users."""
    from graft.registry.v1 import identity_pb2
    from graft_cli.grpc_client import TIMEOUT
    from graft_cli.output import print_json, print_table
    from graft_common.rpc.client import call

    async def read(clients: RegistryClients, metadata: Any) -> list[dict[str, Any]]:
        request = identity_pb2.ListUsersRequest()
        answer = await call(clients.identity.ListUsers, request, timeout=TIMEOUT, metadata=metadata)
        return [
            {"name": item.name, "uuid": item.uuid, "roles": list(item.roles), "created": item.created.ToJsonString()}
            for item in answer.users
        ]

    users = ask_registry(read, url, user)
    if as_json:
        print_json(users)
    else:
        rows = [(item["name"], ", ".join(item["roles"]), item["created"]) for item in users]
        print_table(("USER", "ROLES", "CREATED"), rows, ("cyan",))


@_user.command(epilog="\b\nExample:\n  graft user remove ann")
def remove(name: Annotated[str, typer.Argument(help="The user's name.")], url: Url = None, user: User = None) -> None:
    """Remove a user and close its sessions."""
    from graft.registry.v1 import identity_pb2
    from graft_cli.grpc_client import TIMEOUT
    from graft_common.rpc.client import call

    async def delete(clients: RegistryClients, metadata: Any) -> None:
        request = identity_pb2.DeleteUserRequest(name=name)
        await call(clients.identity.DeleteUser, request, timeout=TIMEOUT, metadata=metadata)

    ask_registry(delete, url, user)
