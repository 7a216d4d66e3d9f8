"""What may be asked for, the one form of a request, and when it is granted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.declarations import access
from graft_common.declarations.access import Asker, Grant, State
from graft_common.declarations.model import Access
from graft_common.rpc.access_messages import access_message, grant_message, read_access, read_grant

_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_things = st.lists(_words, max_size=4).map(tuple)
_requests = st.builds(Access, st.sampled_from(["none", "loopback", "outbound"]), _things, _things, _things, _things)
_ASKER = Asker("Volume.resize", "EXT", "1.0")


def _sets(request: Access) -> tuple[object, ...]:
    return (
        request.network,
        *map(frozenset, (request.read, request.write, request.environment, request.secrets)),
    )


def _granted(asker: Asker, request: Access) -> Grant:
    return Grant(asker, request, access.digest(request), "admin", datetime(2026, 1, 1, tzinfo=UTC))


@given(_requests, _requests)
def test_two_requests_have_one_digest_just_if_they_ask_for_the_same(one: Access, other: Access) -> None:
    assert (access.digest(one) == access.digest(other)) is (_sets(one) == _sets(other))


@given(_requests, st.randoms())
def test_order_and_repetition_change_no_digest(request: Access, random: object) -> None:
    def shuffled(things: tuple[str, ...]) -> tuple[str, ...]:
        mixed = [*things, *things]
        random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis' Random
        return tuple(mixed)

    other = Access(request.network, *map(shuffled, (request.read, request.write, request.environment, request.secrets)))
    assert access.digest(other) == access.digest(request)


@given(_requests)
def test_messages_carry_requests_and_grants_unchanged(request: Access) -> None:
    assert read_access(access_message(request)) == request
    assert read_grant(grant_message(_granted(_ASKER, request))) == _granted(_ASKER, request)


def test_the_canonical_form_stays_what_it_is() -> None:
    # Grants that are stored hold the digest of this very form.
    request = Access("outbound", ("/b", "/a"), ("/ü",), ("X",), ("key",))
    head, _, body = access.canonical(request).partition(b"\n")
    assert head == b"graft access 1"
    assert json.loads(body) == {
        "network": "outbound",
        "read": ["/a", "/b"],
        "write": ["/ü"],
        "environment": ["X"],
        "secrets": ["key"],
    }
    assert access.digest(request) == "48db7e3b2fcdbba900815951bb5f7afd2a3ba7926991f623ee5faf5a4a1153f9"


@pytest.mark.parametrize(
    "changed",
    [
        {"network": "none"},
        {"network": "outbound"},
        {"read": ("/a", "/b", "/c")},
        {"read": ("/a",)},
        {"write": ()},
        {"read": (), "write": ("/a", "/b", "/w")},
        {"environment": ("Y",)},
        {"secrets": ("key", "other")},
        {"environment": ("key",), "secrets": ("X",)},
    ],
)
def test_a_request_that_is_wider_or_narrower_than_the_grant_is_not_granted(changed: dict[str, object]) -> None:
    asked = Access("loopback", ("/a", "/b"), ("/w",), ("X",), ("key",))
    grant = _granted(_ASKER, asked)
    assert access.in_force(_ASKER, asked, grant) == asked
    other = replace(asked, **changed)  # type: ignore[arg-type]  # each value is of its own field's type
    assert access.judge(_ASKER, other, grant) is State.CHANGED
    assert access.in_force(_ASKER, other, grant) == access.NOTHING


@pytest.mark.parametrize(
    "asker",
    [
        Asker("Volume.shrink", "EXT", "1.0"),
        Asker("Volume.resize", "EXT", "1.1"),
        Asker("Volume.resize", "OTHER", "1.0"),
        Asker("Volume.resize"),
    ],
)
def test_a_grant_is_of_one_method_of_one_source(asker: Asker) -> None:
    asked = Access("outbound")
    assert access.judge(asker, asked, _granted(_ASKER, asked)) is State.NOT_GRANTED


def test_what_asks_for_nothing_needs_no_grant() -> None:
    assert access.judge(_ASKER, Access(), None) is State.NOT_ASKED
    assert access.judge(_ASKER, Access("outbound"), None) is State.NOT_GRANTED


@pytest.mark.parametrize(
    "path",
    ["/", "/proc", "/proc/1/root", "/sys/fs", "/dev/kvm", "/run", "/run/secrets", "/run/secrets/x", "/tmp",
     "etc", "", "/a/../b", "/a/", "//a", "/a//b", "/a\0b", "/a\nb", "/" + "x" * 1024],
)  # fmt: skip
def test_no_call_is_given_such_a_path(path: str) -> None:
    assert access.path_fault(path)


@pytest.mark.parametrize(
    "path", ["/etc/volumes", "/process", "/devices/a b", "/tmp/x", "/run/app.sock", "/srv/ü", "/home"]
)
def test_other_paths_may_be_asked_for(path: str) -> None:
    assert access.path_fault(path) == ""


@pytest.mark.parametrize(
    "name",
    ["PATH", "LD_PRELOAD", "LD_", "GRAFT_ADMIN_PASSWORD", "PYTHONPATH", "BASH_ENV", "IFS", "PERL5OPT", "NODE_OPTIONS",
     "GLIBC_TUNABLES", "BASH_FUNC_x", "A-B", "1A", "", "A=B", "A\0", "Ä", "A" * 129],
)  # fmt: skip
def test_no_call_is_given_such_a_variable(name: str) -> None:
    assert access.environment_fault(name)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "LANG", "_x1", "AWS_REGION", "PATHS", "MYLD_PRELOAD"])
def test_other_variables_may_be_asked_for(name: str) -> None:
    assert access.environment_fault(name) == ""


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-x", "a/b", "a b", "a\0", "ü", "x" * 129])
def test_no_secret_has_such_a_name(name: str) -> None:
    assert access.secret_fault(name)


@pytest.mark.parametrize("name", ["key", "db-password", "tls.key", "_1", "A.b-c_d"])
def test_other_names_are_names_of_secrets(name: str) -> None:
    assert access.secret_fault(name) == ""


def test_faults_name_each_thing_by_its_place() -> None:
    request = Access("none", ("/etc", "/proc"), ("/a", "/a"), ("PATH",), tuple(f"s{n}" for n in range(33)))
    assert [(kind, number) for kind, number, _ in access.faults(request)] == [
        ("read", 1),
        ("write", 1),
        ("environment", 0),
        ("secret", 32),
    ]


@pytest.mark.parametrize(("read", "write", "wrong"), [(16, 0, []), (8, 8, []), (17, 0, ["read"]), (9, 8, ["write"])])
def test_paths_are_counted_together(read: int, write: int, wrong: list[str]) -> None:
    request = Access(read=tuple(f"/r{n}" for n in range(read)), write=tuple(f"/w{n}" for n in range(write)))
    assert [kind for kind, _, _ in access.faults(request)] == wrong
