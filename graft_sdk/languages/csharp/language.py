"""C# 7: a project for .NET Standard 2.0 with a client, records as classes, and an exception for each code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from graft_common.declarations.literals import read_literal
from graft_common.declarations.types import DescribedType, MapType, OptionType, SetType, Type
from graft_common.values import Value
from graft_sdk import samples, telling
from graft_sdk.generation import render
from graft_sdk.language import File, Language
from graft_sdk.languages.csharp import docs
from graft_sdk.languages.csharp.literals import literal, string
from graft_sdk.languages.csharp.types import codec_of, property_names, qualifier, type_of
from graft_sdk.naming import Style, camel, pascal
from graft_sdk.view import ApiView, FieldView, MethodView, ParamView, boxed

_KEYWORDS = """
    abstract as await base bool break byte case catch char checked class const continue decimal default delegate do
    double else enum event explicit extern false finally fixed float for foreach goto if implicit in int interface
    internal is lock long namespace new null object operator out override params private protected public readonly ref
    return sbyte sealed short sizeof stackalloc static string struct switch this throw true try typeof uint ulong
    unchecked unsafe ushort using virtual void volatile while
"""
_OBJECT = "Equals Finalize GetHashCode GetType MemberwiseClone ReferenceEquals ToString"
_USED = "Arguments BaseClient CancellationToken Codecs Convert Moment System"
"""Types that expressions name without a namespace."""
_TYPES = """
    AnswerException ApiError ApiException Arguments BaseClient ClientOptions Codec Codecs Errors GraftClient
    GraftException HttpTransport ITransport Json Method Moment Optional RemoteTask RemoteTaskInfo RemoteTaskStatus
    Request Response TransportException Runtime
    Action Array Attribute Boolean Buffer CancellationToken Char Console Convert DateTime DateTimeOffset Decimal
    Delegate Dictionary Double Enum Environment EventArgs Exception Func Guid HashSet IDisposable IEquatable Int32 Int64
    Lazy List Math Monitor Mutex Nullable Object Obsolete ObsoleteAttribute Queue Random Stack String System Task
    TaskStatus Thread TimeSpan TimeoutException Timer Tuple Type Uri Version Void
"""
_RUNTIME = "BaseClient ClientOptions Codecs Exceptions Json Moment Optional RemoteTask Transport"
_PACKAGE = re.compile(r"[A-Z][A-Za-z0-9_]*(\.[A-Z][A-Za-z0-9_]*)*")
_CANCEL = "CancellationToken cancellationToken"


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the functions of a method: it waits, or not, or starts a task."""

    name: str
    result: str
    parameters: tuple[str, ...]
    body: str
    says: str
    """What its comment says; empty for all that the declaration does."""


