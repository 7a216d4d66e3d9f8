"""The engine `confine`: no namespaces, but Landlock, a seccomp filter and a user of its own for each call.

For hosts where namespaces cannot be made, as in a container that Docker starts without further options. It is weaker
than the others and has to be asked for by name: what the host is, can be seen from inside (its name, its processors,
that a process or file of some name exists), and the size of a call's temporary files is not bounded.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from dispatcher_service.engines import canary, host
from dispatcher_service.engines.base import (
    Command,
    Finding,
    IsolationLevel,
    Limits,
    Network,
)
from dispatcher_service.engines.bwrap import reachable_by_others
from dispatcher_service.engines.executables import CannotRun
from dispatcher_service.engines.granted import Granted, open_granted
from dispatcher_service.engines.launcher import landlock
from dispatcher_service.engines.launcher.client import Launcher, Request
from dispatcher_service.engines.rootfs import DEVICES, ETC_BOUND, ETC_COPIED, KEPT, SYSTEM_FOLDERS
from dispatcher_service.engines.seccomp.filter import ARCHITECTURES, Shares, compiled_filter
from dispatcher_service.engines.spawning import ENVIRONMENT, LauncherEngine, rlimits
from dispatcher_service.engines.stdio import OutputReader, close_quietly, sealed_input

TRIAL = Limits(wall=10.0, output=64 << 10)
SHARED_PROC = (
    *("cpuinfo", "meminfo", "stat", "uptime", "loadavg", "version", "filesystems"),
    *("sys/kernel/osrelease", "sys/kernel/pid_max", "sys/kernel/ngroups_max", "sys/kernel/cap_last_cap"),
    *("sys/kernel/random/uuid", "sys/vm/overcommit_memory", "sys/vm/max_map_count"),
)
"""What programs read to find out what machine they are on; none of it tells of other processes."""
SHARED_SYS = ("devices/system/cpu", "kernel/mm/transparent_hugepage")
RESOLVING = ("resolv.conf", "hosts", "host.conf", "gai.conf")
"""Of /etc, for calls to which the network is granted."""


def system_rules() -> list[tuple[str, int]]:
    """What every call may read and run, as Landlock's rules."""
    return [
        *((f"/{name}", landlock.EXECUTE) for name in ("usr", *SYSTEM_FOLDERS)),
        *((f"/etc/{name}", landlock.READ) for name in (*ETC_BOUND, *ETC_COPIED, "nsswitch.conf")),
        *((f"/dev/{name}", landlock.DEVICE) for name in DEVICES),
        *((f"/proc/{name}", landlock.READ) for name in SHARED_PROC),
        *((f"/sys/{name}", landlock.READ) for name in SHARED_SYS),
    ]


