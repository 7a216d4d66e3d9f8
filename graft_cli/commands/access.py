"""`graft login` and `graft logout`."""

from __future__ import annotations

import typer

from graft_cli.exits import NOT_LOGGED_IN, CliError
from graft_cli.options import PasswordFile, Url, User, gateway_url, read_password


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="""\
\b
Examples:
  graft login --user admin
  GRAFT_PASSWORD=… graft login --user admin --url https://graft.example
"""
    )(login)
    app.command(epilog="\b\nExample:\n  graft logout --url http://127.0.0.1:8080")(logout)


def login(url: Url = None, user: User = None, password_file: PasswordFile = None) -> None:
    """Open a session and keep it.

    It is kept for its URL and user in ~/.config/graft/sessions.json, which only its owner can read.
    """
    from graft_cli import sessions
    from graft_cli.gateway_client import GatewayClient

    address = gateway_url(url)
    name = user if user is not None else str(typer.prompt("User"))
    password = read_password(password_file, f"Password of {name}")
    previous = sessions.find(address, name)
    with GatewayClient(address) as client:
        sessions.remember(address, name, client.log_in(name, password))
        if previous is not None:
            client.log_out(previous[1])
    typer.echo(f"logged in at {address} as {name}")


def logout(url: Url = None, user: User = None) -> None:
    """Close a session and forget it."""
    from graft_cli import sessions
    from graft_cli.gateway_client import GatewayClient

    address = gateway_url(url)
    kept = sessions.find(address, user)
    if kept is None:
        raise CliError(f"not logged in at {address}", NOT_LOGGED_IN)
    name, ref = kept
    with GatewayClient(address) as client:
        client.log_out(ref)
    sessions.forget(address, name)
    typer.echo(f"logged out at {address}")
