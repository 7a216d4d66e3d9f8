"""The `graft` command: puts the commands together, and turns their errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from graft_cli.commands import (
    access,
    audit,
    authoring,
    call,
    clusters,
    datamodel,
    docs,
    doctor,
    events,
    grants,
    group,
    health,
    links,
    methods,
    mpack,
    new,
    proto,
    resources,
    role,
    sdk,
    serve,
    settings,
    tasks,
    user,
    validate,
)
from graft_cli.exits import FAILED, HELP, NOT_LOGGED_IN, UNREACHABLE, CliError
from graft_cli.output import plain
from graft_common.errors import GraftError, StartupError

app = typer.Typer(
    name="graft",
    help="Add RPC methods to a running platform without rebuilding it.",
    epilog=f"""\
\b
Example:
  graft up --demo                  everything on this machine, with examples to call
  graft login --user admin
  graft call Hello.greet World

{HELP}
""",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"graft {version('graft-platform')}")
        raise typer.Exit


@app.callback()
def _graft(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for _group in (
    serve,
    health,
    access,
    call,
    methods,
    tasks,
    events,
    audit,
    user,
    group,
    role,
    resources,
    links,
    grants,
    clusters,
    mpack,
    new,
    authoring,
    validate,
    datamodel,
    sdk,
    docs,
    proto,
    settings,
    doctor,
):
    _group.register(app)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code; see `graft_cli.exits`."""
    try:
        app(args=None if argv is None else list(argv), prog_name="graft")
    except CliError as error:
        _fail(str(error), error.exit_code)
    except StartupError as error:
        _fail(str(error), FAILED)
    except GraftError as error:
        _fail(_explain(error), _exit_code(error))
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except BrokenPipeError:
        # Whoever read the output has gone; the interpreter must not try to flush to it either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    sys.exit(0)


def _explain(error: GraftError) -> str:
    lines = [error.code, *(f"  {line}" for param in error.params for line in param.splitlines() or [""])]
    if error.code == "SESSION_INVALID":
        # The reference is a secret, and of no use to a reader.
        return "SESSION_INVALID: the session has ended; log in again with `graft login`"
    if error.code == "ROLE_NOT_FOUND":
        lines.append("`graft role list` lists the roles.")
    return "\n".join(lines)


def _exit_code(error: GraftError) -> int:
    if error.code == "SESSION_INVALID":
        return NOT_LOGGED_IN
    return UNREACHABLE if error.code == "SERVICE_UNAVAILABLE" else FAILED


def _fail(message: str, code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.write(f"graft: {plain(message)}\n")
    sys.exit(code)
