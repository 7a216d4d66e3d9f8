"""The dispatcher as a process or `graft up` composes it."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self

from dispatcher_service.builtins.base import CallerContext
from dispatcher_service.builtins.catalog import catalog_builtins, extension_class, link_class
from dispatcher_service.builtins.extensions import extension_builtins
from dispatcher_service.builtins.sessions import session_builtins, session_class
from dispatcher_service.builtins.system import system_builtins
from dispatcher_service.builtins.users import role_builtins, role_class, user_builtins, user_class
from dispatcher_service.bundles.bundles import Bundles
from dispatcher_service.bundles.cache import BundleCache
from dispatcher_service.bundles.loading import Loader
from dispatcher_service.calls.bounds import Bounds
from dispatcher_service.calls.calls import Calls
from dispatcher_service.calls.checks import check_target
from dispatcher_service.calls.limits import HostLimits
from dispatcher_service.calls.listing import MethodInfo, list_methods
from dispatcher_service.calls.permissions import Permissions
from dispatcher_service.calls.runner import Execution, ExecutionMeter, Runner
from dispatcher_service.calls.slots import Slots
from dispatcher_service.declarations.declarations import Declarations
from dispatcher_service.declarations.directory import DeclarationFiles
from dispatcher_service.dropins.view import DropIns
from dispatcher_service.engines import choice
from dispatcher_service.engines.base import Engine, EngineUnavailable, Finding
from dispatcher_service.engines.host import WEAKER_CHOICE
from dispatcher_service.engines.options import EngineOptions
from dispatcher_service.grants.giving import AccessGiver
from dispatcher_service.grants.paths import OffLimits
from dispatcher_service.grants.secrets import SecretFolder
from dispatcher_service.hooks.hooks import Hooks
from dispatcher_service.hooks.service import HookServicer
from dispatcher_service.hosts.extensions import HostExtensions
from dispatcher_service.residents.residents import Residents
from dispatcher_service.service import DispatcherServicer
from dispatcher_service.sessions.authenticator import Authenticator
from dispatcher_service.sessions.follower import RegistryFollower
from dispatcher_service.sessions.touches import TouchReporter
from dispatcher_service.state import DispatcherState
from dispatcher_service.watching import Watching
from graft_common.declarations.platform import platform_document
from graft_common.errors import StartupError, method_unknown, service_unavailable
from graft_common.rpc.clients import RegistryClients
from graft_common.rpc.service import RpcService
from graft_common.service_token import service_token
from graft_common.settings import Settings
from graft_common.values import Value

SYNC_WAIT = 2.0
"""Seconds that the start waits for the registry; it goes on without, and calls are refused until it has come."""
_KILL_SHARE = 0.1
"""The share of the time for draining that is left for the answers of calls that had to be killed."""


class _Following:
    """What keeps in touch with the registry."""

    def __init__(self, settings: Settings, registry: RegistryClients) -> None:
        token = _token(settings)
        self._data_dir = settings.data_dir
        self.follower = RegistryFollower(registry, token)
        self.touches = TouchReporter(registry, token, settings.session_idle)
        self.loader = Loader(registry, token, BundleCache(settings.data_dir / "cache" / "bundles"))
        self.authenticator = Authenticator(self.follower, self.touches, registry, token)

    async def start(self, resources: AsyncExitStack) -> None:
        """Begin, and wait a little for the registry."""
        self.follower.start()
        resources.push_async_callback(self.follower.close)
        resources.push_async_callback(self.authenticator.close)
        self.touches.start()
        resources.push_async_callback(self.touches.close)
        await self.follower.wait_synced(SYNC_WAIT)

    async def follow_bundles(self, declarations: Declarations, resources: AsyncExitStack) -> Bundles:
        """Let what is linked bring its methods; to be called before `start`."""
        bundles = Bundles(self.loader, declarations.holds, declarations.take)
        with _cache_errors(self._data_dir):
            await bundles.open()
        resources.push_async_callback(bundles.close)
        self.follower.on_bundles = bundles.follow
        declarations.arrived = bundles.arrived
        return bundles


class DispatcherApp:
    """A dispatcher that serves."""

    def __init__(
        self,
        settings: Settings,
        state: DispatcherState,
        engine: Engine,
        dropins: DropIns,
        declarations: Declarations,
        bundles: Bundles,
        following: _Following,
        resources: AsyncExitStack,
    ) -> None:
        self.engine = engine
        self.declarations = declarations
        self._bundles = bundles
        self._state = state
        self._dropins = dropins
        self._follower = following.follower
        self._resources = resources
        self._draining = False
        slots = Slots(Bounds.of(settings))
        limits = HostLimits.of(settings)
        self._residents = Residents(engine, settings.resident_processes, self._version)
        self._residents.show_metrics()
        self._runner = Runner(engine, self._residents, dropins, declarations.holds, slots, limits)
        self._runner.show_metrics()
        sessions = following.authenticator
        follower = following.follower
        self._access = access = AccessGiver(
            lambda: follower.view.grants, SecretFolder(settings.secrets_path), OffLimits.of(settings)
        )
        resources.callback(access.close)
        self._calls = Calls(
            authenticator=sessions,
            declarations=self.declarations,
            dropins=dropins,
            runner=self._runner,
            audit=state.audit,
            access=access,
        )
        permissions = Permissions(self.methods, lambda: self.declarations.in_force)
        self._watching = Watching(
            state.store,
            state.hosts,
            follower,
            {
                "session": session_class(lambda: follower.view, permissions, lambda: state.hosts.coordinator).listed,
                "user": user_class(lambda: follower.view).record,
                "role": role_class(lambda: follower.view, permissions).record,
                "extension": extension_class(lambda: follower.view).record,
                "link": link_class(lambda: follower.view).record,
            },
        )
        resources.push_async_callback(self._watching.close)
        extensions = HostExtensions(
            state.store.extensions, state.hosts, self._has_extension, lambda: declarations.in_force.extensions
        )
        declarations.on_change = extensions.changed
        resources.push_async_callback(extensions.close)
        self._calls.builtins = {
            **state.builtins(),
            **self._watching.builtins(),
            **session_builtins(lambda: follower.view, permissions, lambda: state.hosts.coordinator),
            **user_builtins(lambda: follower.view),
            **role_builtins(lambda: follower.view, permissions),
            **catalog_builtins(lambda: follower.view),
            **extension_builtins(state.hosts, extensions, self._run_extension),
            **system_builtins(lambda: [method.name for method in self.methods()]),
        }
        following.touches.busy = lambda: self._calls.busy_sessions() | state.tasks.busy_sessions()
        self._dispatcher = dispatcher = DispatcherServicer(
            self._calls,
            state.tasks,
            self._methods_if_ready,
            self.declarations,
            state.audit,
            sessions,
            access,
            limits,
            self._residents,
        )
        self._hooks = Hooks(engine, settings.data_dir / "cache" / "hooks", limits, slots, state.audit)
        self._hooks.sweep()
        hooks = HookServicer(self._hooks, _token(settings))
        self.services: Sequence[RpcService] = (
            dispatcher.service(),
            hooks.service(),
            self._watching.service(sessions),
            *state.services(sessions),
        )

    @classmethod
    async def open(
        cls,
        settings: Settings,
        registry: RegistryClients,
        engine: Engine | None = None,
        engines: Sequence[str] = (),
    ) -> Self:
        """Prove the walls, open the store, read the extensions directory, and begin to follow the registry.

        Returns once calls can be served, or, while the registry is away, two seconds later: then `ready` becomes true,
        and calls are answered, when it has come.

        Args:
            settings: the settings in force.
            registry: how the registry is reached.
            engine: what runs calls; the one that is set where none is given.
            engines: what to try in turn in place of the one that is set; the first that works here runs calls.

        Raises:
            StartupError: it cannot be done; the message says why and how to mend it.
        """
        HostLimits.of(settings)  # before anything is started
        async with AsyncExitStack() as resources:
            engine = await _prepared(engine, engines or [settings.engine], EngineOptions.of(settings))
            resources.push_async_callback(engine.close)
            following = _Following(settings, registry)
            state = await DispatcherState.open(settings, engine.name)
            resources.push_async_callback(state.close)
            dropins = DropIns(settings.extensions_path, settings.data_dir / "cache" / "dropins")
            declarations = Declarations(
                platform_document(), lambda: (dropins.executables(), frozenset(dropins.names()))
            )
            dropins.on_change = declarations.changed
            dropins.declared = declarations.named_executables
            await _open_declarations(settings, declarations, dropins, resources)
            with _cache_errors(settings.data_dir):
                await dropins.open()
            resources.push_async_callback(dropins.close)
            bundles = await following.follow_bundles(declarations, resources)
            await following.start(resources)
            with suppress(TimeoutError):
                async with asyncio.timeout(SYNC_WAIT if following.follower.synced else 0):
                    await bundles.wait_settled()
            return cls(settings, state, engine, dropins, declarations, bundles, following, resources.pop_all())

    @property
    def ready(self) -> bool:
        """Whether calls are answered: the registry has been heard once, and nothing is being shut down.

        Methods of linked extensions count as heard when each has been loaded, or could not be.
        """
        return self._follower.synced and self._bundles.settled and not self._draining

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found out when the engine was started; empty for one that tells nothing."""
        return getattr(self.engine, "findings", ())

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (a bound, not an error)
        """Refuse new calls, let those that run end, and kill shortly before `timeout` seconds are over what has not."""
        self._draining = True
        self._dispatcher.end_batches()
        await self._watching.hub.drain()
        grace = timeout * (1 - _KILL_SHARE)
        ended, *_ = await asyncio.gather(
            self._calls.drain(grace), self._state.tasks.drain(grace), self._hooks.drain(grace)
        )
        if not ended:
            await self._calls.stop(timeout * _KILL_SHARE)
        await self._residents.close()

    async def close(self) -> None:
        """Kill what runs, and let go of everything."""
        self._draining = True
        await self._hooks.drain(0)
        await self._calls.stop(1.0)
        await self._residents.close()
        await self._resources.aclose()

    def methods(self) -> list[MethodInfo]:
        """List the methods that can be called now."""
        return list_methods(self._calls.builtins, self.declarations.in_force)

    def _version(self, method: str) -> Hashable:
        """Return all that decides what a call of a method runs and may reach."""
        target = self.declarations.in_force.target(method)
        return None if target is None or not target.origin.available else self._calls.version_of(target)

    def _methods_if_ready(self) -> list[MethodInfo]:
        if self._draining:
            raise service_unavailable("dispatcher", "it is shutting down")
        if not self.ready:
            raise service_unavailable("dispatcher", "it has not heard from the registry yet")
        return self.methods()

    async def _has_extension(self, name: str) -> bool:
        """Tell whether an executable answers to a name, declared or not."""
        await self.declarations.notice()
        await self._dropins.has(name)
        return name in self.declarations.in_force.extensions

    async def _run_extension(self, method: str, params: Sequence[Value], caller: CallerContext) -> Value:
        """Run what answers to a name, with no regard to its declaration but for the role, as xapi does."""
        if not await self._has_extension(method):
            raise method_unknown(method)
        target = self.declarations.in_force.target(method)
        if target is None:
            raise method_unknown(method)
        if target.method is not None:
            check_target(caller.require_session(), target, method)
        execution = Execution(
            method,
            target.executable,
            params,
            caller.name,
            target.bundle,
            accepted=bool(caller.task_ref),
            channel=partial(self._state.tasks.channel, caller.task_ref) if caller.task_ref else None,
        )
        with self.declarations.holds.using(target.bundle):
            return await self._runner.run(execution, ExecutionMeter())


