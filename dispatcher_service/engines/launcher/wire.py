"""What is said between the launcher, the maker of its sandboxes, and a sandbox's first process, as bytes.

Python and C both speak it (`accelerator/wire.c` reads the same), so that the launcher need not know which its maker is.
The standard library only.

Every message is one datagram of a SOCK_SEQPACKET socket; whole numbers are the machine's own, without padding.

- Launcher to a maker that is another program, once, the profile: `P`; the namespaces that a sandbox is cloned into, the
  user's number inside, the newest capability, the flags of the mounts /tmp and /proc (u32 each); the accesses that
  Landlock decides about, 0 without it, and those of them that fit a file (u64 each); with a NUL behind each, the
  options of /tmp and of /proc, what is written to oom_score_adj, and what would let root become another user; how many
  hierarchies of control groups there are (u8), and of each whether it is the unified one (u8); how many rules of
  Landlock's (u8), and what each allows (u64); how many of its rules by path (u8), and of each what it allows (u64) and
  the path with a NUL; how many kinds of network (u8), and of each where it comes from (u8; 0 the host's, 1 an empty one
  that is kept for the sandbox's number, 2 a new one with its loopback), the length (u8) and the bytes of Landlock's
  attributes of a ruleset, the length in instructions (u16) and the instructions of the seccomp filter. Descriptors come
  with it: where first processes report, the folder of groups in each hierarchy, what each rule is about. It is answered
  as an order with the number 0.
- Launcher to maker, an order: the sandbox's number (u32); the user that it becomes, -1 for the launcher's (i32); which
  of the profile's kinds of network it is of (u8); in how many hierarchies its control group is to be renewed (u8), then
  their numbers (u8 each); the group's name, which is the rest: empty for none.
- Maker to launcher, the answer: the order's number (u32), the process's number (i32), with two descriptors; or 0, and
  the text of an error, which is the rest.
- To a sandbox's first process, its call: `C`; how many limits (u8), rules (u16), arguments (u16) and variables (u16)
  come; how many processes it may have, 0 for any number (u32). Then each limit: which (u32), soft and hard (u64 each);
  what each of Landlock's rules allows (u64); with a NUL behind it, the path of each rule, each argument, and each
  variable as `NAME=value`. With three descriptors: standard input, output and error.
- To it, in place of a call: `J`, for its namespaces, of which it sends the descriptors with `J`.
- From it to the launcher, on a socket that all have in common, its report: `REPORT`, and the text of an error.

A reader takes nothing that is longer, or has more or less in it, than it says itself.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

MAX_ORDER = 256
MAX_ANSWER = 1024
MAX_CALL = 1 << 18
"""Bytes of a call's message."""
MAX_ERROR = 500
JOIN = b"J"
REPORT = struct.Struct("=IIIdI")
"""The sandbox's number, exit code, signal, CPU time and the largest process's size; then the text of an error."""
HOST_NETWORK, KEPT_NETWORK, LOOPBACK = range(3)
"""Where a kind of network comes from."""
_PROFILE = struct.Struct("=c5I2Q")
_ORDER = struct.Struct("=IiBB")
_ANSWER = struct.Struct("=Ii")
_CALL = struct.Struct("=cBHHHI")
_LIMIT = struct.Struct("=IQQ")
_ACCESS = struct.Struct("=Q")
_COUNT = struct.Struct("=H")
_UNLIMITED = (1 << 64) - 1
"""RLIM_INFINITY, which Python writes as -1."""
_MOST_PROCESSES = 1 << 31


class Kind(NamedTuple):
    """What sandboxes with a kind of network have of their own."""

    place: int
    """`HOST_NETWORK`, `KEPT_NETWORK` or `LOOPBACK`."""
    ruleset: bytes
    """Landlock's attributes of a ruleset; empty without it."""
    filter: bytes
    """For seccomp."""


class Profile(NamedTuple):
    """All that a maker which is another program is told of sandboxes; its descriptors are sent beside it."""

    namespaces: int
    """Flags for the clone."""
    inner: int
    """The user's number inside."""
    last_capability: int
    tmp: tuple[int, str]
    """Flags and options of its mount."""
    proc: tuple[int, str]
    handled: int
    """Accesses that Landlock decides about; 0 without it."""
    of_files: int
    """Those of them that fit a file."""
    oom_score: str
    user_hint: str
    """What to do when root cannot become another user."""
    unified: list[bool]
    """Of each hierarchy of control groups, whether it is that of version 2."""
    rules: list[int]
    """What may be done with what each further descriptor is of."""
    paths: list[tuple[str, int]]
    """The same by path."""
    kinds: list[Kind]
    """Of network, by the numbers that orders name them by."""


class Order(NamedTuple):
    """A sandbox that is asked for."""

    number: int
    """What it calls itself in its report."""
    uid: int | None
    """The user that it becomes; None for the launcher's."""
    kind: int
    """Of its network."""
    stale: tuple[int, ...] = ()
    """The hierarchies in which its control group is to be renewed; see `Cgroups.renew`."""
    group: str = ""
    """The control group's name; empty where there is none."""


class Answer(NamedTuple):
    """What has become of an order."""

    number: int
    pid: int
    """0 when nothing could be made."""
    error: str = ""


class CallMessage(NamedTuple):
    """What a sandbox's first process is to run."""

    argv: list[bytes]
    env: dict[bytes, bytes]
    rlimits: list[tuple[int, int, int]]
    """Which, soft, hard."""
    processes: int
    """How many processes it may have; 0 for any number."""
    rules: list[tuple[bytes, int]]
    """Landlock's, for what was mounted for this call."""


