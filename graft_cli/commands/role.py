"""`graft role`: what roles may, and roles of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import CliError
from graft_cli.options import Json, Url, User
from graft_cli.registry_client import ask_once
from graft_common.roles import READ_ONLY

if TYPE_CHECKING:
    from graft.registry.v1 import identity_pb2

NO_BASE = "none"

Name = Annotated[str, typer.Argument(metavar="ROLE", help="The role's name.")]
Permissions = Annotated[
    list[str],
    typer.Argument(metavar="PERMISSION", help="A method, such as Volume.resize, or many: Volume.*, *.get_record."),
]
Base = Annotated[str | None, typer.Option(metavar="ROLE", help=f"The built-in role that it stands on, or `{NO_BASE}`.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]

_role = typer.Typer(
    help="List, make and change roles. To change them needs pool-admin. Asks the registry at GRAFT_REGISTRY.",
    no_args_is_help=True,
    epilog="\b\nExamples:\n  graft role list\n  graft role add storage --permission 'Volume.*'\n"
    "  graft role grant vm-operator Volume.resize",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_role, name="role")


@_role.command("list", epilog="\b\nExample:\n  graft role list --json")
def list_roles(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """List the roles, the most powerful first."""
    from graft_cli.output import print_json, print_table

    roles = _roles(url, user)
    if as_json:
        print_json([_record(role) for role in roles])
        return
    rows = [
        (role.name, role.base or (NO_BASE if role.custom else "built in"), _granted(role), role.description)
        for role in roles
    ]
    print_table(("ROLE", "STANDS ON", "GRANTED", "DESCRIPTION"), rows, ("cyan",))


@_role.command(epilog="\b\nExample:\n  graft role show storage")
def show(name: Name, as_json: Json = False, url: Url = None, user: User = None) -> None:
    """Show one role with all that is granted to it."""
    from graft_cli.output import plain, print_json

    found = [role for role in _roles(url, user) if role.name == name]
    if not found:
        raise CliError(f"there is no role {name}; `graft role list` lists the roles")
    [role] = found
    if as_json:
        print_json(_record(role))
        return
    typer.echo(plain(f"{role.name}: {role.description}" if role.description else role.name))
    if role.custom:
        typer.echo(f"stands on {role.base}" if role.base else "stands on no built-in role")
    else:
        typer.echo("is built in; roles above it may do the same")
    typer.echo("\n".join(["is granted:", *(f"  {text}" for text in role.permissions)]) if role.permissions else "")


@_role.command(
    epilog="""\
\b
Examples:
  graft role add storage --permission 'Volume.*' --permission Pool.rebalance
  graft role add caller --base none --permission Hello.greet --description "Greets, and nothing else."
"""
)
def add(
    name: Name,
    base: Base = READ_ONLY,
    permission: Annotated[list[str] | None, typer.Option(help="What it is granted. May be repeated.")] = None,
    description: Description = None,
    url: Url = None,
    user: User = None,
) -> None:
    """Make a role, which stands on read-only if nothing else is said."""
    from graft.registry.v1 import role_pb2

    request = role_pb2.CreateRoleRequest(
        name=name, description=description or "", base=_base(base) or "", permissions=permission or []
    )
    ask_once("CreateRole", request, url, user, service="roles")


@_role.command("set", epilog="\b\nExample:\n  graft role set storage --base vm-operator")
def set_role(
    name: Name, base: Base = None, description: Description = None, url: Url = None, user: User = None
) -> None:
    """Change what a role of one's own stands on, or its description."""
    from graft.registry.v1 import role_pb2

    request = role_pb2.UpdateRoleRequest(name=name, description=description, base=_base(base))
    ask_once("UpdateRole", request, url, user, service="roles")


@_role.command(epilog="\b\nExample:\n  graft role remove storage")
def remove(name: Name, url: Url = None, user: User = None) -> None:
    """Remove a role of one's own that no user has."""
    from graft.registry.v1 import role_pb2

    ask_once("DeleteRole", role_pb2.DeleteRoleRequest(name=name), url, user, service="roles")


@_role.command(epilog="\b\nExample:\n  graft role grant vm-operator Volume.resize 'Backup.*'")
def grant(name: Name, permissions: Permissions, url: Url = None, user: User = None) -> None:
    """Grant permissions to a role, at once; also to a built-in one, and thereby to all above it."""
    from graft.registry.v1 import role_pb2

    request = role_pb2.GrantPermissionsRequest(role=name, permissions=permissions)
    ask_once("GrantPermissions", request, url, user, service="roles")


@_role.command(epilog="\b\nExample:\n  graft role revoke vm-operator Volume.resize")
def revoke(name: Name, permissions: Permissions, url: Url = None, user: User = None) -> None:
    """Take back what was granted to a role, in the form that `graft role show` shows."""
    from graft.registry.v1 import role_pb2

    request = role_pb2.RevokePermissionsRequest(role=name, permissions=permissions)
    ask_once("RevokePermissions", request, url, user, service="roles")


def _roles(url: str | None, user: str | None) -> list[identity_pb2.Role]:
    from graft.registry.v1 import identity_pb2

    answer = ask_once("ListRoles", identity_pb2.ListRolesRequest(), url, user, service="identity")
    return list(answer.roles)


def _base(given: str | None) -> str | None:
    return "" if given == NO_BASE else given


def _granted(role: identity_pb2.Role) -> str:
    shown, more = role.permissions[:3], len(role.permissions[3:])
    return ", ".join([*shown, f"and {more} more"] if more else shown)


def _record(role: identity_pb2.Role) -> dict[str, Any]:
    return {
        "name": role.name,
        "uuid": role.uuid,
        "custom": role.custom,
        "base": role.base,
        "rank": role.rank,
        "description": role.description,
        "permissions": list(role.permissions),
    }
