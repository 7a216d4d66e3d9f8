"""Texts and names that languages could stumble over, as an API that SDKs are made of."""

from __future__ import annotations

from graft_common.declarations.api import Api
from graft_common.declarations.model import (
    Change,
    ClassDeclaration,
    Document,
    EnumDeclaration,
    EnumValue,
    ErrorDeclaration,
    Field,
    Lifecycle,
    Method,
    Param,
    Record,
    Result,
    Transition,
)
from graft_common.declarations.types import parse_type

TEXT = """A heading

# Another one

``Quoted'' and "quoted" */ /* // <b>bold</b> [link] `code` \\ \\u0041 \\" {{ braces }} {% raw %} ${x} é 日本
 an indented line of the same paragraph

    code that is no program: }{

Text:
- an item
  that goes on
- another one
* of another kind
and more text behind it

1. one
2. two

[a link]: https://example.com

```
fenced: let x =
```

| a | table |
|---|---|

+ a list of another kind

Deprecated: says the text only, \u202eand turns\u202c or \u2066keeps\u2069 its direction; \ufeffa mark of the order of bytes \x85 \u2028 \u200f
"""
_LONG = "a_name_that_has_more_characters_than_anybody_would_want_to_write_who_has_to"
_WORDS = [
    "self",
    "type",
    "class",
    "func",
    "fn",
    "impl",
    "match",
    "string",
    "error",
    "nil",
    "None",
    "Self",
    "call",
    "options",
    "client",
    "context",
    "result",
    "ctx",
    "value",
    "String",
    "Option",
    "Result",
    "Vec",
    "Box",
    "Error",
    "Ok",
    "Client",
    "Task",
    "int",
    "float",
    "bool",
    "time",
    "fmt",
    "put",
    "members",
    "made",
    "start",
    "invoke",
    "Default",
    "From",
    "std",
    "core",
    "crate",
    "super",
    "test",
    "main",
    "init",
    "len",
    "new",
    "drop",
    "clone",
    "format",
    "default",
    "await",
    "async",
]
_DISKS = {
    "get": "disk record",
    "put": "disk_get record set",
    "init": "disk record option",
    "free": "enum disk_free",
    "lost": "(string -> disk record) map",
    "list": "string set",
    "list_options": "string set set",
    "record_set": "disk record set",
}
"""Methods that are called as something is that SDKs make of types, with their results."""
_LIFECYCLE = Lifecycle(
    (Transition(Change.PUBLISHED, "1.0"), Transition(Change.DEPRECATED, "2.0", f"{TEXT}\n\n{'Because. ' * 30}"))
)


def stumbling_api() -> Api:
    """Return an API whose texts and names are as awkward as declarations allow."""
    words = tuple(dict.fromkeys(_WORDS))
    fields = tuple(Field(word, parse_type("string"), TEXT, lifecycle=_LIFECYCLE) for word in words)
    enums = (
        EnumDeclaration(
            "error", tuple(EnumValue(word, TEXT) for word in (*words, "", "5", "-", "ü", "日本", '"\\')), TEXT
        ),
        EnumDeclaration("String", (EnumValue("Unrecognized"),)),
        EnumDeclaration("disk_free", (EnumValue("of"),)),
    )
    records = (
        Record("Result", fields, TEXT),
        Record("empty", ()),
        Record("wide", tuple(Field(f"field{place}", parse_type("int")) for place in range(1000))),
        Record("disk", (Field("size", parse_type("int")),)),
        Record("disk_get", (Field("size", parse_type("int")),)),
        Record("first", (Field("next", parse_type("second record option")),)),
        Record(
            "second", (Field("first", parse_type("first record")), Field("own", parse_type("second record option")))
        ),
    )
    params = tuple(Param(word, parse_type("string"), TEXT) for word in words)
    optional = tuple(
        Param(f"{_LONG}_{kind.replace(' ', '_')}", parse_type(kind), TEXT, optional=True, secret=kind != "int")
        for kind in ("int", "string", "float set", "datetime option option")
    )
    nested = "(float -> datetime set option) map option option set"
    disks = (Param("disk", parse_type("disk record")), Param("force", parse_type("bool"), default="false"))
    methods = (
        Method("Text.all", TEXT, params=params, result=Result(parse_type("Result record"), TEXT), lifecycle=_LIFECYCLE),
        Method(f"Text.{_LONG}", TEXT, params=optional, result=Result(parse_type("(float -> datetime set) map"))),
        Method("Text.few", params=(Param("session", parse_type("bool option option")), *optional[:1])),
        Method("Text.errors", errors=tuple(ErrorDeclaration(f"CODE_{word}", words, TEXT) for word in words)),
        Method("Text.nested", params=(Param("value", parse_type(nested)),), result=Result(parse_type(nested))),
        Method("Text.wide", result=Result(parse_type("wide record"))),
        *(
            Method(
                f"Disk.{name}",
                params=disks,
                result=Result(parse_type(kind)),
                errors=(ErrorDeclaration("DISK_LOST", words[:1]),),
            )
            for name, kind in _DISKS.items()
        ),
        *(Method(f"Text.{word}", TEXT, lifecycle=_LIFECYCLE) for word in words),
        *(Method(f"{word}.{word}", TEXT, params=(Param("first", parse_type("first record")),)) for word in words),
        *(Method(f"on_{system}.go") for system in ("linux", "windows", "test")),
        *(Method(f"{name}.go") for name in ("errors", "Graft")),
    )
    classes = (ClassDeclaration("Text", TEXT), ClassDeclaration("time", TEXT))
    return Api.of(Document(classes, enums, records, methods))
