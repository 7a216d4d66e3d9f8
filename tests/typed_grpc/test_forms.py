"""What is kept for calls with messages."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from dispatcher_service.typed.forms import Forms
from dispatcher_service.typed.services import TypedServices
from graft_common.declarations.api import Api
from graft_common.declarations.model import Document, EnumDeclaration, EnumValue, Method, Param, Record, Types
from graft_common.declarations.types import EnumType, RecordType

METHOD = Method("A.b", params=(Param("mode", EnumType("mode")),), role="anyone")
MODE = EnumDeclaration("mode", (EnumValue("on"),))


def types(mode: EnumDeclaration = MODE, **records: Record) -> Types:
    return Types({"mode": mode}, records)


def test_forms_are_made_once_for_a_declaration() -> None:
    forms = Forms()
    made = forms.of(METHOD, types())
    other = Record("other", ())
    assert forms.of(METHOD, types(other=other)) is made
    assert forms.of(METHOD, types(EnumDeclaration("mode", (EnumValue("off"), EnumValue("on"))))) is not made
    assert forms.of(dataclasses.replace(METHOD, doc="Told anew."), types()) is not made


def test_another_enum_is_another_form_though_the_method_is_the_same() -> None:
    forms = Forms()
    assert forms.of(METHOD, types()).messages.arguments(b"\x08\x01") == ["on"]
    changed = EnumDeclaration("mode", (EnumValue("off"), EnumValue("on")))
    assert forms.of(METHOD, types(changed)).messages.arguments(b"\x08\x01") == ["off"]


def test_those_not_used_for_the_longest_time_go() -> None:
    forms = Forms(limit=2)
    methods = [Method(f"A.m{number}", params=(Param("r", RecordType("r")),)) for number in range(3)]
    known = types(r=Record("r", ()))
    first = forms.of(methods[0], known)
    forms.of(methods[1], known)
    assert forms.of(methods[0], known) is first
    forms.of(methods[2], known)
    assert forms.of(methods[0], known) is first
    assert list(forms._kept) == ["A.m2", "A.m0"]


async def test_descriptors_that_do_not_hold_together_leave_the_last_ones() -> None:
    good = Api.of(Document(methods=(METHOD,), enums=(MODE,)))
    # No reader lets a type pass that names nothing.
    bad = Api.of(Document(methods=(METHOD,)))
    now = [good]
    services = TypedServices(cast("Any", None), lambda: now[-1])
    first = await services.described()
    assert first.names == ["graft.ext.A"]
    now.append(bad)
    assert await services.described() is first
    now.append(Api.of(Document(methods=(Method("B.c"),))))
    assert (await services.described()).names == ["graft.ext.B"]
