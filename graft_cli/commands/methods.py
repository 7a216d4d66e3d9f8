"""`graft methods`: what can be called, how, and why it is what it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft_cli.exits import USAGE, CliError
from graft_cli.options import Json, Url, User, gateway_url, password_from_environment

if TYPE_CHECKING:
    from graft_common.declarations.api import Api
    from graft_common.declarations.model import Method

_MAX_MISSING = 20
"""Methods without an executable, or without access, that are shown; an imported datamodel has thousands."""
_SOURCES = ("", "built-in", "drop-in", "extension")
"""By the numbers of the contract's `MethodSource`."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\
\b
Examples:
  graft methods
  graft methods Volume.resize
  graft methods --why Volume.resize
  graft methods --json --url http://127.0.0.1:8080
"""
    )(methods)


def methods(
    name: Annotated[str | None, typer.Argument(metavar="[METHOD]", help="Describe this one.")] = None,
    why: Annotated[
        bool,
        typer.Option(
            "--why",
            help="Tell what would bring each method, which is in force and why, and what is wrong with declarations.",
        ),
    ] = False,
    as_json: Json = False,
    url: Url = None,
    user: User = None,
) -> None:
    """List the methods that can be called, or describe one of them.

    From the dispatcher at GRAFT_DISPATCHER; a list with --url from a gateway, the names alone. --why needs a login.
    """
    if why:
        _explain(name, url, user, as_json=as_json)
    elif name is not None:
        _describe(name, as_json=as_json)
    elif url is not None:
        _list_names(url, as_json=as_json)
    else:
        _list(as_json=as_json)


def _list_names(url: str, *, as_json: bool) -> None:
    from graft_cli.gateway_client import GatewayClient
    from graft_cli.output import plain, print_json

    with GatewayClient(gateway_url(url)) as client:
        found = client.call("system.listMethods")
    names = [str(name) for name in found] if isinstance(found, list) else []
    if as_json:
        print_json([{"name": name} for name in names])
    else:
        typer.echo("\n".join(plain(name) for name in names))


def _list(*, as_json: bool) -> None:
    from graft_cli.output import print_json, print_table

    found = _ask("ListMethods", {})
    known = [
        {
            "name": method.name,
            "source": _SOURCES[method.source],
            "origin": method.origin,
            "role": method.role,
            "declared": method.declared,
            "deprecated": method.deprecated,
            "doc": method.doc,
        }
        for method in found.methods
    ]
    if as_json:
        print_json(known)
        return
    rows = [(method["name"], _origin(method), method["role"] or "-", _about(method)) for method in known]
    print_table(("METHOD", "SOURCE", "ROLE", "ABOUT"), rows, ("cyan", "", "", "dim"))


def _origin(method: dict[str, Any]) -> str:
    return " ".join(part for part in (method["source"], method["origin"]) if part)


def _about(method: dict[str, Any]) -> str:
    if not method["declared"]:
        return method["doc"] or "(not declared)"
    return f"(deprecated) {method['doc']}" if method["deprecated"] else str(method["doc"])


def _ask(rpc: str, request: dict[str, str], session: str = "") -> Any:
    import grpc

    from graft.dispatcher.v1 import dispatcher_pb2
    from graft_cli.configuration import load
    from graft_cli.grpc_client import TIMEOUT, over_channel
    from graft_common.rpc.client import call
    from graft_common.rpc.clients import DispatcherClients
    from graft_common.rpc.context import call_metadata

    message = getattr(dispatcher_pb2, f"{rpc}Request")(**request)

    async def ask(channel: grpc.aio.Channel) -> Any:
        stub = DispatcherClients.remote(channel).dispatcher
        return await call(getattr(stub, rpc), message, timeout=TIMEOUT, metadata=call_metadata(session))

    return over_channel(load().dispatcher, "dispatcher", ask)


def _explain(name: str | None, url: str | None, user: str | None, *, as_json: bool) -> None:
    from graft_cli.gateway_client import logged_in
    from graft_cli.output import print_json

    with logged_in(gateway_url(url), user, password_from_environment()) as (_, session):
        answer = _ask("ExplainMethods", {"method": name or ""}, session)
    if name is not None and not answer.methods and not answer.findings:
        raise CliError(f"nothing brings {name}, and no finding is about it")
    told = {
        "methods": [
            {
                "name": method.name,
                "candidates": [_candidate(one) for one in method.candidates],
                "limits": [_limit(one) for one in method.limits],
                "residents": _residents(method.residents) if method.HasField("residents") else None,
            }
            for method in answer.methods
        ],
        "findings": [
            {
                "file": finding.file,
                "line": finding.line,
                "path": finding.path,
                "reason": finding.reason,
                "last_good_in_force": finding.last_good_in_force,
            }
            for finding in answer.findings
        ],
    }
    if as_json:
        print_json(told)
    else:
        _print_reasons(told["methods"], told["findings"], every=name is not None)


def _candidate(candidate: Any) -> dict[str, Any]:
    return {
        "source": _SOURCES[candidate.source],
        "origin": candidate.origin,
        "executable": candidate.executable,
        "declared": candidate.declared,
        "in_force": candidate.in_force,
        "reason": candidate.reason,
        "access": candidate.access,
    }


def _limit(limit: Any) -> dict[str, Any]:
    return {
        "name": limit.name,
        "asked": limit.asked,
        "in_force": limit.in_force,
        "set_by": limit.set_by,
        "cut": limit.cut,
    }


def _residents(residents: Any) -> dict[str, Any]:
    return {field.name: getattr(residents, field.name) for field in residents.DESCRIPTOR.fields}


def _print_reasons(methods: Sequence[dict[str, Any]], findings: Sequence[dict[str, Any]], *, every: bool) -> None:
    """Print who has each method that several bring or nobody serves, or of all where `every` says so, and findings."""
    from graft_cli.output import plain, print_table

    missing = [] if every else [method for method in methods if _is_only_missing(method)]
    folded = [method["name"] for method in missing[_MAX_MISSING:]]
    hidden = frozenset(folded)
    shown = [method for method in methods if every or (_is_contested(method) and method["name"] not in hidden)]
    rows = [
        (
            method["name"] if number == 0 else "",
            "yes" if candidate["in_force"] else "no",
            _origin(candidate),
            candidate["executable"] or "-",
            candidate["reason"],
        )
        for method in shown
        for number, candidate in enumerate(method["candidates"])
    ]
    if rows:
        print_table(("METHOD", "IN FORCE", "SOURCE", "EXECUTABLE", "WHY"), rows, ("cyan", "", "", "", "dim"))
    if rows and len(shown) < len(methods):
        typer.echo()
    if folded:
        typer.echo(f"{len(folded)} more are declared, and their executables are missing.")
    if len(shown) + len(folded) < len(methods):
        typer.echo(f"{len(methods) - len(shown) - len(folded)} other methods: each is brought by one alone.")
    _print_access(methods)
    _print_limits(methods, every=every)
    _print_residents(methods, every=every)
    if findings:
        typer.echo(("\n" if methods else "") + "Findings:")
    for finding in findings:
        where = f"{finding['file']}:{finding['line']}" if finding["line"] else finding["file"]
        kept = " (an earlier version is in force)" if finding["last_good_in_force"] else ""
        path = f" {finding['path']}:" if finding["path"] else ""
        typer.echo(plain(f"  {where}:{path} {finding['reason']}{kept}"))


def _print_access(methods: Sequence[dict[str, Any]]) -> None:
    """Print which methods are not given the access that they ask for."""
    from graft_cli.output import plain

    without = [(method["name"], reason) for method in methods if (reason := method["candidates"][0].get("access"))]
    if not without:
        return
    typer.echo("\nAccess that is asked for and not given:")
    for name, reason in without[:_MAX_MISSING]:
        typer.echo(plain(f"  {name}: {reason}"))
    if len(without) > _MAX_MISSING:
        typer.echo(f"  {len(without) - _MAX_MISSING} more; `graft access` lists them")


def _print_limits(methods: Sequence[dict[str, Any]], *, every: bool) -> None:
    """Print what calls of one method may use, or of several, what they get less of than their declarations ask for."""
    from graft_cli.output import plain, print_table

    rows = [
        (limit["name"], limit["asked"] or "-", limit["in_force"] or "-", limit["set_by"])
        for method in methods
        for limit in method["limits"]
    ]
    if every and rows:
        typer.echo()
        print_table(("LIMIT", "ASKED", "IN FORCE", "SET BY"), rows, ("cyan", "", "", "dim"))
        return
    cut = [method for method in methods if method["limits"]]
    if cut:
        typer.echo("\nLimits that are cut down to the host's:")
    for method in cut[:_MAX_MISSING]:
        told = ", ".join(
            f"{limit['name']} {limit['asked']} to {limit['in_force']} ({limit['set_by']})" for limit in method["limits"]
        )
        typer.echo(plain(f"  {method['name']}: {told}"))
    if len(cut) > _MAX_MISSING:
        typer.echo(f"  {len(cut) - _MAX_MISSING} more")


def _print_residents(methods: Sequence[dict[str, Any]], *, every: bool) -> None:
    """Print how the processes are that stay: of one method, or of several those that were called."""
    from graft_cli.output import plain

    told = ((method["name"], method.get("residents")) for method in methods)
    found = [(name, residents) for name, residents in told if residents and (every or residents["started"])]
    if found:
        typer.echo("\nResident processes:")
    for name, one in found:
        ended = f", the last one ended: {one['last_end']}" if one["last_end"] else ""
        typer.echo(
            plain(
                f"  {name}: {one['processes']} of {one['at_most']}, for {one['concurrency']} calls each; "
                f"{one['under_way']} calls under way, {one['waiting']} wait; {one['started']} started{ended}"
            )
        )


def _is_contested(method: dict[str, Any]) -> bool:
    candidates = method["candidates"]
    return len(candidates) > 1 or not candidates[0]["in_force"] or _is_only_missing(method)


def _is_only_missing(method: dict[str, Any]) -> bool:
    """Tell whether one declaration alone brings it, and its executable is not there."""
    [first, *others] = method["candidates"]
    return not others and first["in_force"] and "is missing" in first["reason"]


def _describe(name: str, *, as_json: bool) -> None:
    from graft_cli.api_source import load_api
    from graft_cli.output import plain, print_json

    api = load_api(None)
    method = api.methods.get(name)
    origin = api.origins.get(name) or api.undeclared.get(name)
    if origin is None:
        raise CliError(f"there is no method {name}; `graft methods` lists them", USAGE)
    if as_json:
        print_json(_to_json(api, name, method))
        return
    source = " ".join(part for part in (_SOURCE_WORDS[origin.source.value], origin.place) if part)
    missing = "" if origin.available else "; its executable is missing"
    if method is None:
        typer.echo(f"{name}\n\nNot declared: it takes any arguments. From: {source}{missing}. Role: pool-admin.")
        return
    typer.echo(
        plain(
            "\n".join(
                [_signature(method), "", *_told(method), f"From: {source}{missing}. {_role(method)}{_start(method)}"]
            )
        )
    )


_SOURCE_WORDS = {"builtin": "built-in", "dropin": "drop-in", "extension": "extension"}


def _role(method: Method) -> str:
    return "Anyone with a session may call it." if method.role == "anyone" else f"Role: {method.role}."


def _start(method: Method) -> str:
    if method.resident:
        return " Its processes stay, and answer many calls."
    return "" if method.zygote else " No warm interpreter starts it."


def _signature(method: Method) -> str:
    parts = []
    for param in method.params:
        default = "" if param.default is None else f" = {param.default or chr(34) * 2}"
        parts.append(f"{param.name}{'' if param.required or default else '?'}: {param.type}{default}")
    result = f" -> {method.result.type}" if method.result is not None else ""
    return f"{method.name}({', '.join(parts)}){result}"


def _told(method: Method) -> list[str]:
    from graft_docs.words import access

    lines = [*method.doc.splitlines(), ""] if method.doc else []
    rows = [(param.name, param.doc) for param in method.params if param.doc]
    if method.result is not None and method.result.doc:
        rows.append(("result", method.result.doc))
    rows += [(error.code, error.doc) for error in method.errors]
    width = max((len(name) for name, _ in rows), default=0)
    lines += [f"  {name.ljust(width)}  {' '.join(doc.split())}".rstrip() for name, doc in rows]
    lines += [""] if rows else []
    asked = "; ".join(f"{kind} {', '.join(values)}" for kind, values in access(method.access))
    return [*lines, f"Asks for access, see `graft access {method.name}`: {asked}.", ""] if asked else lines


def _to_json(api: Api, name: str, method: Method | None) -> dict[str, Any]:
    origin = api.origins.get(name) or api.undeclared[name]
    told: dict[str, Any] = {
        "name": name,
        "source": _SOURCE_WORDS[origin.source.value],
        "origin": origin.place,
        "available": origin.available,
        "declared": method is not None,
    }
    if method is not None:
        told |= {
            "role": method.role,
            "doc": method.doc,
            "params": [
                {
                    "name": param.name,
                    "type": str(param.type),
                    "required": param.required,
                    "default": param.default,
                    "doc": param.doc,
                }
                for param in method.params
            ],
            "result": method.result and {"type": str(method.result.type), "doc": method.result.doc},
            "errors": [{"code": error.code, "params": error.params, "doc": error.doc} for error in method.errors],
            "zygote": method.zygote,
            "resident": method.resident,
            "state": method.lifecycle.state.value,
        }
    return told
