"""`graft access` and `graft grant`: what methods ask to reach beyond their sandboxes, and what they are given of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import USAGE, CliError
from graft_cli.options import Json, Url, User

if TYPE_CHECKING:
    from graft_cli.access_client import AccessClient

_STATES = {1: "nothing asked", 2: "granted", 3: "not granted", 4: "changed"}
_NOT_ASKED, _GRANTED, _NOT_GRANTED, _CHANGED = _STATES


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="""\
\b
Examples:
  graft access
  graft access Volume.resize
  graft access --grants
"""
    )(access)
    app.command(
        epilog="""\
\b
Examples:
  graft grant Volume.resize
  graft grant Volume.resize --yes
  graft grant Volume.resize --of EXT/1.0
  graft grant Volume.resize --revoke
"""
    )(grant)


def access(
    method: Annotated[str, typer.Argument(metavar="[METHOD]", help="Tell all of this one.")] = "",
    grants: Annotated[
        bool, typer.Option("--grants", help="List what was ever granted and not taken back, in force or not.")
    ] = False,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Show what methods ask to reach beyond their sandboxes, what is granted, and what calls are given.

    Needs read-only. Without METHOD, all methods in force that ask for anything.
    """
    from graft_cli.access_client import session
    from graft_cli.output import print_json

    if grants and method:
        raise CliError("--grants lists those of all methods; leave METHOD or it out", USAGE)
    with session(url, user) as client:
        if grants:
            _list_grants(client.grants(), as_json=as_json)
            return
        found = client.methods(method)
    if method and not found:
        raise CliError(f"{method} is not declared, so that it asks for nothing; `graft methods` lists the methods")
    if as_json:
        records = [_record(one) for one in found]
        print_json(records[0] if method else records)
    elif method:
        _show(found[0])
    else:
        _list(found)


