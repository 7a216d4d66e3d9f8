"""What is in force, as a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatcher_service.declarations.declarations import Declarations
from dispatcher_service.declarations.in_force import InForce
from dispatcher_service.declarations.sources import Holds, LinkedBundle
from graft_common.declarations.api import Api
from graft_common.declarations.model import Document, Method, Param
from graft_common.declarations.platform import platform_document
from graft_common.declarations.types import EnumType
from graft_common.errors import GraftError


def bundle(name: str, *methods: str, tmp: str = "/nowhere") -> LinkedBundle:
    document = Document(methods=tuple(map(Method, methods)))
    return LinkedBundle(name, "1.0", 1, document, frozenset(methods), Path(tmp), tmp)


def test_it_is_made_anew_after_a_change_and_swapped_whole() -> None:
    declarations = Declarations(platform_document(), lambda: (frozenset(), frozenset()))
    before = declarations.in_force
    assert declarations.in_force is before
    declarations.take([bundle("EXT", "A.b", "session.x", "task.cancel")])
    after = declarations.in_force
    assert (before.target("A.b"), before.api.methods.get("A.b")) == (None, None)
    target = after.target("A.b")
    assert target is not None
    assert target.bundle is not None
    assert target.bundle.place == target.origin.place == "EXT/1.0"
    assert [str(noted.finding) for noted in after.notes] == [
        "EXT/1.0: session.x is left out: session.* are methods of the platform itself",
        "EXT/1.0: task.cancel is left out: a method of the platform itself has this name",
    ]
    assert after.target("session.x") is None
    cancel = after.target("task.cancel")
    assert cancel is not None
    assert cancel.bundle is None


def test_a_declaration_that_cannot_be_used_is_told_so() -> None:
    odd = Method("A.b", params=(Param("x", EnumType("nowhere")),))
    in_force = InForce(Api(Document(methods=(odd,))))
    with pytest.raises(GraftError) as caught:
        in_force.checks("A.b")
    assert caught.value.error_info() == [
        "INTERNAL_ERROR",
        "A.b",
        "the method's declaration cannot be used",
        "no enum nowhere is declared",
    ]
    assert in_force.checks("A.c") is None


def test_folders_are_held_as_often_as_they_are_taken() -> None:
    holds = Holds()
    released: list[str] = []
    holds.on_release = lambda tree: released.append(str(tree))
    one = bundle("EXT", tmp="/one")
    with holds.using(one), holds.using(one), holds.using(None):
        assert holds.held(one.tree)
    assert (holds.held(one.tree), released) == (False, ["/one"])
