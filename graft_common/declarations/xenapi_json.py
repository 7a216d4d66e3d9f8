"""xapi's published datamodel, `xenapi.json`: its form, read with bounds and written back.

The file is made by xapi's `gen_json.ml`: a list of classes with their fields, messages and enums. Three vintages of it
are in use: the oldest has lifecycles as bare lists of transitions, the next added the state beside them, the newest
says of each parameter whether it is `required`. All three are read, and each is written again as it was.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args, get_origin

import msgspec
import orjson

MAX_SIZE: Final = 64 * 1024 * 1024
"""Bytes; the published files have 1.4 to 1.7 million."""
VOID: Final = "void"
"""The result of a message that has none; it stands alone, without a doc."""

Change = Literal["prototyped", "published", "extended", "changed", "deprecated", "removed"]
State = Literal["Unreleased_s", "Prototyped_s", "Published_s", "Deprecated_s", "Removed_s"]
Qualifier = Literal["RW", "RO/constructor", "RO/runtime"]


class Transition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to something in a release."""

    transition: Change
    release: str
    description: str


class Lifecycle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that happened, the oldest first, and what has become of it."""

    state: State
    transitions: tuple[Transition, ...]


Lifecycles = Lifecycle | tuple[Transition, ...]
"""With the state, or the oldest vintage's transitions alone."""


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A field of a class; `default` is OCaml's way to write the value, so that a text stands in quotes."""

    name: str
    description: str
    type: str
    qualifier: Qualifier
    tag: str
    lifecycle: Lifecycles
    default: str | msgspec.UnsetType = msgspec.UNSET


class Param(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A parameter of a message; the session is one of them. Values of defaults are not in the file."""

    type: str
    name: str
    doc: str
    required: bool | msgspec.UnsetType = msgspec.UNSET


class Error(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An error that a message may end with; its parameters are not in the file."""

    name: str
    doc: str


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A method; `result` is `("void",)`, or a type and its doc. Without roles only root on the host may call it."""

    name: str
    description: str
    result: tuple[str, ...]
    params: tuple[Param, ...]
    errors: tuple[Error, ...]
    roles: tuple[str, ...]
    tag: str
    lifecycle: Lifecycles
    implicit: bool

    def __post_init__(self) -> None:
        if self.result != (VOID,) and len(self.result) != len(("type", "doc")):
            raise ValueError('the result must be ["void"], or a type and its doc')


class EnumValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value of an enum."""

    name: str
    doc: str


class Enum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An enum; each class that uses it has it."""

    name: str
    values: tuple[EnumValue, ...]


class Class(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A class with all that belongs to it."""

    name: str
    description: str
    fields: tuple[Field, ...]
    messages: tuple[Message, ...]
    enums: tuple[Enum, ...]
    lifecycle: Lifecycles
    tag: str


class DatamodelError(Exception):
    """The file is no datamodel; the message says where in it, as a path, what is wrong."""


def read_datamodel(data: bytes) -> tuple[Class, ...]:
    """Read a datamodel.

    Raises:
        DatamodelError: the file is too large, no JSON, or not of the published form. An unknown member is refused
            too, since nothing of the file may get lost.
    """
    if len(data) > MAX_SIZE:
        raise DatamodelError(f"the file has {len(data)} bytes; {MAX_SIZE} are allowed")
    try:
        try:
            return msgspec.json.decode(data, type=tuple[Class, ...])
        except msgspec.ValidationError as error:
            msgspec.json.decode(data)
            raise DatamodelError(_locate(msgspec.Raw(data), tuple[Class, ...], "$") or str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DatamodelError(f"the file is no JSON: {error}") from None
    except RecursionError:
        raise DatamodelError("the file is nested too deeply") from None


def write_datamodel(classes: tuple[Class, ...]) -> bytes:
    """Write a datamodel, indented by two, as a text file that ends with a newline."""
    return orjson.dumps(msgspec.to_builtins(classes), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _locate(raw: msgspec.Raw, kind: Any, path: str) -> str | None:
    """Say where a value breaks its form and how, or None where it does not; msgspec leaves out numbers of items."""
    try:
        msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        kind = _alternative(raw, kind)
        found: str | None = None
        for step, part, part_kind in _parts(raw, kind):
            found = found or _locate(part, part_kind, f"{path}{step}")
        return found or f"{path}: {str(error).partition(' - at `')[0]}"
    return None


def _alternative(raw: msgspec.Raw, kind: Any) -> Any:
    if kind == Lifecycles:
        return get_args(kind)[bytes(raw).lstrip().startswith(b"[")]
    return kind


def _parts(raw: msgspec.Raw, kind: Any) -> list[tuple[str, msgspec.Raw, Any]]:
    try:
        if get_origin(kind) is tuple:
            items = msgspec.json.decode(raw, type=list[msgspec.Raw])
            return [(f"[{number}]", item, get_args(kind)[0]) for number, item in enumerate(items)]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
            fields = msgspec.structs.fields(kind)
            return [(f".{field.name}", members[field.name], field.type) for field in fields if field.name in members]
    except msgspec.ValidationError:
        pass
    return []
