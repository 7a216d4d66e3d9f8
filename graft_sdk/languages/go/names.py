"""Names as Go writes them, and those that only Go's one scope for a whole package needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache, partial

from graft_sdk.naming import Scope, Style, snake, words
from graft_sdk.view import ApiView, EnumView, ErrorView, RecordView, RefView


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What Go's style asks to be written in capitals throughout.
INITIALISMS = _set(
    "ACL API ASCII CPU CSS DNS EOF GID GUID HTML HTTP HTTPS ID IP JSON QPS RAM RPC SLA SMTP SQL SSH TCP TLS TTL UDP UI "
    "UID URI URL UTF8 UUID VM XML XMPP XSRF XSS"
)
KEYWORDS = _set(
    "break case chan const continue default defer else fallthrough for func go goto if import interface map package "
    "range return select struct switch type var"
)
PREDECLARED = _set(
    "any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint "
    "uint8 uint16 uint32 uint64 uintptr true false iota nil append cap clear close complex copy delete imag len make "
    "max min new panic print println real recover"
)
RUNTIME = _set(
    "APIDigest APIError AnswerError Client Config New Ptr Task TaskInfo TaskStatus TaskPending TaskSuccess TaskFailure "
    "TaskCancelling TaskCancelled TransportError Void"
)
"""What the SDK's own parts export."""
ERROR_MEMBERS = _set("APIError Code Error Message Params RetryAfter Status Unwrap")
_USED = _set(
    "anything boolean booleanKey boxOf c call context ctx float floatKey fmt integer integerKey invoke made mapOf "
    "moment momentKey optionOf options put putPointer setOf start text textKey time void"
)
"""What generated methods use in their bodies."""
_GENERATED = re.compile(r"(?:call|codec)[A-Z]")
"""Functions that generated methods use."""


def exported(name: str) -> str:
    """Write `ResizeDisk`, `VMRecord` and `GetUUID`; an error's name does not say twice that it is one."""
    joined = _joined(name)
    if joined.endswith("ErrorError"):
        joined = joined.removesuffix("Error")
    # Only a capital makes a name visible outside of the package.
    return joined if joined[:1].isupper() else f"X{joined}"


def local(name: str) -> str:
    """Write `resizeDisk`, `vmRef` and `uuid`."""
    first, *rest = words(name)
    joined = first.lower() + "".join(_word(word) for word in rest)
    return f"{joined}_" if _GENERATED.match(joined) else joined


def _joined(name: str) -> str:
    found = words(name)
    shouted = len(found) > 1 and all(word.isupper() or word.isdigit() for word in found)
    return "".join(_word(word.lower() if shouted else word) for word in found)


def _word(word: str) -> str:
    capitals = word.upper()
    return capitals if capitals in INITIALISMS else word[:1].upper() + word[1:]


STYLE = Style(
    types=exported,
    members=exported,
    class_types={"methods": "{}_methods"},
    methods=exported,
    errors="{}_error",
    params=local,
    fields=exported,
    values=exported,
    reserved=KEYWORDS,
    taken_types=RUNTIME,
    taken_members=frozenset({"Call", "Close", "GoString", "Login", "Logout", "SessionRef", "Start", "String"}),
    # `go vet` knows how these have to look.
    taken_methods=_set(
        "GobDecode GobEncode MarshalJSON ReadByte ReadRune UnmarshalJSON UnreadByte UnreadRune WriteByte"
    ),
    taken_params=PREDECLARED | _USED,
    taken_fields=frozenset({"Format", "MarshalJSON", "UnmarshalJSON"}),
    digit_prefix="x",
    number=lambda name, count: f"{name}{count}",
)


@dataclass(frozen=True)
class Names:
    """Names of the package's scope that the shared view does not have."""

    enum_values: dict[tuple[str, str], str]
    """By the names of enum and value."""
    options: dict[str, str]
    """Types of the parameters that may be left out, by the method's name."""
    calls: dict[str, str]
    """Functions that write calls, by the method's name."""
    files: dict[str, str]
    """Of classes, by their names; neither ends with what would make Go leave a file out on some machines."""


@lru_cache(maxsize=16)
def names_of(api: ApiView) -> Names:
    """Name what the shared view leaves open."""
    types: list[EnumView | RecordView | RefView | ErrorView] = [*api.enums, *api.records, *api.refs, *api.errors]
    taken = {item.ident for item in types} | {name for class_ in api.classes for name in class_.types.values()}
    scope = Scope(STYLE, exported, RUNTIME | taken)
    values = {
        (enum.name, value.name): scope.name(value.name, case=partial(_value, enum.ident))
        for enum in api.enums
        for value in enum.values
    }
    methods = [(class_, method) for class_ in api.classes for method in class_.methods]
    options = {method.name: scope.name(f"{method.name}.options") for _, method in methods if method.optional}
    calls = {method.name: scope.name(f"call{class_.member}{method.ident}", case=str) for class_, method in methods}
    files = Scope(STYLE, snake)
    return Names(values, options, calls, {item.name: f"{files.name(item.name)}_methods.go" for item in api.classes})


def _value(enum: str, name: str) -> str:
    return enum + _joined(name)
