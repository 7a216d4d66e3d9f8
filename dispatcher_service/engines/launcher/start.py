"""The start of the launcher: what a new process does before it serves. The standard library only.

Started once, by `client.py`, as a new interpreter with a clean environment and the arguments `SOCKET PARENT RUNTIME_DIR
UIDS [SPEC]`. `UIDS` is `drop` when calls are to get users of their own (the launcher is root) and `keep` otherwise.
`SPEC` is a JSON file that says what the walls of the engine `native` are made of (`template.py`); with it the launcher
moves into namespaces first, and all its calls are of mode `native`.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket

from dispatcher_service.engines.launcher import kernel, warden, zygotes
from dispatcher_service.engines.launcher.cgroups import Cgroups
from dispatcher_service.engines.launcher.child import IGNORED
from dispatcher_service.engines.launcher.cloning import CloningLauncher
from dispatcher_service.engines.launcher.forking import ForkingLauncher
from dispatcher_service.engines.launcher.native import NativeStarter
from dispatcher_service.engines.launcher.processes import max_files, remove_folder, reserve_uids
from dispatcher_service.engines.launcher.program import Launcher, Means
from dispatcher_service.engines.launcher.template import WallError, divide, enter
from dispatcher_service.engines.launcher.warming import WarmingLauncher
from dispatcher_service.engines.launcher.zygote import loading


def main(arguments: list[str]) -> None:
    """Serve until the dispatcher is gone."""
    fd, parent, runtime_dir, uids, *spec = arguments
    line = socket.socket(fileno=int(fd))
    tidy(line.fileno())
    try:
        parent_fd = os.pidfd_open(int(parent))
    except ProcessLookupError:
        return
    except OSError:
        parent_fd = -1  # without pidfds the socket's end alone tells that the dispatcher is gone
    cgroups = Cgroups.open()  # while the host's are to be seen
    _lock, first_uid = reserve_uids() if uids == "drop" else (None, None)
    means = Means(line, parent_fd, runtime_dir, first_uid, cgroups)
    if not spec:
        if warden.divide(line):
            serve(ForkingLauncher(means))
        else:
            remove_folder(runtime_dir)
            cgroups.clear_homes()
        return
    with open(spec[0], "rb") as file:  # noqa: PTH123  (pathlib would double this small process)
        walls = json.load(file)
    text = loading.text("main", zygotes.LINE_FD) if "zygotes" in walls else b""
    try:
        enter(host_network=walls["host_network"])
        if divide():
            if os.geteuid() != 0:
                kernel.hand_down_capabilities(kernel.last_capability())
            native = NativeStarter(walls)
            profile = zygotes.profile_of(native, walls, text, cgroups, drops=first_uid is not None)
            if profile is None:
                serve(CloningLauncher(means, native))
            else:
                serve(WarmingLauncher(means, native, profile))
        else:
            remove_folder(runtime_dir)
            cgroups.clear_homes()
    except WallError as error:
        line.send(json.dumps({"op": "failed", "wall": error.wall, "error": error.reason}).encode())


def tidy(kept: int) -> None:
    """Close what was inherited but for one descriptor, have room for those of many calls, and see to the signals."""
    _soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # calls get their own limit, which is lower
    os.set_inheritable(kept, False)
    os.closerange(3, kept)
    os.closerange(kept + 1, max_files())
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}:
        try:
            signal.signal(number, signal.SIG_DFL)
        except OSError:
            continue  # a real-time signal that the C library keeps for itself
    kernel.heed_all_signals()  # those, too: what is ignored stays so in every program
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def serve(launcher: Launcher) -> None:
    """Serve with it, in memory that its children share as much as can be."""
    gc.collect()
    gc.freeze()  # so that a collection in a child touches, and so copies, none of what it shares with the launcher
    try:
        launcher.serve()
    finally:
        launcher.stop()
