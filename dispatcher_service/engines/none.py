"""The engine `none`: calls run as they are, with limits but without walls. For tests only."""

from __future__ import annotations

from dispatcher_service.engines.base import Command, Finding, IsolationLevel
from dispatcher_service.engines.executables import CannotRun
from dispatcher_service.engines.launcher.client import Launcher, Request
from dispatcher_service.engines.spawning import ENVIRONMENT, LauncherEngine, rlimits


class NoneEngine(LauncherEngine):
    """Runs a file from where it lies, as the dispatcher's own user. Keeps nothing away from anything.

    `Command.mount_at` cannot be honoured without walls: the file runs under its path in `Command.tree`. A daemon that
    the command leaves behind is killed; one that survives the launcher's own death by SIGKILL is not.
    """

    name = "none"
    level = IsolationLevel.NONE

    async def probe(self) -> list[Finding]:
        """See `Engine.probe`."""
        return [
            Finding("walls", ok=True, detail="none at all: calls can read, write and reach what the dispatcher can")
        ]

    async def _set_up(self, launcher: Launcher) -> list[Finding]:
        del launcher
        return []

    def _request(self, command: Command, tree_fd: int, head: bytes, launcher: Launcher) -> tuple[Request, list[int]]:
        del tree_fd, head, launcher
        if command.access.secrets:
            raise CannotRun("the engine none has no /run/secrets of its own for each call; set another GRAFT_ENGINE")
        argv = [str(command.tree / command.executable), *command.arguments]
        environment = ENVIRONMENT | dict(command.access.environment)
        request = Request(argv, "plain", command.limits.wall, environment, rlimits(command.limits))
        return request, []
