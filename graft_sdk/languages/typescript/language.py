"""TypeScript for Node 20 and browsers: an ESM package of sources that `tsc` builds, with nothing but `fetch`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from graft_common.declarations.scalars import utc_time
from graft_common.declarations.types import (
    DescribedType,
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    Scalar,
    SetType,
    Type,
)
from graft_common.values import DateTime, Value
from graft_sdk import literals, samples, telling
from graft_sdk.generation import render, role_sentence
from graft_sdk.language import File, Language
from graft_sdk.languages.typescript import docs
from graft_sdk.naming import Style, camel, kebab, pascal, upper_snake
from graft_sdk.view import ApiView, FieldView, MethodView, boxed

_SCALARS = {"string": "string", "int": "bigint", "float": "number", "bool": "boolean", "datetime": "Date"}
_GIVEN = {**_SCALARS, "int": "bigint | number"}
_RUNTIME = ("client", "codecs", "errors", "json", "values")
_RESERVED = frozenset(
    """
    abstract any arguments as async await bigint boolean break case catch class const constructor continue debugger
    declare default delete do else enum eval export extends false finally for from function get if implements import in
    instanceof interface is keyof let module namespace never new null number object of package private protected
    prototype public readonly require return set static string super switch symbol then this throw true try type typeof
    undefined unique unknown var void while with yield
    """.split()  # noqa: SIM905 - a list of a line for each word shows no more
)
_NAMES = frozenset(
    {
        *("AnswerError", "Anything", "ApiError", "CallOptions", "Client", "ClientOptions", "Codec", "Errors"),
        *("GraftError", "Json", "Method", "Moment", "Ref", "Task", "TaskInfo", "TaskStatus", "TimeoutError"),
        *("TransportError", "BaseClient", "ERRORS", "API_DIGEST"),
        *("Array", "BigInt", "Boolean", "Date", "Error", "Function", "Infinity", "Map", "NaN", "Number", "Object"),
        *("Promise", "Readonly", "ReadonlyMap", "Record", "Set", "String", "Symbol", "Uint8Array", "GivenMap"),
    }
)
_PACKAGE = re.compile(r"(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*")


class TypeScript(Language):
    """See the module."""

    title: ClassVar[str] = "TypeScript"
    fence: ClassVar[str] = "typescript"
    default_package: ClassVar[str] = "graft-client"
    style: ClassVar[Style] = Style(
        types=pascal,
        record_types={"input": "{}_input"},
        members=camel,
        class_types={"methods": "{}_methods"},
        methods=camel,
        params=camel,
        fields=camel,
        values=pascal,
        reserved=_RESERVED,
        taken_types=_NAMES,
        taken_members=frozenset(
            {"call", "start", "login", "close", "sessionRef", "invokeMethod", "startMethod", "taskRequest", "errorOf"}
        ),
        taken_params=frozenset({"options", "timeout", "signal"}),
        taken_error_params=frozenset(
            {"code", "params", "message", "status", "retryAfter", "name", "stack", "cause", "param"}
        ),
        number=lambda name, count: f"{name}{count}",
    )

    def package_name(self, wanted: str) -> str:
        """See `Language`: a name that npm takes."""
        if not _PACKAGE.fullmatch(wanted) or len(wanted) > 214:
            raise ValueError(f"{wanted!r} is no name of an npm package; write one such as graft-client or @me/client")
        return wanted

    def files(self, api: ApiView) -> Iterator[File]:
        """See `Language`."""
        yield File("package.json", "package.json.j2")
        yield File("tsconfig.json", "tsconfig.json")
        yield File("README.md", "README.md.j2")
        for module in ("client", "codecs", "errors", "index", "types"):
            yield File(f"src/{module}.ts", f"{module}.ts.j2")
        for class_ in api.classes:
            yield File(f"src/methods/{kebab(class_.member)}.ts", "class.ts.j2", {"class_": class_})
        for module in _RUNTIME:
            yield File(f"src/runtime/{module}.ts", f"runtime/{module}.ts")

    def type(self, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return _type(kind, api)

    def literal(self, value: Value, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return _literal(value, kind, api)

    def example(self, api: ApiView, method: MethodView) -> str:
        """See `Language`."""
        given = samples.arguments(api, method)
        required = [_literal(value, param.type, api) for param, value in given if param.required]
        options = [f"{param.ident}: {_literal(value, param.type, api)}" for param, value in given if not param.required]
        arguments = [*required, *([f"{{ {', '.join(options)} }}"] if options else [])]
        names = sorted({name for param, value in given for name in _names(value, param.type, api)})
        return render(
            self,
            api,
            "example.ts.j2",
            method=method,
            class_=api.class_(method.class_name),
            arguments=arguments,
            names=["Client", *names],
        )

    def filters(self, api: ApiView) -> Mapping[str, Callable[..., Any]]:
        """See `Language`."""
        return {
            "typed": lambda kind: _type(kind, api, "t."),
            "input": lambda kind: _type(kind, api, "t.", given=True),
            "own_input": lambda kind: _type(kind, api, given=True),
            "codec": lambda kind: _codec(kind, api, "c."),
            "own_codec": lambda kind: _codec(kind, api, ""),
            "absent": lambda field: _absent(field, api),
            "string": string,
            "kebab": kebab,
            "constant": upper_snake,
            "doc": docs.comment,
            "method_doc": lambda method, indent: docs.comment(docs.method(method, role_sentence(method)), indent),
            "param_doc": telling.param,
            "field_doc": docs.field,
        }


def _type(  # noqa: C901 - one case for each type
    kind: Type, api: ApiView, prefix: str = "", *, given: bool = False
) -> str:
    """Write a type; of a given one, what cannot be changed will do, and records without what has a default."""

    def inner(of: Type) -> str:
        return _type(of, api, prefix, given=given)

    match kind:
        case Scalar():
            return (_GIVEN if given else _SCALARS)[kind.name]
        case EnumType():
            return prefix + api.enum(kind.name).ident
        case RefType():
            return prefix + api.ref(kind.class_name).ident
        case RecordType():
            record = api.record(kind.name)
            return prefix + (record.types["input"] if given else record.ident)
        case SetType():
            of = inner(kind.of)
            return f"{'readonly ' if given else ''}{f'({of})' if ' ' in of else of}[]"
        case MapType():
            return f"{'GivenMap' if given else 'Map'}<{inner(kind.key)}, {inner(kind.value)}>"
        case OptionType() if boxed(kind):
            return f"readonly [] | readonly [{inner(kind.of)}]" if given else f"[] | [{inner(kind.of)}]"
        case OptionType():
            return f"{inner(kind.of)} | null"
        case DescribedType():
            return "Anything"


def _codec(kind: Type, api: ApiView, prefix: str) -> str:
    match kind:
        case Scalar():
            return f"r.{kind.name.upper()}"
        case EnumType() | RefType() | RecordType():
            return prefix + _type(kind, api)
        case SetType():
            return f"r.set({_codec(kind.of, api, prefix)})"
        case MapType():
            return f"r.map({_codec(kind.key, api, prefix)}, {_codec(kind.value, api, prefix)})"
        case OptionType():
            return f"r.{'box' if boxed(kind) else 'option'}({_codec(kind.of, api, prefix)})"
        case DescribedType():
            return "r.ANYTHING"


def _absent(field: FieldView, api: ApiView) -> str:
    """Write what an absent field is read as; empty where it must be there."""
    if field.default is not None:
        text = _literal(literals.read(field.default, field.type, api), field.type, api, "t.")
        return f"({text})" if text.startswith("{") else text
    if isinstance(field.type, OptionType):
        return "[]" if boxed(field.type) else "null"
    return "null" if isinstance(field.type, DescribedType) else ""


def _literal(value: Value, kind: Type, api: ApiView, prefix: str = "") -> str:
    def inner(item: Value, of: Type) -> str:
        return _literal(item, of, api, prefix)

    match kind, value:
        case Scalar(name="datetime"), DateTime(text=text):
            return f"new Date({string(_iso(text))})" if _milliseconds(text) else f"r.DATETIME.decode({string(text)})"
        case Scalar(name="int"), int():
            return f"{value}n"
        case Scalar(name="float"), float() | int():
            return _float(float(value))
        case EnumType(), str():
            enum = api.enum(kind.name)
            ident = next((item.ident for item in enum.values if item.name == value), None)
            return f"{prefix}{enum.ident}.{ident}" if ident else string(value)
        case RecordType(), dict():
            fields = api.record(kind.name).fields
            given = (
                f"{field.ident}: {inner(value[field.name], field.type)}" for field in fields if field.name in value
            )
            return f"{{ {', '.join(given)} }}"
        case OptionType(), list() if not boxed(kind):
            return inner(value[0], kind.of) if value else "null"
        case SetType() | OptionType(), list():
            return f"[{', '.join(inner(item, kind.of) for item in value)}]"
        case MapType(), dict():
            pairs = (f"[{_key(key, kind.key, api, prefix)}, {inner(item, kind.value)}]" for key, item in value.items())
            return f"new Map([{', '.join(pairs)}])" if value else "new Map()"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _key(text: str, kind: Type, api: ApiView, prefix: str) -> str:
    match kind:
        case Scalar(name="int"):
            return f"{int(text)}n"
        case Scalar(name="float"):
            return _float(float(text))
        case Scalar(name="bool"):
            return text
        case Scalar(name="datetime"):
            return _literal(DateTime(text), kind, api, prefix)
        case _:
            return _literal(text, kind, api, prefix)


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value).removesuffix(".0")


def _iso(text: str) -> str:
    time = utc_time(text) or text
    return f"{time[:4]}-{time[4:6]}-{time[6:]}"


def _milliseconds(text: str) -> bool:
    """Tell whether a Date holds it."""
    time = utc_time(text)
    return time is not None and len(time.rstrip("Z").partition(".")[2].rstrip("0")) <= 3


def _names(value: Value, kind: Type, api: ApiView) -> Iterator[str]:
    """Name the enums that a literal needs imported from the package."""
    match kind, value:
        case EnumType(), _:
            if any(item.name == value for item in api.enum(kind.name).values):
                yield _type(kind, api)
        case RecordType(), dict():
            for field in api.record(kind.name).fields:
                if field.name in value:
                    yield from _names(value[field.name], field.type, api)
        case SetType() | OptionType(), list():
            for item in value:
                yield from _names(item, kind.of, api)
        case MapType(), dict():
            for key, item in value.items():
                yield from _names(key, kind.key, api)
                yield from _names(item, kind.value, api)


def string(text: str) -> str:
    """Write a string."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


LANGUAGE = TypeScript()