class CSharp(Language):
    """See the module."""

    title: ClassVar[str] = "C#"
    fence: ClassVar[str] = "csharp"
    default_package: ClassVar[str] = "Graft.Sdk"
    style: ClassVar[Style] = Style(
        types=pascal,
        members=pascal,
        class_types={"methods": "{}_methods"},
        methods=pascal,
        method_forms={"asynchronous": "{}_async", "start": "start_{}", "start_asynchronous": "start_{}_async"},
        errors="{}_exception",
        params=camel,
        fields=pascal,
        values=pascal,
        reserved=frozenset(_KEYWORDS.split()),
        taken_types=frozenset(_TYPES.split()),
        taken_members=frozenset(
            (
                *_OBJECT.split(),
                "ApiDigest",
                "Call",
                "CallAsync",
                "Dispose",
                "Login",
                "LoginAsync",
                "Start",
                "StartAsync",
            )
        ),
        taken_methods=frozenset((*_OBJECT.split(), *_USED.split())),
        taken_params=frozenset({"cancellationToken"}),
        taken_fields=frozenset((*_OBJECT.split(), *_USED.split(), "Decode", "Encode")),
        taken_error_params=frozenset(
            {
                *("Code", "Data", "GetBaseException", "GetObjectData", "HResult", "HelpLink", "InnerException"),
                *("Message", "Param", "Params", "RetryAfter", "Source", "StackTrace", "Status", "TargetSite"),
            }
        ),
        taken_values=frozenset((*_OBJECT.split(), "Codec", "IsKnown", "Known")),
        own_name_taken=True,
        number=lambda name, count: f"{name}_{count}",
    )

    def package_name(self, wanted: str) -> str:
        """See `Language`: a namespace, which the package is called after as well."""
        if not _PACKAGE.fullmatch(wanted):
            raise ValueError(f"{wanted!r} is no name of a namespace; write one such as Example.Graft")
        return wanted

    def files(self, api: ApiView) -> Iterator[File]:
        """See `Language`."""
        yield File(f"{api.package}.csproj", "project.csproj.j2")
        yield File("README.md", "README.md.j2")
        yield File("GraftClient.cs", "client.cs.j2")
        yield File("Errors.cs", "errors.cs.j2")
        for enum in api.enums:
            yield File(f"Types/{enum.ident}.cs", "enum.cs.j2", {"enum": enum})
        for ref in api.refs:
            yield File(f"Types/{ref.ident}.cs", "ref.cs.j2", {"ref": ref})
        for record in api.records:
            yield File(f"Types/{record.ident}.cs", "record.cs.j2", {"record": record, "names": property_names(record)})
        for class_ in api.classes:
            yield File(f"Methods/{class_.types['methods']}.cs", "class.cs.j2", {"class_": class_})
        for name in _RUNTIME.split():
            yield File(f"Runtime/{name}.cs", f"runtime/{name}.cs.j2")

    def type(self, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return type_of(kind, api)

    def literal(self, value: Value, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return literal(value, kind, api)

    def example(self, api: ApiView, method: MethodView) -> str:
        """See `Language`."""
        arguments = [
            text if param.required else f"{param.ident}: {text}"
            for param, text in (
                (param, literal(value, param.type, api)) for param, value in samples.arguments(api, method)
            )
        ]
        class_ = api.class_(method.class_name)
        return render(self, api, "example.cs.j2", method=method, class_=class_, arguments=arguments)

    def filters(self, api: ApiView) -> Mapping[str, Callable[..., Any]]:
        """See `Language`."""
        return {
            "codec": lambda kind: codec_of(kind, api),
            "string": string,
            "doc": docs.block,
            "field_doc": lambda field: docs.block(field.doc or f"The field `{field.name}`.", 8),
            "deprecation": lambda thing: f"Deprecated {telling.deprecation(thing.lifecycle)}",
            "may_be_absent": lambda field: _may_be_absent(field.type),
            "initial": lambda field: _initial(field, api),
            "answer": lambda method: _answer(method, api),
            "parameters": lambda method: [_parameter(param, api) for param in method.params],
            "forms": lambda method: _forms(method, api),
            "method_doc": _method_doc,
        }


def _answer(method: MethodView, api: ApiView) -> str:
    return type_of(method.result.type, api) if method.result else "object"


def _may_be_absent(kind: Type) -> bool:
    return isinstance(kind, DescribedType) or (isinstance(kind, OptionType) and not boxed(kind))


def _initial(field: FieldView, api: ApiView) -> str:
    """Write what a property begins with."""
    if field.default is not None:
        return f" = {literal(read_literal(field.default, field.type), field.type, api, qualifier(api))};"
    if isinstance(field.type, SetType | MapType) or (isinstance(field.type, OptionType) and boxed(field.type)):
        return f" = new {type_of(field.type, api)}();"
    return ""


def _parameter(param: ParamView, api: ApiView) -> str:
    kind = type_of(param.type, api)
    return f"{kind if param.required else f'Optional<{kind}>'} {param.ident}"


def _forms(method: MethodView, api: ApiView) -> Iterator[_Form]:
    shown = tuple(
        _parameter(param, api)
        if param.required
        else f"{_parameter(param, api)} = default(Optional<{type_of(param.type, api)}>)"
        for param in method.params
    )
    cancellable = (*shown, f"{_CANCEL} = default(CancellationToken)")
    given = ", ".join(param.ident for param in method.params)
    made = f"{method.ident}Arguments_({given})"
    answer = _answer(method, api)
    constant = f"{method.ident}Method_"
    call = f"client_.CallAsync({constant}, {made}, "
    start = f"client_.StartAsync({constant}, {made}, "
    waiting = f"BaseClient.Wait(() => {call}CancellationToken.None));"
    yield _Form(
        method.ident,
        answer if method.result else "void",
        shown,
        f"return {waiting}" if method.result else waiting,
        "",
    )
    yield _Form(
        method.forms["asynchronous"],
        f"Task<{answer}>" if method.result else "Task",
        cancellable,
        f"return {call}cancellationToken);",
        f"Calls `{method.name}` without waiting for it, as `{method.ident}` does.",
    )
    if not method.startable:
        return
    yield _Form(
        method.forms["start"],
        f"RemoteTask<{answer}>",
        shown,
        f"return BaseClient.Wait(() => {start}CancellationToken.None));",
        f"Starts `{method.name}` as a task on the platform, and does not wait for it.",
    )
    yield _Form(
        method.forms["start_asynchronous"],
        f"Task<RemoteTask<{answer}>>",
        cancellable,
        f"return {start}cancellationToken);",
        f"Starts `{method.name}` as a task on the platform.",
    )


def _method_doc(method: MethodView, form: _Form) -> str:
    if form.says:
        return docs.block(form.says, 8)
    return docs.method(method, docs.full(method), _elements(method))


def _elements(method: MethodView) -> Iterator[str]:
    for param in method.params:
        yield f'<param name="{param.ident}">{docs.inline(telling.param(param))}</param>'
    if method.result is not None:
        yield f"<returns>{docs.inline(method.result.doc or 'What the method answers.')}</returns>"
    for use in method.errors:
        told = docs.inline(use.doc or use.error.doc or use.error.code)
        yield f'<exception cref="{use.error.ident}">{told}</exception>'


LANGUAGE = CSharp()
