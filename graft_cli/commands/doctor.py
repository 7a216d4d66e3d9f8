"""`graft doctor`: what this host allows, and what is missing."""

from __future__ import annotations

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
  graft doctor --engine bubblewrap --json
Run it as the user that the dispatcher runs as. It exits with 1 when something is missing that is needed.
"""
    )(doctor)


def doctor(
    engine: Annotated[str | None, typer.Option(help="The engine to try; GRAFT_ENGINE.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The data directory to look at; GRAFT_DATA_DIR.")] = None,
    as_json: Json = False,
) -> None:
    """Tell what this host allows and lacks.

    The walls around calls, the drop-ins with their declarations, and the data directory.
    """
    from graft_cli.configuration import load
    from graft_cli.examination import examine_data_dir, examine_declarations, examine_drop_ins, examine_engine
    from graft_cli.output import print_json, print_table

    settings = load({"engine": engine, "data_dir": data_dir})
    declarations, executables = examine_declarations(settings.declarations_path)
    findings = [
        *examine_engine(settings.engine),
        *declarations,
        *examine_drop_ins(settings.extensions_path, executables),
        *examine_data_dir(settings.data_dir),
    ]
    if as_json:
        print_json(
            [
                {
                    "area": found.area,
                    "name": found.name,
                    "ok": found.ok,
                    "needed": found.needed,
                    "detail": found.detail,
                    "fix": found.fix,
                }
                for found in findings
            ]
        )
    else:
        marks = {(True, True): "ok", (True, False): "ok", (False, True): "MISSING", (False, False): "ignored"}
        rows = [
            (
                found.area,
                found.name,
                marks[found.ok, found.needed],
                f"{found.detail} (fix: {found.fix})" if found.fix else found.detail,
            )
            for found in findings
        ]
        print_table(("AREA", "WHAT", "STATE", "DETAIL"), rows, ("dim", "cyan", "bold"))
    if any(not found.ok and found.needed for found in findings):
        raise typer.Exit(FAILED)
