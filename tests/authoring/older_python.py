"""A method of many types, as Python 3.6 and later read it."""

# ruff: noqa: RUF036, UP006, UP007, UP035, UP045 - what Python 3.6 has

import enum
from datetime import datetime
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from graft_extension import Ref, Session, method, run


class State(enum.Enum):
    DONE = "done"


class Point(NamedTuple):
    x: int
    y: Optional[float] = None
    states: "Optional[List[State]]" = None


@method("Older.python")
def older(
    session: Session,
    numbers: List[int],
    points: Dict[str, Point],
    state: Optional[State],
    vm: Ref["VM"],  # noqa: F821
    when: datetime,
    anything: Any,
    flags: Sequence[Mapping[int, bool]],
    maybe: Union[None, int] = None,
) -> Dict[str, List[Point]]:
    assert session == "OpaqueRef:session"
    assert isinstance(state, State)
    assert isinstance(vm, Ref)
    assert when.year == 2026
    assert anything == {"x": [1.5, None]}
    assert flags == [{1: True}]
    assert maybe is None
    return {"points": [*points.values(), Point(numbers[0], 1.0, [state])]}


run()
