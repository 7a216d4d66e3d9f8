"""`graft declare` and `graft try`: for those who write methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.arguments import HELP as ARGUMENTS_HELP
from graft_cli.exits import FAILED, REFUSED, USAGE, CliError
from graft_cli.options import Json

if TYPE_CHECKING:
    from graft_cli.authoring.trial import Trial

_MAX_SHOWN = 16 << 10
"""Bytes of standard input, output and error that are shown to people; --json has all."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="""\
\b
Examples:
  graft declare Volume.resize
  graft declare Volume.resize --out Volume.resize.xml --force
  graft declare Volume.resize --out ./declarations.d
"""
    )(declare)
    app.command(
        "try",
        epilog=f"""\
{ARGUMENTS_HELP}

\b
Examples:
  graft try ./Volume.resize data 5368709120
  graft try ./Volume.resize data int:5 bool:true --json
  graft try ./volumes.py --method Volume.resize data 5 --timeout 5s --memory 64MiB
An argument that begins with a dash comes after --:  graft try ./Hello.greet -- -x

\b
Exit codes: 0 success; 1 it does not work: INTERNAL_ERROR, or it could not be run; 2 wrong usage;
5 a client would be told a named error, of the method's own or because the arguments do not fit.""",
    )(try_)


def declare(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Python file of methods with graft_extension.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="Where to write; in a directory FILE.xml. Standard output if not given."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write the declaration of methods in Python.

    It is made from annotations, defaults and docstrings, and the words of @method. Nothing in the file is run: it is
    read, with the modules beside it that it takes types from.
    """
    from graft_cli.authoring.python_methods import read_methods
    from graft_cli.datamodels import told, write_file
    from graft_cli.output import print_json
    from graft_common.declarations.reader import DeclarationError
    from graft_common.declarations.writer import write_document

    try:
        document = read_methods(file)
    except DeclarationError as error:
        raise CliError(told("no declaration can be made of this:", error.findings)) from None
    except OSError as error:
        raise CliError(f"cannot read {file}: {error.strerror}") from None
    written = write_document(document)
    if out is None:
        typer.echo(written, nl=False)
        return
    target = out / f"{file.name}.xml" if out.is_dir() else out
    if target.exists() and not force:
        raise CliError(f"{target} exists already; nothing is written (--force replaces it)")
    write_file(target, written)
    names = [method.name for method in document.methods]
    if as_json:
        print_json({"file": str(target), "methods": names})
    else:
        typer.echo(f"{target}: {', '.join(names)}")


def try_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The executable.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Its parameters, without the session.")] = None,
    method: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What to call it as; its name, or what is declared for it, if not given."),
    ] = None,
    declaration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Its declaration. If not given: what lies beside it or, of a file in GRAFT_EXTENSIONS_DIR, in "
            "GRAFT_DECLARATIONS_DIR; else what `graft declare` makes of it.",
        ),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Such as 5s; as declared, or GRAFT_CALL_TIMEOUT, if not given.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Such as 64MiB; as declared, or GRAFT_CALL_MEMORY, if not given.")
    ] = None,
    with_folder: Annotated[
        bool, typer.Option("--with-folder", help="Take all that lies beside it along, and not only *.py and *.sh.")
    ] = False,
    engine: Annotated[str | None, typer.Option(help="The engine to run it in; GRAFT_ENGINE.")] = None,
    as_json: Json = False,
) -> None:
    """Run a file in the sandbox, without installing it and without a service.

    It shows what the file is given, what it prints, what a client would be told, and what it used.
    """
    from graft_cli.arguments import ArgumentError, parse_argument
    from graft_cli.authoring.declared import find
    from graft_cli.authoring.trial import Plan, host_limits, run, why_ignored
    from graft_cli.configuration import load
    from graft_cli.output import print_json
    from graft_common import units
    from graft_common.declarations.model import MethodLimits

    try:
        params = [parse_argument(text) for text in arguments or []]
        own = MethodLimits(
            timeout=None if timeout is None else units.seconds(timeout),
            memory=None if memory is None else units.size(memory),
        )
    except (ArgumentError, ValueError) as error:
        raise CliError(str(error), USAGE) from None
    settings = load({"engine": engine})
    if not file.is_file():
        raise CliError(f"there is no file {file}")
    # The folder's own links are followed, but not the file's: one file may have many names.
    path = file.parent.resolve() / file.name
    configured = [settings.declarations_path] if path.parent == settings.extensions_path.resolve() else []
    target = find(path, method, declaration, configured)
    trial = run(Plan(path, target, settings.engine, host_limits(settings), own, with_folder), params)
    checked = target.declared.place if target.declared else None
    if as_json:
        print_json(_as_json(trial, checked))
    else:
        _show(trial, checked)
        if fault := why_ignored(path):
            typer.echo(f"note: in the extensions directory it would be ignored: {fault}", err=True)
        if trial.outcome is not None and b"No module named 'graft_extension'" in trial.outcome.stderr:
            typer.echo("note: graft_extension.py must lie beside it; `graft new method` writes one", err=True)
    if trial.error is not None:
        raise typer.Exit(FAILED if trial.error.code == "INTERNAL_ERROR" else REFUSED)


def _as_json(trial: Trial, checked: str | None) -> dict[str, Any]:
    from graft_cli.output import to_json

    outcome, error = trial.outcome, trial.error
    run: dict[str, Any] | None = None
    if outcome is not None:
        run = {
            "verdict": outcome.verdict.value,
            "exit_code": outcome.exit_code,
            "signal": outcome.signal,
            "stdout": _text(outcome.stdout),
            "stderr": _text(outcome.stderr),
            "seconds": outcome.usage.wall,
            "cpu_seconds": outcome.usage.cpu,
            "memory_bytes": outcome.usage.memory_peak,
            "processes": outcome.usage.processes_peak,
        }
    return {
        "method": trial.method,
        "declaration": checked,
        "stdin": _text(trial.call) if trial.call else None,
        "run": run,
        "value": to_json(trial.value),
        "error": None
        if error is None
        else {"code": error.code, "params": list(error.params), "message": error.details.get("message", "")},
    }


def _show(trial: Trial, checked: str | None) -> None:
    from graft_cli.output import plain, readable
    from graft_common.units import format_size

    outcome = trial.outcome
    if outcome is not None:
        for title, data in (("stdin", trial.call), ("stdout", outcome.stdout), ("stderr", outcome.stderr)):
            typer.echo(f"--- {title}")
            if data:
                more = f"\n… [{len(data)} bytes]" if len(data) > _MAX_SHOWN else ""
                typer.echo(plain(_text(data[:_MAX_SHOWN])).rstrip("\n") + more)
    typer.echo("--- outcome")
    if trial.error is None:
        typer.echo(plain(readable(trial.value)))
    else:
        # INTERNAL_ERROR repeats what the file has printed, which stands above.
        params = trial.error.params[:2] if trial.error.code == "INTERNAL_ERROR" and outcome else trial.error.params
        typer.echo(plain("\n  ".join([trial.error.code, *params, *_mistake(trial)])))
    used = ""
    if outcome is not None:
        usage = outcome.usage
        memory = format_size(usage.memory_peak >> 20 << 20) if usage.memory_peak >> 20 else "less than 1 MiB"
        processes = _processes(usage.processes_peak)
        used = f"{usage.wall * 1000:.0f} ms, {usage.cpu * 1000:.0f} ms of CPU, {memory}{processes}; "
    typer.echo(f"--- {used}{f'checked by {checked}' if checked else 'no declaration, so nothing is checked'}")


def _processes(peak: int) -> str:
    """Say how many there were at once, where that was counted."""
    return f", {peak} process{'' if peak == 1 else 'es'}" if peak else ""


def _mistake(trial: Trial) -> list[str]:
    """Return what an INTERNAL_ERROR says about the answer, where it could not be read or does not fit."""
    error, outcome = trial.error, trial.outcome
    assert error is not None  # noqa: S101 - asked for errors alone
    if error.code != "INTERNAL_ERROR" or outcome is None or outcome.exit_code or not error.params[2:]:
        return []
    return [error.params[-1]] if error.params[-1] != _text(outcome.stderr) else []


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
