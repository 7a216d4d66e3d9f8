"""Rust 1.70 and newer: a crate with nothing but the standard library."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, ClassVar

from graft_common.declarations.types import OptionType, Scalar, Type
from graft_common.values import Value
from graft_sdk import samples
from graft_sdk.generation import render
from graft_sdk.language import File, Language
from graft_sdk.languages.rust import docs, types
from graft_sdk.languages.rust.names import ERROR_MEMBERS, KEYWORDS, STYLE, options_of
from graft_sdk.naming import Scope, Style, snake
from graft_sdk.view import ApiView, ClassView, ErrorView, MethodView, ParamView

_RUNTIME = ("mod", "calls", "client", "codec", "error", "json", "macros", "task", "time", "transport")
_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_NUMBERS = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}"
_VERSION = re.compile(rf"{_NUMBERS}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
MAX_LINE = 100
MAX_ARGUMENTS = 60
"""Characters of arguments that rustfmt leaves on one line."""
MAX_SHORT = 10
"""Characters of an argument that rustfmt puts on a line with others that are as short."""


class Rust(Language):
    """See the module."""

    title: ClassVar[str] = "Rust"
    fence: ClassVar[str] = "rust"
    default_package: ClassVar[str] = "graft-client"
    style: ClassVar[Style] = STYLE

    def package_name(self, wanted: str) -> str:
        """See `Language`: the name of a crate."""
        if not _PACKAGE.fullmatch(wanted) or crate_of(wanted) in KEYWORDS | {"alloc", "core", "std", "test"}:
            raise ValueError(f"{wanted!r} is no name of a crate; write one such as graft-client")
        return wanted

    def files(self, api: ApiView) -> Iterator[File]:
        """See `Language`."""
        yield File("Cargo.toml", "Cargo.toml.j2", {"version": crate_version(api.version)})
        yield File("README.md", "README.md.j2", {"crate": crate_of(api.package)})
        for module in ("lib", "client", "errors", "types"):
            yield File(f"src/{module}.rs", f"{module}.rs.j2")
        yield File("src/methods/mod.rs", "methods.rs.j2")
        for class_ in api.classes:
            yield File(f"src/methods/{class_.member}.rs", "class.rs.j2", {"class_": class_})
        for module in _RUNTIME:
            yield File(f"src/runtime/{module}.rs", f"runtime/{module}.rs")

    def type(self, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return types.owned(kind, api)

    def literal(self, value: Value, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return types.Literals(api).owned(value, kind)

    def example(self, api: ApiView, method: MethodView) -> str:
        """See `Language`."""
        literals = types.Literals(api, "{}.parse::<DateTime>()?")
        chosen = {param.name: value for param, value in samples.arguments(api, method)}
        arguments = [literals.given(chosen[param.name], param.type) for param in method.required]
        names = {"Client"}
        if method.optional:
            options = options_of(api)[method.name]
            names.add(options)
            members = [
                f"{param.ident}: Some({literals.owned(chosen[param.name], param.type)})"
                for param in method.optional
                if param.name in chosen
            ]
            rest = [f"..{options}::default()"] if len(members) < len(method.optional) else []
            arguments.append(
                f"&{options} {{ {', '.join([*members, *rest])} }}" if members else f"&{options}::default()"
            )
        for param in method.params:
            if param.name in chosen:
                names.update(literals.names(chosen[param.name], param.type))
        head = f"client.{api.class_(method.class_name).member}().{method.ident}"
        answer = "let answer = " if method.result else ""
        return render(
            self,
            api,
            "example.rs.j2",
            crate=crate_of(api.package),
            method=method,
            names="Client" if names == {"Client"} else f"{{{', '.join(sorted(names))}}}",
            maps=any("BTreeMap" in argument for argument in arguments),
            lines_=f"{arguments_(f'{answer}{head}', arguments, 0)}?;".splitlines(),
        )

    def filters(self, api: ApiView) -> Mapping[str, Callable[..., Any]]:
        """See `Language`."""
        return {
            "string": types.string,
            "doc": docs.doc,
            "method_doc": docs.method,
            "param_doc": docs.param,
            "field_doc": docs.field,
            "deprecated": docs.deprecated,
            "options": lambda method: options_of(api)[method.name],
            "error_params": _error_params,
            "field_type": lambda field, record: types.field_type(field, record, api),
            "field_kind": lambda field, record: types.field_kind(field, record, api),
            "uses_types": _uses_types,
            "signature": lambda method, head, answer, first, indent=4: _signature(
                head, [*first, *_params(method, api)], answer, indent
            ),
            "arguments": lambda head, given: arguments_(head, given, 4),
            "write_call": _write_call,
            "put": _put,
        }


def crate_version(wanted: str) -> str:
    """Return a version as Cargo takes it, which has three numbers.

    Raises:
        ValueError: it can be none.
    """
    version = f"{wanted}.0" if wanted.count(".") == 1 and wanted.replace(".", "").isdigit() else wanted
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{wanted!r} is no version of a crate; write one such as 1.2.0 or 1.2.0-rc.1")
    return version


def crate_of(package: str) -> str:
    """Return what code calls a package."""
    return package.replace("-", "_")


def arguments_(head: str, given: Sequence[str], indent: int) -> str:
    """Write a call as rustfmt does: on one line where that is short."""
    line = f"{head}({', '.join(given)})"
    if len(", ".join(given)) <= MAX_ARGUMENTS and len(line) + indent < MAX_LINE:
        return line
    space = " " * indent
    rows = [f"{argument}," for argument in given]
    if all(len(argument) <= MAX_SHORT for argument in given):
        rows = wrap(" ".join(rows), MAX_LINE - indent - 4, break_long_words=False, break_on_hyphens=False)
    return f"{head}(\n" + "".join(f"{space}    {row}\n" for row in rows) + f"{space})"


def _signature(head: str, params: Sequence[str], answer: str, indent: int) -> str:
    line = f"{head}({', '.join(params)}) -> {answer} {{"
    if len(line) + indent <= MAX_LINE:
        return line
    space = " " * indent
    return f"{head}(\n" + "".join(f"{space}    {param},\n" for param in params) + f"{space}) -> {answer} {{"


def _params(method: MethodView, api: ApiView) -> list[str]:
    written = [f"{param.ident}: {types.given(param.type, api)}" for param in method.required]
    return [*written, f"options: &{options_of(api)[method.name]}"] if method.optional else written


def _write_call(method: MethodView) -> str:
    given = [*(param.ident for param in method.required), *(["options"] if method.optional else [])]
    return f"{arguments_(f'let call = call_{method.ident}', given, 8)};"


def _put(param: ParamView) -> str:
    plain = isinstance(param.type, OptionType) or (isinstance(param.type, Scalar) and param.type.name != "string")
    return f"{arguments_('call.put', [types.string(param.name), f'&{param.ident}' if plain else param.ident], 4)};"


def _error_params(error: ErrorView) -> list[tuple[str, str]]:
    scope = Scope(STYLE, snake, ERROR_MEMBERS)
    return [(scope.name(param.name), param.name) for param in error.params]


def _uses_types(class_: ClassView) -> bool:
    used = [param.type for method in class_.methods for param in method.params]
    used += [method.result.type for method in class_.methods if method.result]
    return any(types.names_types(kind) for kind in used)


LANGUAGE = Rust()
