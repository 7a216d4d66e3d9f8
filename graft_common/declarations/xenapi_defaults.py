"""Values of defaults as `xenapi.json` writes them: `"text"`, `2.`, `{"a" -> "b", "c" -> "d"}`, `Null`.

That is the form of `string_of_default` in xapi's `gen_json.ml`. It does not escape: a text within a set or map ends at
the first quotation mark behind which such a text can end.
"""

from __future__ import annotations

import re
from typing import Final

from graft_common.declarations.types import EnumType, MapType, OptionType, RefType, Scalar, SetType, Type
from graft_common.values import DateTime, Value

NULL: Final = "Null"
"""The reference that is an empty text."""

_INT = re.compile(r"-?[0-9]{1,19}")
_DELIMITER = re.compile(r", | -> |\}")
_TEXT_END = re.compile(r'"(?=, | -> |\})')
_DATE = re.compile(r"[0-9][0-9TZ:.+-]*")


def read_default(text: str, kind: Type) -> Value:
    """Read the default of a field of that type.

    Raises:
        ValueError: the text is none of that type.
    """
    reader = _Reader(text)
    value = reader.value(kind, nested=False)
    if reader.position != len(text):
        raise ValueError(f"{text!r} is no {kind}")
    return value


def write_default(value: Value, kind: Type) -> str:
    """Write the default of a field as xapi does, whatever its type."""
    match value, kind:
        case str(), EnumType():
            return value
        case str(), RefType():
            return value or NULL
        case dict(), MapType():
            pairs = [(write_default(key, kind.key), write_default(item, kind.value)) for key, item in value.items()]
            return f"{{{', '.join(f'{key} -> {item}' for key, item in pairs)}}}"
        case list(), SetType() | OptionType():
            return f"{{{', '.join(write_default(item, kind.of) for item in value)}}}"
        case str(), Scalar(name="int" | "float" | "bool" | "datetime"):
            return value
        case int(), Scalar(name="float"):
            return _untyped(float(value))
        case _:
            return _untyped(value)


def _untyped(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            written = f"{value:.12g}"
            return written if re.search(r"[^0-9-]", written) else f"{written}."
        case DateTime():
            return value.text
        case list():
            return f"{{{', '.join(_untyped(item) for item in value)}}}"
        case dict():
            return f"{{{', '.join(f'{_untyped(key)} -> {_untyped(item)}' for key, item in value.items())}}}"
        case str():
            return f'"{value}"'
        case _:
            return f'"{value!r}"'


class _Reader:
    """One pass over the text; types bound how deep it goes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def value(self, kind: Type, *, nested: bool) -> Value:
        match kind:
            case SetType() | OptionType():
                return self._set(kind.of)
            case MapType():
                return self._map(kind)
            case Scalar(name="string"):
                return self._string(nested)
            case Scalar() | EnumType() | RefType():
                return _atom(self._word(nested), kind)
            case _:
                raise ValueError(f"no default of the type {kind} can be read")

    def _set(self, kind: Type) -> Value:
        items: list[Value] = []
        self._expect("{")
        while not self._at("}"):
            if items:
                self._expect(", ")
            items.append(self.value(kind, nested=True))
        return items

    def _map(self, kind: MapType) -> Value:
        pairs: dict[str, Value] = {}
        self._expect("{")
        while not self._at("}"):
            if pairs:
                self._expect(", ")
            begin = self.position
            key = self.value(kind.key, nested=True)
            written = key if isinstance(key, str) else self.text[begin : self.position]
            self._expect(" -> ")
            pairs[written] = self.value(kind.value, nested=True)
        return pairs

    def _string(self, nested: bool) -> str:
        self._expect('"')
        begin = self.position
        if nested:
            end = _TEXT_END.search(self.text, begin)
            stop = end.start() if end else -1
        else:
            stop = len(self.text) - 1 if self.text.endswith('"') else -1
        if stop < begin:
            raise ValueError(f"{self.text!r} has a text without an end")
        self.position = stop + 1
        return self.text[begin:stop]

    def _word(self, nested: bool) -> str:
        end = _DELIMITER.search(self.text, self.position) if nested else None
        begin, self.position = self.position, end.start() if end else len(self.text)
        return self.text[begin : self.position]

    def _at(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.position)
        if found:
            self.position += len(mark)
        return found

    def _expect(self, mark: str) -> None:
        if not self._at(mark):
            raise ValueError(f"{self.text!r} lacks {mark!r} at character {self.position + 1}")


def _atom(word: str, kind: Type) -> Value:
    match kind:
        case RefType():
            return "" if word == NULL else word
        case Scalar(name="int") if _INT.fullmatch(word) and -(2**63) <= int(word) < 2**63:
            return int(word)
        case Scalar(name="float"):
            return float(word)
        case Scalar(name="bool") if word in ("true", "false"):
            return word == "true"
        case Scalar(name="datetime") if _DATE.fullmatch(word):
            return DateTime(word)
        case EnumType() if word:
            return word
    raise ValueError(f"{word!r} is no {kind}")
