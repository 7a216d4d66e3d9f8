"""Java 11 and newer: a Maven project with a client, immutable records with builders, and an exception for each code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from graft_common.declarations.literals import read_literal
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
from graft_common.values import Value
from graft_sdk import samples, telling
from graft_sdk.generation import render
from graft_sdk.language import File, Language
from graft_sdk.languages.java import docs
from graft_sdk.languages.java.literals import given, literal, string
from graft_sdk.naming import Scope, Style, camel, pascal, upper_snake
from graft_sdk.view import ApiView, ClassView, FieldView, MethodView, ParamView, RecordView, boxed

_SCALARS = {"string": "String", "int": "Long", "float": "Double", "bool": "Boolean", "datetime": "Instant"}
_PRIMITIVES = {"int": "long", "float": "double", "bool": "boolean"}
_KEYWORDS = """
    abstract assert boolean break byte case catch char class const continue default do double else enum extends final
    finally float for goto if implements import instanceof int interface long native new package private protected
    public return short static strictfp super switch synchronized this throw throws transient try void volatile while
    true false null _ var record yield sealed permits non
"""
_OBJECT = "clone equals finalize getClass hashCode notify notifyAll toString wait"
_LANG = """
    ArithmeticException Boolean Byte Character CharSequence Class ClassLoader Cloneable Comparable Deprecated Double
    Enum Error Exception Float FunctionalInterface IllegalArgumentException IllegalStateException Integer Iterable Long
    Math Module Number Object Override Package Process Readable Record Runnable Runtime RuntimeException SafeVarargs
    Short String StringBuilder SuppressWarnings System Thread Throwable Void
"""
_OWN = """
    AnswerException ApiError ApiException Arguments BaseClient Client ClientOptions Codec Codecs Errors GraftException
    Method OpenEnum Ref Task TaskInfo TaskStatus TransportException Builder
"""
_IMPORTS = {
    name: f"{package}.{name}"
    for package, names in {
        "java.time": "Instant",
        "java.util": "Arrays LinkedHashMap List Map Objects Optional",
        "java.util.concurrent": "CompletableFuture",
    }.items()
    for name in names.split()
}
_RUNTIME = """
    AnswerException ApiError ApiException Arguments BaseClient ClientOptions Codec Codecs GraftException HttpTransport
    Json Method OpenEnum Ref Request Response Task TaskInfo TaskStatus Transport TransportException
"""
_PACKAGE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the functions of a method: it waits, or not, or starts a task; with options or without."""

    name: str
    call: str
    """What the client calls it."""
    result: str
    parameters: str
    arguments: str
    give: str
    with_options: bool


