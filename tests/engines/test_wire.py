"""What the launcher, its maker and a sandbox's first process tell each other: whole, bounded, and nothing else read."""

from __future__ import annotations

import contextlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher_service.engines.launcher import wire

TEXTS = st.binary(max_size=40).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"")))
NAMES = TEXTS.map(lambda text: text.replace("=", "")).filter(bool)
U32, U64 = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)
LIMITS = st.lists(st.tuples(U32, st.integers(-1, 1 << 40), st.integers(-1, 1 << 40)), max_size=12)
CALLS = st.tuples(
    st.lists(TEXTS, min_size=1, max_size=5),
    st.dictionaries(NAMES, TEXTS, max_size=4),
    LIMITS,
    st.integers(0, 1 << 20),
    st.lists(st.tuples(TEXTS, U64), max_size=4),
)
ORDERS = st.builds(
    wire.Order,
    U32,
    st.none() | st.integers(0, 1 << 20),
    st.integers(0, 255),
    st.lists(st.integers(0, 255), max_size=9).map(tuple),
    st.text("abc0123456789", max_size=20),
)


@given(ORDERS)
def test_an_order_comes_as_it_was_sent(order):
    assert wire.unpack_order(wire.pack_order(order)) == order


@given(st.builds(wire.Answer, U32, st.integers(0, 1 << 22), st.text(max_size=100)))
def test_an_answer_comes_as_it_was_sent(answer):
    assert wire.unpack_answer(wire.pack_answer(answer)) == answer


@given(CALLS)
def test_a_call_comes_as_it_was_sent(call):
    argv, env, rlimits, processes, rules = call
    found = wire.unpack_call(wire.pack_call(*call))
    assert [os.fsdecode(text) for text in found.argv] == argv
    assert {os.fsdecode(name): os.fsdecode(value) for name, value in found.env.items()} == env
    assert found.rlimits == rlimits
    assert found.processes == processes
    assert [(os.fsdecode(path), access) for path, access in found.rules] == rules


@given(CALLS.map(lambda call: wire.pack_call(*call)), st.data())
def test_what_is_no_message_is_refused_and_nothing_else_happens(message, data):
    cut = message[: data.draw(st.integers(0, len(message) - 1))]
    with pytest.raises(ValueError):
        wire.unpack_call(cut)
    at = data.draw(st.integers(0, len(message) - 1))
    changed = message[:at] + data.draw(st.binary(max_size=3)) + message[at + 1 :]
    for read in (wire.unpack_call, wire.unpack_order, wire.unpack_answer):
        with contextlib.suppress(ValueError):
            read(changed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"argv": ["a\0b"]}, "null byte"),
        ({"argv": ["\ud800"]}, "surrogates not allowed"),
        ({"env": {"A": "\0"}}, "null byte"),
        ({"env": {"A=B": "c"}}, "illegal environment variable name"),
        ({"env": {"": "c"}}, "illegal environment variable name"),
        ({"rules": [("/a\0", 1)]}, "null byte"),
        ({"rules": [("/a", 1)] * 70_000}, "too long"),
        ({"argv": ["a"] * 70_000}, "too long"),
        ({"argv": ["a" * wire.MAX_CALL]}, "too long"),
    ],
)
def test_what_cannot_be_run_is_not_sent(changes, said):
    call = {"argv": ["/x"], "env": {}, "rlimits": [], "processes": 0, "rules": []}
    with pytest.raises(ValueError, match=said):
        wire.pack_call(**call | changes)


def test_no_limit_is_no_limit():
    rlimits = [(7, -1, -1), (9, 4, 1 << 80)]
    message = wire.pack_call(["/x"], {}, rlimits, 1 << 40, [])
    assert wire.unpack_call(message).rlimits == [(7, -1, -1), (9, 4, -1)]
    assert wire.unpack_call(message).processes > 1 << 30
