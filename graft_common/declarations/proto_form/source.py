"""Descriptors as the text of `.proto` files; Protocol Buffers for Python has no printer of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from importlib import resources

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)

from graft.common.v1 import value_pb2
from graft_common.declarations.proto_form.descriptors import ProtoFiles

_Path = tuple[int, ...]
_SCALARS = {
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_BOOL: "bool",
}


def sources(made: ProtoFiles, wanted: Collection[str]) -> dict[str, str]:
    """Write files, and those that they import but every compiler has, by their paths.

    Args:
        made: the files of a platform.
        wanted: the paths of those to write.
    """
    paths = list(wanted)
    written: dict[str, str] = {}
    for path in paths:
        if path in made.files:
            written[path] = write_source(made.files[path])
            paths.extend(name for name in made.files[path].dependency if name not in paths)
        elif path == value_pb2.DESCRIPTOR.name:
            package, _, name = path.rpartition("/")
            written[path] = resources.files(package.replace("/", ".")).joinpath(name).read_text("utf-8")
    return written


def write_source(file: FileDescriptorProto) -> str:
    """Write one file, of what `descriptors` makes; compiled it gives the same descriptor."""
    return "".join(f"{line}\n" for line in _Source(file).lines())


class _Source:
    """The lines of one file."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file

    @cached_property
    def _comments(self) -> Mapping[_Path, str]:
        return {tuple(location.path): location.leading_comments for location in self._file.source_code_info.location}

    @cached_property
    def _hiding(self) -> frozenset[str]:
        """Services whose names are the first part of other packages, which must then be written with a dot in front."""
        return frozenset(service.name for service in self._file.service)

    def lines(self) -> Iterator[str]:
        file = self._file
        yield from self._comment((12,))
        yield f'syntax = "{file.syntax}";'
        yield ""
        yield f"package {file.package};"
        if file.dependency:
            yield ""
            yield from (f'import "{name}";' for name in file.dependency)
        for number, service in enumerate(file.service):
            yield ""
            yield from self._service(service, (6, number))
        for number, enum in enumerate(file.enum_type):
            yield ""
            yield from self._enum(enum, (5, number))
        for number, message in enumerate(file.message_type):
            yield ""
            yield from self._message(message, (4, number), f".{file.package}.{message.name}", frozenset())

    def _service(self, service: ServiceDescriptorProto, path: _Path) -> Iterator[str]:
        yield from self._comment(path)
        yield f"service {service.name} {{"
        if service.options.deprecated:
            yield "  option deprecated = true;"
        rpcs = frozenset(method.name for method in service.method)
        for number, method in enumerate(service.method):
            yield from _indented(self._rpc(method, (*path, 2, number), rpcs))
        yield "}"

    def _rpc(self, method: MethodDescriptorProto, path: _Path, rpcs: frozenset[str]) -> Iterator[str]:
        yield from self._comment(path)
        request, response = (self._reference(name, rpcs) for name in (method.input_type, method.output_type))
        head = f"rpc {method.name}({request}) returns ({response})"
        options = []
        if method.options.deprecated:
            options.append("  option deprecated = true;")
        if method.options.idempotency_level == MethodOptions.IDEMPOTENT:
            options.append("  option idempotency_level = IDEMPOTENT;")
        if not options:
            yield f"{head};"
            return
        yield f"{head} {{"
        yield from options
        yield "}"

    def _enum(self, enum: EnumDescriptorProto, path: _Path) -> Iterator[str]:
        yield from self._comment(path)
        yield f"enum {enum.name} {{"
        for number, value in enumerate(enum.value):
            yield from _indented([*self._comment((*path, 2, number)), f"{value.name} = {value.number};"])
        yield "}"

    def _message(self, message: DescriptorProto, path: _Path, full_name: str, outer: frozenset[str]) -> Iterator[str]:
        yield from self._comment(path)
        if not message.field:
            yield f"message {message.name} {{}}"
            return
        yield f"message {message.name} {{"
        nested = {f"{full_name}.{kind.name}": number for number, kind in enumerate(message.nested_type)}
        scope = outer | {field.name for field in message.field} | {kind.name for kind in message.nested_type}
        for number, field in enumerate(message.field):
            entry: DescriptorProto | None = None
            used = nested.get(field.type_name)
            if used is not None and message.nested_type[used].options.map_entry:
                entry = message.nested_type[used]
                used = nested.get(entry.field[1].type_name)
            if used is not None:
                # Where it is first needed, so that compilers count the nested messages as the descriptor does.
                kind = message.nested_type[used]
                yield from _indented(self._message(kind, (*path, 3, used), f"{full_name}.{kind.name}", scope))
            yield from _indented(self._field(field, (*path, 2, number), full_name, scope, entry))
        yield "}"

    def _field(
        self,
        field: FieldDescriptorProto,
        path: _Path,
        message: str,
        scope: frozenset[str],
        entry: DescriptorProto | None,
    ) -> Iterator[str]:
        yield from self._comment(path)
        if entry is not None:
            key, value = (self._type(part, message, scope) for part in entry.field)
            kind = f"map<{key}, {value}>"
        else:
            kind = self._type(field, message, scope)
            if field.label == field.LABEL_REPEATED:
                kind = f"repeated {kind}"
            elif field.proto3_optional:
                kind = f"optional {kind}"
        told = " [deprecated = true]" if field.options.deprecated else ""
        yield f"{kind} {field.name} = {field.number}{told};"

    def _type(self, field: FieldDescriptorProto, message: str, scope: frozenset[str]) -> str:
        if not field.type_name:
            return _SCALARS[field.type]
        nested = field.type_name.removeprefix(f"{message}.")
        return nested if nested != field.type_name else self._reference(field.type_name, scope)

    def _reference(self, full_name: str, scope: frozenset[str]) -> str:
        """Write the name of a type, with a dot in front where compilers would find something else from that scope."""
        name = full_name.removeprefix(f".{self._file.package}.").removeprefix(".")
        first = name.partition(".")[0]
        if first in scope or (first != name and first in self._hiding):
            return full_name
        return name

    def _comment(self, path: _Path) -> Iterator[str]:
        for line in self._comments.get(path, "").splitlines():
            yield f"//{line}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