class ConfineEngine(LauncherEngine):
    """Runs each call where it is, and leaves it next to nothing that it may open, call or reach.

    `Command.mount_at` cannot be honoured without mounts: a file runs under its path in `Command.tree`, or, where the
    call's user could not walk there, in a folder that is made for the call.
    """

    name = "confine"
    level = IsolationLevel.CONFINED

    def __init__(self) -> None:
        super().__init__()
        self._rules = system_rules()

    def _settings(self) -> list[Finding]:
        return [finding for finding in (self._user_finding(),) if not finding.ok]

    def _surroundings(self) -> list[Finding]:
        return [finding for finding in (self._user_finding(),) if finding.ok]

    def _drops_uids(self) -> bool:
        return os.geteuid() == 0

    def _user_finding(self) -> Finding:
        if self._drops_uids():
            return host.user_finding()
        detail = (
            f"user {os.geteuid()}: calls are that user too, kept from its files and processes by Landlock and the "
            "filter, which therefore refuses chmod, chown and the like; the limit of processes counts all of its own"
        )
        return Finding("user", ok=True, detail=detail)

    async def _set_up(self, launcher: Launcher) -> list[Finding]:
        found = [host.landlock_finding(required=True, own_users=self._drops_uids())]
        if platform.machine() not in ARCHITECTURES:
            detail = f"there is no filter for {platform.machine()}"
            found.append(Finding("seccomp", ok=False, detail=detail, fix="run the dispatcher on x86-64 or aarch64"))
        if not all(finding.ok for finding in found):
            return found
        calls = launcher.runtime_dir / "calls"
        calls.mkdir(mode=0o711)
        calls.chmod(0o711)  # so that nobody can list it
        found.append(await self._try_canary(launcher))
        if found[-1].ok:
            found.append(Finding("seccomp", ok=True, detail="an allow-list", by="seccomp filter"))
        found.append(
            Finding(
                "temporary files",
                ok=True,
                detail=f"a folder for each call in {calls}, removed after it; nothing bounds what is in it but the "
                "limit of each file and the room there",
                by="a folder of its own",
                fix="give the dispatcher a temporary folder of limited size (TMPDIR on a tmpfs or a quota)",
            )
        )
        return found

    async def _try_canary(self, launcher: Launcher) -> Finding:
        with canary.planted(launcher.runtime_dir) as bait:
            command = Command("canary", bait.tree, canary.MOUNT_AT, canary.NAME, bait.stdin, limits=TRIAL)
            reader = OutputReader(TRIAL.output, lambda: None)
            tree = os.open(bait.tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            request = self._build(command, launcher)
            _number, end = launcher.run(request, [sealed_input(bait.stdin), *reader.write_ends, tree])
            ended = await end
            stdout, stderr = reader.finish()
            if ended.verdict != "ended" or not ended.started or ended.code or ended.signal:
                text = ended.error or stderr.decode(errors="replace").strip() or ended.verdict
                return Finding("canary", ok=False, detail=f"it did not run: {text}", fix="see the message")
            escaped = canary.escapes(stdout, reached=bait.was_reached(), level=self.level)
        if escaped:
            fix = "do not run extensions on this host before this is understood; report it to Graft's maintainers"
            return Finding("canary", ok=False, detail="; ".join(escaped), fix=fix)
        return Finding("canary", ok=True, detail="ran, and every attempt to get out failed")

    def _build(self, command: Command, launcher: Launcher, granted: Sequence[Granted] = ()) -> Request:
        access = command.access
        online = access.network is not Network.NONE
        rules = [*self._rules]
        if online:
            rules += [(f"/etc/{name}", landlock.READ) for name in RESOLVING]
        return Request(
            argv=[command.executable, *command.arguments],
            mode="confined",
            wall=command.limits.wall,
            env=ENVIRONMENT | dict(access.environment),
            rlimits=rlimits(command.limits),
            processes=command.limits.processes,
            more={
                "folder": str(launcher.runtime_dir / "calls" / os.urandom(16).hex()),
                "tree": str(command.tree),
                "stage": self._drops_uids() and not reachable_by_others(command.tree),
                "rules": rules,
                "granted": [landlock.EXECUTE | landlock.WRITE if one.writable else landlock.EXECUTE for one in granted],
                "network": online,
                "filter": compiled_filter(network=access.network, shares=Shares.HOST).hex(),
            },
        )

    def _request(self, command: Command, tree_fd: int, head: bytes, launcher: Launcher) -> tuple[Request, list[int]]:
        del head
        access = command.access
        if access.network is Network.LOOPBACK:
            raise CannotRun(
                "the engine confine cannot give a call a loopback of its own; grant the network as outbound, or use "
                "another engine"
            )
        if access.secrets:
            raise CannotRun(
                "the engine confine cannot show secrets in /run/secrets to one call alone; use another engine"
            )
        granted = open_granted(access)
        try:
            for one in granted:
                refuse_to_show(one.path, launcher.runtime_dir)
            return self._build(command, launcher, granted), [tree_fd, *(one.fd for one in granted)]
        except BaseException:
            close_quietly([one.fd for one in granted])
            raise


def refuse_to_show(path: str, runtime_dir: Path) -> None:
    """Make sure that a granted path shows nothing of other calls.

    Raises:
        CannotRun: it does.
    """
    for kept in (*KEPT, "/sys"):
        if Path(path).is_relative_to(kept) or Path(kept).is_relative_to(path):
            raise CannotRun(f"{path} was granted, but nothing of {kept} can be shown to a call")
    if runtime_dir.is_relative_to(path):
        raise CannotRun(f"{path} was granted, but the folders of all calls lie in it, in {runtime_dir}")
