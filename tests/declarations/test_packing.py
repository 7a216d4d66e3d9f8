"""Declarations as bytes, and back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft_common.declarations.model import Document, Method, Types
from graft_common.declarations.packing import mark, pack, unpack
from graft_common.declarations.reader import Finding
from graft_common.declarations.settling import GoodFile, Noted
from support.declarations import documents


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_what_is_packed_is_unpacked(document: Document) -> None:
    file = GoodFile(document, Types.of(document))
    assert unpack(GoodFile, pack(file)) == file


def test_nothing_that_can_be_changed_is_shared() -> None:
    one, two = (unpack(GoodFile, pack(GoodFile(Document(), Types()))) for _ in range(2))
    one.borrowed.enums["x"] = None  # type: ignore[assignment]
    assert two.borrowed.enums == {}


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x80", b"\x93\x01\x02\x03", pack(Document())[:-1] + b"\xff", b"\xa1x"]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no GoodFile"):
        unpack(GoodFile, data)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 10_000))
def test_damage_is_an_error_of_its_own_or_harmless(noise: bytes, at: int) -> None:
    packed = bytearray(pack(Document(methods=(Method("A.b", "Text"),))))
    at %= len(packed)
    packed[at : at + len(noise)] = noise
    with contextlib.suppress(ValueError):
        unpack(Document, bytes(packed))


def test_findings_go_along() -> None:
    noted = Noted(Finding("a.xml", 5, "/methods", "wrong"), last_good=True)
    assert unpack(Noted, pack(noted)) == noted


def test_what_is_no_part_of_declarations_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd:
        odd: object

    with pytest.raises(TypeError, match="cannot be packed"):
        pack(Odd(5))


def test_the_mark_is_that_of_this_code() -> None:
    assert mark() == mark()
    assert len(mark()) == 32
