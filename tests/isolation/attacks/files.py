"""What one reads and writes of files that are not one's own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import struct
from collections.abc import Callable

from .table import PLAIN, PROCESS, ROOT, Absent, Bait, attack, errors, syscall

ROUNDS = 3000
FOLDERS = (
    "/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/etc/ssl/certs", "/dev", "/opt", "/root", "/run", "/var", "/home",
    "/srv", "/mnt", "/bin", "/lib", "/var/lib", "/boot",
)  # fmt: skip
FILES = (
    "/etc/passwd", "/etc/group", "/etc/hosts", "/etc/ld.so.cache", "/usr/bin/env", "/etc/nsswitch.conf",
    "/sys/kernel/mm/transparent_hugepage/enabled",
)  # fmt: skip
PRIVATE = ("/etc/shadow", "/etc/gshadow")
CLOSED = ("/root", "/var/log", "/var/lib", "/boot", "/srv", "/mnt", "/media", "/sys/kernel", "/sys/fs", "/var/run")
DEVICES = (
    "mem", "kmsg", "kvm", "fuse", "net/tun", "loop-control", "vda", "sda", "nvme0n1", "ptmx", "vsock",
    "userfaultfd", "vhost-net", "port",
)  # fmt: skip
LENT = 0o4755
AT_EMPTY_PATH, RENAME_EXCHANGE = 0x1000, 2
OWN = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
"""The extension's own folder, beside which the secret lies on the host."""


def there(bait: Bait, path: str) -> None:
    if not bait["inside"] and not os.path.lexists(path):
        raise Absent(path)


def read(bait: Bait, path: str) -> str | None:
    with open(path, "rb", buffering=0) as file:
        return path if bait["mark"].encode() in file.read(1000) else None


def own_folder(bait: Bait) -> str:
    """A folder of the attacker's, anew; where others must be able to walk to it when there are no walls.

    Inside, in what it has been given of the host, if anything, else where every call may write.
    """
    path = f"{bait['given'] or os.environ.get('TMPDIR', '/tmp') if bait['inside'] else bait['drop']}/{os.getpid()}"
    os.mkdir(path)
    return path


@attack(PLAIN)
def reads_the_secret(bait: Bait) -> str | None:
    return read(bait, bait["secret"])


@attack(ROOT)
def reads_the_secret_in_a_closed_folder(bait: Bait) -> str | None:
    return read(bait, bait["closed secret"])


@attack(PLAIN)
def changes_the_secret(bait: Bait) -> str:
    os.close(os.open(bait["secret"], os.O_WRONLY | os.O_APPEND))
    return "it is open for writing"


@attack(PLAIN)
def lists_the_folder_of_the_secret(bait: Bait) -> str | None:
    return f"{os.listdir(os.path.dirname(bait['secret']))}"


@attack(PLAIN)
def steps_up_from_its_own_folder(bait: Bait) -> str | None:
    for path in ("..", "../..", "../../.."):
        with contextlib.suppress(OSError):
            if found := read(bait, f"{OWN}/{path}/{bait['name']}"):
                return found
    return None


@attack(PLAIN)
def steps_up_from_a_descriptor(bait: Bait) -> str | None:
    folder = os.open(OWN, os.O_PATH | os.O_DIRECTORY)
    for up in ("..", "../..", "../../.."):
        with contextlib.suppress(OSError):
            fd = os.open(f"{up}/{bait['name']}", os.O_RDONLY, dir_fd=folder)
            if bait["mark"].encode() in os.read(fd, 1000):
                return up
        with contextlib.suppress(OSError):
            if found := read(bait, f"/proc/self/fd/{folder}/{up}/{bait['name']}"):
                return found
    return None