async def _prepared(engine: Engine | None, names: Sequence[str], options: EngineOptions) -> Engine:
    try:
        if engine is None:
            return await choice.prepared(names, options)
        await engine.prepare()
    except EngineUnavailable as error:
        text = f"{error}. `graft doctor` tells more."
        if "confine" not in names and WEAKER_CHOICE not in text:
            text += f" Where that cannot be mended, {WEAKER_CHOICE} asks for the weaker engine without namespaces."
        raise StartupError(text) from error
    return engine


def _token(settings: Settings) -> str:
    try:
        return service_token(settings)
    except OSError as error:
        raise StartupError(
            f"The service token in {settings.data_dir / 'keys'} cannot be read or made: {error.strerror}. "
            "Let this user own the directory, or set GRAFT_DATA_DIR to another."
        ) from error


async def _open_declarations(
    settings: Settings, declarations: Declarations, dropins: DropIns, resources: AsyncExitStack
) -> None:
    async def look() -> None:
        await asyncio.gather(dropins.rescan(), files.rescan())

    cache = settings.data_dir / "cache" / "declarations" / "in-force"
    files = DeclarationFiles(settings.declarations_path, cache, declarations.refused)
    declarations.files = lambda: files.settled
    declarations.notice = files.notice
    declarations.look = look
    files.on_change = declarations.changed
    await files.open()
    resources.push_async_callback(files.close)


@contextmanager
def _cache_errors(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartupError(
            f"{data_dir / 'cache'} cannot be written: {error.strerror}. "
            "Let this user own the directory, or set GRAFT_DATA_DIR to another."
        ) from error
