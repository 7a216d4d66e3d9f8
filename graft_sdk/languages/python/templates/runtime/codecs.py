"""Values to JSON and back, by declared type."""

from __future__ import annotations

import base64
import math
import re
from datetime import datetime, timedelta, timezone
from typing import (
    Any,
    Callable,
    Dict,
    Generic,
    Iterable,
    List,
    Mapping,
    Optional,
    Tuple,
    Type,
    TypeVar,
    cast,
)

from .errors import AnswerError
from .values import Moment, OpenEnum, nanosecond_of

T = TypeVar("T")
K = TypeVar("K")
E = TypeVar("E", bound=OpenEnum)


class Codec(Generic[T]):
    """Turns values of one type into what `json` writes, and back."""

    def encode(self, value: T) -> Any:
        """Return the JSON of a value."""
        raise NotImplementedError

    def decode(self, json: Any) -> T:
        """Return the value of a JSON.

        Raises:
            AnswerError: it is none of the type.
        """
        raise NotImplementedError


class _Plain(Codec[T]):
    """A type that JSON has itself."""

    def __init__(self, name: str, kind: Type[T]) -> None:
        self._name = name
        self._kind = kind

    def encode(self, value: T) -> Any:
        return value

    def decode(self, json: Any) -> T:
        if type(json) is not self._kind:
            raise _misfit(self._name, json)
        return json


