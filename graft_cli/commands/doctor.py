"""`graft doctor`: what this host allows, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from graft_cli.exits import FAILED
from graft_cli.options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\
\b
Examples:
  graft doctor
  graft doctor --engine oci:crun --json
Run it as the user that the dispatcher runs as. It exits with 1 when something is missing that is needed.
"""
    )(doctor)


def doctor(
    engine: Annotated[
        str | None, typer.Option(help="The one engine to try; else GRAFT_ENGINE, and the others in a line each.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The data directory to look at; GRAFT_DATA_DIR.")] = None,
    as_json: Json = False,
) -> None:
    """Tell what this host allows and lacks.

    The walls around calls and what each is made of, the drop-ins with their declarations, and the data directory.
    """
    from dispatcher_service.engines.base import fixes_once
    from dispatcher_service.engines.options import EngineOptions
    from graft_cli.configuration import load
    from graft_cli.engine_examination import compare_engines, examine_engine
    from graft_cli.examination import examine_data_dir, examine_declarations, examine_drop_ins
    from graft_cli.output import print_json, print_table

    settings = load({"engine": engine, "data_dir": data_dir})
    declarations, executables = examine_declarations(settings.declarations_path)
    options = EngineOptions.of(settings)
    findings = [
        *examine_engine(settings.engine, options),
        *([] if engine else compare_engines(settings.engine, options)),
        *declarations,
        *examine_drop_ins(settings.extensions_path, executables),
        *examine_data_dir(settings.data_dir),
    ]
    if as_json:
        names = ("area", "name", "ok", "needed", "detail", "fix", "by")
        print_json([{name: getattr(found, name) for name in names} for found in findings])
    else:
        fixes = fixes_once(found.fix for found in findings)
        shown = [replace(found, fix=fix) for found, fix in zip(findings, fixes, strict=True)]
        rows = [(found.area, found.name, found.state, found.text) for found in shown]
        print_table(("AREA", "WHAT", "STATE", "DETAIL"), rows, ("dim", "cyan", "bold"))
    if any(not found.ok and found.needed for found in findings):
        raise typer.Exit(FAILED)
