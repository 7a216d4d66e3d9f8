"""Python 3.9 and newer: a package with a client, one for asyncio too, dataclasses and enums."""

from __future__ import annotations

import builtins
import json
import keyword
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
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
from graft_sdk import literals, samples
from graft_sdk.generation import render, role_sentence
from graft_sdk.language import File, Language
from graft_sdk.languages.python import docs
from graft_sdk.naming import Style, pascal, snake, upper_snake
from graft_sdk.view import ApiView, FieldView, MethodView, boxed

_SCALARS = {"string": "str", "int": "int", "float": "float", "bool": "bool", "datetime": "datetime"}
_CODECS = {name: name.upper() for name in _SCALARS}
_ANNOTATIONS = frozenset(_SCALARS.values())
"""A method or field of such a name would take it from the annotations behind it."""
_RUNTIME = (
    "__init__",
    "async_client",
    "async_transport",
    "calls",
    "codecs",
    "deprecation",
    "errors",
    "sync_client",
    "transport",
    "values",
)
_IMPORTED = frozenset(
    {
        *("Any", "ClassVar", "Dict", "List", "Mapping", "NewType", "Optional", "Sequence", "Tuple", "Type", "Union"),
        *("AnswerError", "ApiError", "Errors", "GraftError", "TransportError"),
        *("AsyncClient", "AsyncHttpTransport", "AsyncTask", "AsyncTransport", "Client", "HttpTransport", "Request"),
        *("Response", "Task", "TaskInfo", "TaskStatus", "Transport"),
        *("DATETIME", "Moment", "OpenEnum", "UNSET", "Unset"),
    }
)


