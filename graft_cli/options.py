"""Options that several commands share."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from graft_cli.exits import USAGE, CliError

_LOCAL_URL = re.compile(r"unix:/[^\0]+")
_MAX_TOKEN = 64 << 10
_HTTP_URL = re.compile(r"https?://[^/\s]\S*", re.IGNORECASE)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[
    str | None,
    typer.Option(
        envvar="GRAFT_URL",
        show_envvar=True,
        help="The gateway, or unix: and its local socket; http:// and GRAFT_HTTP if not given.",
    ),
]
User = Annotated[
    str | None, typer.Option(envvar="GRAFT_USER", show_envvar=True, help="The user; who logged in last if not given.")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="Read the password from this file; GRAFT_PASSWORD or a prompt if not given."),
]
NewPasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help="Read the new user's password from this file; GRAFT_NEW_PASSWORD or a prompt if not given.",
    ),
]


def gateway_url(url: str | None) -> str:
    """Return the gateway's URL: the one given, or the one of the settings.

    Raises:
        CliError: what is given is no URL of HTTP.
    """
    if url is not None:
        if not (_HTTP_URL.fullmatch(url) or _LOCAL_URL.fullmatch(url)):
            raise CliError(f"{url} is no URL of a gateway such as http://127.0.0.1:8080", USAGE)
        return url.rstrip("/")
    from graft_cli.addresses import gateway_url_of
    from graft_cli.configuration import load

    return gateway_url_of(load())


def password_from_environment() -> str | None:
    """Return `GRAFT_PASSWORD`, if it is set."""
    return os.environ.get("GRAFT_PASSWORD") or None


def read_password(file: Path | None, prompt: str) -> str:
    """Read the user's password from a file, else from `GRAFT_PASSWORD`, else from the terminal without echo.

    Raises:
        CliError: the file cannot be read, or there is no terminal to ask at.
    """
    return _read_secret(file, "GRAFT_PASSWORD", prompt, confirm=False)


def read_token(file: Path | None, *, named: bool) -> str | None:
    """Read a token from a file, `-` for standard input; else from `GRAFT_TOKEN`, unless a user was named.

    Raises:
        CliError: the file cannot be read, or holds nothing.
    """
    if file is None:
        return None if named else os.environ.get("GRAFT_TOKEN") or None
    try:
        token = (sys.stdin.read(_MAX_TOKEN) if str(file) == "-" else file.read_text()).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"cannot read {file}: {error}") from None
    if not token:
        raise CliError(f"{file} is empty")
    return token


def read_new_password(file: Path | None, prompt: str) -> str:
    """Read a password that is to be set: from a file, else from `GRAFT_NEW_PASSWORD`, else twice from the terminal.

    Raises:
        CliError: as for `read_password`.
    """
    return _read_secret(file, "GRAFT_NEW_PASSWORD", prompt, confirm=True)


def _read_secret(file: Path | None, variable: str, prompt: str, *, confirm: bool) -> str:
    if file is not None:
        try:
            return file.read_text().strip("\r\n")
        except OSError as error:
            raise CliError(f"--password-file {file}: {error.strerror}") from None
    given = os.environ.get(variable)
    if given:
        return given
    if not sys.stdin.isatty():
        raise CliError(f"no password: set {variable}, or give --password-file, or call from a terminal", USAGE)
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm))
