"""Calls that wait for events: read once for all, and ended by a stop."""

from __future__ import annotations

import asyncio

import pytest

from gateway import event_calls
from gateway.event_calls import EventCalls
from gateway.jsonrpc import Form
from gateway.jsonrpc import format_success as format_json
from graft_common.errors import GraftError
from graft_common.values import Prepared, encode_value
from graft_common.xmlrpc import I4, format_success

ANSWER = {"events": [{"id": 5}], "valid_ref_counts": {"task": 3}, "token": "1,2"}


def test_counts_are_typed_integers_in_xml_and_numbers_in_json():
    value = EventCalls().read(encode_value(ANSWER))
    assert b"<name>task</name><value><i4>3</i4></value>" in format_success(value)
    assert b"<name>id</name><value>5</value>" in format_success(value)
    assert b'"valid_ref_counts":{"task":3}' in format_json(Form(), value)


def test_equal_answers_are_read_and_written_once():
    calls = EventCalls()
    first, second = (calls.read(encode_value(ANSWER)) for _ in range(2))
    assert first is second
    assert isinstance(first, Prepared)
    made = []

    def write(value):
        made.append(value)
        return b"text"

    assert first.made(write) is None
    assert [first.form(write), first.form(write), first.made(write)] == [b"text"] * 3
    assert len(made) == 1


def test_few_answers_are_kept(monkeypatch):
    monkeypatch.setattr(event_calls, "MAX_KEPT_BYTES", 100)
    calls = EventCalls()
    for number in range(50):
        assert calls.read(encode_value({"token": f"{number:020}"})) == {"token": f"{number:020}"}
    assert (len(calls._kept), calls._size) == (3, sum(map(len, calls._kept)))
    assert calls.read(encode_value({"token": "x" * 200})) == {"token": "x" * 200}
    assert (len(calls._kept), calls._size) == (0, 0)


@pytest.mark.parametrize("value", [[], {"valid_ref_counts": 3}, {"valid_ref_counts": {"task": "3"}}, "text", I4(3)])
def test_other_answers_come_as_they_are(value):
    plain = int(value) if isinstance(value, int) else value
    assert EventCalls().read(encode_value(plain)) in (value, {"valid_ref_counts": {}})


async def test_a_stop_ends_what_waits_and_lets_nothing_wait_any_more():
    calls = EventCalls()
    begun = asyncio.Event()

    async def wait():
        async with calls.waiting():
            begun.set()
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await begun.wait()
    calls.end_all()
    for late in (waiting, wait()):
        with pytest.raises(GraftError, match="SERVICE_UNAVAILABLE"):
            await late
