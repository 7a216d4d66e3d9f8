"""`graft sdk`: client libraries for what the platform offers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft_cli.api_source import From, load_api
from graft_cli.exits import USAGE, CliError
from graft_cli.options import Json

_sdk = typer.Typer(
    help="Make client libraries for what the platform offers.",
    no_args_is_help=True,
    epilog="\b\nExample:\n  graft sdk generate --lang python --out ./graft-client",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_sdk, name="sdk")


@_sdk.callback()
def _group() -> None:
    pass


@_sdk.command(
    epilog="""\
\b
Examples:
  graft sdk generate --lang python --out ./graft-client
  graft sdk generate --lang typescript --out ./client --class Volume --class VM
  graft sdk generate --lang python --out ./client --from ./declarations.d --package volumes --version 1.2.0
  graft sdk generate --lang python --out ./client --from xenapi.json --json
"""
)
def generate(
    lang: Annotated[str, typer.Option(metavar="LANGUAGE", help="One of those that `graft sdk languages` lists.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where to write the package; it is made if it is not there.")
    ],
    class_: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="Only this class. May be repeated.")
    ] = None,
    sources: From = None,
    package: Annotated[
        str, typer.Option(metavar="NAME", help="What the package is called; each language has a default.")
    ] = "",
    version: Annotated[str, typer.Option(metavar="VERSION", help="The package's version.")] = "0.1.0",
    as_json: Json = False,
) -> None:
    """Write a package that calls the platform's methods, with types, documentation and errors.

    Made again in the same directory, files that are made no more are removed. A file that something else has made, or
    that was changed since, is not touched: then nothing is written.
    """
    from graft_cli.output import plain, print_json
    from graft_cli.output_folder import OutputError, write
    from graft_sdk.generation import Options, generate, generator
    from graft_sdk.languages import find

    try:
        language = find(lang)
    except LookupError as error:
        raise CliError(str(error.args[0]), USAGE) from None
    api = load_api(sources)
    try:
        files = generate(api, language, Options(class_ or (), package, version))
        written = write(out, files, language.name, api.digest, generator())
    except (LookupError, ValueError, OutputError) as error:
        raise CliError(str(error.args[0])) from None
    if as_json:
        print_json(
            {
                "language": language.name,
                "directory": str(out),
                "digest": api.digest,
                "files": sorted(files),
                "changed": sorted(written.changed),
                "removed": sorted(written.removed),
            }
        )
        return
    removed = f", {len(written.removed)} removed" if written.removed else ""
    typer.echo(plain(f"{out}: {len(files)} files, {len(written.changed)} of them new or changed{removed}"))


@_sdk.command(epilog="\b\nExample:\n  graft sdk languages --json")
def languages(as_json: Json = False) -> None:
    """List the languages."""
    from graft_cli.output import print_json, print_table
    from graft_sdk.languages import find, names

    found = [find(name) for name in names()]
    if as_json:
        print_json(
            [
                {"name": language.name, "title": language.title, "package": language.default_package}
                for language in found
            ]
        )
        return
    print_table(
        ["NAME", "LANGUAGE", "PACKAGE"],
        [[language.name, language.title, language.default_package] for language in found],
    )
