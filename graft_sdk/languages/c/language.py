"""C99 and POSIX: a library with a header, a Makefile, and a file for pkg-config."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from graft_common.declarations.json_form import write
from graft_common.declarations.literals import read_literal
from graft_common.declarations.types import DescribedType, MapType, RecordType, Scalar, SetType, Type
from graft_common.values import Value
from graft_sdk import samples, telling
from graft_sdk.generation import render
from graft_sdk.language import File, Language
from graft_sdk.languages.c import docs
from graft_sdk.languages.c.shapes import Shapes, enum_values, is_pointer, is_text
from graft_sdk.naming import Style, snake, upper_snake
from graft_sdk.view import ApiView, FieldView, MethodView, ParamView

_KEYWORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl const const_cast constexpr
    continue decltype default delete do double dynamic_cast else enum explicit export extern false float for friend goto
    if inline int int32_t int64_t long mutable namespace new noexcept not not_eq nullptr operator or or_eq private
    protected public register reinterpret_cast restrict return short signed sizeof size_t static static_assert
    static_cast struct switch template this thread_local throw true try typedef typeid typename typeof union unsigned
    using virtual void volatile wchar_t while xor xor_eq linux unix errno stdin stdout stderr
"""
_PACKAGE = re.compile(r"[a-z][a-z0-9_]*")


class C(Language):
    """See the module."""

    title: ClassVar[str] = "C"
    fence: ClassVar[str] = "c"
    default_package: ClassVar[str] = "graft_api"
    style: ClassVar[Style] = Style(
        types=snake,
        members=snake,
        class_types={},
        methods=snake,
        method_forms={"start": "start_{}", "wait": "wait_{}", "options": "{}_options"},
        flat_methods=True,
        type_forms=("{}_of", "{}_text", "{}_init", "{}_free", "{}_get", "{}_put", "{}_entry", "error_as_{}"),
        params=snake,
        fields=snake,
        values=upper_snake,
        reserved=frozenset(_KEYWORDS.split()),
        taken_params=frozenset({"buffer", "client", "error", "first", "options", "result"}),
        taken_fields=frozenset({"message"}),
    )

    def package_name(self, wanted: str) -> str:
        """See `Language`: what all names begin with."""
        if not _PACKAGE.fullmatch(wanted) or wanted == "graft" or wanted in self.style.reserved:
            raise ValueError(f"{wanted!r} is no name of a C library; write one such as volumes, but not graft itself")
        return wanted

    def files(self, api: ApiView) -> Iterator[File]:
        """See `Language`."""
        context = {"p": api.package, "shapes": _shapes(api)}
        yield File("Makefile", "Makefile.j2", context)
        yield File("README.md", "README.md.j2", context)
        yield File(f"include/{api.package}.h", "api.h.j2", context)
        yield File(f"src/{api.package}.c", "api.c.j2", context)
        yield File("include/graft.h", "runtime/graft.h")
        yield File("src/graft_client.c", "runtime/graft_client.c")
        yield File("src/graft_json.c", "runtime/graft_json.c")

    def type(self, kind: Type, api: ApiView) -> str:
        """See `Language`."""
        return _shapes(api).c_type(kind).rstrip()

    def literal(self, value: Value, kind: Type, api: ApiView) -> str:
        """See `Language`: scalars as C writes them, the others in JSON."""
        if isinstance(kind, Scalar) and kind.name == "bool":
            return "true" if value else "false"
        written = json.dumps(write(value, kind, api.source.types))
        return written if isinstance(kind, Scalar) and kind.name in {"int", "float"} else string(written)

    def example(self, api: ApiView, method: MethodView) -> str:
        """See `Language`."""
        before: list[str] = []
        required: list[str] = []
        options: list[str] = []
        for param, value in samples.arguments(api, method):
            text = self._argument(param, value, before, api)
            if param.required:
                required.append(text)
            else:
                options.append(f".has_{param.ident} = true, .{param.ident} = {text}")
        if options:
            before.append(f"{api.package}_{method.forms['options']} options = {{{', '.join(options)}}};")
        if method.optional:
            required.append("&options" if options else "NULL")
        arguments = "".join(f", {text}" for text in required)
        return render(self, api, "example.c.j2", p=api.package, method=method, before=before, arguments=arguments)

    def filters(self, api: ApiView) -> Mapping[str, Callable[..., Any]]:
        """See `Language`."""
        shapes = _shapes(api)
        return {
            "c": shapes.c_type,
            "given": shapes.c_given,
            "of": shapes.function,
            "of_key": shapes.key_function,
            "holds": shapes.holds,
            "is_map": lambda kind: isinstance(kind, MapType),
            "is_pointer": is_pointer,
            "is_text": is_text,
            "is_named": lambda kind: is_text(kind) and not isinstance(kind, Scalar),
            "zip": lambda left, right: list(zip(left, right, strict=True)),
            "value_names": lambda enum: enum_values(enum, self.style),
            "string": string,
            "comment": docs.comment,
            "method_comment": docs.method,
            "may_be_absent": lambda field: is_pointer(field.type) or isinstance(field.type, DescribedType),
            "default_json": lambda field: _default(field, api),
            "default_size": lambda field: len(_default(field, api)),
            "parameters": lambda method: _parameters(method, shapes, api),
            "passed": lambda method: "".join(f", {name}" for name in _passed(method)),
            "result": lambda method: f", {shapes.c_type(method.result.type)}*result" if method.result else "",
            "put_param": lambda param, text: _put(param, text, shapes),
            "attribute": lambda method: _attribute(method, api),
        }

    def _argument(self, param: ParamView, value: Value, before: list[str], api: ApiView) -> str:
        """Write an argument of an example, with what has to stand before the call."""
        shapes = _shapes(api)
        kind = param.type
        if is_text(kind):
            return string(str(value))
        if isinstance(kind, Scalar) and kind.name != "datetime":
            return self.literal(value, kind, api)
        if is_pointer(kind) and value == []:
            return "NULL"
        text = json.dumps(write(value, kind, api.source.types))
        if isinstance(kind, RecordType):
            name = f"{api.package}_{shapes.name(kind)}"
            before += [
                f"graft_json *{param.ident}_json = graft_json_read({string(text)}, {len(text)}, &error);",
                f"{name} {param.ident};",
                f"{name}_get({param.ident}_json, &{param.ident}, &error);",
            ]
            return f"&{param.ident}"
        if isinstance(kind, DescribedType):
            before.append(f"graft_json *{param.ident} = graft_json_read({string(text)}, {len(text)}, &error);")
            return param.ident
        return self._built(param, value, before, api)

    def _built(self, param: ParamView, value: Value, before: list[str], api: ApiView) -> str:
        shapes = _shapes(api)
        kind = param.type
        if isinstance(kind, SetType) and is_text(kind.of) and isinstance(value, list) and value:
            items = ", ".join(string(str(item)) for item in value)
            before.append(f"char *{param.ident}_items[] = {{{items}}};")
            before.append(f"{shapes.c_type(kind)}{param.ident} = {{{len(value)}, {param.ident}_items}};")
            return f"&{param.ident}"
        before.append(f"{shapes.c_type(kind)}{param.ident} = {{0}}; /* {str(kind).replace('*/', '')} */")
        return param.ident if is_pointer(kind) else f"{'' if isinstance(kind, Scalar) else '&'}{param.ident}"


