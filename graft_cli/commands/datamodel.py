"""`graft import` and `graft export`: xapi's published datamodel as declarations, and declarations in its form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graft_cli.api_source import From
from graft_cli.exits import CliError
from graft_cli.options import Json


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "import",
        epilog="""\
\b
Examples:
  graft import xenapi.json
  graft import xenapi.json --out ./declarations.d --class VM --class host
  graft import newer/xenapi.json --out ./declarations.d --force --json
""",
    )(import_)
    app.command(
        epilog="""\
\b
Examples:
  graft export xenapi.json
  graft export xenapi.json --from ./declarations.d
  graft export --from VM.xml --from host.xml | jq '.[].messages[].name'
"""
    )(export)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A datamodel in the form of xapi's xenapi.json.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where to write a file for each class, made if it is not there; GRAFT_DECLARATIONS_DIR if not given.",
        ),
    ] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="Only this class. May be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Turn xapi's published datamodel into declarations.

    Each class becomes a file of its own, <class>.xml, with its fields, enums and methods. An enum that several classes
    use stands with the first of them. A note is printed wherever the declarations say less than the datamodel did, and
    where the classes chosen need others.
    """
    from graft_cli.configuration import load
    from graft_cli.datamodels import read_file, write_declarations
    from graft_cli.output import plain, print_json
    from graft_common.declarations.xenapi_import import import_datamodel
    from graft_common.declarations.xenapi_json import DatamodelError, read_datamodel

    try:
        imported = import_datamodel(read_datamodel(read_file(file)), class_ or ())
    except DatamodelError as error:
        raise CliError("\n".join(f"{file}: {line}" for line in str(error).splitlines())) from None
    out = out or load().declarations_path
    files = write_declarations(imported.documents, imported.known, out, force=force)
    counts: list[dict[str, Any]] = [
        {
            "name": name,
            "file": str(files[name]),
            "fields": sum(len(declared.fields) for declared in document.classes),
            "methods": len(document.methods),
            "enums": len(document.enums),
        }
        for name, document in imported.documents.items()
    ]
    if as_json:
        print_json({"directory": str(out), "classes": counts, "notes": list(imported.notes)})
        return
    for note in imported.notes:
        typer.echo(plain(f"note: {note}"))
    told = ", ".join(f"{sum(count[what] for count in counts)} {what}" for what in ("fields", "methods", "enums"))
    typer.echo(f"{out}: {len(counts)} classes with {told}")


def export(
    out: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to write; standard output if not given.")
    ] = None,
    sources: From = None,
    as_json: Json = False,
) -> None:
    """Write what the running platform offers in the form of xapi's xenapi.json, for tools that read it.

    Limits, access, examples, the values of defaults and the parameters of errors have no place in that form and are
    left out; so are methods without a declaration. With --json and FILE, what was written is told as JSON.
    """
    from graft_cli.api_source import load_api
    from graft_cli.datamodels import write_file
    from graft_cli.output import print_json
    from graft_common.declarations.xenapi_export import export_datamodel
    from graft_common.declarations.xenapi_json import write_datamodel

    classes = export_datamodel([load_api(sources).document])
    written = write_datamodel(classes)
    if out is None:
        typer.echo(written, nl=False)
        return
    write_file(out, written)
    methods = sum(len(class_.messages) for class_ in classes)
    if as_json:
        print_json({"file": str(out), "classes": len(classes), "methods": methods})
    else:
        typer.echo(f"{out}: {len(classes)} classes with {methods} methods")
