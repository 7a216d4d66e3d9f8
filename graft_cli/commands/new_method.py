"""`graft new method`: an executable, its declaration and its test to begin with."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from graft_cli.options import Json

EXAMPLES = """\
\b
Examples:
  graft new method Volume.resize
  graft new method Volume.resize --param volume:string --param size:int --param force:bool=false
  graft new method Volume.list --lang shell --result string --out ./volumes
  graft new method Volume.find --lang go --role read-only --param tags:'string set' --result 'VDI ref set' --out .
"""


class Lang(StrEnum):
    """The languages that a method can begin in."""

    PYTHON = "python"
    SHELL = "shell"
    GO = "go"


def method(
    name: Annotated[str, typer.Argument(metavar="CLASS.METHOD", help="What it is to be called.")],
    lang: Annotated[Lang, typer.Option(help="What it is written in.")] = Lang.PYTHON,
    role: Annotated[str, typer.Option(help="The least role that may call it, or `anyone`.")] = "pool-admin",
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:TYPE[=DEFAULT]", help="A parameter, in its place. May be repeated."),
    ] = None,
    result: Annotated[str, typer.Option(metavar="TYPE", help="What it answers; `none` for nothing.")] = "string",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where all of it goes. If not given: GRAFT_EXTENSIONS_DIR, and the declaration to "
            "GRAFT_DECLARATIONS_DIR.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a method that works: executable, declaration and test.

    In Python it is a typed function, with graft_extension.py beside it; in shell it needs sh and awk; in Go it is a
    program without dependencies, whose source is in src/. Nothing that exists is overwritten.
    """
    from graft_cli.authoring.beginnings import Places, begin, blueprint, next_steps, write
    from graft_cli.configuration import load
    from graft_cli.output import print_json

    declared = blueprint(name, role, param or [], result)
    if out is None:
        settings = load()
        places = Places(settings.extensions_path, settings.declarations_path)
    else:
        places = Places(out, out)
    written = write(begin(declared, lang.value, places))
    steps = next_steps(declared, lang.value, places)
    if as_json:
        print_json({"name": name, "language": lang.value, "files": [str(file) for file in written], "next": steps})
        return
    for file in written:
        typer.echo(str(file))
    for number, step in enumerate(steps):
        typer.echo(f"{'next:' if number == 0 else '     '} {step}")
