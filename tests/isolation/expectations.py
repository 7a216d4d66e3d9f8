"""What is not promised, by engine, user and attack, and why. Everything else must hold."""

from __future__ import annotations

from fnmatch import fnmatchcase

OWN_KERNEL = "gVisor's own kernel answers, for this sandbox alone; the host's is not asked"
OWN_BOUNDS = "gVisor holds these for its whole sandbox from outside, with room for itself, or not at all"
ROOT_OF_NOTHING = (
    "a runtime without root maps its one user as 0 of a namespace of its own: it has no capability there, and outside "
    "it is the dispatcher's user"
)
BUFFERS = "the kernel's own buffers are counted by control groups alone; else the number of open files bounds them"
BESIDE = "runc puts a container into a group of version 2 beside the call's, whose processors' time is sampled then"
UNSEEN = "without control groups samples see what processes have mapped and use at that moment, and not what is hidden"
IN_SIGHT = "without a namespace of processes, that one of some number exists can be told, and nothing else of it"
ONE_USER = "the kernel counts all processes of the user, who is the dispatcher's: what its others may have comes on top"
NOT_PROMISED: list[tuple[str, str, str, str]] = [
    # engine, user, attack (each may have *), why
    ("bubblewrap", "*", "exhaustion: makes many files", "bubblewrap bounds the bytes of a tmpfs, not its inodes"),
    ("*", "user", "exhaustion: takes memory in sockets", BUFFERS),
    ("*", "user", "exhaustion: takes memory and lets go of it", UNSEEN),
    ("*", "user", "exhaustion: spins in children that nobody waits for", UNSEEN),
    ("oci:runc", "root", "exhaustion: spins in children that nobody waits for", BESIDE),
    ("confine", "*", "descriptors: finds something in its environment", "TMPDIR and the like name its own folder"),
    ("confine", "*", "proc: finds planted pids", IN_SIGHT),
    ("confine", "user", "exhaustion: has many *", ONE_USER),
    ("confine", "*", "exhaustion: fills the disk", "its folder is one of the host's, whose size nothing bounds"),
    ("confine", "*", "exhaustion: makes many files", "its folder is one of the host's, whose size nothing bounds"),
    (
        "*",
        "*",
        "neighbours: sees the locks of another",
        (
            "locks on what all calls read, the system and an extension's folder, are one for all; two that want to may tell "
            "each other something so"
        ),
    ),
    *(
        (engine, "user", attack, ROOT_OF_NOTHING)
        for engine in ("oci:crun", "oci:runc", "oci:runsc")
        for attack in ("privilege: becomes root by *", "privilege: is root", "privilege: runs *of root")
    ),
    *(
        ("oci:runsc", "*", f"exhaustion: {attack}", OWN_BOUNDS)
        for attack in ("takes memory*", "sends descriptors away to have more", "makes many files")
    ),
    *(
        ("oci:runsc", "*", attack, OWN_KERNEL)
        for attack in (
            "files: lists /sys/*",
            "files: makes a device",
            "kernel: * the kernels log",
            "kernel: sets up a ring",
            "kernel: makes a 32-bit call",
            "kernel: makes an x32 call",
            "kernel: * of the old kind",
            "kernel: queues messages by name",
            "neighbours: watches what others open",
            "network: makes a socket, netlink",
            "network: makes a socket, TCP over IPv4",
            "network: makes a socket, UDP over IPv6",
            "network: listens where others connect",
            "network: lists interfaces",
            "network: makes sockets by a ring",
            "privilege: may gain privileges at all",
            "privilege: runs without a filter",
            "privilege: unshares *",
            "privilege: clones into *",
            "privilege: installs a filter by prctl",
            "proc: lowers its place among the killed",
            "proc: opens /proc/1/oom_score_adj for writing",
            "processes: traces its own child",
            "processes: asks to be traced",
            "processes: raises its priority",
        )
    ),
]


def reason(engine: str, who: str, attack: str) -> str:
    """Why an engine need not hold an attack; empty when it must."""
    for engines, users, attacks, why in NOT_PROMISED:
        if fnmatchcase(engine, engines) and fnmatchcase(who, users) and fnmatchcase(attack, attacks):
            return why
    return ""


def unexpected(engine: str, who: str, found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """What has not been held of what had to be."""
    held = ("held", "absent")
    return {name: got for name, got in found.items() if got[0] not in held and not reason(engine, who, name)}
