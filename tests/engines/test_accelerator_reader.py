"""The accelerator's reader of messages, compiled with sanitizers: it understands what Python does, and nothing else."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from dispatcher_service.engines.launcher import accelerated, wire

SOURCES = Path(accelerated.PROGRAM).parent
HARNESS = Path(__file__).with_name("accelerator_reader.c")
STRICT = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
TAMPERED = 6000
"""Messages of each kind that are not as they were packed."""
HIERARCHIES, KINDS = 3, 2
"""Of those that orders in these tests may name; the harness has the same."""


@pytest.fixture(scope="module")
def compiler():
    found = shutil.which("cc") or shutil.which("gcc")
    if not found:
        pytest.skip("no C compiler")
    return found


@pytest.fixture(scope="module")
def understood(compiler, tmp_path_factory):
    """Has messages read: a line for each."""
    program = tmp_path_factory.mktemp("reader") / "reader"
    command = [compiler, *SANITIZERS, f"-I{SOURCES}", "-o", program, HARNESS, SOURCES / "wire.c"]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    if compiled.returncode != 0:
        pytest.skip(f"this compiler has no sanitizers: {compiled.stderr[-300:]}")

    def read(kind, messages):
        fed = b"".join(kind + struct.pack("=I", len(message)) + message for message in messages)
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        ended = subprocess.run([program], input=fed, capture_output=True, env=environment, timeout=120, check=False)
        assert ended.returncode == 0, ended.stderr.decode()[-3000:]
        return ended.stdout.decode().splitlines()

    return read


def shown(text):
    return f" {text.hex()}."


def told_call(message):
    """What the harness says of a call, by the reader in Python."""
    try:
        call = wire.unpack_call(message)
    except ValueError:
        return "-", {}
    limits = [f" l{which}/{soft % (1 << 64)}/{hard % (1 << 64)}" for which, soft, hard in call.rlimits]
    rules = [f" r{access}{shown(path)}" for path, access in call.rules]
    return f"C {call.processes}{''.join(limits)}{''.join(rules)}{''.join(map(shown, call.argv))} |", call.env


def told_order(message):
    try:
        order = wire.unpack_order(message)
    except ValueError:
        return "-"
    if order.kind >= KINDS or any(number >= HIERARCHIES for number in order.stale):
        return "-"
    uid = -1 if order.uid is None else order.uid
    return f"O {order.number} {uid} {order.kind}{shown(bytes(order.stale))}{shown(order.group.encode())}"


def some_call(rng):
    def text():
        return "".join(rng.choice("ab/=é\udc80 ") for _ in range(rng.randrange(6)))

    return wire.pack_call(
        [text() for _ in range(rng.randrange(1, 5))],
        {f"N{number}": text() for number in range(rng.randrange(4))},
        [(rng.randrange(16), rng.randrange(-1, 1 << 40), rng.randrange(-1, 1 << 40)) for _ in range(rng.randrange(5))],
        rng.randrange(1 << 20),
        [(text(), rng.getrandbits(64)) for _ in range(rng.randrange(4))],
    )


def some_order(rng):
    stale = tuple(rng.randrange(HIERARCHIES) for _ in range(rng.randrange(4)))
    group = rng.choice(["", "c0", "c255", "graft"])
    return wire.pack_order(
        wire.Order(rng.getrandbits(32), rng.choice([None, 0, 60001]), rng.randrange(KINDS), stale, group)
    )


def some_profile(rng):
    return wire.Profile(
        namespaces=rng.getrandbits(32),
        inner=1000,
        last_capability=rng.randrange(64),
        tmp=(6, "mode=1777"),
        proc=(15, "hidepid=2"),
        handled=rng.getrandbits(64),
        of_files=rng.getrandbits(64),
        oom_score="500",
        user_hint="é" * rng.randrange(300),
        unified=[rng.random() < 0.5 for _ in range(rng.randrange(5))],
        rules=[rng.getrandbits(64) for _ in range(rng.randrange(6))],
        paths=[("/tmp", rng.getrandbits(64)) for _ in range(rng.randrange(3))],
        kinds=[
            wire.Kind(rng.randrange(3), rng.randbytes(8 * rng.randrange(4)), rng.randbytes(8 * rng.randrange(1, 9)))
            for _ in range(rng.randrange(1, 4))
        ],
    )


def tampered(rng, make):
    """A message with some bytes of it changed, gone, repeated, or of another one."""
    message = bytearray(make(rng))
    for _change in range(rng.randrange(1, 4)):
        at = rng.randrange(len(message) + 1)
        match rng.randrange(5):
            case 0:
                del message[at:]
            case 1:
                message[at : at + 1] = bytes([rng.choice([0, 1, 61, 255, rng.randrange(256)])])
            case 2:
                del message[at : at + rng.randrange(9)]
            case 3:
                message[at:at] = message[at : at + rng.randrange(20)] or b"\0"
            case 4:
                message[at:] = make(rng)[at:]
    return bytes(message)


def variables(line):
    found = {}
    for text in line.partition(" |")[2].replace(".", "").split():
        name, _, value = bytes.fromhex(text).partition(b"=")
        found[name] = value
    return found


def test_it_compiles_without_a_warning(compiler, tmp_path):
    command = [compiler, *STRICT, "-O2", "-c", *sorted(SOURCES.glob("*.c"))]
    compiled = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr


@pytest.mark.parametrize("make", [some_call, tampered], ids=["packed", "tampered"])
def test_calls_are_understood_as_in_python(understood, make):
    rng = random.Random(20)
    messages = [make(rng) if make is some_call else tampered(rng, some_call) for _ in range(TAMPERED)]
    messages += [b"", b"C", b"J", b"C" + b"\xff" * 11, b"C" + bytes(11), b"C" + b"\xff" * (wire.MAX_CALL + 1)]
    lines = understood(b"C", messages)
    assert len(lines) == len(messages)
    for message, line in zip(messages, lines, strict=True):
        expected, env = told_call(message)
        assert line.partition(" |")[0] == expected.partition(" |")[0], message
        assert variables(line) == env, message
    refused = lines.count("-")
    assert refused == 6 if make is some_call else TAMPERED // 10 < refused < TAMPERED


@pytest.mark.parametrize("make", [some_order, tampered], ids=["packed", "tampered"])
def test_orders_are_understood_as_in_python(understood, make):
    rng = random.Random(21)
    messages = [make(rng) if make is some_order else tampered(rng, some_order) for _ in range(TAMPERED)]
    messages += [bytes(wire.MAX_ORDER + 1), wire.pack_order(wire.Order(1, None, 0, (), "a/b"))]
    lines = understood(b"O", messages)
    assert lines == [told_order(message) for message in messages]
    assert lines.count("-") >= 2


def test_profiles_are_understood(understood):
    rng = random.Random(22)
    profiles = [some_profile(rng) for _ in range(50)]
    for profile, line in zip(profiles, understood(b"P", map(wire.pack_profile, profiles)), strict=True):
        numbers = profile.namespaces, profile.inner, profile.last_capability, profile.tmp[0], profile.proc[0]
        expected = f"P {' '.join(map(str, (*numbers, profile.handled, profile.of_files)))}"
        for text in (profile.tmp[1], profile.proc[1], profile.oom_score, profile.user_hint):
            expected += shown(text.encode())
        expected += "".join(f" h{unified:d}" for unified in profile.unified)
        expected += "".join(f" r{access}" for access in profile.rules)
        expected += "".join(f" p{access}{shown(path.encode())}" for path, access in profile.paths)
        expected += "".join(f" k{place}{shown(ruleset)}{shown(code)}" for place, ruleset, code in profile.kinds)
        assert line == expected


def test_a_profile_that_was_tampered_with_does_no_harm(understood):
    rng = random.Random(23)
    messages = [tampered(rng, lambda rng: wire.pack_profile(some_profile(rng))) for _ in range(TAMPERED)]
    lines = understood(b"P", messages)
    assert len(lines) == len(messages)
    assert lines.count("-") > TAMPERED // 3