def pack_profile(profile: Profile) -> bytes:
    """A profile as a message."""
    (tmp_flags, tmp), (proc_flags, proc) = profile.tmp, profile.proc
    numbers = profile.namespaces, profile.inner, profile.last_capability, tmp_flags, proc_flags
    parts = [_PROFILE.pack(b"P", *numbers, profile.handled, profile.of_files)]
    parts += [text.encode() + b"\0" for text in (tmp, proc, profile.oom_score, profile.user_hint)]
    parts += bytes([len(profile.unified)]), bytes(profile.unified), bytes([len(profile.rules)])
    parts += map(_ACCESS.pack, profile.rules)
    parts.append(bytes([len(profile.paths)]))
    parts += [_ACCESS.pack(access) + path.encode() + b"\0" for path, access in profile.paths]
    parts.append(bytes([len(profile.kinds)]))
    for place, ruleset, code in profile.kinds:
        parts += bytes([place, len(ruleset)]), ruleset, _COUNT.pack(len(code) // 8), code
    return b"".join(parts)


def pack_order(order: Order) -> bytes:
    """An order as a message."""
    head = _ORDER.pack(order.number, -1 if order.uid is None else order.uid, order.kind, len(order.stale))
    return head + bytes(order.stale) + order.group.encode()


def unpack_order(data: bytes) -> Order:
    """The order of a message.

    Raises:
        ValueError: it is none.
    """
    try:
        number, uid, kind, count = _ORDER.unpack_from(data)
    except struct.error:
        raise ValueError("an order that is too short") from None
    stale, group = data[_ORDER.size : _ORDER.size + count], data[_ORDER.size + count :]
    if len(stale) != count or (group and not group.isalnum()) or len(data) > MAX_ORDER or uid < -1:
        raise ValueError("an order that does not fit together")
    return Order(number, None if uid == -1 else uid, kind, tuple(stale), group.decode())


def pack_answer(answer: Answer) -> bytes:
    """An answer as a message."""
    return _ANSWER.pack(answer.number, answer.pid) + answer.error.encode(errors="replace")[:MAX_ERROR]


def unpack_answer(data: bytes) -> Answer:
    """The answer of a message.

    Raises:
        ValueError: it is none.
    """
    try:
        number, pid = _ANSWER.unpack_from(data)
    except struct.error:
        raise ValueError("an answer that is too short") from None
    return Answer(number, pid, data[_ANSWER.size :].decode(errors="replace"))


def pack_call(
    argv: Sequence[str],
    env: Mapping[str, str],
    rlimits: Sequence[Sequence[int]],
    processes: int,
    rules: Sequence[tuple[str, int]],
) -> bytes:
    """A call as a message; see `CallMessage`.

    Raises:
        ValueError: it cannot be run: a text has a NUL in it or cannot be encoded, or it is too long altogether.
    """
    texts = [os.fsencode(text) for text in (*(path for path, _access in rules), *argv)]
    texts += [_variable(name, value) for name, value in env.items()]
    try:
        parts = [_CALL.pack(b"C", len(rlimits), len(rules), len(argv), len(env), min(processes, _MOST_PROCESSES))]
        parts += [_LIMIT.pack(which, _unsigned(soft), _unsigned(hard)) for which, soft, hard in rlimits]
        parts += [_ACCESS.pack(access) for _path, access in rules]
    except struct.error:
        raise ValueError("the command line is too long") from None
    if any(b"\0" in text for text in texts):
        raise ValueError("embedded null byte")
    if texts:
        parts += b"\0".join(texts), b"\0"
    message = b"".join(parts)
    if len(message) > MAX_CALL:
        raise ValueError(f"the command line is too long ({len(message)} bytes, at most {MAX_CALL})")
    return message


def unpack_call(data: bytes) -> CallMessage:
    """The call of a message.

    Raises:
        ValueError: it is none.
    """
    try:
        kind, limits, rules, arguments, variables, processes = _CALL.unpack_from(data)
        if kind != b"C" or not arguments or len(data) > MAX_CALL:
            raise ValueError("no call, or one without a command")
        at = _CALL.size + limits * _LIMIT.size
        found = [_signed(*limit) for limit in _LIMIT.iter_unpack(data[_CALL.size : at])]
        accesses = [access for (access,) in _ACCESS.iter_unpack(data[at : at + rules * _ACCESS.size])]
    except struct.error:
        raise ValueError("a call that ends early") from None
    texts = data[at + rules * _ACCESS.size :].split(b"\0")
    if (len(found), len(accesses)) != (limits, rules):
        raise ValueError("a call that ends early")
    if len(texts) != rules + arguments + variables + 1 or texts[-1]:
        raise ValueError("a call with another number of texts than it says")
    paths, argv = texts[:rules], texts[rules : rules + arguments]
    env = dict(_divided(texts[rules + arguments : -1]))
    return CallMessage(argv, env, found, processes, list(zip(paths, accesses, strict=True)))


def _variable(name: str, value: str) -> bytes:
    if not name or "=" in name:
        raise ValueError("illegal environment variable name")
    return os.fsencode(f"{name}={value}")


def _divided(variables: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for variable in variables:
        name, sign, value = variable.partition(b"=")
        if not name or not sign:
            raise ValueError("a variable without a name")
        yield name, value


def _unsigned(limit: int) -> int:
    return limit if 0 <= limit < _UNLIMITED else _UNLIMITED


def _signed(which: int, soft: int, hard: int) -> tuple[int, int, int]:
    return which, -1 if soft == _UNLIMITED else soft, -1 if hard == _UNLIMITED else hard
