"""What one call finds of another, that runs beside it or ran before. `bait["name of the other"]` is in all it has made."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket

from .table import PLAIN, Bait, attack, syscall

PLACES = (
    "/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/run/user", "/var/run", "/var/lib", "/home", "/root",
    "/dev/mqueue", "/opt", "/opt/ext", "/proc/sysvipc", "/mnt", "/srv", "/etc",
)  # fmt: skip
FIND_KEY = 10
IN_OPEN = 0x20
KEYRINGS = {"thread": -1, "process": -2, "session": -3, "user": -4, "user session": -5}


def where(bait: Bait) -> tuple[str, ...]:
    return PLACES if bait["inside"] else (bait["drop"],)


@attack(PLAIN)
def finds_files_of_another(bait: Bait) -> str | None:
    other = bait["name of the other"]
    for place in where(bait):
        with contextlib.suppress(OSError):
            if found := [name for name in os.listdir(place) if other in name]:
                return f"{place}: {found}"
    return None


@attack(PLAIN)
def finds_what_another_has_written_into_files(bait: Bait) -> str | None:
    other = bait["mark"].encode()
    for place in where(bait):
        with contextlib.suppress(OSError):
            for name in os.listdir(place):
                with contextlib.suppress(OSError), open(f"{place}/{name}", "rb") as file:
                    if other in file.read(100_000):
                        return f"{place}/{name}"
    return None


@attack(PLAIN)
def connects_to_an_abstract_socket_of_another(bait: Bait) -> str:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(f"\0{bait['name of the other']}")
    return "connected"


@attack(PLAIN)
def connects_to_a_socket_file_of_another(bait: Bait) -> str | None:
    for place in where(bait):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.connect(f"{place}/{bait['name of the other']}.socket")
            return f"connected in {place}"
    return None


@attack(PLAIN)
def attaches_shared_memory_of_another(bait: Bait) -> str:
    number = syscall("shmget", bait["key of the other"], 0, 0)
    return f"segment {number}"


@attack(PLAIN)
def finds_a_key_of_another(bait: Bait) -> str | None:
    for name, ring in KEYRINGS.items():
        with contextlib.suppress(OSError):
            key = syscall("keyctl", FIND_KEY, ring, b"user", bait["name of the other"].encode(), 0)
            return f"key {key} in the keyring of the {name}"
    with open("/proc/keys") as file:
        found = [line for line in file if bait["name of the other"] in line]
    return f"{found}" if found else None


@attack(PLAIN)
def opens_a_queue_of_another(bait: Bait) -> str:
    fd = syscall("mq_open", bait["name of the other"].encode(), os.O_RDONLY, 0, 0)
    return f"queue {fd}"


@attack(PLAIN)
def sees_the_locks_of_another(bait: Bait) -> str | None:
    """A lock on a file that both see would tell of the other, and stop it."""
    with open(bait["common file"], "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "it is locked"
    return None


@attack(PLAIN)
def watches_what_others_open(bait: Bait) -> str:
    """Who watches the interpreter, or what lies beside the extension, sees each call of others begin."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK)
    if fd < 0 or libc.inotify_add_watch(fd, bait["common file"].encode(), IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    os.close(os.open(bait["common file"], os.O_RDONLY))
    return f"{len(os.read(fd, 100))} bytes about whoever opened it"
