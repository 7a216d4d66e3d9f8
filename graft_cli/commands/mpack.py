"""`graft mpack`: management packs, the archives that install extensions, stacks and services."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import FAILED, USAGE, CliError
from graft_cli.options import Json, Url, User

if TYPE_CHECKING:
    from graft.registry.v1 import mpack_pb2
    from graft_cli.archives import Archive

PURGEABLE = ("stack-definitions", "extension-definitions", "service-definitions", "mpacks")
DEFAULT_PURGE = ("stack-definitions", "mpacks")

_mpack = typer.Typer(
    help="Install, upgrade, remove and check management packs. Asks the registry at GRAFT_REGISTRY.",
    no_args_is_help=True,
    epilog="\b\nExamples:\n  graft mpack verify pack.tar.gz\n  graft mpack install pack.tar.gz\n  graft mpack list",
)

_Given = Annotated[
    str | None, typer.Argument(metavar="PATH|URL", help="The archive: tar, tar.gz or zip.", show_default=False)
]
_Named = Annotated[str | None, typer.Option("--mpack", metavar="PATH|URL", help="The same, as Ambari spells it.")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what hooks have written.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_mpack, name="mpack")


@_mpack.command(
    epilog="""\
\b
Examples:
  graft mpack install pack-1.0.tar.gz
  graft mpack install https://example.com/pack-1.0.tar.gz
  graft mpack install stacks-1.0.tar.gz --purge --purge-list stack-definitions,mpacks --yes
"""
)
def install(
    archive: _Given = None,
    mpack: _Named = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the same version of the pack, if it is installed.")
    ] = False,
    purge: Annotated[bool, typer.Option("--purge", help="Remove what the resources directory holds first.")] = False,
    purge_list: Annotated[
        str,
        typer.Option(metavar="KIND,...", help=f"What --purge removes, of {', '.join(PURGEABLE)}."),
    ] = ",".join(DEFAULT_PURGE),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", "--silent", "-s", help="Do not ask whether --purge is meant.")
    ] = False,
    verbose: _Verbose = False,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Install a management pack: all of it, or nothing.

    Needs pool-admin. Prerequisites are enforced, and hooks run in the sandbox.
    """
    from graft.registry.v1 import mpack_pb2 as pb
    from graft_cli.mpack_client import send

    found = _archive(archive, mpack)
    kinds = _purge_kinds(purge_list) if purge else []
    if purge and not yes:
        _confirm_purge(kinds)
    options = pb.MpackOptions(force=force, purge=purge, purge_list=kinds, verbose=verbose)
    head = pb.InstallMpackHead(upload=_upload(found), options=options)
    _show_result(send("InstallMpack", pb.InstallMpackRequest, head, found, url, user), verbose, as_json)


