"""What one reaches over sockets: planted listeners, the kernel, and families with large surfaces."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct

from .table import PLAIN, ROOT, Absent, Bait, Held, attack, syscall

SECONDS = 2.0
UNKNOWN = (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT)
FAMILIES = {
    # name: family, type, protocol, who may make one outside
    "netlink": (16, socket.SOCK_RAW, 0, PLAIN),
    "netlink audit": (16, socket.SOCK_RAW, 9, PLAIN),
    "packet": (17, socket.SOCK_RAW, 0x0300, ROOT),
    "raw IPv4": (2, socket.SOCK_RAW, 1, ROOT),
    "raw IPv6": (10, socket.SOCK_RAW, 58, ROOT),
    "vsock": (40, socket.SOCK_STREAM, 0, PLAIN),
    "crypto": (38, socket.SOCK_SEQPACKET, 0, PLAIN),
    "key": (15, socket.SOCK_RAW, 2, ROOT),
    "xdp": (44, socket.SOCK_RAW, 0, ROOT),
    "TCP over IPv4": (2, socket.SOCK_STREAM, 0, PLAIN),
    "UDP over IPv6": (10, socket.SOCK_DGRAM, 0, PLAIN),
    "MPTCP": (2, socket.SOCK_STREAM, 262, PLAIN),
    "SMC": (43, socket.SOCK_STREAM, 0, PLAIN),
    "TIPC": (30, socket.SOCK_STREAM, 0, PLAIN),
    "CAN": (29, socket.SOCK_RAW, 1, ROOT),
    "Bluetooth": (31, socket.SOCK_RAW, 1, PLAIN),
}


def address(bait: Bait, name: str) -> tuple[str, int]:
    if bait[name] is None:
        raise Absent(f"this machine has no {name}")
    host, port = bait[name]
    return host, port


def family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _tcp(name: str) -> None:
    @attack(PLAIN, f"connects to {name}")
    def run(bait: Bait) -> str:
        host, port = address(bait, name)
        with socket.socket(family_of(host), socket.SOCK_STREAM) as line:
            line.settimeout(SECONDS)
            line.connect((host, port))
        return f"connected to {host} {port}"

    @attack(PLAIN, f"connects to {name} with the first data")
    def fast(bait: Bait) -> str:
        host, port = address(bait, name)
        with socket.socket(family_of(host), socket.SOCK_STREAM) as line:
            line.sendto(b"x", socket.MSG_FASTOPEN, (host, port))
        return f"connected to {host} {port}"


def _udp(name: str) -> None:
    @attack(PLAIN, f"asks {name}")
    def run(bait: Bait) -> str:
        """The planted server answers each question about a name, as a resolver does."""
        host, port = address(bait, name)
        question = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + b"\5graft\7invalid\0" + struct.pack(">2H", 1, 1)
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as line:
            line.settimeout(SECONDS)
            line.sendto(question, (host, port))
            return f"answered: {line.recvfrom(512)[0]!r}"


for _name in ("TCP on 127.0.0.1", "TCP on ::1", "TCP on the host's IPv4", "TCP on the host's IPv6"):
    _tcp(_name)
for _name in ("UDP on 127.0.0.1", "UDP on ::1", "UDP on the host's IPv4", "UDP on the host's IPv6"):
    _udp(_name)


def _family(name: str) -> None:
    number, kind, protocol, shown = FAMILIES[name]

    @attack(shown, f"makes a socket, {name}")
    def run(bait: Bait) -> str:
        try:
            socket.socket(number, kind, protocol).close()
        except OSError as error:
            if not bait["inside"] and error.errno in UNKNOWN:
                raise Absent(f"this kernel has no {name}") from None
            raise
        return "made"


for _name in FAMILIES:
    _family(_name)


@attack(PLAIN)
def listens_where_others_connect(_bait: Bait) -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"listens on {server.getsockname()}"


@attack(PLAIN)
def lists_interfaces(_bait: Bait) -> str | None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as line:
        line.settimeout(SECONDS)
        line.send(struct.pack("IHHII", 20, 18, 0x301, 1, 0) + bytes(4))
        return f"{len(line.recv(65536))} bytes about interfaces"


@attack(PLAIN)
def reads_the_routes(bait: Bait) -> str | None:
    with open("/proc/net/tcp") as file:
        port = f":{bait['TCP on 127.0.0.1'][1]:04X} "
        lines = [line for line in file if port in line]
    return f"sees the planted listener: {lines[0]!r}" if lines else None


def _unix(name: str, kind: socket.SocketKind) -> None:
    @attack(PLAIN, f"connects to the {name}")
    def run(bait: Bait) -> str:
        with socket.socket(socket.AF_UNIX, kind) as line:
            line.connect(bait[name].replace("@", "\0"))
        return bait[name]


_unix("socket with a path", socket.SOCK_STREAM)
_unix("abstract socket", socket.SOCK_STREAM)
_unix("abstract datagram socket", socket.SOCK_DGRAM)
_unix("container engine's socket", socket.SOCK_STREAM)


@attack(PLAIN)
def sends_to_the_abstract_datagram_socket(bait: Bait) -> str:
    """Without connecting, which may be another check."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(b"x", bait["abstract datagram socket"].replace("@", "\0"))
    return "sent"


@attack(PLAIN)
def is_found_on_an_abstract_address(bait: Bait) -> str | None:
    """A name that is taken already tells that somebody else is there."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.bind(bait["abstract socket"].replace("@", "\0"))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "the name is taken"
            raise
    raise Held("the name is free")


@attack(PLAIN)
def makes_sockets_by_a_ring(bait: Bait) -> str:
    """io_uring makes sockets without the system call that a filter watches."""
    parameters = ctypes.create_string_buffer(120)
    try:
        fd = syscall("io_uring_setup", 4, parameters)
    except OSError as error:
        if not bait["inside"] and _rings_are_off(error):
            raise Absent("io_uring is switched off here") from None
        raise
    os.close(fd)
    return "a ring"


def _rings_are_off(error: OSError) -> bool:
    try:
        with open("/proc/sys/kernel/io_uring_disabled") as file:
            return file.read().strip() != "0"
    except OSError:
        return error.errno == errno.ENOSYS