class _Float(Codec[float]):
    def encode(self, value: float) -> Any:
        if math.isfinite(value):
            return float(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

    def decode(self, json: Any) -> float:
        if json in ("NaN", "Infinity", "-Infinity") or (isinstance(json, (int, float)) and not isinstance(json, bool)):
            return float(json)
        raise _misfit("float", json)


_TIME = re.compile(
    r"(\d{4})(-?)(\d\d)\2(\d\d)[Tt ](\d\d)(:?)(\d\d)\6(\d\d)(?:[.,](\d{1,9}))?(?:[Zz]|([+-]\d\d):?(\d\d)?)?", re.ASCII
)


class _DateTime(Codec[datetime]):
    def encode(self, value: datetime) -> Any:
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; datetime.now(timezone.utc) has one")
        nanosecond = nanosecond_of(value)
        value = value.astimezone(timezone.utc)
        fraction = f"{value.microsecond:06}{nanosecond:03}".rstrip("0")
        text = f"{value.year:04}-{value.month:02}-{value.day:02}T{value.hour:02}:{value.minute:02}:{value.second:02}"
        return f"{text}.{fraction}Z" if fraction else f"{text}Z"

    def decode(self, json: Any) -> datetime:
        match = _TIME.fullmatch(json) if isinstance(json, str) else None
        if match is None:
            raise _misfit("datetime", json)
        year, _, month, day, hour, _, minute, second, fraction, hours, minutes = match.groups()
        nanoseconds = int((fraction or "").ljust(9, "0"))
        offset = timedelta()
        if hours:
            offset = timedelta(hours=int(hours), minutes=int(f"{hours[0]}{minutes or 0}"))
        try:
            time = datetime(
                int(year),
                int(month),
                int(day),
                int(hour),
                int(minute),
                int(second),
                nanoseconds // 1000,
                timezone.utc,
            )
            time -= offset
        except (ValueError, OverflowError):
            raise _misfit("datetime", json) from None
        return Moment.of(time, nanoseconds % 1000) if nanoseconds % 1000 else time


class _Anything(Codec[Any]):
    """A type that is told in words only."""

    def encode(self, value: Any) -> Any:
        if isinstance(value, float):
            return FLOAT.encode(value)
        if isinstance(value, datetime):
            return DATETIME.encode(value)
        if isinstance(value, (bytes, bytearray)):
            return base64.b64encode(value).decode()
        if isinstance(value, (list, tuple)):
            return [self.encode(item) for item in value]
        if isinstance(value, dict):
            return {str(key): self.encode(item) for key, item in value.items()}
        return value

    def decode(self, json: Any) -> Any:
        return json


class EnumCodec(Codec[E]):
    """An enum; values that it does not have survive."""

    def __init__(self, kind: Type[E]) -> None:
        self._kind = kind

    def encode(self, value: E) -> Any:
        return str(value)

    def decode(self, json: Any) -> E:
        if not isinstance(json, str):
            raise _misfit(self._kind.__name__, json)
        return self._kind(json)


class RefCodec(Codec[T]):
    """References, which are text."""

    def encode(self, value: T) -> Any:
        return value

    def decode(self, json: Any) -> T:
        if not isinstance(json, str):
            raise _misfit("reference", json)
        return cast(T, json)


class SetCodec(Codec[List[T]]):
    """Arrays."""

    def __init__(self, of: Codec[T]) -> None:
        self._of = of

    def encode(self, value: Iterable[T]) -> Any:
        if isinstance(value, (str, bytes)):
            raise TypeError("text in place of a list; put it into one")
        return [self._of.encode(item) for item in value]

    def decode(self, json: Any) -> List[T]:
        if not isinstance(json, list):
            raise _misfit("array", json)
        return [self._of.decode(item) for item in json]


class MapCodec(Codec[Dict[K, T]]):
    """Objects, whose keys are text that reads as the key's type."""

    def __init__(self, key: Codec[K], of: Codec[T]) -> None:
        self._key = key
        self._of = of

    def encode(self, value: Mapping[K, T]) -> Any:
        return {_key_text(self._key.encode(key)): self._of.encode(item) for key, item in value.items()}

    def decode(self, json: Any) -> Dict[K, T]:
        if not isinstance(json, dict):
            raise _misfit("object", json)
        return {_key_of(self._key, key): self._of.decode(item) for key, item in json.items()}


class OptionCodec(Codec[Optional[T]]):
    """A value or none."""

    def __init__(self, of: Codec[T]) -> None:
        self._of = of

    def encode(self, value: Optional[T]) -> Any:
        return None if value is None else self._of.encode(value)

    def decode(self, json: Any) -> Optional[T]:
        return None if json is None else self._of.decode(json)


class BoxCodec(SetCodec[T]):
    """A value or none, where the value may be none itself: a list of at most one item."""

    def decode(self, json: Any) -> List[T]:
        if not isinstance(json, list) or len(json) > 1:
            raise _misfit("array of at most one item", json)
        return super().decode(json)


FieldCodec = Tuple[str, str, Codec[Any], bool]
"""Name on the wire, name here, codec, and whether None stands for an absent field."""


class RecordCodec(Codec[T]):
    """A record. Fields that a newer platform has besides are left out."""

    def __init__(self, kind: Callable[..., T], fields: Callable[[], List[FieldCodec]]) -> None:
        self._kind = kind
        self._tell = fields
        self._fields: Optional[List[FieldCodec]] = None

    def encode(self, value: T) -> Any:
        made = {}
        for name, attribute, codec, absent in self._all():
            item = getattr(value, attribute)
            if not (absent and item is None):
                made[name] = codec.encode(item)
        return made

    def decode(self, json: Any) -> T:
        if not isinstance(json, dict):
            raise _misfit("object", json)
        found = {attribute: codec.decode(json[name]) for name, attribute, codec, _ in self._all() if name in json}
        try:
            return self._kind(**found)
        except TypeError as error:
            raise AnswerError(f"a record lacks fields: {error}") from None

    def _all(self) -> List[FieldCodec]:
        # Records may lead to themselves, and to others that are defined behind them.
        if self._fields is None:
            self._fields = self._tell()
        return self._fields


class _Void(Codec[None]):
    def encode(self, value: None) -> Any:
        return None

    def decode(self, json: Any) -> None:
        return None


STRING: Codec[str] = _Plain("string", str)
INT: Codec[int] = _Plain("int", int)
FLOAT: Codec[float] = _Float()
BOOL: Codec[bool] = _Plain("bool", bool)
DATETIME: Codec[datetime] = _DateTime()
ANYTHING: Codec[Any] = _Anything()
VOID: Codec[None] = _Void()


def _key_text(json: Any) -> str:
    if isinstance(json, bool):
        return "true" if json else "false"
    return json if isinstance(json, str) else repr(json)


def _key_of(codec: Codec[K], text: str) -> K:
    try:
        if codec is INT:
            return codec.decode(int(text))
        if codec is FLOAT:
            return codec.decode(float(text))
        if codec is BOOL:
            return codec.decode({"true": True, "false": False}[text])
    except (ValueError, KeyError):
        raise _misfit("key of a map", text) from None
    return codec.decode(text)


def _misfit(expected: str, json: Any) -> AnswerError:
    """Say what was expected; the value itself may be a secret."""
    got = {type(None): "null", dict: "object", list: "array"}.get(type(json), type(json).__name__)
    return AnswerError(f"a {expected} was expected, but the platform has answered with {got}")
