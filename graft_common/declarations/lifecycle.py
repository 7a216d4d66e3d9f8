"""Which changes may follow each other (xapi, datamodel_types.ml, `Lifecycle.from`), and which release is the older."""

from __future__ import annotations

import re

from graft_common.declarations.model import Change, Lifecycle, State

_MAY_FOLLOW = {
    Change.PROTOTYPED: frozenset({State.UNRELEASED}),
    Change.PUBLISHED: frozenset({State.UNRELEASED, State.PROTOTYPED, State.REMOVED}),
    Change.EXTENDED: frozenset(State),
    Change.CHANGED: frozenset(State),
    Change.DEPRECATED: frozenset({State.PUBLISHED}),
    Change.REMOVED: frozenset({State.PROTOTYPED, State.DEPRECATED}),
}
_NUMBERED = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,5}")


def faults(lifecycle: Lifecycle) -> list[tuple[int, str]]:
    """Tell which changes are against the rules: their places, counted from 0, and why.

    Something removed may be published anew. Releases are compared where both are numbers with dots; others, such as
    xapi's code names, have an order that only their platform knows.
    """
    found = []
    state = State.UNRELEASED
    release = ""
    for place, transition in enumerate(lifecycle.transitions):
        allowed = _MAY_FOLLOW[transition.change]
        if state not in allowed:
            names = " or ".join(sorted(possible.value for possible in allowed))
            found.append((place, f"{transition.change.value} cannot follow {state.value}; it follows {names}"))
        elif is_older(transition.release, release):
            found.append(
                (place, f"the release {transition.release} is older than {release}, that of the change before")
            )
        if transition.change not in (Change.EXTENDED, Change.CHANGED):
            state = State(transition.change.value)
        release = transition.release
    return found


def is_older(release: str, other: str) -> bool:
    """Tell whether a release is older than another, where that can be told: `1.9` is older than `1.10`."""
    if not (_NUMBERED.fullmatch(release) and _NUMBERED.fullmatch(other)):
        return False
    one, two = ([int(number) for number in text.split(".")] for text in (release, other))
    length = max(len(one), len(two))
    return one + [0] * (length - len(one)) < two + [0] * (length - len(two))
