"""`graft validate`: what is wrong or odd in resources, packs, declarations and executables, without a service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import FAILED, USAGE, CliError
from graft_cli.options import Json

if TYPE_CHECKING:
    from graft_cli.validation import Report
    from graft_common.settings import Settings


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
  graft validate ./Volume.resize.xml
  graft validate ./extensions.d ./declarations.d
"""
    )(validate)


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="A directory with extensions/, stacks/ and common-services/, that of one extension version, or a "
            "management pack; or declarations and executables: files *.xml, and directories. GRAFT_RESOURCES_DIR if "
            "not given.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check extensions, stacks and common services, a management pack, or declarations and executables.

    Errors make a version invalid, so that it cannot be linked, keep a pack from being installed into
    GRAFT_RESOURCES_DIR, and a declaration from coming into force; warnings do not. Executables that are missing, or no
    methods, are warnings. The exit code is 1 if there are errors.
    """
    from graft_cli.configuration import load
    from graft_cli.output import plain, print_json

    settings = load()
    looked_at = [path.absolute() for path in paths or [settings.resources_path]]
    for path in looked_at:
        if not path.exists():
            raise CliError(f"there is no {path}")
    report = _check(looked_at, settings)
    if as_json:
        print_json({"errors": report.errors, "warnings": report.warnings})
    else:
        for error in report.errors:
            typer.echo(plain(f"{error.get('version') or _place(error)}: error: {error['text']}", keep=""))
        for warning in report.warnings:
            typer.echo(plain(f"{_place(warning)}: warning: {warning['text']}", keep=""))
        typer.echo(f"{report.what}: {len(report.errors)} errors, {len(report.warnings)} warnings")
    if report.errors:
        raise typer.Exit(FAILED)


def _check(paths: list[Path], settings: Settings) -> Report:
    from graft_cli.authoring.dropin_checks import are_drop_ins, check_drop_ins
    from graft_cli.validation import check_extension, check_mpack, check_tree, is_extension, is_mpack

    first, *others = paths
    if not others and is_mpack(first) and not (first.is_file() and are_drop_ins(first, settings)):
        return check_mpack(first, settings)
    if not others and is_extension(first):
        return check_extension(first, settings.resources_path)
    if all(are_drop_ins(path, settings) for path in paths):
        return check_drop_ins(paths, settings)
    if others:
        raise CliError("several paths are taken of declarations and executables alone; give others one by one", USAGE)
    return check_tree(first)


def _place(finding: dict[str, Any]) -> str:
    return f"{finding['file']}:{finding['line']}" if finding["line"] else str(finding["file"])
