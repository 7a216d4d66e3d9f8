"""Names that Protocol Buffers take, for names of declarations: sanitised, and different where those were."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_NO_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")


def identifier(name: str) -> str:
    """Return the name with `_` for whatever cannot stand in one."""
    return _NO_IDENTIFIER.sub("_", name)


def pascal_case(name: str) -> str:
    """Return the name as those of messages are written: `resize_state` is `ResizeState`, `VM_metrics` `VMMetrics`."""
    joined = "".join(part[:1].upper() + part[1:] for part in _SEPARATORS.split(name))
    return joined if joined[:1].isalpha() else f"X{joined}"


def constant_case(name: str) -> str:
    """Return the name as those of enum values are written: `ResizeState` is `RESIZE_STATE`.

    It is empty where no character of the name can stand in one.
    """
    return "_".join(part for part in _SEPARATORS.split(_HUMP.sub("_", name)) if part).upper()


def map_entry(field: str) -> str:
    """Return what protoc calls the message that it makes for a map field."""
    return "".join(part[:1].upper() + part[1:] for part in field.split("_")) + "Entry"


class Exact:
    """The names of one scope, where names differ when their letters do."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {self.key(name) for name in taken}

    @staticmethod
    def key(name: str) -> str:
        """Return what two names must not share."""
        return name

    def take(self, wanted: str, *along: str, between: str = "") -> str:
        """Take a name: the one wanted, or with a number behind it the first that is free.

        Args:
            wanted: the name.
            *along: what is put behind the name to make further names that must be free, and are then taken too.
            between: what stands before the number.
        """
        name = wanted
        number = 1
        while not self._free(name, along):
            number += 1
            name = f"{wanted}{between}{number}"
        self._taken.update(self.key(name + suffix) for suffix in ("", *along))
        return name

    def _free(self, name: str, along: tuple[str, ...]) -> bool:
        return self._taken.isdisjoint(self.key(name + suffix) for suffix in ("", *along))


class Alike(Exact):
    """The names of a scope where neither capitals nor `_` make a difference.

    So differ the names that JSON, the messages of maps and generated code have for fields and enum values.
    """

    @staticmethod
    def key(name: str) -> str:
        """Return what two names must not share."""
        return name.replace("_", "").lower()


def rpc_names(methods: Iterable[str]) -> Mapping[str, str]:
    """Return for methods of one class, by what is behind the first dot, the names of their RPCs.

    They are the same, but for methods with further dots.
    """
    shorts = list(methods)
    scope = Exact()
    exact = {short: scope.take(short) for short in shorts if identifier(short) == short}
    return {short: exact.get(short) or scope.take(identifier(short), between="_") for short in shorts}