@attack(PLAIN)
def steps_up_from_every_descriptor_it_was_given(bait: Bait) -> str | None:
    if not bait["inside"]:
        os.open(OWN, os.O_PATH)  # what an engine with a leak would leave open
    for number in os.listdir("/proc/self/fd"):
        for up in ("..", "../..", "../../.."):
            for rest in (bait["name"], bait["secret"][1:]):
                with contextlib.suppress(OSError):
                    if found := read(bait, f"/proc/self/fd/{number}/{up}/{rest}"):
                        return found
    return None


@attack(PLAIN)
def follows_its_own_link(bait: Bait) -> str | None:
    link = f"{own_folder(bait)}/link"
    os.symlink(bait["secret"], link)
    return read(bait, link)


@attack(PLAIN)
def follows_a_link_that_came_with_it(bait: Bait) -> str | None:
    return read(bait, f"{OWN}/link")


@attack(PLAIN)
def goes_through_its_own_root_and_working_folder(bait: Bait) -> str | None:
    for way in ("/proc/self/root", "/proc/self/root/../..", "/proc/thread-self/root", "/proc/self/cwd/../../../.."):
        with contextlib.suppress(OSError):
            if found := read(bait, way + bait["secret"]):
                return found
    return None


@attack(PLAIN)
def makes_a_hard_link(bait: Bait) -> str | None:
    folder = own_folder(bait)
    os.link(bait["secret"], f"{folder}/hard")
    return read(bait, f"{folder}/hard")


@attack(PLAIN)
def wins_a_race_of_renames(bait: Bait) -> str | None:
    """A folder and a link to elsewhere change places while a file is opened through them."""
    folder = own_folder(bait)
    os.mkdir(f"{folder}/a")
    with open(f"{folder}/a/{bait['name']}", "w") as file:
        file.write("harmless")
    os.symlink(os.path.dirname(bait["secret"]), f"{folder}/b")
    swapper = os.fork()
    if swapper == 0:
        try:
            while True:
                syscall("renameat2", -100, f"{folder}/a".encode(), -100, f"{folder}/b".encode(), RENAME_EXCHANGE)
        finally:
            os._exit(1)
    try:
        for _round in range(ROUNDS):
            with contextlib.suppress(OSError):
                if found := read(bait, f"{folder}/a/{bait['name']}"):
                    return found
        return None
    finally:
        os.kill(swapper, signal.SIGKILL)
        os.waitpid(swapper, 0)


@attack(ROOT)
def opens_by_a_handle(bait: Bait) -> str | None:
    """A file system gives out any file by its number, whatever is mounted where (the escape called shocker)."""
    kind, data = bait["handle"]
    if kind is None:
        raise Absent("the file system gives no handles")
    raw = bytes.fromhex(data)
    handle = ctypes.create_string_buffer(len(raw).to_bytes(4, "little") + kind.to_bytes(4, "little") + raw)
    folder = os.open(OWN, os.O_RDONLY)
    fd = syscall("open_by_handle_at", folder, handle, os.O_RDONLY)
    return "the secret" if bait["mark"].encode() in os.read(fd, 1000) else None


@attack(PLAIN)
def runs_what_only_the_host_has(bait: Bait) -> str | None:
    child = os.fork()
    if child == 0:
        try:
            os.execv(bait["program"], ["program"])
        finally:
            os._exit(9)
    return "it ran" if os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7 else None


def _writes_to_folder(path: str) -> None:
    @attack(ROOT, f"writes to {path}")
    def run(bait: Bait) -> str:
        """A file without a name leaves nothing behind on the host."""
        there(bait, path)
        if bait["inside"]:
            for make in (os.mkdir, lambda name: os.open(name, os.O_CREAT | os.O_WRONLY, 0o600)):
                with contextlib.suppress(OSError):
                    make(f"{path}/graft-{os.getpid()}")
                    return f"made something in {path}"
        try:
            os.close(os.open(path, os.O_TMPFILE | os.O_WRONLY, 0o600))
        except OSError as error:
            if not bait["inside"] and error.errno in errors("EOPNOTSUPP", "EISDIR", "EROFS"):
                raise Absent(f"{path}: {error.strerror}") from None
            raise
        return "made a file"


