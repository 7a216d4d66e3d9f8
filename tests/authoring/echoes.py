"""Methods that answer with what they were given: one for each type that an annotation can tell."""

# ruff: noqa: B006, RUF036, UP006, UP007, UP035, UP042, UP045 - authors write all of these

import enum
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Literal, NamedTuple, Optional, TypedDict, Union

from graft_extension import Failure, Ref, Session, method, run, session


class State(enum.Enum):
    """What became of it."""

    DONE = "done"
    "finished"
    QUEUED = "queued"


class Mode(str, enum.Enum):
    fast = "fast"
    SLOW = "Slow-one"


Speed = Literal["low", "high"]


@dataclass
class Disk:
    """One disk of a volume.

    Attributes:
        device: such as `xvda`.
        size: bytes.
    """

    device: str
    size: int = 5 << 10
    label: Optional[str] = None
    tags: List[str] = field(default_factory=list)
    parent: Optional["Disk"] = None
    state: State = State.DONE


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Options(TypedDict):
    name: str
    """What it is called."""
    size: Optional[int]


class Loose(TypedDict, total=False):
    count: int
    when: datetime


@method("Echo.string")
def echo_string(value: str) -> str:
    return value


@method("Echo.int")
def echo_int(value: int) -> int:
    return value


@method("Echo.float")
def echo_float(value: float) -> float:
    return value


@method("Echo.bool")
def echo_bool(value: bool) -> bool:
    return value


@method("Echo.datetime")
def echo_datetime(value: datetime) -> datetime:
    return value


@method("Echo.enum")
def echo_enum(value: State) -> State:
    assert isinstance(value, State)
    return value


@method("Echo.text_enum")
def echo_text_enum(value: Mode) -> "Mode":
    return Mode(value)


@method("Echo.literal")
def echo_literal(value: Speed) -> Literal["low", "high"]:
    return value


@method("Echo.ref")
def echo_ref(value: Ref["VM"]) -> Ref[Literal["VM"]]:  # noqa: F821
    return value


@method("Echo.record")
def echo_record(value: Disk) -> Disk:
    assert isinstance(value, Disk)
    return value


@method("Echo.named_tuple")
def echo_named_tuple(value: Point) -> Point:
    assert isinstance(value, Point)
    return value


@method("Echo.typed_dict")
def echo_typed_dict(value: Options) -> Options:
    return value


@method("Echo.loose")
def echo_loose(value: Loose) -> Loose:
    return value


@method("Echo.set")
def echo_set(value: List[int]) -> list[int]:
    return value


@method("Echo.deep")
def echo_deep(value: Sequence[list[Disk | None]]) -> List[Sequence[Union[None, Disk]]]:
    return value


@method("Echo.map")
def echo_map(value: Dict[str, float]) -> Mapping[str, float]:
    return value


@method("Echo.keys")
def echo_keys(
    numbers: dict[int, bool],
    states: dict[State, int],
    truths: Dict[bool, str],
    times: Mapping[datetime, int],
    refs: dict[Ref["VM"], list[str]],  # noqa: F821
    floats: Dict[float, int],
) -> dict[str, int]:
    assert all(isinstance(key, State) for key in states)
    return {"numbers": sum(numbers), "all": len(states) + len(truths) + len(times) + len(refs) + len(floats)}


@method("Echo.option")
def echo_option(value: Optional[int] = None) -> int | None:
    return value


@method("Echo.anything")
def echo_anything(value: Any) -> Any:
    return value


@method("Echo.nothing")
def echo_nothing() -> None:
    print("this goes to standard error")


@method("Echo.defaults", role="vm-operator", idempotent=True, zygote=False, secret=["word", "return"], timeout="30s")
def echo_defaults(
    text: str,
    word: str = "ü",
    number: int = -5,
    ratio: float = 1,
    truth: bool = True,
    state: State = State.QUEUED,
    numbers: list[int] = [],
    labels: dict[str, str] = {"a": "b"},
    *,
    maybe: Optional[str] = None,
) -> List[Any]:
    """Answer with everything.

    The second paragraph
    has two lines.

    Args:
        text: what is said,
            on two lines: so.
        word (str): a secret.

    Returns:
        All of it.

    Raises:
        Failure("ECHO_LOST", "text", "why"): it was lost.
        ECHO_DEAF: nobody hears.
        ValueError: not for callers.
    """
    return [text, word, number, ratio, truth, state, numbers, labels, maybe]


@method("Echo.session")
def echo_session(caller: Session, value: str) -> str:
    assert caller == session()
    return caller + value


@method("Echo.fail")
def echo_fail(code: str) -> None:
    raise Failure(code, 5, "<&>")


@method("Echo.crash")
def echo_crash(how: str) -> int:
    if how == "exit":
        sys.exit(3)
    if how == "result":
        return "five"  # type: ignore[return-value]
    raise KeyError(how)


run()