class Python(Language):
    """See the module."""

    title: ClassVar[str] = "Python"
    fence: ClassVar[str] = "python"
    default_package: ClassVar[str] = "graft_client"
    style: ClassVar[Style] = Style(
        types=pascal,
        members=snake,
        class_types={"methods": "{}_methods", "async_methods": "async_{}_methods"},
        methods=snake,
        params=snake,
        fields=snake,
        values=upper_snake,
        reserved=frozenset({*keyword.kwlist, "match", "case", "type"}),
        taken_types=_IMPORTED | frozenset(dir(builtins)),
        taken_members=frozenset({"call", "start", "login", "close", "session_ref"}),
        taken_methods=_ANNOTATIONS,
        taken_params=frozenset({"self", "timeout"}),
        taken_fields=_ANNOTATIONS | {"field", "timezone"},
        taken_error_params=frozenset(
            {"code", "params", "message", "status", "retry_after", "args", "add_note", "with_traceback"}
        ),
        taken_values=frozenset(),
        number=lambda name, count: f"{name}{count}" if name[:1].isupper() and "_" not in name else f"{name}_{count}",
    )

    def package_name(self, wanted: str) -> str:
        """See `Language`: a name that can be imported."""
        if not wanted.isidentifier() or keyword.iskeyword(wanted) or not wanted.isascii():
            raise ValueError(f"{wanted!r} is no name of a Python package; write one such as graft_client")
        return wanted

    def files(self, api: ApiView) -> Iterator[File]:
        """See `Language`."""
        package = api.package
        yield File("pyproject.toml", "pyproject.toml.j2")
        yield File("README.md", "README.md.j2")
        yield File(f"{package}/py.typed", "py.typed")
        for module in ("__init__", "client", "errors", "types", "_codecs"):
            yield File(f"{package}/{module}.py", f"{module.strip('_')}.py.j2")
        yield File(f"{package}/methods/__init__.py", "methods.py.j2")
        for class_ in api.classes:
            yield File(f"{package}/methods/{class_.member}.py", "class.py.j2", {"class_": class_})
        for module in _RUNTIME:
            yield File(f"{package}/_runtime/{module}.py", f"runtime/{module}.py")

    def type(self, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return _type(kind, api)

    def literal(self, value: Value, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return _literal(value, kind, api)

    def example(self, api: ApiView, method: MethodView) -> str:
        """See `Language`."""
        given = samples.arguments(api, method)
        keyed = [param.ident for param in method.optional]
        arguments = [
            f"{param.ident}={text}" if param.ident in keyed else text
            for param, text in ((param, _literal(value, param.type, api)) for param, value in given)
        ]
        names = sorted({name for param, value in given for name in _names(value, param.type, api)})
        return render(
            self,
            api,
            "example.py.j2",
            method=method,
            class_=api.class_(method.class_name),
            arguments=arguments,
            names=["Client", *names],
        )

    def filters(self, api: ApiView) -> Mapping[str, Callable[..., Any]]:
        """See `Language`."""
        return {
            "typed": lambda kind: _type(kind, api, "_t."),
            "input": lambda kind: _type(kind, api, "_t.", given=True),
            "codec": lambda kind: _codec(kind, api),
            "local_codec": lambda kind: _codec(kind, api, ""),
            "string": string,
            "doc": docs.docstring,
            "method_doc": lambda method: docs.method(method, role_sentence(method)),
            "field_default": lambda field: _field_default(field, api),
            "deprecation": docs.deprecation,
            "field_doc": docs.field,
            "may_be_absent": _may_be_absent,
        }


def _type(  # noqa: C901 - one case for each type
    kind: Type, api: ApiView, prefix: str = "", *, given: bool = False
) -> str:
    """Write a type; of a given one, any sequence and mapping will do."""

    def inner(of: Type) -> str:
        return _type(of, api, prefix, given=given)

    match kind:
        case Scalar():
            return _SCALARS[kind.name]
        case EnumType():
            return prefix + api.enum(kind.name).ident
        case RefType():
            return prefix + api.ref(kind.class_name).ident
        case RecordType():
            return prefix + api.record(kind.name).ident
        case SetType():
            return f"{'Sequence' if given else 'List'}[{inner(kind.of)}]"
        case MapType():
            return f"{'Mapping' if given else 'Dict'}[{inner(kind.key)}, {inner(kind.value)}]"
        case OptionType() if boxed(kind):
            return f"{'Sequence' if given else 'List'}[{inner(kind.of)}]"
        case OptionType():
            return f"Optional[{inner(kind.of)}]"
        case DescribedType():
            return "Any"


def _codec(kind: Type, api: ApiView, prefix: str = "_c.") -> str:
    match kind:
        case Scalar():
            return f"_r.{_CODECS[kind.name]}"
        case EnumType() | RefType() | RecordType():
            return prefix + _type(kind, api)
        case SetType():
            return f"_r.SetCodec({_codec(kind.of, api, prefix)})"
        case MapType():
            return f"_r.MapCodec({_codec(kind.key, api, prefix)}, {_codec(kind.value, api, prefix)})"
        case OptionType():
            box = "BoxCodec" if boxed(kind) else "OptionCodec"
            return f"_r.{box}({_codec(kind.of, api, prefix)})"
        case DescribedType():
            return "_r.ANYTHING"


def _literal(value: Value, kind: Type, api: ApiView) -> str:
    match kind, value:
        case Scalar(name="datetime"), DateTime(text=text):
            return _datetime(text)
        case Scalar(name="float"), float():
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        case EnumType(), str():
            enum = api.enum(kind.name)
            ident = next((item.ident for item in enum.values if item.name == value), None)
            return f"{enum.ident}.{ident}" if ident else f"{enum.ident}({string(value)})"
        case RefType(), str():
            return f"{api.ref(kind.class_name).ident}({string(value)})"
        case RecordType(), dict():
            record = api.record(kind.name)
            given = (
                f"{field.ident}={_literal(value[field.name], field.type, api)}"
                for field in record.fields
                if field.name in value
            )
            return f"{record.ident}({', '.join(given)})"
        case OptionType(), list() if not boxed(kind):
            return _literal(value[0], kind.of, api) if value else "None"
        case SetType() | OptionType(), list():
            return f"[{', '.join(_literal(item, kind.of, api) for item in value)}]"
        case MapType(), dict():
            pairs = (f"{_key(key, kind.key, api)}: {_literal(item, kind.value, api)}" for key, item in value.items())
            return f"{{{', '.join(pairs)}}}"
        case _, str():
            return string(value)
        case _:
            return repr(value)


def _key(text: str, kind: Type, api: ApiView) -> str:
    match kind:
        case Scalar(name="int"):
            return str(int(text))
        case Scalar(name="float"):
            return _literal(float(text), kind, api)
        case Scalar(name="bool"):
            return str(text == "true")
        case Scalar(name="datetime"):
            return _datetime(text)
        case _:
            return _literal(text, kind, api)


def _datetime(text: str) -> str:
    time = utc_time(text)
    if time is None or "." in time:
        return f"DATETIME.decode({string(text)})"
    parts = datetime.strptime(time, "%Y%m%dT%H:%M:%S%z")
    shown = [parts.year, parts.month, parts.day, parts.hour, parts.minute, parts.second]
    while len(shown) > 3 and shown[-1] == 0:
        shown.pop()
    return f"datetime({', '.join(str(part) for part in shown)}, tzinfo=timezone.utc)"


def _names(value: Value, kind: Type, api: ApiView) -> Iterator[str]:
    """Name the types that a literal needs imported from the package."""
    match kind, value:
        case EnumType() | RefType(), _:
            yield _type(kind, api)
        case RecordType(), dict():
            yield _type(kind, api)
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


def _may_be_absent(field: FieldView) -> bool:
    """Tell whether None stands for a field that is left out of its record."""
    if isinstance(field.type, OptionType):
        return not boxed(field.type)
    return isinstance(field.type, DescribedType)


def _field_default(field: FieldView, api: ApiView) -> str:
    """Write what follows a field's annotation: ` = …` or nothing."""
    options = []
    if field.default is not None:
        text = _literal(literals.read(field.default, field.type, api), field.type, api)
        if text[:1] in "[{" or isinstance(field.type, RecordType):
            options.append(f"default_factory=lambda: {text}" if text not in ("[]", "{}") else _EMPTY[text])
        else:
            options.append(f"default={text}")
    elif isinstance(field.type, OptionType) and boxed(field.type):
        options.append(_EMPTY["[]"])
    elif field.optional:
        options.append("default=None")
    if field.secret:
        options.append("repr=False")
    if not options:
        return ""
    if len(options) == 1 and options[0].startswith("default="):
        return f" = {options[0].removeprefix('default=')}"
    return f" = field({', '.join(options)})"


_EMPTY = {"[]": "default_factory=list", "{}": "default_factory=dict"}


def string(text: str) -> str:
    """Write a string as formatters do: in double quotes unless it holds some."""
    written = json.dumps(text, ensure_ascii=not text.isprintable())
    if '"' in text and "'" not in text:
        return "'" + written[1:-1].replace('\\"', '"') + "'"
    return written


LANGUAGE = Python()
