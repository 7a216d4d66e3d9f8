"""`graft login` and `graft logout`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft_cli.exits import NOT_LOGGED_IN, USAGE, CliError
from graft_cli.options import PasswordFile, Url, User, gateway_url, read_password, read_token

if TYPE_CHECKING:
    from graft_cli.gateway_client import GatewayClient


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="""\
\b
Examples:
  graft login --user admin
  GRAFT_PASSWORD=… graft login --user admin --url https://graft.example
  graft login --token-file token.jwt
  graft login --certificate me.pem --key me.key --url https://graft.example
"""
    )(login)
    app.command(epilog="\b\nExample:\n  graft logout --url http://127.0.0.1:8080")(logout)


def login(
    url: Url = None,
    user: User = None,
    password_file: PasswordFile = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Log in with the OpenID Connect token in this file; - for standard input, or GRAFT_TOKEN."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Log in with this client certificate, in PEM; the gateway must speak https.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's private key.")] = None,
) -> None:
    """Open a session and keep it.

    It is kept for its URL and user in ~/.config/graft/sessions.json, which only its owner can read.
    """
    from graft_cli import sessions
    from graft_cli.gateway_client import GatewayClient

    address = gateway_url(url)
    if (certificate is None) != (key is None):
        raise CliError("--certificate and --key belong together", USAGE)
    if certificate is not None and key is not None:
        if not address.lower().startswith("https://"):
            raise CliError(f"{address} has no TLS, which certificates are shown in; give --url https://…", USAGE)
        with GatewayClient(address, pair=(certificate, key)) as client:
            _keep(client, client.log_in_with_certificate())
        return
    token = read_token(token_file, named=user is not None)
    if token is not None:
        with GatewayClient(address) as client:
            _keep(client, client.log_in_with_token(token))
        return
    name = user if user is not None else str(typer.prompt("User"))
    password = read_password(password_file, f"Password of {name}")
    previous = sessions.find(address, name)
    with GatewayClient(address) as client:
        sessions.remember(address, name, client.log_in(name, password))
        if previous is not None:
            client.log_out(previous[1])
    typer.echo(f"logged in at {address} as {name}")


def _keep(client: GatewayClient, ref: str) -> None:
    """Keep a session of somebody whom only the gateway knows the name of."""
    from graft_cli import sessions

    name = client.user_of(ref)
    previous = sessions.find(client.url, name)
    sessions.remember(client.url, name, ref)
    if previous is not None:
        client.log_out(previous[1])
    typer.echo(f"logged in at {client.url} as {name}")


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
