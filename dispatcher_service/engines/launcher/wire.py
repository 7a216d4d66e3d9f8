"""What is said between the launcher, the maker of its sandboxes, and a sandbox's first process, as bytes.

The standard library only.

Every message is one datagram of a SOCK_SEQPACKET socket; whole numbers are the machine's own, without padding.

- Launcher to maker, an order: the sandbox's number (u32); the user that it becomes, -1 for the launcher's (i32); which
  of the profile's kinds of network it is of (u8); in how many hierarchies its control group is to be renewed (u8), then
  their numbers (u8 each); the group's name, which is the rest: empty for none.
- Maker to launcher, the answer: the order's number (u32), the process's number (i32), with two descriptors; or 0, and
  the text of an error, which is the rest.
- To a sandbox's first process, its call: `C`; how many limits (u8), rules (u16), arguments (u16) and variables (u16)
  come; how many processes it may have, 0 for any number (u32). Then each limit: which (u32), soft and hard (u64 each).
  Each rule of Landlock's: what is allowed (u64), the length of the path (u16), the path. Each argument, and each
  variable as `NAME=value`, with a NUL behind it. With three descriptors: standard input, output and error.
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
_ORDER = struct.Struct("=IiBB")
_ANSWER = struct.Struct("=Ii")
_CALL = struct.Struct("=cBHHHI")
_LIMIT = struct.Struct("=IQQ")
_RULE = struct.Struct("=QH")
_UNLIMITED = (1 << 64) - 1
"""RLIM_INFINITY, which Python writes as -1."""
_MOST_PROCESSES = 1 << 31


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
    if len(stale) != count or b"\0" in group or len(data) > MAX_ORDER or uid < -1:
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
    paths = [(os.fsencode(path), access) for path, access in rules]
    variables = [_variable(name, value) for name, value in env.items()]
    texts = [*map(os.fsencode, argv), *variables]
    try:
        parts = [_CALL.pack(b"C", len(rlimits), len(rules), len(argv), len(env), min(processes, _MOST_PROCESSES))]
        parts += [_LIMIT.pack(which, _unsigned(soft), _unsigned(hard)) for which, soft, hard in rlimits]
        for path, access in paths:
            parts += _RULE.pack(access, len(path)), path
    except struct.error:
        raise ValueError("the command line is too long") from None
    if any(b"\0" in text for text in texts) or any(b"\0" in path for path, _access in paths):
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
        if len(found) != limits:
            raise ValueError("a call that ends early")
        paths = []
        for _number in range(rules):
            access, length = _RULE.unpack_from(data, at)
            at += _RULE.size + length
            paths.append((_text(data, at - length, at), access))
    except struct.error:
        raise ValueError("a call that ends early") from None
    texts = data[at:].split(b"\0")
    if len(texts) != arguments + variables + 1 or texts[-1]:
        raise ValueError("a call with another number of texts than it says")
    env = dict(_divided(texts[arguments:-1]))
    return CallMessage(texts[:arguments], env, found, processes, paths)


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


def _text(data: bytes, start: int, end: int) -> bytes:
    text = data[start:end]
    if len(text) != end - start or b"\0" in text:
        raise ValueError("a path that is none")
    return text
