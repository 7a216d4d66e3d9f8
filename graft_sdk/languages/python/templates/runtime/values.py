"""Types that values have beyond those of the standard library."""

from __future__ import annotations

import enum
from datetime import datetime, timezone
from typing import Any, Final, Tuple, Type, TypeVar

_E = TypeVar("_E", bound="OpenEnum")


class Unset(enum.Enum):
    """The type of `UNSET`."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""In place of an argument: it is not sent, and the platform takes its default."""


class OpenEnum(str, enum.Enum):
    """An enum that keeps values which it does not have, since a newer platform may send them.

    `Colour("ultraviolet")` is such a value: equal to its text and to itself, with `is_known` false.
    """

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = value
        unknown._value_ = value
        return unknown

    @property
    def is_known(self) -> bool:
        """Whether the value was declared when this package was made."""
        return self._name_ in type(self).__members__

    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, form: str) -> str:
        return str.__format__(self, form)

    def __reduce_ex__(self: _E, protocol: Any) -> Tuple[Type[_E], Tuple[str]]:
        return type(self), (str(self.value),)

    def __copy__(self: _E) -> _E:
        return self

    def __deepcopy__(self: _E, memo: object) -> _E:
        return self


class Moment(datetime):
    """A point in time with nanoseconds, for those that `datetime` cannot hold; others come as plain `datetime`."""

    _nanosecond: int = 0

    @classmethod
    def of(cls, time: datetime, nanosecond: int) -> Moment:
        """Add nanoseconds beyond the microsecond, 0 to 999, to a point in time."""
        if time.tzinfo is None:
            raise ValueError("a point in time needs a time zone")
        if not 0 <= nanosecond <= 999:
            raise ValueError(f"nanoseconds beyond the microsecond are 0 to 999, not {nanosecond}")
        time = time.astimezone(timezone.utc)
        made = cls(time.year, time.month, time.day, time.hour, time.minute, time.second, time.microsecond, timezone.utc)
        made._nanosecond = nanosecond
        return made

    @property
    def nanosecond(self) -> int:
        """The nanoseconds beyond the microsecond, 0 to 999."""
        return self._nanosecond

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, datetime):
            return NotImplemented
        return datetime.__eq__(self, other) and nanosecond_of(other) == self._nanosecond

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((datetime.__hash__(self), self._nanosecond)) if self._nanosecond else datetime.__hash__(self)

    def __lt__(self, other: datetime) -> bool:  # type: ignore[override]
        return self._order() < _order(other)

    def __le__(self, other: datetime) -> bool:  # type: ignore[override]
        return self._order() <= _order(other)

    def __gt__(self, other: datetime) -> bool:  # type: ignore[override]
        return self._order() > _order(other)

    def __ge__(self, other: datetime) -> bool:  # type: ignore[override]
        return self._order() >= _order(other)

    def __repr__(self) -> str:
        return f"{datetime.__repr__(self)[:-1]}, nanosecond={self._nanosecond})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _moment, (datetime.fromisoformat(datetime.isoformat(self)), self._nanosecond)

    def _order(self) -> Tuple[datetime, int]:
        return _order(self)


def _moment(time: datetime, nanosecond: int) -> Moment:
    return Moment.of(time, nanosecond)


def nanosecond_of(time: datetime) -> int:
    """Return the nanoseconds beyond the microsecond; 0 of a plain `datetime`."""
    return time.nanosecond if isinstance(time, Moment) else 0


def _order(time: datetime) -> Tuple[datetime, int]:
    plain = datetime(
        time.year, time.month, time.day, time.hour, time.minute, time.second, time.microsecond, time.tzinfo
    )
    return plain, nanosecond_of(time)
