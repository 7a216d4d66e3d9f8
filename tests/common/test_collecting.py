"""Putting off the search for garbage."""

from __future__ import annotations

import gc

from graft_common.collecting import no_collection


def test_it_is_off_until_the_last_block_has_ended() -> None:
    assert gc.isenabled()
    first, second = no_collection(), no_collection()
    with first:
        second.__enter__()
        assert not gc.isenabled()
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_what_somebody_else_has_switched_off_stays_off() -> None:
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
