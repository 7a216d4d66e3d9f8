"""Go 1.21 and newer: a module with one package, generics for tasks, nothing but the standard library."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

from graft_common.declarations.types import MapType, OptionType, Scalar, SetType, Type
from graft_common.values import Value
from graft_sdk import samples
from graft_sdk.generation import render
from graft_sdk.language import File, Language
from graft_sdk.languages.go import docs, literals
from graft_sdk.languages.go.names import (
    ERROR_MEMBERS,
    KEYWORDS,
    PREDECLARED,
    STYLE,
    exported,
    names_of,
)
from graft_sdk.languages.go.slots import Slot, TypeNames, codec_name, field_slot, option_slots
from graft_sdk.naming import Scope, Style, words
from graft_sdk.view import ApiView, ClassView, EnumView, ErrorView, MethodView, RecordView

_RUNTIME_FILES = ("calls", "codec", "errors", "task")
TAB = "\t"
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*(?:/[A-Za-z0-9][A-Za-z0-9._~-]*)*")
_MAJOR = re.compile(r"v[0-9]+")


class Go(Language):
    """See the module."""

    title: ClassVar[str] = "Go"
    fence: ClassVar[str] = "go"
    default_package: ClassVar[str] = "graftclient"
    style: ClassVar[Style] = STYLE

    def package_name(self, wanted: str) -> str:
        """See `Language`: the path of a module."""
        if not _PATH.fullmatch(wanted):
            raise ValueError(f"{wanted!r} is no path of a Go module; write one such as example.com/graftclient")
        return wanted

    def files(self, api: ApiView) -> Iterator[File]:
        """See `Language`."""
        context = {"package": package_of(api.package)}
        yield File("go.mod", "go.mod.j2")
        yield File("README.md", "README.md.j2", context)
        for name in ("client", "types"):
            yield File(f"{name}.go", f"{name}.go.j2", context)
        yield File("api_errors.go", "errors.go.j2", context)
        for name in _RUNTIME_FILES:
            yield File(f"{name}.go", f"runtime/{name}.go.j2", context)
        for class_ in api.classes:
            file = names_of(api).files[class_.name]
            yield File(file, "class.go.j2", {**context, "class_": class_})

    def type(self, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return self._names(api).type(kind)

    def literal(self, value: Value, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return literals.literal(value, kind, self._names(api, outside=True))

    def example(self, api: ApiView, method: MethodView) -> str:
        """See `Language`."""
        names = self._names(api, outside=True)
        given = {param.name: value for param, value in samples.arguments(api, method)}
        arguments = [literals.literal(given[param.name], param.type, names) for param in method.required]
        slots = option_slots(method, names)
        chosen = [_member(slot, given[slot.name], names) for slot in slots if slot.name in given]
        if chosen:
            arguments.append(f"&{names.prefix}{names.names.options[method.name]}{{{', '.join(chosen)}}}")
        elif slots:
            arguments.append("nil")
        needed = {
            name
            for param in method.params
            if param.name in given
            for name in literals.imports(given[param.name], param.type, names)
        }
        return render(
            self,
            api,
            "example.go.j2",
            package=package_of(api.package),
            method=method,
            class_=api.class_(method.class_name),
            arguments=arguments,
            imports=needed,
        )

    def filters(self, api: ApiView) -> Mapping[str, Callable[..., Any]]:
        """See `Language`."""
        names = self._names(api)
        slots = {method.name: option_slots(method, names) for class_ in api.classes for method in class_.methods}

        def slots_of(record: RecordView) -> list[Slot]:
            return [field_slot(field, record.name, names) for field in record.fields]

        return {
            "string": literals.string,
            "doc": docs.doc,
            "deprecation": docs.deprecation,
            "slot_doc": docs.slot,
            "method_doc": lambda method: docs.method(
                method, {slot.name: slot.ident for slot in slots[method.name]}, method.ident
            ),
            "codec": names.codec,
            "codec_name": codec_name,
            "call_name": lambda method: names.names.calls[method.name],
            "client_fields": _client_fields,
            "enum_values": lambda enum: _enum_values(enum, names),
            "enum_names": lambda enum: [names.enum_value(enum.name, value.name) for value in enum.values],
            "error_params": _error_params,
            "field_slots": slots_of,
            "option_slots": lambda method: slots[method.name],
            "options": lambda method: names.names.options[method.name],
            "params": lambda method: _params(method, names),
            "given": lambda method: ", ".join(
                [param.ident for param in method.required] + ["options"] * bool(method.optional)
            ),
            "type_imports": _type_imports,
            "class_imports": _class_imports,
        }

    def _names(self, api: ApiView, *, outside: bool = False) -> TypeNames:
        return TypeNames(api, names_of(api), f"{package_of(api.package)}." if outside else "")


def package_of(module: str) -> str:
    """Return what the package of a module is called: by the last element of its path that is no major version."""
    parts = [part for part in module.split("/") if not _MAJOR.fullmatch(part)]
    name = "".join(words(parts[-1])).lower() if parts else "client"
    return name if name[:1].isalpha() and name not in KEYWORDS | PREDECLARED else f"graft{name}"


def aligned(rows: Sequence[tuple[list[str], str, str]]) -> str:
    """Write lines of two columns as gofmt does: aligned with those next to them, up to one with a comment."""
    written: list[str] = []
    start = 0
    for place, (comment, _, _) in enumerate(rows):
        if comment or place == 0:
            start = place
            end = next((later for later in range(place + 1, len(rows)) if rows[later][0]), len(rows))
            width = max(len(left) for _, left, _ in rows[start:end])
        _, left, right = rows[place]
        written += [*comment, f"\t{left.ljust(width)} {right}"]
    return "\n".join(written)


def _client_fields(classes: Sequence[ClassView]) -> str:
    return "\n\n".join(
        f"{docs.doc(class_.doc or f'The methods of {class_.name}.', indent=TAB)}\n"
        f"{TAB}{class_.member} {class_.types['methods']}"
        for class_ in classes
    )


def _enum_values(enum: EnumView, names: TypeNames) -> str:
    rows = []
    for value in enum.values:
        ident = names.enum_value(enum.name, value.name) or ""
        comment = [docs.doc(value.doc, indent="\t")] if value.doc else []
        rows.append((comment, ident, f"{enum.ident} = {literals.string(value.name)}"))
    return aligned(rows)


def _error_params(error: ErrorView) -> list[tuple[str, str]]:
    scope = Scope(STYLE, exported, ERROR_MEMBERS)
    return [(scope.name(param.name), param.name) for param in error.params]


def _params(method: MethodView, names: TypeNames) -> str:
    written = [f"{param.ident} {names.type(param.type)}" for param in method.required]
    if method.optional:
        written.append(f"options *{names.names.options[method.name]}")
    return ", ".join(written)


def _given(method: MethodView) -> str:
    return ", ".join([*(param.ident for param in method.required), *(["options"] if method.optional else [])])


def _member(slot: Slot, value: Value, names: TypeNames) -> str:
    shown = (
        literals.pointer(value, slot.of.type, names) if slot.points else literals.literal(value, slot.of.type, names)
    )
    return f"{slot.ident}: {shown}"


def _type_imports(api: ApiView) -> list[str]:
    fields = [field for record in api.records for field in record.fields]
    return [
        *(["fmt"] if any(field.secret for field in fields) else []),
        *(["time"] if any(_has_time(field.type) for field in fields) else []),
    ]


def _class_imports(class_: ClassView) -> list[str]:
    params = [param for method in class_.methods for param in method.params]
    results = [method.result.type for method in class_.methods if method.result]
    secret = any(param.secret for method in class_.methods for param in method.optional)
    times = any(_has_time(kind) for kind in chain((param.type for param in params), results))
    return [*(["fmt"] if secret else []), *(["time"] if times else [])]


def _has_time(kind: Type) -> bool:
    match kind:
        case Scalar():
            return kind.name == "datetime"
        case SetType() | OptionType():
            return _has_time(kind.of)
        case MapType():
            return _has_time(kind.key) or _has_time(kind.value)
    return False


LANGUAGE = Go()
