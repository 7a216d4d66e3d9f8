"""`graft validate`: what is wrong or odd in a resources directory, without a service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft_cli.exits import FAILED, CliError
from graft_cli.options import Json

if TYPE_CHECKING:
    from registry_service.catalog.catalog import Catalog


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="\b\nExamples:\n  graft validate\n  graft validate ./resources --json")(validate)


def validate(
    directory: Annotated[
        Path | None,
        typer.Argument(help="The directory with extensions/, stacks/ and common-services/; GRAFT_RESOURCES_DIR."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check extensions, stacks and common services.

    Errors make a version invalid, so that it cannot be linked; warnings do not. The exit code is 1 if there are errors.
    """
    from graft_cli.output import print_json
    from registry_service.catalog.catalog import read_catalog

    if directory is None:
        from graft_cli.configuration import load

        directory = load().resources_path
    if not directory.is_dir():
        raise CliError(f"{directory} is no directory")
    catalog = read_catalog(directory)
    errors = _errors(catalog)
    warnings = _warnings(catalog)
    if as_json:
        print_json({"errors": errors, "warnings": warnings})
    else:
        for error in errors:
            typer.echo(f"{error['version']}: error: {error['text']}")
        for warning in warnings:
            line = f":{warning['line']}" if warning["line"] else ""
            typer.echo(f"{warning['file']}{line}: warning: {warning['text']}")
        versions = sum(len(named) for named in catalog.extensions.values())
        typer.echo(
            f"{versions} extension versions, {len(catalog.stacks)} stack versions, "
            f"{len(catalog.common_services)} common services: {len(errors)} errors, {len(warnings)} warnings"
        )
    if errors:
        raise typer.Exit(FAILED)


def _errors(catalog: Catalog) -> list[dict[str, str]]:
    from registry_service.catalog.stack_views import StackViews

    views = StackViews(catalog, {})
    stacks = [view for key in sorted(catalog.stacks) if (view := views.get(*key)) is not None]
    found = [
        *((f"common-services/{key}", common.errors) for key, common in sorted(catalog.common_services.items())),
        *((f"stacks/{view.name}/{view.version}", view.errors) for view in stacks),
        *(
            (extension.source, extension.errors)
            for name in sorted(catalog.extensions)
            for extension in catalog.extension_versions(name)
        ),
    ]
    return [{"version": source, "text": text} for source, errors in found for text in errors]


def _warnings(catalog: Catalog) -> list[dict[str, str | int]]:
    from registry_service.catalog.catalog import KINDS
    from registry_service.catalog.schema_checks import Verdicts, check_version

    verdicts = Verdicts()
    found = {
        *catalog.warnings(),
        *(
            finding
            for kind in KINDS
            for name, versions in catalog.reading.of(kind).items()
            for version in versions
            for finding in check_version(catalog.reading.root, kind, name, version, verdicts)
        ),
    }
    ordered = sorted(found, key=lambda item: (item.file, item.line, item.path, item.text))
    return [{"file": item.file, "line": item.line, "path": item.path, "text": item.text} for item in ordered]
