"""`graft user`: who may log in, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import USAGE, CliError
from graft_cli.options import (
    Json,
    NewPasswordFile,
    Url,
    User,
    read_new_password,
    read_password,
)
from graft_cli.registry_client import ask_once, ask_registry
from graft_common.errors import GraftError
from graft_common.roles import READ_ONLY

if TYPE_CHECKING:
    from graft.registry.v1 import identity_pb2
    from graft_common.rpc.clients import RegistryClients

_user = typer.Typer(
    help="Users, their passwords and roles. Needs pool-admin, but for one's own password. Asks the registry at "
    "GRAFT_REGISTRY.",
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

    request = identity_pb2.CreateUserRequest(
        name=name, password=read_new_password(password_file, f"Password of {name}"), roles=role or [READ_ONLY]
    )
    ask_once("CreateUser", request, url, user, service="identity")


@_user.command(
    epilog="""\
\b
Examples:
  graft user passwd                     one's own; asks for the old one, too
  graft user passwd ann --password-file ann.txt
  graft user passwd admin --url unix:/var/lib/graft/graft.sock
"""
)
def passwd(
    name: Annotated[str | None, typer.Argument(help="The user; oneself if not given.")] = None,
    password_file: NewPasswordFile = None,
    url: Url = None,
    user: User = None,
) -> None:
    """Give a user another password, and close the user's other sessions.

    One's own takes the old one (GRAFT_PASSWORD or a prompt); that of others needs pool-admin. Nobody needs the old one
    who comes by the local socket: so a lost password is replaced.
    """
    from graft.registry.v1 import identity_pb2
    from graft_cli.grpc_client import TIMEOUT
    from graft_common.rpc.client import call

    async def change(clients: RegistryClients, metadata: Any) -> None:
        asked = identity_pb2.WhoAmIRequest()
        session = (await call(clients.identity.WhoAmI, asked, timeout=TIMEOUT, metadata=metadata)).session
        own = not session.subject and name in {None, session.user}
        if name is None and not own:
            raise CliError(f"{session.user} has no password here; name a user", USAGE)
        request = identity_pb2.ChangePasswordRequest(
            name="" if own or name is None else name,
            old_password=read_password(None, "Old password") if own else "",
            new_password=read_new_password(password_file, f"New password of {name or session.user}"),
        )
        try:
            await call(clients.identity.ChangePassword, request, timeout=TIMEOUT, metadata=metadata)
        except GraftError as error:
            if error.code == "SESSION_AUTHENTICATION_FAILED":
                raise CliError("the old password is wrong; nothing was changed") from None
            raise

    ask_registry(change, url, user)


@_user.command(
    epilog="""\
\b
Examples:
  graft user roles ann
  graft user roles ann --role vm-admin --role greeter
"""
)
def roles(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="A role that the user is to have, in place of all others; may be repeated."),
    ] = None,
    url: Url = None,
    user: User = None,
) -> None:
    """Show a user's roles, or give the user others; those count from the next login."""
    from graft.registry.v1 import identity_pb2

    if role:
        request = identity_pb2.SetUserRolesRequest(name=name, roles=role)
        found = [ask_once("SetUserRoles", request, url, user, service="identity").user]
    else:
        found = [item for item in _users(url, user) if item.name == name]
        if not found:
            raise GraftError("USER_NOT_FOUND", name)
    typer.echo("\n".join(found[0].roles))


@_user.command("list", epilog="\b\nExample:\n  graft user list --json")
def list_users(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """List the users."""
    from graft_cli.output import print_json, print_table

    users: list[dict[str, Any]] = [
        {"name": item.name, "uuid": item.uuid, "roles": list(item.roles), "created": item.created.ToJsonString()}
        for item in _users(url, user)
    ]
    if as_json:
        print_json(users)
    else:
        rows = [(item["name"], ", ".join(item["roles"]), item["created"]) for item in users]
        print_table(("USER", "ROLES", "CREATED"), rows, ("cyan",))


@_user.command(epilog="\b\nExample:\n  graft user remove ann")
def remove(name: Annotated[str, typer.Argument(help="The user's name.")], url: Url = None, user: User = None) -> None:
    """Remove a user and close its sessions."""
    from graft.registry.v1 import identity_pb2

    ask_once("DeleteUser", identity_pb2.DeleteUserRequest(name=name), url, user, service="identity")


def _users(url: str | None, user: str | None) -> list[identity_pb2.User]:
    from graft.registry.v1 import identity_pb2

    return list(ask_once("ListUsers", identity_pb2.ListUsersRequest(), url, user, service="identity").users)
