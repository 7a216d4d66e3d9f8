"""`graft new extension`: a whole extension version to begin with; the group that `graft new method` is in, too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graft_cli.commands.new_method import EXAMPLES, method
from graft_cli.exits import USAGE, CliError
from graft_cli.options import Json

_new = typer.Typer(
    help="Write the beginnings of something.",
    no_args_is_help=True,
    epilog="\b\nExamples:\n  graft new extension EXT/1.0 --stack HDP/2.4\n  graft new method Volume.resize",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_new, name="new")
    _new.command(epilog=EXAMPLES)(method)


@_new.callback()
def _group() -> None:
    pass


@_new.command(
    epilog="""\
\b
Examples:
  graft new extension EXT/1.0 --stack HDP/2.4
  graft new extension EXT/1.0 --stack HDP/2.4 --service OOZIE --service HUE --auto-link
  graft new extension EXT/2.0 --extends 1.0
  graft new extension EXT/1.0 --stack HDP/2.4 --dir ./extensions
"""
)
def extension(
    version: Annotated[str, typer.Argument(metavar="NAME/VERSION", help="What it is to be called.")],
    stack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME/VERSION",
            help="A stack that it fits, from that version on. May be repeated. If not given: those of the version that "
            "it extends, or else every stack in the resources directory.",
        ),
    ] = None,
    extends: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The version of the same extension that it inherits from.")
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A service that it brings. May be repeated. If not given: one named after the extension, and none "
            "with --extends.",
        ),
    ] = None,
    auto_link: Annotated[
        bool, typer.Option("--auto-link", help="Let it link itself to every stack version that it fits.")
    ] = False,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="The folder with the extensions; extensions/ of GRAFT_RESOURCES_DIR if not given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write an extension version that is valid and can be linked.

    It has each kind of file once, for an author to change: metainfo.xml, and for each service its metainfo.xml,
    settings, script, quick links and theme. Nothing that exists is overwritten.
    """
    from graft_cli.configuration import load
    from graft_cli.output import print_json
    from graft_cli.scaffold import Blueprint, check, default_service, write

    name, number = _split(version, "EXT/1.0")
    services = tuple(service or ([] if extends else [default_service(name)]))
    given = tuple(_split(item, "HDP/2.4") for item in stack or [])
    check(Blueprint(name, number, given, services, extends, auto_link))
    resources = load().resources_path
    extensions = directory.absolute() if directory is not None else resources / "extensions"
    stacks = given or _stacks(resources, extensions, name, extends)
    if (resources / "stacks" / name).is_dir():
        raise CliError(f"{resources / 'stacks' / name} is a stack; an extension must have a name of its own")
    if extends is not None and not (extensions / name / extends).is_dir():
        raise CliError(f"there is no {extensions / name / extends}; --extends names a version that is there")
    if extends == number:
        raise CliError(f"{name}/{number} cannot extend itself", USAGE)
    blueprint = Blueprint(name, number, stacks, services, extends, auto_link)
    check(blueprint)
    made = write(blueprint, extensions)
    target = extensions / name / number
    if as_json:
        print_json(
            {
                "name": name,
                "version": number,
                "path": str(target),
                "stacks": ["/".join(item) for item in stacks],
                "services": list(services),
                "extends": extends,
                "auto_link": auto_link,
                "files": [str(file.relative_to(target)) for file in made],
            }
        )
        return
    typer.echo(f"{target}: {len(made)} files; README.md there tells what they are")
    typer.echo(f"next: graft link {name}/{number} {'/'.join(stacks[0])} --why")


def _split(text: str, example: str) -> tuple[str, str]:
    name, _, version = text.partition("/")
    if not (name and version) or "/" in version:
        raise CliError(f"{text!r} is no name and version such as {example}", USAGE)
    return name, version


def _stacks(resources: Path, extensions: Path, name: str, extends: str | None) -> tuple[tuple[str, str], ...]:
    """Find the stacks that a version fits where nobody has named any: the parent's, or all that there are."""
    from graft_common.versions import newest_first
    from graft_common.xml_documents import XmlError
    from registry_service.catalog.metainfo import parse_extension

    found: list[tuple[str, str]] = []
    if extends is not None:
        try:
            parent = parse_extension((extensions / name / extends / "metainfo.xml").read_bytes())
            found = [(needed.name, needed.version) for needed in parent.get("stacks", ())]
        except (OSError, XmlError):
            found = []
    for folder in sorted((resources / "stacks").glob("*")) if not found else []:
        versions = [item.name for item in folder.glob("*") if item.is_dir() and not item.name.startswith(".")]
        if versions:
            found.append((folder.name, newest_first(versions)[-1]))
    if not found:
        raise CliError(f"no stack is named, and there is none in {resources}; name one with --stack HDP/2.4", USAGE)
    return tuple(found)
