"""`graft validate`: what is wrong or odd in a resources directory or a management pack, without a service."""

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
  graft validate ./my-pack-1.0.tar.gz
"""
    )(validate)


def validate(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A directory with extensions/, stacks/ and common-services/, that of one extension version, or a "
            "management pack; GRAFT_RESOURCES_DIR if not given.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check extensions, stacks and common services, or a management pack.

    Errors make a version invalid, so that it cannot be linked, or keep a pack from being installed into
    GRAFT_RESOURCES_DIR; warnings do not. The exit code is 1 if there are errors.
    """
    from graft_cli.configuration import load
    from graft_cli.output import plain, print_json
    from graft_cli.validation import check_extension, check_mpack, check_tree, is_extension, is_mpack

    settings = load()
    looked_at = (path if path is not None else settings.resources_path).absolute()
    if not looked_at.exists():
        raise CliError(f"there is no {looked_at}")
    if is_mpack(looked_at):
        report = check_mpack(looked_at, settings)
    elif is_extension(looked_at):
        report = check_extension(looked_at, settings.resources_path)
    else:
        report = check_tree(looked_at)
    if as_json:
        print_json({"errors": report.errors, "warnings": report.warnings})
    else:
        for error in report.errors:
            typer.echo(plain(f"{error['version']}: error: {error['text']}", keep=""))
        for warning in report.warnings:
            line = f":{warning['line']}" if warning["line"] else ""
            typer.echo(plain(f"{warning['file']}{line}: warning: {warning['text']}", keep=""))
        typer.echo(f"{report.what}: {len(report.errors)} errors, {len(report.warnings)} warnings")
    if report.errors:
        raise typer.Exit(FAILED)