def grant(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="The method.")],
    of: Annotated[
        str,
        typer.Option("--of", metavar="EXTENSION/VERSION", help="Of this extension version; or `drop-in`."),
    ] = "",
    revoke: Annotated[bool, typer.Option("--revoke", help="Take back what was granted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """Grant a method what it asks for beyond its sandbox, or take that back.

    Needs pool-admin. Granted is what you are shown: once the method asks for anything else, it is given nothing, until
    that is granted. Without --of, the method as calls have it now.
    """
    from graft_cli.access_client import session

    with session(url, user) as client:
        if revoke:
            _revoke(client, method, of, as_json=as_json)
        else:
            _grant(client, method, of, yes=yes, as_json=as_json)


def _grant(client: AccessClient, method: str, of: str, *, yes: bool, as_json: bool) -> None:
    from graft_cli.access_client import grant_record, source_text, summary, things
    from graft_cli.output import plain, print_json

    source, asked = _asked(client, method, of)
    if not things(asked):
        raise CliError(f"{method} asks for nothing, so that there is nothing to grant")
    if not yes:
        _confirm(f"{method} ({source_text(source)}) asks for\n{_lines(asked)}\nGrant it?")
    answer = client.grant(method, source, asked)
    if as_json:
        print_json(grant_record(answer.grant))
        return
    typer.echo(plain(f"granted to {method} ({source_text(source)}): {summary(asked)}"))
    _tell_effect(client, method, source, answer.revision)


def _tell_effect(client: AccessClient, method: str, source: tuple[str, str], revision: int) -> None:
    """Wait until the dispatcher has heard of a grant, and tell what stands against it there."""
    from graft_cli.access_client import source_of
    from graft_cli.output import plain

    try:
        found = [one for one in client.methods(method, revision) if source_of(one) == source]
    except CliError as error:
        typer.echo(f"graft: {error}", err=True)
        return
    for one in found:
        if one.state == _CHANGED:
            typer.echo(f"{method} asks for something else there by now; see `graft access {method}`", err=True)
        for problem in one.problems:
            typer.echo(plain(f"calls will fail: {problem}"), err=True)


def _revoke(client: AccessClient, method: str, of: str, *, as_json: bool) -> None:
    from graft_cli.access_client import grant_record, source_of, source_text, summary
    from graft_cli.output import plain, print_json

    granted = [source_of(one) for one in client.grants() if one.method == method]
    source = _source(of) if of else None
    if source is None:
        if not granted:
            raise CliError(f"nothing is granted to {method}")
        if len(granted) > 1:
            several = ", ".join(map(source_text, granted))
            raise CliError(f"{method} has several grants; name one with --of: {several}", USAGE)
        source = granted[0]
    gone = client.revoke(method, source).grant
    if as_json:
        print_json(grant_record(gone))
    else:
        typer.echo(plain(f"taken back from {method} ({source_text(source)}): {summary(gone.access)}"))


def _asked(client: AccessClient, method: str, of: str) -> tuple[tuple[str, str], Any]:
    """Return whose request is meant, and what it asks for."""
    from graft_cli.access_client import NO_SOURCE, source_of, source_text

    source = _source(of) if of else None
    if source is not None and source != NO_SOURCE:
        for one in client.requests_of(*source):
            if one.spec.method == method:
                return source, one.spec.access
        raise CliError(f"{of} has no method {method} that asks for anything")
    found = client.methods(method)
    if not found:
        raise CliError(f"{method} is not declared, so that it asks for nothing; `graft methods` lists the methods")
    actual = source_of(found[0])
    if source is not None and source != actual:
        raise CliError(f"{method} is no drop-in now: calls go to {source_text(actual)}")
    return actual, found[0].asked


def _source(of: str) -> tuple[str, str]:
    if of == "drop-in":
        return "", ""
    name, _, version = of.partition("/")
    if not (name and version):
        raise CliError(f"--of {of} is no name and version such as EXT/1.0, nor `drop-in`", USAGE)
    return name, version


def _confirm(text: str) -> None:
    """Ask whether it is meant.

    Raises:
        CliError: it is not, or there is nobody to ask.
    """
    from graft_cli.output import plain

    if not sys.stdin.isatty():
        raise CliError(plain(f"{text}\nSay that it is meant with --yes."), USAGE)
    if not typer.confirm(plain(text), default=False, err=True):
        raise CliError("nothing was granted")


def _list(found: list[Any]) -> None:
    from graft_cli.access_client import source_of, source_text, summary
    from graft_cli.output import print_table

    rows = [
        (one.method, source_text(source_of(one)), _STATES[one.state], summary(one.asked), "; ".join(one.problems))
        for one in found
    ]
    print_table(("METHOD", "SOURCE", "STATE", "ASKS FOR", "PROBLEM"), rows, ("cyan", "", "bold", "", "red"))


def _list_grants(found: list[Any], *, as_json: bool) -> None:
    from graft_cli.access_client import grant_record, source_of, source_text, summary
    from graft_cli.output import print_json, print_table

    if as_json:
        print_json([grant_record(one) for one in found])
        return
    rows = [
        (one.method, source_text(source_of(one)), one.granted_by, one.granted_at.ToJsonString(), summary(one.access))
        for one in found
    ]
    print_table(("METHOD", "SOURCE", "BY", "AT", "GRANTED"), rows, ("cyan", "", "", "dim", ""))


def _show(one: Any) -> None:
    from graft_cli.access_client import source_of, source_text, things
    from graft_cli.output import plain

    asks = f"asks for\n{_lines(one.asked)}" if things(one.asked) else "asks for nothing beyond its sandbox"
    lines = [f"{one.method} ({source_text(source_of(one))}) {asks}"]
    given = f"by {one.grant.granted_by} at {one.grant.granted_at.ToJsonString()}"
    if one.state == _GRANTED:
        lines.append(f"Granted {given}. In force: all of it.")
    elif one.state == _CHANGED:
        lines += [
            "In force: nothing. What it asks for is not what was granted, so that it needs a new grant.",
            f"Granted {given}, and no longer asked for as it was:",
            _lines(one.grant.access),
        ]
    elif one.state == _NOT_GRANTED:
        lines.append("In force: nothing. Nobody has granted it.")
    if one.state in (_CHANGED, _NOT_GRANTED):
        lines.append(f"An administrator grants it with `graft grant {one.method}`.")
    lines += [f"Calls fail on this host: {problem}" for problem in one.problems]
    typer.echo(plain("\n".join(lines)))


def _lines(message: Any) -> str:
    from graft_cli.access_client import things

    return "\n".join(f"  {kind:<12}{value}" for kind, values in things(message) for value in values)


def _record(one: Any) -> dict[str, Any]:
    from graft_cli.access_client import access_record, grant_record

    return {
        "method": one.method,
        "origin": one.origin,
        "extension_name": one.extension_name,
        "extension_version": one.extension_version,
        "state": _STATES[one.state],
        "asked": access_record(one.asked),
        "grant": grant_record(one.grant) if one.HasField("grant") else None,
        "in_force": access_record(one.in_force),
        "problems": list(one.problems),
    }