def _writes_to_file(path: str) -> None:
    @attack(ROOT, f"opens {path} for writing")
    def run(bait: Bait) -> str:
        there(bait, path)
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError as error:
            if not bait["inside"] and error.errno in errors("ETXTBSY", "EROFS", "EBUSY"):
                raise Absent(f"{path}: {error.strerror}") from None
            raise
        return "it is open"


def _reads_file(path: str) -> None:
    @attack(ROOT, f"reads {path}")
    def run(bait: Bait) -> str:
        there(bait, path)
        os.close(os.open(path, os.O_RDONLY))
        return "it is open"


def _lists(path: str) -> None:
    @attack(ROOT, f"lists {path}")
    def run(bait: Bait) -> str | None:
        there(bait, path)
        names = os.listdir(path)
        if not names and not bait["inside"]:
            raise Absent(f"{path} is empty here")
        return f"{names[:5]}" if names else None


def _opens_device(name: str) -> None:
    @attack(ROOT, f"opens /dev/{name}")
    def run(bait: Bait) -> str:
        there(bait, f"/dev/{name}")
        try:
            os.close(os.open(f"/dev/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
        except OSError as error:
            if not bait["inside"]:
                raise Absent(f"root cannot open it either: {error.strerror}") from None
            raise
        return "it is open"


for _path in FOLDERS:
    _writes_to_folder(_path)
for _path in FILES:
    _writes_to_file(_path)
for _path in PRIVATE:
    _reads_file(_path)
for _path in CLOSED:
    _lists(_path)
for _path in DEVICES:
    _opens_device(_path)


def _changes(name: str, act: Callable[[str], object]) -> None:
    @attack(PLAIN, f"changes {name} of what is the dispatcher's")
    def run(bait: Bait) -> str:
        """To what it is, or nearly: no permission on the file is asked for, only whose it is."""
        try:
            act(bait["own"])
        except OSError as error:
            if not bait["inside"] and error.errno in errors("EOPNOTSUPP"):
                raise Absent(f"the file system has none: {error.strerror}") from None
            raise
        return "changed"


def _by_place(act: Callable[[str], object]) -> Callable[[str], object]:
    """Do something to a file that is not opened, only held on to, which many rules let pass."""
    return lambda path: act(f"/proc/self/fd/{os.open(path, os.O_PATH)}")


def _sets_times_as_they_are(path: str) -> None:
    status = os.stat(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _owns_again(path: str) -> None:
    status = os.stat(path)
    os.chown(path, status.st_uid, status.st_gid)


for _name, _act in (
    ("the mode", lambda path: os.chmod(path, 0o644)),
    ("the times", os.utime),
    ("the times, to what they are,", _sets_times_as_they_are),
    ("the owner", _owns_again),
    ("an attribute", lambda path: os.setxattr(path, "user.graft", b"x")),
    ("the length", lambda path: os.truncate(path, 0)),
):
    _changes(_name, _act)
    if _name != "the length":
        _changes(f"{_name} by its place", _by_place(_act))


def _lends(name: str, make: Callable[[str], object]) -> None:
    @attack(PLAIN, f"lends its user to a file by {name}")
    def run(bait: Bait) -> str | None:
        """Whoever runs that file later is the call's user, who may be the dispatcher's."""
        path = f"{own_folder(bait)}/lent"
        os.umask(0)
        made = make(path)
        mode = (os.fstat(made) if isinstance(made, int) else os.stat(path)).st_mode
        return f"mode {mode:o}" if mode & (stat.S_ISUID | stat.S_ISGID) else None


def _plain_file(path: str) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR, 0o700)


def _two_steps(change: Callable[[str, int], object]) -> Callable[[str], object]:
    def make(path: str) -> None:
        change(path, _plain_file(path))

    return make


def _makes_a_node(name: str, *folder: int) -> Callable[[str], object]:
    def make(path: str) -> None:
        syscall(name, *folder, path.encode(), stat.S_IFREG | LENT, 0)

    return make


def _opens_the_new_way(path: str) -> object:
    how = ctypes.create_string_buffer(struct.pack("QQQ", os.O_CREAT | os.O_WRONLY, LENT, 0))
    return syscall("openat2", -100, path.encode(), how, 24)


for _name, _make in (
    ("chmod", _two_steps(lambda path, _fd: os.chmod(path, LENT))),
    ("chmod of its group", _two_steps(lambda path, _fd: os.chmod(path, 0o2755))),
    ("fchmod", _two_steps(lambda _path, fd: os.fchmod(fd, LENT))),
    ("fchmodat", _two_steps(lambda path, _fd: os.chmod(os.path.basename(path), LENT, dir_fd=os.open(os.path.dirname(path), os.O_PATH)))),
    ("fchmodat2", _two_steps(lambda path, _fd: syscall("fchmodat2", -100, path.encode(), LENT, 0))),
    ("open", lambda path: os.open(path, os.O_CREAT | os.O_WRONLY, LENT)),
    ("openat2", _opens_the_new_way),
    ("a file without a name", lambda path: os.open(os.path.dirname(path), os.O_TMPFILE | os.O_WRONLY, LENT)),
    ("creat", lambda path: syscall("creat", path.encode(), LENT)),
    ("mknod", _makes_a_node("mknod")),
    ("mknodat", _makes_a_node("mknodat", -100)),
):  # fmt: skip
    _lends(_name, _make)


@attack(ROOT)
def gives_a_file_powers(bait: Bait) -> str:
    path = f"{own_folder(bait)}/powers"
    _plain_file(path)
    os.setxattr(path, "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
    return "it has a capability"


@attack(ROOT)
def gives_a_file_away(bait: Bait) -> str:
    path = f"{own_folder(bait)}/given"
    _plain_file(path)
    os.chown(path, 1, 1)
    return "it is another's"


@attack(ROOT)
def writes_to_its_own_folder(bait: Bait) -> str:
    if bait["inside"]:
        with contextlib.suppress(OSError):
            os.close(os.open(f"{OWN}/new", os.O_CREAT | os.O_WRONLY, 0o600))
            return "made a file"
        with contextlib.suppress(OSError):
            os.close(os.open(__file__, os.O_WRONLY))
            return "opened its own code for writing"
        with contextlib.suppress(OSError):
            os.chmod(__file__, 0o777)
            return "changed the mode of its own code"
    os.close(os.open(OWN, os.O_TMPFILE | os.O_WRONLY, 0o600))
    return "made a file"


@attack(ROOT)
def makes_a_device(bait: Bait) -> str:
    path = f"{own_folder(bait)}/null"
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    try:
        os.close(os.open(path, os.O_RDWR))
    finally:
        os.unlink(path)
    return "made and opened"


@attack(ROOT)
def makes_the_disk(bait: Bait) -> str:
    """The device below the root: whoever opens it reads every file there is."""
    path = f"{own_folder(bait)}/disk"
    major, minor = bait["disk"]
    if not major:
        raise Absent("the root of this machine is on no disk")
    try:
        os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(major, minor))
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        if not bait["inside"]:
            raise Absent("root may not open disks on this machine") from None
        raise
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
    return "made and opened"


@attack(PROCESS)
def changes_what_the_dispatcher_has_asked(_bait: Bait) -> str | None:
    """The request that is its input is not to be written; outside, an ordinary file stands for one that is not sealed."""
    for path in ("/proc/self/fd/0", "/dev/stdin"):
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDWR)
            os.pwrite(fd, b"X", 0)
            return f"{path} was written"
    with contextlib.suppress(OSError):
        os.pwrite(0, b"X", 0)
        return "0 was written"
    with contextlib.suppress(OSError):
        os.ftruncate(0, 0)
        return "0 was cut off"
    return None
