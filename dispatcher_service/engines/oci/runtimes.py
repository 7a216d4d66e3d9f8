"""The OCI runtimes that there are, and how each wants to be called."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dispatcher_service.engines.base import Network

ROOTS_PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin"
UNIFIED = Path("/sys/fs/cgroup/unified")
SYSTRAP_SINCE = 20230501
"""The first release of gVisor whose platform is `systrap`, by its date; before, only `ptrace` works everywhere."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One OCI runtime."""

    name: str
    install: str
    own_kernel: bool = False
    """System calls are answered by the runtime's own kernel, not by the host's."""
    processes: int = 3
    """How many processes at the top of a call's tree are not the command's: a supervisor, its own, a shell."""
    makes_groups: bool = False
    """As root it makes control groups for its containers and cannot be told not to."""
    refuses_hybrid: bool = False
    """It does not run where both versions of control groups are mounted."""

    def find(self) -> str | None:
        """Where it is; None when it is not installed. Folders of root's programs count though PATH may lack them."""
        return shutil.which(self.name) or shutil.which(self.name, path=ROOTS_PROGRAMS)

    def version(self, text: str) -> str:
        """Its version, from what `--version` prints."""
        found = re.search(r"version\s+(\S+)", text)
        return found[1] if found else "of an unknown version"

    def options(self, version: str, state: Path, *, root: bool) -> list[str]:
        """The options before the command that every use of it takes."""
        options = [f"--root={state}"]
        if self.name == "crun":
            options.append("--cgroup-manager=disabled")
        elif self.name == "runsc":
            options += ["--ignore-cgroups", "--oci-seccomp", f"--platform={platform(version)}"]
            if not root:
                options.append("--rootless")
        return options

    def network(self, network: Network) -> list[str]:
        """The options before the command that decide about the network, beside the namespaces."""
        if not self.own_kernel:
            return []
        return ["--network=host" if network is Network.OUTBOUND else "--network=none"]


RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("crun", "apt-get install crun / dnf install crun", refuses_hybrid=True),
        Runtime("runc", "apt-get install runc / dnf install runc", makes_groups=True),
        Runtime("runsc", "apt-get install runsc, or a newer one from https://gvisor.dev", processes=2, own_kernel=True),
    )
}


def platform(version: str) -> str:
    """How gVisor of that version is to intercept system calls. Never `kvm`, which wants a machine of its own."""
    date = re.search(r"20\d{6}", version)
    return "ptrace" if date and int(date[0]) < SYSTRAP_SINCE else "systrap"


def is_hybrid(unified: Path = UNIFIED) -> bool:
    """Whether control groups of version 2 are mounted beside those of version 1."""
    return (unified / "cgroup.procs").is_file()


def without_hybrid(argv: Sequence[str], *, root: bool) -> list[str]:
    """The command line that runs another where no control groups of version 2 are seen.

    Only in a mount namespace of its own, so the host's mounts stay as they are. An ordinary user makes a user namespace
    for it, in which it is root.
    """
    unshare = ["/usr/bin/unshare", "--mount", "--propagation", "private"]
    if not root:
        unshare += ["--user", "--map-root-user"]
    return [*unshare, "/bin/sh", "-c", f'mount -t tmpfs none {UNIFIED} && exec "$@"', "sh", *argv]
