"""`graft settings`: what is in force, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft_cli.options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\
\b
Examples:
  graft settings
  GRAFT_CALL_TIMEOUT=5min graft settings --json
Each setting is read from the command line, else from the environment (GRAFT_ and the name in
capitals; GRAFT_…_FILE names a file that holds it), else from the file that GRAFT_CONFIG names
(graft.toml if it does not), else it has its default.
"""
    )(settings)


def settings(
    data_dir: Annotated[Path | None, typer.Option(help="As for graft up.")] = None,
    as_json: Json = False,
) -> None:
    """Print every setting and its source.

    Secrets are shown as ********.
    """
    from graft_cli.configuration import describe, load, unknown_variables
    from graft_cli.output import print_json, print_table

    options = {"data_dir": data_dir}
    rows = describe(load(options), options)
    if as_json:
        print_json(
            [
                {"name": row.name, "value": row.value, "source": row.source, "description": row.description}
                for row in rows
            ]
        )
    else:
        print_table(
            ("SETTING", "VALUE", "SOURCE", "ABOUT"),
            [(row.name, row.value or "-", row.source, row.description) for row in rows],
            ("cyan", "bold", "", "dim"),
        )
    for name in unknown_variables():
        typer.echo(f"graft: {name} is set and is no setting; is it misspelled?", err=True)