@lru_cache(maxsize=8)
def _shapes(api: ApiView) -> Shapes:
    return Shapes(api, C.style)


def _parameters(method: MethodView, shapes: Shapes, api: ApiView) -> str:
    found = [f"{shapes.c_given(param.type)}{param.ident}" for param in method.required]
    if method.optional:
        found.append(f"const {api.package}_{method.forms['options']} *options")
    return "".join(f", {parameter}" for parameter in found)


def _passed(method: MethodView) -> list[str]:
    return [*(param.ident for param in method.required), *(["options"] if method.optional else [])]


def _put(param: ParamView, text: str, shapes: Shapes) -> str:
    """Write the statements that put an argument."""
    kind = param.type
    name = f"graft_put_name(buffer, {string(param.name)}, &first);"
    put = shapes.function("put", kind)
    if is_text(kind) or isinstance(kind, DescribedType) or is_pointer(kind):
        return f"{name}\n    {put}(buffer, ({shapes.c_type(kind).rstrip()} const *)&{text});"
    if isinstance(kind, Scalar):
        return f"{name}\n    {put}(buffer, &{text});"
    fault = f'buffer->fault = "the argument {param.ident} is NULL";'
    return f"{name}\n    if ({text} != NULL)\n        {put}(buffer, {text});\n    else\n        {fault}"


def _default(field: FieldView, api: ApiView) -> str:
    if field.default is None:
        raise ValueError(field.name)
    return json.dumps(write(read_literal(field.default, field.type), field.type, api.source.types))


def _attribute(method: MethodView, api: ApiView) -> str:
    if method.lifecycle.deprecated is None:
        return ""
    return f"\n    {api.package.upper()}_DEPRECATED({string(f'Deprecated {telling.deprecation(method.lifecycle)}')})"


def string(text: str) -> str:
    """Write a string, in ASCII."""
    written = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in text.encode()
    )
    return f'"{written}"'


LANGUAGE = C()
