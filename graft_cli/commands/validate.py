"""`graft validate`: what is wrong or odd in a resources directory, without a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft_cli.exits import FAILED, CliError
from graft_cli.options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\
\b
Examples:
  graft validate
  graft validate ./resources --json
  graft validate ./resources/extensions/EXT/1.0
"""
    )(validate)


def validate(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A directory with extensions/, stacks/ and common-services/, or that of one extension version; "
            "GRAFT_RESOURCES_DIR if not given.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check extensions, stacks and common services.

    Errors make a version invalid, so that it cannot be linked; warnings do not. The exit code is 1 if there are errors.
    """
    from graft_cli.configuration import load
    from graft_cli.output import print_json
    from graft_cli.validation import check_extension, check_tree, is_extension

    directory = (path if path is not None else load().resources_path).absolute()
    if not directory.is_dir():
        raise CliError(f"{directory} is no directory")
    alone = is_extension(directory)
    report = check_extension(directory, load().resources_path) if alone else check_tree(directory)
    if as_json:
        print_json({"errors": report.errors, "warnings": report.warnings})
    else:
        for error in report.errors:
            typer.echo(f"{error['version']}: error: {error['text']}")
        for warning in report.warnings:
            line = f":{warning['line']}" if warning["line"] else ""
            typer.echo(f"{warning['file']}{line}: warning: {warning['text']}")
        typer.echo(f"{report.what}: {len(report.errors)} errors, {len(report.warnings)} warnings")
    if report.errors:
        raise typer.Exit(FAILED)
