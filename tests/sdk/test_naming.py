"""Names: what becomes of a declaration's name, and that no two things get the same one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_sdk.naming import Scope, Style, camel, kebab, pascal, snake, upper_snake, words


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("resize", ["resize"]),
        ("pool_update", ["pool", "update"]),
        ("VMSS", ["VMSS"]),
        ("VMRecord", ["VM", "Record"]),
        ("get_VMs", ["get", "VMs"]),
        ("getVMs", ["get", "VMs"]),
        ("VIF_metrics", ["VIF", "metrics"]),
        ("is_a_snapshot", ["is", "a", "snapshot"]),
        ("IPv6_address", ["IPv6", "address"]),
        ("sha256_of", ["sha256", "of"]),
        ("API_version_major", ["API", "version", "major"]),
        ("5.6-x", ["5", "6", "x"]),
        ("half-done", ["half", "done"]),
        ("*", ["x2a"]),
        ("", ["empty"]),
        ("für", ["f", "ufc", "r"]),
    ],
)
def test_words(name: str, found: list[str]) -> None:
    assert words(name) == found


@pytest.mark.parametrize(
    ("case", "written"),
    [
        (snake, "get_vms_of_pool"),
        (upper_snake, "GET_VMS_OF_POOL"),
        (kebab, "get-vms-of-pool"),
        (pascal, "GetVmsOfPool"),
        (camel, "getVmsOfPool"),
    ],
)
def test_cases(case, written: str) -> None:
    assert case("get_VMs_ofPool") == written


def test_a_scope_keeps_names_apart() -> None:
    style = Style(reserved=frozenset({"class"}))
    scope = Scope(style, snake, {"close"})
    names = ["getVMs", "get_vms", "class", "class_", "close", "5", "get-vms"]
    assert scope.all(names) == {
        "get_vms": "get_vms",
        "getVMs": "get_vms_2",
        "class": "class_",
        "class_": "class__2",
        "close": "close_",
        "5": "_5",
        "get-vms": "get_vms_3",
    }
    assert scope.name("start", "class") == "start_class"


@given(st.lists(st.text(max_size=6), max_size=20))
def test_names_are_names_and_differ(names: list[str]) -> None:
    for case in (snake, upper_snake, pascal, camel):
        given_names = Scope(Style(reserved=frozenset({"a", "A"})), case).all(names)
        assert sorted(given_names) == sorted(set(names))
        assert len(set(given_names.values())) == len(given_names)
        assert all(name.isidentifier() and name.isascii() for name in given_names.values())
