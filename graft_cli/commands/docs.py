"""`graft docs`: reference pages of what the platform offers."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from graft_cli.api_source import From, load_api
from graft_cli.exits import CliError
from graft_cli.options import Json

_docs = typer.Typer(
    help="Make reference pages of what the platform offers.",
    no_args_is_help=True,
    epilog="\b\nExample:\n  graft docs generate --out ./reference",
)


class Format(enum.Enum):
    """What the pages are written in."""

    HTML = "html"
    MARKDOWN = "markdown"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_docs, name="docs")


@_docs.callback()
def _group() -> None:
    pass


@_docs.command(
    epilog="""\
\b
Examples:
  graft docs generate --out ./reference
  graft docs generate --out ./docs/api --format markdown --class Volume --class VM
  graft docs generate --out ./reference --from ./declarations.d
  graft docs generate --out ./reference --from xenapi.json --json
Open ./reference/index.html in a browser; no server is needed. A gateway has the same pages at /docs/.
"""
)
def generate(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write; it is made if it is not there.")],
    format_: Annotated[Format, typer.Option("--format", help="What the pages are written in.")] = Format.HTML,
    class_: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="Only this class. May be repeated.")
    ] = None,
    sources: From = None,
    as_json: Json = False,
) -> None:
    """Write reference pages: classes, methods, types, errors, roles, with a call of each method in every language.

    Made again in the same directory, files that are made no more are removed. A file that something else has made, or
    that was changed since, is not touched: then nothing is written.
    """
    from graft_cli.output import plain, print_json
    from graft_cli.output_folder import REFERENCE, OutputError, write
    from graft_common.declarations.xenapi_export import export_datamodel
    from graft_common.declarations.xenapi_json import write_datamodel
    from graft_docs.html import HtmlSite
    from graft_docs.markdown import MarkdownSite
    from graft_docs.narrowing import only
    from graft_sdk.generation import generator

    api = load_api(sources)
    try:
        site = (HtmlSite if format_ is Format.HTML else MarkdownSite)(only(api, class_) if class_ else api)
        files = {name: site.file(name) for name in site.files}
        if format_ is Format.HTML:
            # The overview offers them, as a gateway's does.
            files["declarations.xml"] = site.api.xml
            files["xenapi.json"] = write_datamodel(export_datamodel([site.api.document]))
        written = write(out, files, format_.value, api.digest, generator(), REFERENCE)
    except (LookupError, OutputError) as error:
        raise CliError(str(error.args[0])) from None
    if as_json:
        print_json(
            {
                "format": format_.value,
                "directory": str(out),
                "digest": api.digest,
                "classes": list(site.api.classes),
                "methods": len(site.api.methods),
                "files": sorted(files),
                "changed": sorted(written.changed),
                "removed": sorted(written.removed),
            }
        )
        return
    removed = f", removed: {len(written.removed)}" if written.removed else ""
    told = f"methods: {len(site.api.methods)}, files: {len(files)}, new or changed: {len(written.changed)}"
    typer.echo(plain(f"{out}: classes: {len(site.api.classes)}, {told}{removed}"))
