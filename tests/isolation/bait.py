"""What is planted on the host for attackers to reach: everything that only walls can keep from them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from isolation.sandbox import OTHER_USER, Sandbox

PROGRAM = "#!/bin/sh\nexit 7\n"
SECURITY_CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
"""The extended attribute by which a program has CAP_NET_BIND_SERVICE, permitted and effective (vfs_cap_data)."""


def host_address(family: socket.AddressFamily) -> str | None:
    """The address by which this host would go out, whether anything is there or not."""
    target = ("192.0.2.1", 9) if family == socket.AF_INET else ("2001:db8::1", 9)
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as line:
        line.connect(target)
        return line.getsockname()[0]
    return None


class Listeners:
    """TCP and UDP on the loopback and on the host's own address, and unix sockets; whoever comes is remembered."""

    def __init__(self, folder: Path) -> None:
        self.addresses: dict[str, object] = {}
        self.visits: list[str] = []
        name = secrets.token_hex(8)
        self._sockets: list[socket.socket] = []
        self._over = threading.Event()
        hosts = {
            "127.0.0.1": "127.0.0.1",
            "::1": "::1",
            "the host's IPv4": host_address(socket.AF_INET),
            "the host's IPv6": host_address(socket.AF_INET6),
        }
        for place, host in hosts.items():
            for kind, title in ((socket.SOCK_STREAM, f"TCP on {place}"), (socket.SOCK_DGRAM, f"UDP on {place}")):
                self.addresses[title] = None
                if host is None:
                    continue
                with contextlib.suppress(OSError):
                    line = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
                    line.bind((host, 0))
                    self.addresses[title] = line.getsockname()[:2]
                    self._serve(line, title)
        for title, kind, where in (
            ("socket with a path", socket.SOCK_STREAM, str(folder / "socket")),
            ("container engine's socket", socket.SOCK_STREAM, str(folder / "docker.sock")),
            ("abstract socket", socket.SOCK_STREAM, f"@graft-test-{name}"),
            ("abstract datagram socket", socket.SOCK_DGRAM, f"@graft-test-datagram-{name}"),
        ):
            line = socket.socket(socket.AF_UNIX, kind)
            line.bind(where.replace("@", "\0"))
            if not where.startswith("@"):
                Path(where).chmod(0o777)
            self.addresses[title] = where
            self._serve(line, title)

    def _serve(self, line: socket.socket, name: str) -> None:
        self._sockets.append(line)
        line.settimeout(0.2)
        if line.type == socket.SOCK_STREAM:
            line.listen(16)
        threading.Thread(target=self._answer, args=(line, name), daemon=True).start()

    def _answer(self, line: socket.socket, name: str) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                try:
                    if line.type == socket.SOCK_STREAM:
                        line.accept()[0].close()
                    else:
                        question, address = line.recvfrom(512)
                        if address:
                            line.sendto(question[:2] + b"\x81\x80" + question[4:], address)
                except OSError as error:
                    if isinstance(error, TimeoutError):
                        raise
                    return
                self.visits.append(name)

    def close(self) -> None:
        self._over.set()
        for line in self._sockets:
            line.close()


def file_handle(path: Path) -> tuple[int | None, str]:
    """The number by which the file system knows a file, as (type, bytes in hex)."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 8 + 128)
    mount = ctypes.c_int()
    if libc.name_to_handle_at(-100, str(path).encode(), buffer, ctypes.byref(mount), 0) != 0:
        return None, ""
    size, kind = struct.unpack_from("Ii", buffer)
    return kind, buffer.raw[8 : 8 + size].hex()


def disk_below(path: Path) -> tuple[int, int]:
    device = path.stat().st_dev
    return os.major(device), os.minor(device)


@contextlib.contextmanager
def planted(sandbox: Sandbox) -> Iterator[dict]:
    """Plant everything for the attackers of one sandbox; what it yields is what they are told."""
    folder = sandbox.folder
    mark = sandbox.mark
    (folder / "secret").write_text(mark)
    (folder / "secret").chmod(0o666)
    (folder / "closed").mkdir(mode=0o700)
    (folder / "closed" / "secret").write_text(mark)
    (folder / "drop").mkdir()
    (folder / "drop").chmod(0o1777)
    (folder / "program").write_text(PROGRAM)
    (folder / "program").chmod(0o755)
    (folder / "dispatchers").write_text("the dispatcher's\n")
    if sandbox.who == "user" and os.geteuid() == 0:
        os.chown(folder / "dispatchers", OTHER_USER, OTHER_USER)
    (sandbox.tree / "link").symlink_to(folder / "secret")
    powerful = os.geteuid() == 0
    if powerful:
        shutil.copyfile("/usr/bin/id", sandbox.tree / "id-of-root")
        (sandbox.tree / "id-of-root").chmod(0o4755)
        shutil.copyfile("/bin/grep", sandbox.tree / "grep-with-powers")
        (sandbox.tree / "grep-with-powers").chmod(0o755)
        os.setxattr(sandbox.tree / "grep-with-powers", "security.capability", SECURITY_CAPABILITY)
    listeners = Listeners(folder)
    line = f"86400.{int(mark[:6], 16):08d}"
    victim = sandbox.do(
        "start_victim", ["/bin/sleep", line], str(folder), str(folder / "secret"), {"GRAFT_TEST_SECRET": mark}
    )
    dispatcher, launcher = sandbox.do("pids")
    try:
        yield {
            **listeners.addresses,
            "visits": listeners.visits,
            "inside": sandbox.engine != "none",
            "together": False,
            "reply": -1,
            "mark": mark,
            "line": line,
            "name": "secret",
            "secret": str(folder / "secret"),
            "closed secret": str(folder / "closed" / "secret"),
            "own": str(folder / "dispatchers"),
            "drop": str(folder / "drop"),
            "given": "",
            "program": str(folder / "program"),
            "handle": file_handle(folder / "secret"),
            "disk": disk_below(Path("/")),
            "victim": victim,
            "dispatcher": dispatcher,
            "launcher": launcher,
            "powerful": powerful,
            "unlimited": ["AS"],
            "typed": "echo typed\n",
            "terminal": "",
        }
    finally:
        listeners.close()


def as_user(sandbox: Sandbox) -> list[str]:
    """The start of a command line that is run as the sandbox's user."""
    if sandbox.who == "root" or os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups", "--", "env"]


def in_spaces(sandbox: Sandbox) -> list[str]:
    """The start of a command line that is run as root of throw-away namespaces, as the sandbox's user."""
    spaces = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--ipc", "--uts", "--net", "--kill-child"]
    return [*as_user(sandbox), "unshare", *spaces, "--mount-proc", "--propagation", "private", "--"]
