"""`graft proto`: the declared methods as `.proto` files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from graft_cli.api_source import From, load_api
from graft_cli.exits import CliError
from graft_cli.options import Json

_proto = typer.Typer(
    help="Write .proto files of what the platform offers.",
    no_args_is_help=True,
    epilog="\b\nExample:\n  graft proto export --out ./protos",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_proto, name="proto")


@_proto.callback()
def _group() -> None:
    pass


@_proto.command(
    epilog="""\
\b
Examples:
  graft proto export --out ./protos
  graft proto export --out ./protos --class Volume --class VM
  graft proto export --out ./protos --from ./declarations.d
  graft proto export --out ./protos --from xenapi.json --json
"""
)
def export(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where to write graft/ext/*.proto; it is made if it is not there.")
    ],
    class_: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="Only this class. May be repeated.")
    ] = None,
    sources: From = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that something else has made.")] = False,
    as_json: Json = False,
) -> None:
    """Write the services that the platform serves over gRPC, for protoc, buf and their like.

    Each class is a service graft.ext.<Class> in a file of its own; records and enums are in graft/ext/types.proto. The
    files are what reflection tells: clients without them find the same services with it.
    """
    from graft_cli.output import plain, print_json
    from graft_common.declarations.proto_form.descriptors import PACKAGE, TYPES_FILE, describe
    from graft_common.declarations.proto_form.source import sources as proto_sources

    made = describe(load_api(sources))
    unknown = [name for name in class_ or () if name not in made.class_files]
    if unknown:
        known = ", ".join(made.class_files) or "none"
        raise CliError(f"no class {unknown[0]} has declared methods; those that have some: {known}")
    classes = [name for name in made.class_files if not class_ or name in class_]
    texts = proto_sources(made, [TYPES_FILE, *(made.class_files[name] for name in classes)])
    _write(out, texts, force=force)
    if as_json:
        services = [f"{PACKAGE}.{name}" for name in classes]
        print_json({"directory": str(out), "files": sorted(texts), "services": services})
        return
    typer.echo(plain(f"{out}: {len(texts)} files with {len(classes)} service{'' if len(classes) == 1 else 's'}"))


def _write(out: Path, texts: Mapping[str, str], *, force: bool) -> None:
    """Write files; nothing where one of them would replace what was not made so, unless by force.

    Raises:
        CliError: that is so, or a file cannot be written.
    """
    from graft_cli.datamodels import write_file

    changed = {out / path: text for path, text in texts.items() if _found(out / path) != text}
    others = [path for path in changed if not _is_made(_found(path))]
    if others and not force:
        raise CliError(
            f"{others[0]} is there and was not made by this command; nothing is written (--force replaces it)"
        )
    for path, text in changed.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CliError(f"cannot make {path.parent}: {error.strerror}") from None
        write_file(path, text.encode())


def _found(path: Path) -> str | None:
    """Return the text of a file; None where there is nothing."""
    from graft_cli.datamodels import read_file

    return read_file(path).decode("utf-8", "replace") if path.exists() else None


def _is_made(text: str | None) -> bool:
    from graft_common.declarations.proto_form.descriptors import MADE

    return text is None or f"// {MADE}\n" in text[:1000]