@_mpack.command(epilog="\b\nExample:\n  graft mpack upgrade pack-1.1.tar.gz")
def upgrade(
    archive: _Given = None,
    mpack: _Named = None,
    verbose: _Verbose = False,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Install a management pack in place of its older versions, and switch their links: all of it, or nothing.

    Needs pool-admin. It is refused where a link cannot lead to an extension version of the new pack.
    """
    from graft.registry.v1 import mpack_pb2 as pb
    from graft_cli.mpack_client import send

    found = _archive(archive, mpack)
    head = pb.UpgradeMpackHead(upload=_upload(found), verbose=verbose)
    _show_result(send("UpgradeMpack", pb.UpgradeMpackRequest, head, found, url, user), verbose, as_json)


@_mpack.command(epilog="\b\nExamples:\n  graft mpack uninstall pack\n  graft mpack uninstall pack/1.0")
def uninstall(
    pack: Annotated[str | None, typer.Argument(metavar="NAME[/VERSION]", help="The pack.", show_default=False)] = None,
    mpack_name: Annotated[
        str | None, typer.Option("--mpack-name", metavar="NAME", help="The same, as Ambari spells it.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Remove one version of a management pack, or all of them.

    Needs pool-admin. It is refused while something of it is linked or installed.
    """
    from graft.registry.v1 import mpack_pb2 as pb
    from graft_cli.mpack_client import ask
    from graft_cli.output import print_json

    name, _, version = _one_of(pack, mpack_name, "Management pack name not specified!").partition("/")
    answer = ask("UninstallMpack", pb.UninstallMpackRequest(name=name, version=version), url, user)
    if as_json:
        removed = [_record(one) for one in answer.removed]
        print_json({"message": answer.message, "removed": removed, "warnings": list(answer.warnings)})
        return
    typer.echo(answer.message)
    _show_warnings(answer.warnings)


@_mpack.command("list", epilog="\b\nExamples:\n  graft mpack list\n  graft mpack list --json")
def list_packs(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """List the installed management packs."""
    from graft_cli.output import print_json, print_table

    packs = _packs(url, user)
    if as_json:
        print_json([_record(one) for one in packs])
        return
    rows = [
        (one.name, one.version, ", ".join((*one.extension_versions, *one.stack_versions, *one.services)), _when(one))
        for one in packs
    ]
    print_table(("NAME", "VERSION", "BRINGS", "INSTALLED"), rows, ("cyan", "", "", "dim"))


@_mpack.command(epilog="\b\nExamples:\n  graft mpack show pack\n  graft mpack show pack/1.0 --json")
def show(
    pack: Annotated[str, typer.Argument(metavar="NAME[/VERSION]", help="The pack.")],
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Show one version of a management pack, or all of them."""
    from graft_cli.output import print_json, readable

    name, _, version = pack.partition("/")
    found = [one for one in _packs(url, user, name) if version in ("", one.version)]
    if not found:
        raise CliError(f"MPACK_NOT_FOUND\n  Management pack {pack} is not installed")
    records: Any = [_record(one) for one in found]
    if as_json:
        print_json(records[0] if version else records)
        return
    typer.echo("\n\n".join(readable({name: value for name, value in one.items() if value}) for one in records))


@_mpack.command(epilog="\b\nExample:\n  graft mpack verify pack-1.0.tar.gz")
def verify(
    archive: _Given = None,
    mpack: _Named = None,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Check an archive as it would be for an installation, and change nothing.

    Needs pool-admin. Problems are what would prevent it now; warnings are for its authors. The exit code is 1 if there
    are problems.
    """
    from graft.registry.v1 import mpack_pb2 as pb
    from graft_cli.mpack_client import send_to_verify
    from graft_cli.output import plain, print_json

    found = _archive(archive, mpack)
    answer = send_to_verify(pb.VerifyMpackRequest, pb.VerifyMpackHead(upload=_upload(found)), found, url, user)
    if as_json:
        warnings = [{"file": one.file, "line": one.line, "path": one.path, "text": one.text} for one in answer.warnings]
        problems = list(answer.problems)
        print_json({"mpack": _record(answer.mpack), "problems": problems, "warnings": warnings})
    else:
        for problem in answer.problems:
            typer.echo(f"error: {plain(problem)}")
        for one in answer.warnings:
            line = f":{one.line}" if one.line else ""
            typer.echo(plain(f"{one.file}{line}: warning: {one.text}"))
        can = "can" if answer.installable else "cannot"
        typer.echo(f"Management pack {answer.mpack.name}-{answer.mpack.version} {can} be installed")
    if not answer.installable:
        raise typer.Exit(FAILED)


@_mpack.command(epilog="\b\nExample:\n  graft mpack log --json")
def log(as_json: Json = False, url: Url = None, user: User = None) -> None:
    """List how packs were installed: Ambari's replay log, the oldest first."""
    from graft.registry.v1 import mpack_pb2 as pb
    from graft_cli.mpack_client import ask_all
    from graft_cli.output import print_json, print_table

    found = ask_all("ListMpackOperations", pb.ListMpackOperationsRequest, "operations", url, user)
    if as_json:
        print_json(
            [
                {
                    "mpack_command": one.command,
                    "mpack_path": one.path,
                    "purge": one.options.purge,
                    "purge_list": list(one.options.purge_list),
                    "force": one.options.force,
                    "verbose": one.options.verbose,
                }
                for one in found
            ]
        )
        return
    rows = [
        (
            one.command,
            one.path,
            ", ".join(one.options.purge_list) if one.options.purge else "",
            "yes" if one.options.force else "",
        )
        for one in found
    ]
    print_table(("COMMAND", "ARCHIVE", "PURGED", "FORCED"), rows, ("cyan",))


def _archive(given: str | None, named: str | None) -> Archive:
    from graft_cli.archives import open_archive
    from graft_cli.configuration import load

    text = _one_of(given, named, "Management pack not specified!")
    return open_archive(text, load().mpack_max_archive)


def _one_of(given: str | None, named: str | None, missing: str) -> str:
    if given and named:
        raise CliError("give it once: as an argument, or as Ambari's option", USAGE)
    text = given or named
    if not text:
        raise CliError(missing, USAGE)
    return text


def _upload(archive: Archive) -> mpack_pb2.MpackUpload:
    from graft.registry.v1 import mpack_pb2 as pb

    return pb.MpackUpload(file_name=archive.file_name, size=archive.size)


def _purge_kinds(text: str) -> list[str]:
    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    for unknown in (kind for kind in kinds if kind not in PURGEABLE):
        raise CliError(f"--purge-list {unknown} is none; it may name {', '.join(PURGEABLE)}", USAGE)
    if not kinds:
        raise CliError(f"--purge-list names nothing; it may name {', '.join(PURGEABLE)}", USAGE)
    return kinds


def _confirm_purge(kinds: list[str]) -> None:
    """Ask whether a purge is meant.

    Raises:
        CliError: it is not, or there is nobody to ask.
    """
    what = ",".join(kinds)
    if not sys.stdin.isatty():
        raise CliError(f"--purge removes what is installed ({what}); say that it is meant with --yes", USAGE)
    text = (
        f"CAUTION: You have specified the --purge option with --purge-list=[{what}]. "
        "This will replace all that is currently installed of it.\n"
        "Are you absolutely sure you want to perform the purge?"
    )
    if not typer.confirm(text, default=False, err=True):
        raise CliError("Management pack installation cancelled by user")


def _packs(url: str | None, user: str | None, name: str = "") -> list[Any]:
    from graft.registry.v1 import mpack_pb2 as pb
    from graft_cli.mpack_client import ask_all

    return ask_all("ListMpacks", pb.ListMpacksRequest, "mpacks", url, user, name=name)


def _show_result(result: mpack_pb2.MpackResult, verbose: bool, as_json: bool) -> None:
    from graft_cli.output import plain, print_json

    if as_json:
        print_json(_result_record(result))
        return
    for ran in result.hook_runs if verbose else ():
        typer.echo(f"{ran.hook.name} hook, {ran.hook.script}:")
        for line in (*ran.stdout.splitlines(), *ran.stderr.splitlines()):
            typer.echo(f"  {plain(line)}")
    typer.echo(result.message)
    for one in result.removed:
        typer.echo(f"removed {one.name}-{one.version}")
    for link in result.moved_links:
        typer.echo(
            f"link {link.id}: {link.extension_name}/{link.old_version} to {link.extension_name}/{link.new_version}"
        )
    _show_warnings(result.warnings)


def _show_warnings(warnings: Any) -> None:
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)


def _result_record(result: mpack_pb2.MpackResult) -> dict[str, Any]:
    return {
        "message": result.message,
        "mpack": _record(result.mpack),
        "removed": [_record(one) for one in result.removed],
        "moved_links": [
            {
                "id": link.id,
                "extension_name": link.extension_name,
                "old_version": link.old_version,
                "new_version": link.new_version,
            }
            for link in result.moved_links
        ],
        "warnings": list(result.warnings),
        "hooks": [
            {
                "name": ran.hook.name,
                "script": ran.hook.script,
                "exit_code": ran.exit_code,
                "stdout": ran.stdout,
                "stderr": ran.stderr,
            }
            for ran in result.hook_runs
        ],
    }


def _record(pack: mpack_pb2.Mpack) -> dict[str, Any]:
    return {
        "id": pack.id,
        "name": pack.name,
        "version": pack.version,
        "description": pack.description,
        "artifacts": [{"name": part.name, "type": part.type, "source_dir": part.source_dir} for part in pack.artifacts],
        "hooks": [{"name": hook.name, "type": hook.type, "script": hook.script} for hook in pack.hooks],
        "extension_versions": list(pack.extension_versions),
        "stack_versions": list(pack.stack_versions),
        "services": list(pack.services),
        "archive": pack.archive,
        "digest": pack.digest,
        "installed": _when(pack),
    }


def _when(pack: mpack_pb2.Mpack) -> str:
    return pack.installed.ToJsonString() if pack.HasField("installed") else ""
