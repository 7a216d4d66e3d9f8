"""All that the dispatcher keeps, put together: store, host, tasks and audit log, opened and closed in their order."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

from dispatcher_service.audit.log import AuditLog
from dispatcher_service.builtins.base import BuiltinTable
from dispatcher_service.builtins.hosts import host_builtins
from dispatcher_service.builtins.tasks import task_builtins
from dispatcher_service.hosts.host import HostFacts
from dispatcher_service.hosts.identity import HostIdentity
from dispatcher_service.hosts.membership import LeaseTimes, Membership
from dispatcher_service.hosts.service import HostServicer
from dispatcher_service.sessions.admission import SessionSource
from dispatcher_service.store.store import DispatcherStore
from dispatcher_service.tasks.channel import Channels
from dispatcher_service.tasks.manager import TaskManager
from dispatcher_service.tasks.reading import TaskTimes
from dispatcher_service.tasks.service import TaskServicer
from graft_common.errors import GraftError, StartupError
from graft_common.rpc.service import RpcService
from graft_common.settings import Settings

DISTRIBUTION = "graft-platform"


@dataclass(frozen=True, slots=True)
class DispatcherState:
    """The parts; `tasks` is a `TaskStarter`, `audit` an `AuditSink`."""

    identity: HostIdentity
    store: DispatcherStore
    hosts: Membership
    tasks: TaskManager
    audit: AuditLog

    @classmethod
    async def open(
        cls,
        settings: Settings,
        engine: str,
        *,
        lease_times: LeaseTimes | None = None,
        task_times: TaskTimes | None = None,
    ) -> Self:
        """Open the store, register this host, and begin to keep its lease.

        Args:
            settings: where the store and this host's identity are, and at which address it is reached.
            engine: the name of the engine that runs its calls.
            lease_times: how the host's lease runs.
            task_times: how often tasks are looked after.

        Raises:
            StartupError: the store or the data dir cannot be used, or another dispatcher uses this data dir.
        """
        identity = HostIdentity.hold(settings.data_dir)
        channels = Channels(settings.data_dir / "cache" / "tasks")
        try:
            channels.open()
            store = await DispatcherStore.open(settings.database("dispatcher"))
        except OSError as error:
            identity.release()
            raise StartupError(
                f"{settings.data_dir / 'cache'} cannot be written: {error.strerror}. "
                "Let this user own the directory, or set GRAFT_DATA_DIR to another."
            ) from error
        except BaseException:
            identity.release()
            raise
        facts = HostFacts(identity.uuid, socket.gethostname(), settings.dispatcher, version(DISTRIBUTION), engine)
        try:
            hosts = await Membership.join(store, facts, lease_times)
        except BaseException as error:
            await store.close()
            identity.release()
            if isinstance(error, GraftError):
                raise StartupError(f"this host cannot register in the dispatcher's store: {error}") from error
            raise
        tasks = TaskManager(store, hosts, channels, times=task_times)
        hosts.on_lost = tasks.abandon
        return cls(identity, store, hosts, tasks, AuditLog(store, hosts.host_ref))

    def builtins(self) -> BuiltinTable:
        """Return the built-in methods of tasks, hosts and the pool."""
        return {**task_builtins(self.tasks), **host_builtins(self.hosts)}

    def services(self, sessions: SessionSource) -> Sequence[RpcService]:
        """Return `TaskService` and `HostService`."""
        return (
            TaskServicer(self.tasks, sessions, self.audit).service(),
            HostServicer(self.hosts, sessions).service(),
        )

    async def close(self) -> None:
        """Stop the tasks that still run, write what waits, give the lease back, and close the store."""
        await self.tasks.close()
        await self.audit.close()
        await self.hosts.leave()
        await self.store.close()
        self.identity.release()
