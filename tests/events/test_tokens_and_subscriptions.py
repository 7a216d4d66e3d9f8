"""What watchers send: tokens and subscriptions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher_service.events.subscriptions import MAX_SUBSCRIPTIONS, MAX_TEXT, Subscriptions
from dispatcher_service.events.tokens import Token
from graft_common.errors import GraftError

revisions = st.integers(0, 2**63 - 1)


@given(revisions, revisions)
def test_a_token_is_read_as_it_was_written(store, registry):
    assert Token.parse(str(Token(store, registry))) == Token(store, registry)


@given(revisions, revisions)
def test_a_later_token_is_the_greater_text(one, other):
    assert (str(Token(one)) < str(Token(other))) == (one < other)


@pytest.mark.parametrize(
    "text", ["1", "1,2,3", ",", "1,", "a,b", "-1,0", "1,٣", " 1,2", "9" * 20 + ",1", "1" * 21 + ",1"]
)
def test_what_is_no_token_is_refused_with_xapis_error(text):
    with pytest.raises(GraftError) as failure:
        Token.parse(text)
    assert failure.value.error_info() == ["EVENT_FROM_TOKEN_PARSE_FAILURE", text]


def test_no_token_is_the_beginning():
    assert Token.parse("") == Token(0, 0)


def code_of(parse, text):
    try:
        parse(text)
    except GraftError as error:
        return error.code
    return ""


@given(st.text())
def test_no_text_is_more_than_refused(text):
    assert code_of(Token.parse, text) in {"", "EVENT_FROM_TOKEN_PARSE_FAILURE"}
    assert code_of(lambda one: Subscriptions.parse([one]), text) in {"", "EVENT_SUBSCRIPTION_PARSE_FAILURE"}


@pytest.mark.parametrize(
    ("texts", "wanted", "unwanted"),
    [
        (["*"], [("task", "a"), ("host", "b")], []),
        (["task"], [("task", "a")], [("host", "a")]),
        (["Task", "POOL"], [("task", "a"), ("pool", "b")], [("host", "a")]),
        (["task/a"], [("task", "a")], [("task", "b"), ("host", "a")]),
        (["Task/OpaqueRef:A"], [("task", "OpaqueRef:A")], [("task", "OpaqueRef:a")]),
        (["no_such_class"], [], [("task", "a")]),
        ([], [], [("task", "a")]),
    ],
)
def test_what_is_wanted(texts, wanted, unwanted):
    asked = Subscriptions.parse(texts)
    assert all(asked.want(*one) for one in wanted)
    assert not any(asked.want(*one) for one in unwanted)
    assert Subscriptions.parse(asked.texts()) == asked


@pytest.mark.parametrize("text", ["", "/", "task/", "/a", "task/a/b"])
def test_what_is_no_subscription_is_refused_with_xapis_error(text):
    with pytest.raises(GraftError) as failure:
        Subscriptions.parse([text])
    assert failure.value.error_info() == ["EVENT_SUBSCRIPTION_PARSE_FAILURE", text]


def test_one_that_names_no_object_that_can_be_is_refused():
    longest = "task/" + "x" * (MAX_TEXT - 5)
    assert Subscriptions.parse([longest]).texts() == [longest]
    with pytest.raises(GraftError) as failure:
        Subscriptions.parse([longest + "x" * 10_000])
    assert failure.value.error_info() == ["EVENT_SUBSCRIPTION_PARSE_FAILURE", longest]


def test_there_may_be_so_many_and_no_more():
    Subscriptions.parse(["task"] * MAX_SUBSCRIPTIONS)
    with pytest.raises(GraftError, match="VALUE_NOT_SUPPORTED"):
        Subscriptions.parse(["task"] * (MAX_SUBSCRIPTIONS + 1))


def test_subscriptions_are_added_and_taken_away():
    both = Subscriptions.parse(["task"]) | Subscriptions.parse(["host", "pool/a"])
    assert both.texts() == ["host", "task", "pool/a"]
    assert (both - Subscriptions.parse(["host", "pool/a"])).texts() == ["task"]


@pytest.mark.parametrize(
    ("texts", "prompt"), [(["task"], True), (["task/a", "task"], True), (["task", "pool"], False), (["*"], False)]
)
def test_those_who_are_told_of_tasks_only_do_not_wait_for_more(texts, prompt):
    assert Subscriptions.parse(texts).prompt is prompt
