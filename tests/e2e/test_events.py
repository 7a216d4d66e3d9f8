"""Events as unmodified clients see them, in one process and over three services."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import XenAPI

from support.running import ADMIN, PASSWORD, Platform

pytestmark = pytest.mark.e2e

NOTHING = """#!/bin/sh
printf '<?xml version="1.0"?><methodResponse><params><param><value>done</value></param></params></methodResponse>'
"""


def take(session: XenAPI.Session, classes: list[str], token: str, seconds: float = 20.0) -> dict[str, Any]:
    batch: dict[str, Any] = getattr(session.xenapi.event, "from")(classes, token, seconds)
    return batch


def until(session: XenAPI.Session, classes: list[str], token: str, wanted: Callable[[Any], bool]) -> dict[str, Any]:
    """Return the first event that is wanted, as a client finds it that follows the stream."""
    for _ in range(50):
        batch = take(session, classes, token)
        token = batch["token"]
        for event in batch["events"]:
            if wanted(event):
                return dict(event)
    raise AssertionError("it has not come")


def test_a_task_is_followed_from_its_beginning_to_its_end(platform: Platform, session: XenAPI.Session) -> None:
    platform.drop_in("Events.nothing", NOTHING)
    start = take(session, ["*"], "")
    kinds = {event["class"] for event in start["events"]}
    assert {"pool", "host", "role", "user", "session"} <= kinds
    assert all(event["operation"] == "add" and event["snapshot"]["uuid"] for event in start["events"])
    assert start["valid_ref_counts"]["pool"] == 1
    assert take(session, ["task"], start["token"], 0.0)["events"] == []
    ref = session.xenapi.Async.Events.nothing()
    ended = until(session, [f"task/{ref}"], start["token"], lambda event: event["snapshot"]["status"] != "pending")
    assert ended["snapshot"]["result"] == "<value>done</value>"
    token = take(session, ["task"], start["token"])["token"]
    session.xenapi.task.destroy(ref)
    gone = until(session, ["task"], token, lambda event: event["operation"] == "del")
    assert (gone["ref"], "snapshot" in gone) == (ref, False)


def test_everybody_hears_of_what_is_noted_with_the_pool(platform: Platform, session: XenAPI.Session) -> None:
    [pool] = session.xenapi.pool.get_all()
    token = session.xenapi.event.inject("pool", pool)
    other = platform.session()
    with contextlib.suppress(XenAPI.Failure):
        session.xenapi.pool.remove_from_other_config(pool, "events")
    session.xenapi.pool.add_to_other_config(pool, "events", "heard")
    heard = until(other, ["pool"], token, lambda event: event["snapshot"]["other_config"].get("events") == "heard")
    assert heard["operation"] == "mod"
    other.xenapi.session.logout()


def test_a_logout_ends_the_waits_of_the_session(platform: Platform, session: XenAPI.Session) -> None:
    other = platform.session()
    proxy, answers = platform.proxy(), []
    ref = other._session
    waiting = threading.Thread(target=lambda: answers.append(getattr(proxy.event, "from")(ref, ["vm"], "", 600.0)))
    waiting.start()
    token = take(session, ["session"], "")["token"]
    other.xenapi.session.logout()
    until(session, ["session"], token, lambda event: event["operation"] == "del")
    waiting.join(30)
    assert answers == [{"Status": "Failure", "ErrorDescription": ["SESSION_INVALID", ref]}]


def test_the_command_prints_what_there_is(platform: Platform) -> None:
    variables = {"GRAFT_URL": platform.url, "GRAFT_USER": ADMIN, "GRAFT_PASSWORD": PASSWORD}
    done = platform.graft("events", "pool", "host", "--all", "--count", "2", "--json", **variables)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(event["class"] for event in told) == ["host", "pool"]
    assert all(event["operation"] == "add" and event["token"] for event in told)
    [line] = platform.graft("events", "pool", "--all", "--count", "1", **variables).stdout.splitlines()
    assert line.split()[:2] == ["add", "pool"]
