"""What each of Graft's processes consists of: all three services together, or one of them alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from graft.registry.v1 import identity_pb2
from graft_cli import demo as demonstration
from graft_cli.addresses import Listener, claim, gateway_url_of, http_url
from graft_cli.configuration import load
from graft_cli.exits import CliError
from graft_cli.parts import ChannelPart, GrpcPart, MetricsPart
from graft_cli.running import Process, run
from graft_common import tls
from graft_common.errors import GraftError, StartupError
from graft_common.rpc.client import PATIENCE, call
from graft_common.rpc.clients import DispatcherClients, RegistryClients
from graft_common.rpc.context import call_metadata
from graft_common.settings import Settings
from graft_common.tls import connect

if TYPE_CHECKING:
    from dispatcher_service.app import DispatcherApp
    from graft_cli.http_part import HttpPart
    from registry_service.app import RegistryApp

METRICS = "127.0.0.1:9464"
DISPATCHER_METRICS = "127.0.0.1:9465"
LOCAL_SOCKET = "graft.sock"
_LOGIN_TIMEOUT = 30.0


def run_all(options: Mapping[str, Any], *, demo: bool) -> None:
    """Run the three services in this process; they call one another without a hop."""
    settings = _demo_settings(options) if demo else load(options)
    choose = demo and "engine" not in settings.model_fields_set
    engine: list[str] = []
    gateways: list[HttpPart] = []
    if demo:
        demonstration.refuse_unsafe(settings)
    http, registry, dispatcher, *metrics = claim(
        [
            Listener("HTTP", settings.http, "--http or GRAFT_HTTP"),
            Listener("the registry", _bind_registry(settings), "--registry or GRAFT_REGISTRY"),
            Listener("the dispatcher", _bind_dispatcher(settings), "--dispatcher or GRAFT_DISPATCHER"),
            *_metrics(settings, METRICS),
        ]
    )
    settings = settings.model_copy(
        update={
            "http": http,
            "registry_bind": registry,
            "dispatcher_bind": dispatcher,
            **({} if settings.registry_bind else {"registry": registry}),
            **({} if settings.dispatcher_bind else {"dispatcher": dispatcher}),
        }
    )
    _prepare(settings)
    if demo:
        demonstration.install(settings)

    async def build(process: Process) -> None:
        _add_metrics(process, metrics)
        registry_app = await _add_registry(process, settings, registry)
        registry_clients = RegistryClients.local(registry_app.services)
        if demo:
            await _check_demo_login(registry_clients)
        dispatcher_app = await _add_dispatcher(process, settings, registry_clients, dispatcher, choose=choose)
        engine.append(_told(dispatcher_app))
        dispatcher_clients = DispatcherClients.local(dispatcher_app.services)
        registry_app.hooks.use(dispatcher_clients.hooks)
        chosen = settings.model_copy(update={"http_socket": _local_socket(settings, dispatcher_app)})
        clients = registry_clients, dispatcher_clients
        unasked = settings.http_socket is None
        gateways.append(await _add_gateway(process, chosen, *clients, http, local_is_optional=unasked))

    def announce() -> None:
        lines = [
            "ready",
            f"  XenAPI      {gateway_url_of(settings)}",
            f"  Ambari      {gateway_url_of(settings)}/api/v1",
            f"  reference   {gateway_url_of(settings)}/docs",
            f"  registry    {registry} (gRPC)",
            f"  dispatcher  {dispatcher} (gRPC)",
            *(f"  metrics     {http_url(address)}/metrics" for address in metrics),
            f"  data        {settings.data_dir}",
            *(f"  local       {part.local} (XenAPI for root and this user)" for part in gateways if part.local),
            *engine,
        ]
        typer.echo("\n".join(lines))
        if demo:
            typer.echo("\n" + demonstration.commands(settings), nl=False)

    run("up", settings, build, announce)


def run_registry(options: Mapping[str, Any]) -> None:
    """Run the registry alone."""
    settings = load(options)
    address, *metrics = claim(
        [
            Listener("the registry", _bind_registry(settings), "--bind or GRAFT_REGISTRY_BIND"),
            *_metrics(settings, METRICS),
        ]
    )
    _prepare(settings)

    async def build(process: Process) -> None:
        _add_metrics(process, metrics)
        await _add_registry(process, settings, address)

    _run_one("registry", settings, build, [f"  registry  {address} (gRPC)"], metrics)


def run_dispatcher(options: Mapping[str, Any]) -> None:
    """Run a dispatcher alone; it waits for its registry as long as it takes."""
    settings = load(options)
    address, *metrics = claim(
        [
            Listener("the dispatcher", _bind_dispatcher(settings), "--bind or GRAFT_DISPATCHER_BIND"),
            *_metrics(settings, DISPATCHER_METRICS),
        ]
    )
    _prepare(settings)

    async def build(process: Process) -> None:
        _add_metrics(process, metrics)
        channel = connect(settings, settings.registry, PATIENCE)
        process.add(ChannelPart("channel to the registry", channel))
        lines.append(_told(await _add_dispatcher(process, settings, RegistryClients.remote(channel), address)))

    lines = [f"  dispatcher  {address} (gRPC)"]
    _run_one("dispatcher", settings, build, lines, metrics)


def run_gateway(options: Mapping[str, Any]) -> None:
    """Run a gateway alone; it waits for the services as long as it takes."""
    settings = load(options)
    [address] = claim([Listener("HTTP", settings.http, "--bind or GRAFT_HTTP")])
    _prepare(settings)

    async def build(process: Process) -> None:
        registry, dispatcher = (
            connect(settings, place, PATIENCE) for place in (settings.registry, settings.dispatcher)
        )
        process.add(ChannelPart("channel to the registry", registry))
        process.add(ChannelPart("channel to the dispatcher", dispatcher))
        clients = RegistryClients.remote(registry), DispatcherClients.remote(dispatcher)
        await _add_gateway(process, settings, *clients, address)

    url = http_url(address, secure=settings.http_certificate is not None)
    _run_one("gateway", settings, build, [f"  XenAPI  {url}", f"  Ambari  {url}/api/v1"], [])


async def _add_registry(process: Process, settings: Settings, address: str) -> RegistryApp:
    from registry_service.app import RegistryApp

    app = await RegistryApp.open(settings)
    process.add(GrpcPart("registry", app, address, settings))
    if app.generated_password is not None:
        # Neither the log nor the disk has it; it is shown here and never again.
        typer.echo(f"administrator {settings.admin_user}, password {app.generated_password} (shown this once)")
    return app


async def _add_dispatcher(
    process: Process, settings: Settings, registry: RegistryClients, address: str, *, choose: bool = False
) -> DispatcherApp:
    """Open the dispatcher with the engine that is set or, to `choose`, with the strongest that works here."""
    from dispatcher_service.app import DispatcherApp
    from dispatcher_service.engines.factory import BY_STRENGTH

    app = await DispatcherApp.open(settings, registry, engines=BY_STRENGTH if choose else ())
    process.add(GrpcPart("dispatcher", app, address, settings, is_ready=lambda: app.ready))
    return app


def _told(app: DispatcherApp) -> str:
    """Say which engine runs calls, what its walls are made of, and what is to be known of weak ones."""
    from dispatcher_service.engines.base import IsolationLevel
    from dispatcher_service.engines.walls import summary

    weak = {
        IsolationLevel.CONFINED: ": weaker than namespaces; `graft doctor --engine native` tells what keeps them away",
        IsolationLevel.NONE: ": calls read, write and reach whatever Graft itself can",
    }
    note = weak.get(app.engine.level, "")
    return f"  engine      {app.engine.name} ({summary(app.engine.name, app.findings)}){note}"


async def _add_gateway(
    process: Process,
    settings: Settings,
    registry: RegistryClients,
    dispatcher: DispatcherClients,
    address: str,
    *,
    local_is_optional: bool = False,
) -> HttpPart:
    """Open the gateway; `local_is_optional` has it go on where its local socket cannot be made."""
    from gateway.app import GatewayApp
    from graft_cli.http_part import HttpPart

    app = await GatewayApp.open(settings, registry, dispatcher)
    part = HttpPart(app, address, settings, optional=local_is_optional)
    process.add(part)
    return part


def _local_socket(settings: Settings, dispatcher: DispatcherApp) -> str:
    """Choose the local socket: the one that is set, else one in the data directory where calls cannot reach that.

    Raises:
        StartupError: one is set, and calls could reach it.
    """
    from dispatcher_service.engines.base import IsolationLevel

    if settings.http_socket == "off":
        return "off"
    if dispatcher.engine.level is IsolationLevel.FULL:
        return settings.http_socket or str(settings.data_dir / LOCAL_SOCKET)
    if settings.http_socket is None:
        return "off"
    raise StartupError(
        f"calls in the engine {dispatcher.engine.name} run as this user and could reach {settings.http_socket}, which "
        "asks them for no password; set GRAFT_HTTP_SOCKET to `off`, or GRAFT_ENGINE to an engine with namespaces"
    )


def _run_one(
    name: str, settings: Settings, build: Callable[[Process], Awaitable[None]], lines: list[str], metrics: list[str]
) -> None:
    lines += [f"  metrics  {http_url(address)}/metrics" for address in metrics]
    run(name, settings, build, lambda: typer.echo("\n".join(["ready", *lines])), health_timeout=None)


def _prepare(settings: Settings) -> None:
    """Make the data directory, for its owner only.

    Raises:
        StartupError: it cannot be made, or is a demonstration's and would be served to other machines; certificates
            that are set cannot be used.
    """
    demonstration.refuse_demo_data(settings)
    tls.check(settings)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.extensions_path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(
            f"cannot make {error.filename}: {error.strerror}; choose another with --data-dir or GRAFT_DATA_DIR"
        ) from None


def _demo_settings(options: Mapping[str, Any]) -> Settings:
    fixed: dict[str, Any] = {**options, "admin_user": demonstration.USER, "admin_password": demonstration.PASSWORD}
    settings = load(fixed)
    if "data_dir" in settings.model_fields_set:
        return settings
    return load({**fixed, "data_dir": Path(settings.data_dir) / "demo"})


async def _check_demo_login(registry: RegistryClients) -> None:
    """Log in and out again, so that the commands to try are sure to work."""
    login = identity_pb2.LoginRequest(
        user=demonstration.USER, password=demonstration.PASSWORD, originator="graft up --demo"
    )
    try:
        answer = await call(registry.identity.Login, login, timeout=_LOGIN_TIMEOUT)
    except GraftError as error:
        raise CliError(
            "the administrator in this data directory is not admin with the password admin; "
            f"give --demo a --data-dir of its own ({error.code})"
        ) from None
    credential = call_metadata(answer.session_ref)
    await call(registry.identity.Logout, identity_pb2.LogoutRequest(), timeout=_LOGIN_TIMEOUT, metadata=credential)


def _bind_registry(settings: Settings) -> str:
    return settings.registry_bind or settings.registry


def _bind_dispatcher(settings: Settings) -> str:
    return settings.dispatcher_bind or settings.dispatcher


def _metrics(settings: Settings, default: str) -> list[Listener]:
    address = settings.metrics or default
    return [] if address == "off" else [Listener("metrics", address, "--metrics or GRAFT_METRICS (off for none)")]


def _add_metrics(process: Process, metrics: list[str]) -> None:
    for address in metrics:
        process.add(MetricsPart(address))
