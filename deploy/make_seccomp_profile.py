"""Makes `seccomp-dispatcher.json` from Docker's own default profile.

The dispatcher's container is unprivileged and builds a sandbox per call out of user namespaces. Docker's default
profile keeps the calls for that to containers with CAP_SYS_ADMIN; this profile allows exactly those to everybody, drops
io_uring, and keeps everything else as it is. To renew it from the newest default profile (Apache-2.0,
https://github.com/moby/profiles):

    go mod download -json github.com/moby/profiles/seccomp@latest      # prints the directory that has default.json
    python3 deploy/make_seccomp_profile.py DIR/default.json > deploy/seccomp-dispatcher.json
"""
# ruff: noqa: INP001  (a script beside the file it makes, no package)

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

NAMESPACE_CALLS = (
    "chroot",
    "clone",
    "clone3",
    "fsconfig",
    "fsmount",
    "fsopen",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "pivot_root",
    "sethostname",
    "setns",
    "umount",
    "umount2",
    "unshare",
)
REMOVED_CALLS = ("io_uring_enter", "io_uring_register", "io_uring_setup")


def dispatcher_profile(default: dict[str, Any]) -> dict[str, Any]:
    """Returns the profile with the rules about `NAMESPACE_CALLS` and `REMOVED_CALLS` taken out and the former allowed.

    The old rules must go, not only be joined: an `SCMP_ACT_ERRNO` rule on `clone3` would contradict the new one.
    """
    ruled_here = {*NAMESPACE_CALLS, *REMOVED_CALLS}
    rules = []
    for rule in default["syscalls"]:
        names = [name for name in rule["names"] if name not in ruled_here]
        if names:
            rules.append({**rule, "names": names})
    rules.append({"names": list(NAMESPACE_CALLS), "action": "SCMP_ACT_ALLOW"})
    return {**default, "syscalls": rules}


def main(arguments: list[str]) -> int:
    """Prints the profile made from the file that the one argument names; returns the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: make_seccomp_profile.py DEFAULT_JSON > seccomp-dispatcher.json\n")
        return 2
    try:
        default = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        profile = dispatcher_profile(default)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"{arguments[0]} is no seccomp profile of Docker: {error}\n")
        return 1
    sys.stdout.write(json.dumps(profile, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