class Java(Language):
    """See the module."""

    title: ClassVar[str] = "Java"
    fence: ClassVar[str] = "java"
    default_package: ClassVar[str] = "graft.client"
    style: ClassVar[Style] = Style(
        types=pascal,
        members=camel,
        class_types={"methods": "{}_methods"},
        methods=camel,
        method_forms={"asynchronous": "{}_async", "start": "start_{}"},
        errors="{}_exception",
        params=camel,
        fields=camel,
        values=upper_snake,
        reserved=frozenset(_KEYWORDS.split()),
        taken_types=frozenset((*_LANG.split(), *_OWN.split(), *_IMPORTS)),
        taken_members=frozenset((*_OBJECT.split(), "call", "callAsync", "close", "login", "start", "cancelTask")),
        taken_methods=frozenset(_OBJECT.split()),
        taken_params=frozenset({"client", "options"}),
        taken_fields=frozenset((*_OBJECT.split(), "builder", "toBuilder", "build")),
        taken_error_params=frozenset({"code", "params", "param", "status", "retryAfter"}),
        taken_values=frozenset({"CODEC", "KNOWN"}),
        number=lambda name, count: f"{name}{count}" if name[:1].isupper() and "_" not in name else f"{name}_{count}",
    )

    def package_name(self, wanted: str) -> str:
        """See `Language`: a package, the last part of which is the artifact's name."""
        if not _PACKAGE.fullmatch(wanted) or self.style.reserved & set(wanted.split(".")):
            raise ValueError(f"{wanted!r} is no name of a Java package; write one such as com.example.graft")
        return wanted

    def files(self, api: ApiView) -> Iterator[File]:
        """See `Language`."""
        folder = f"src/main/java/{api.package.replace('.', '/')}"
        group, _, artifact = api.package.rpartition(".")
        maven = {"group": group or artifact, "artifact": api.package.replace(".", "-").replace("_", "-")}
        yield File("pom.xml", "pom.xml.j2", maven)
        yield File("README.md", "README.md.j2", maven)
        yield File(f"{folder}/Client.java", "client.java.j2")
        yield File(f"{folder}/Errors.java", "errors.java.j2")
        for enum in api.enums:
            yield File(f"{folder}/{enum.ident}.java", "enum.java.j2", {"enum": enum})
        for ref in api.refs:
            yield File(f"{folder}/{ref.ident}.java", "ref.java.j2", {"ref": ref})
        for record in api.records:
            yield File(f"{folder}/{record.ident}.java", "record.java.j2", _record_context(record, api))
        for error in api.errors:
            yield File(f"{folder}/{error.ident}.java", "error.java.j2", {"error": error})
        for class_ in api.classes:
            yield File(f"{folder}/{class_.types['methods']}.java", "class.java.j2", _class_context(class_, api))
        for name in _RUNTIME.split():
            yield File(f"{folder}/runtime/{name}.java", f"runtime/{name}.java.j2")

    def type(self, kind: Type, api: ApiView) -> str:
        """See `Language`: as a type argument, which no primitive can be."""
        return _type(kind, api)

    def literal(self, value: Value, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return literal(value, kind, api)

    def example(self, api: ApiView, method: MethodView) -> str:
        """See `Language`."""
        class_ = api.class_(method.class_name)
        shown = [(param, given(value, param.type, api)) for param, value in samples.arguments(api, method)]
        arguments = [text for param, text in shown if param.required]
        optional = [f".{param.ident}({text})" for param, text in shown if not param.required]
        names = {f"{api.package}.Client"}
        if optional:
            arguments.append(f"new {class_.types['methods']}.{_options(method, api)}(){''.join(optional)}")
            names.add(f"{api.package}.{class_.types['methods']}")
        used = " ".join(arguments)
        own = frozenset(_own_types(api))
        names |= {f"{api.package}.{word}" for word in re.findall(r"(?<![\w.])\w+", used) if word in own}
        names |= set(_imports([used]))
        return render(
            self, api, "example.java.j2", method=method, class_=class_, arguments=arguments, imports=sorted(names)
        )

    def filters(self, api: ApiView) -> Mapping[str, Callable[..., Any]]:
        """See `Language`."""
        return {
            "plain": lambda kind: _plain(kind, api),
            "codec": lambda kind: _codec(kind, api),
            "string": string,
            "doc": lambda text, indent=0, *tags: docs.block(text, indent, *tags),
            "inline": docs.inline,
            "getter_doc": docs.getter,
            "setter_doc": docs.setter,
            "param_doc": lambda param: docs.block(
                telling.param(param) or f"Sets `{param.name}`.", 8, "@param value the argument", "@return these options"
            ),
            "option": lambda item: _is_option(item.type),
            "described": lambda item: isinstance(item.type, DescribedType),
            "nullable": lambda field: isinstance(field.type, DescribedType),
            "initial": lambda field: _initial(field, api),
            "answer": lambda method: _type(method.result.type, api) if method.result else "Void",
            "forms": lambda method: _forms(method, api),
            "method_doc": _method_doc,
            "options_name": lambda method: _options(method, api),
            "arguments_name": lambda method: f"{method.ident}_arguments",
            "all_parameters": lambda method: ", ".join(_parameters(method, api, with_options=bool(method.optional))),
            "add": lambda param, text: _add(param, text, api),
            "add_if_given": lambda param, text: _add_if_given(param, text, api),
            "given_type": lambda param: _given_type(param.type, api),
        }


def _record_context(record: RecordView, api: ApiView) -> Mapping[str, Any]:
    scope = Scope(Java.style, upper_snake, {"CODEC"})
    names = scope.all(f"{field.ident}_codec" for field in record.fields)
    used = [_type(field.type, api) + _initial(field, api) for field in record.fields]
    fixed = ["Map", "LinkedHashMap", *(["Arrays"] if record.fields else [])]
    return {
        "record": record,
        "codecs": {field.ident: names[f"{field.ident}_codec"] for field in record.fields},
        "imports": _imports([*used, *fixed]),
    }


def _class_context(class_: ClassView, api: ApiView) -> Mapping[str, Any]:
    scope = Scope(Java.style, upper_snake)
    names = {method.ident: scope.name(method.ident, "method") for method in class_.methods}
    used = ["CompletableFuture"]
    for method in class_.methods:
        used += [_type(param.type, api) for param in method.params]
        used += [_type(method.result.type, api)] if method.result else []
    codecs = [_codec(param.type, api) for method in class_.methods for param in method.params]
    codecs += [_codec(method.result.type, api) if method.result else "Codecs.VOID" for method in class_.methods]
    return {
        "class_": class_,
        "constants": names,
        "imports": _imports(used),
        "with_codecs": any("Codecs." in codec for codec in codecs),
    }


def _imports(texts: Iterable[str]) -> list[str]:
    used = " ".join(texts)
    return sorted(path for name, path in _IMPORTS.items() if re.search(rf"\b{name}\b", used))


def _is_option(kind: Type) -> bool:
    return isinstance(kind, OptionType) and not boxed(kind)


def _type(kind: Type, api: ApiView) -> str:
    match kind:
        case Scalar():
            return _SCALARS[kind.name]
        case EnumType():
            return api.enum(kind.name).ident
        case RefType():
            return api.ref(kind.class_name).ident
        case RecordType():
            return api.record(kind.name).ident
        case SetType():
            return f"List<{_type(kind.of, api)}>"
        case MapType():
            return f"Map<{_type(kind.key, api)}, {_type(kind.value, api)}>"
        case OptionType():
            return f"{'List' if boxed(kind) else 'Optional'}<{_type(kind.of, api)}>"
        case DescribedType():
            return "Object"


def _plain(kind: Type, api: ApiView) -> str:
    """Write a type that may be primitive."""
    if isinstance(kind, Scalar):
        return _PRIMITIVES.get(kind.name, _SCALARS[kind.name])
    return _type(kind, api)


def _given_type(kind: Type, api: ApiView) -> str:
    """Write the type that a caller gives: for an option the value, or null."""
    if isinstance(kind, OptionType) and not boxed(kind):
        return _type(kind.of, api)
    return _plain(kind, api)


def _codec(kind: Type, api: ApiView) -> str:
    match kind:
        case Scalar():
            return f"Codecs.{kind.name.upper()}"
        case EnumType() | RefType() | RecordType():
            return f"{_type(kind, api)}.CODEC"
        case SetType():
            return f"Codecs.set({_codec(kind.of, api)})"
        case MapType():
            return f"Codecs.map({_codec(kind.key, api)}, {_codec(kind.value, api)})"
        case OptionType():
            return f"Codecs.{'box' if boxed(kind) else 'option'}({_codec(kind.of, api)})"
        case DescribedType():
            return "Codecs.ANYTHING"


def _own_types(api: ApiView) -> list[str]:
    return [
        *(enum.ident for enum in api.enums),
        *(record.ident for record in api.records),
        *(ref.ident for ref in api.refs),
    ]


def _options(method: MethodView, api: ApiView) -> str:
    name = f"{pascal(method.ident)}Options"
    types = {*_own_types(api), *(error.ident for error in api.errors)}
    while name in types or name in Java.style.taken_types:
        name += "_"
    return name


def _parameters(method: MethodView, api: ApiView, *, with_options: bool) -> list[str]:
    found = [f"{_given_type(param.type, api)} {param.ident}" for param in method.required]
    return [*found, f"{_options(method, api)} options"] if with_options else found


def _forms(method: MethodView, api: ApiView) -> Iterator[_Form]:
    answer = _type(method.result.type, api) if method.result else "Void"
    waiting = _plain(method.result.type, api) if method.result else "void"
    variants = [
        (method.ident, "call", waiting),
        (method.forms["asynchronous"], "callAsync", f"CompletableFuture<{answer}>"),
    ]
    if method.startable:
        variants.append((method.forms["start"], "start", f"Task<{answer}>"))
    for name, call, result in variants:
        for with_options in (False, True) if method.optional else (False,):
            passed = [param.ident for param in method.required]
            if method.optional:
                passed.append("options" if with_options else f"new {_options(method, api)}()")
            arguments = f"{method.ident}_arguments({', '.join(passed)})" if method.params else "new Arguments()"
            yield _Form(
                name=name,
                call=call,
                result=result,
                parameters=", ".join(_parameters(method, api, with_options=with_options)),
                arguments=arguments,
                give="" if result == "void" else "return ",
                with_options=with_options,
            )


def _method_doc(method: MethodView, form: _Form) -> str:
    summary = docs.full(method)
    if form.call == "callAsync":
        summary = f"Calls `{method.ident}` without waiting for it."
    elif form.call == "start":
        summary = f"Starts `{method.ident}` as a task, and does not wait for it."
    return docs.method(method, summary, _tags(method, form))


def _tags(method: MethodView, form: _Form) -> Iterator[str]:
    for param in method.required:
        yield f"@param {param.ident} {docs.inline(telling.param(param)) or 'the argument'}"
    if form.with_options:
        yield "@param options what may be left out"
    answer = docs.inline(method.result.doc) if method.result and method.result.doc else "what the method answers"
    if form.call == "start":
        yield "@return the task"
    elif form.result != "void":
        yield f"@return {answer}"
    if form.call == "call":
        for use in method.errors:
            yield f"@throws {use.error.ident} {docs.inline(use.doc or use.error.doc) or use.error.code}"


def _add(param: ParamView, text: str, api: ApiView) -> str:
    if isinstance(param.type, DescribedType):
        return f'addAnything("{param.name}", {text})'
    if _is_option(param.type):
        text = f"Optional.ofNullable({text})"
    return f'add("{param.name}", {_codec(param.type, api)}, {text})'


def _add_if_given(param: ParamView, text: str, api: ApiView) -> str:
    if isinstance(param.type, DescribedType):
        return f'addAnythingIf({text}_given, "{param.name}", {text})'
    return f'addIfGiven("{param.name}", {_codec(param.type, api)}, {text})'


def _initial(field: FieldView, api: ApiView) -> str:
    """Write what follows the declaration of a builder's variable."""
    if field.default is not None:
        return f" = {literal(read_literal(field.default, field.type), field.type, api)}"
    if _is_option(field.type):
        return " = Optional.empty()"
    return " = List.of()" if isinstance(field.type, OptionType) else ""


LANGUAGE = Java()
