"""From what a platform offers to the descriptors of Protocol Buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)

from graft.common.v1 import value_pb2
from graft_common.declarations.api import Api, Source
from graft_common.declarations.model import ClassDeclaration, EnumDeclaration, Lifecycle, Method, State
from graft_common.declarations.proto_form import comments
from graft_common.declarations.proto_form.naming import (
    Alike,
    Exact,
    constant_case,
    identifier,
    map_entry,
    pascal_case,
    rpc_names,
)
from graft_common.declarations.proto_form.slots import (
    Label,
    Slot,
    is_message,
    key_scalar,
    record_slots,
    request_slots,
    response_slots,
    wrapped_slot,
)
from graft_common.declarations.types import DescribedType, EnumType, RecordType, Scalar, Type

PACKAGE = "graft.ext"
TYPES_FILE = "graft/ext/types.proto"
MADE = "Made from declarations; do not edit."
"""Stands on top of each file."""
IMPORTS: Sequence[FileDescriptor] = (timestamp_pb2.DESCRIPTOR, value_pb2.DESCRIPTOR)
"""The files that those of declarations import besides each other."""

_TIMESTAMP = timestamp_pb2.Timestamp.DESCRIPTOR
_VALUE = value_pb2.Value.DESCRIPTOR
_SYNTAX_PATH = (12,)
_SCALAR_TYPES = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "int": FieldDescriptorProto.TYPE_INT64,
    "float": FieldDescriptorProto.TYPE_DOUBLE,
    "bool": FieldDescriptorProto.TYPE_BOOL,
}
_ENDED = frozenset({State.DEPRECATED, State.REMOVED})
_SESSION = "session"


@dataclass(frozen=True)
class ProtoFiles:
    """Files that import each other and `IMPORTS`, in an order in which each stands behind those that it imports."""

    files: Mapping[str, FileDescriptorProto] = field(default_factory=dict)
    """By their paths."""
    class_files: Mapping[str, str] = field(default_factory=dict)
    """The path of each class's file, by the class's name."""

    @property
    def services(self) -> Sequence[str]:
        """The full names of the services, in the order of the classes."""
        return [f"{PACKAGE}.{name}" for name in self.class_files]


def offered(api: Api, class_name: str) -> Sequence[Method]:
    """Return the methods of a class that are RPCs."""
    return [method for method in api.methods_of(class_name) if _is_offered(api, method)]


def has_service(api: Api, service: str) -> bool:
    """Tell whether there is a service of that full name."""
    package, _, class_name = service.rpartition(".")
    return package == PACKAGE and any(_is_offered(api, method) for method in api.methods_of(class_name))


def method_of(api: Api, service: str, rpc: str) -> Method | None:
    """Return the method that an RPC of a service calls; None for no such RPC.

    Args:
        api: what the platform offers.
        service: the full name of the service.
        rpc: the name of the RPC.
    """
    package, _, class_name = service.rpartition(".")
    if package != PACKAGE or identifier(rpc) != rpc:
        return None
    method = api.methods.get(f"{class_name}.{rpc}")
    if method is None:
        methods = {method.short_name: method for method in offered(api, class_name)}
        return next((methods[short] for short, name in rpc_names(methods).items() if name == rpc), None)
    return method if _is_offered(api, method) else None


def _is_offered(api: Api, method: Method) -> bool:
    """Tell whether a method is an RPC; those of sessions that are a part of Graft are the registry's, and others."""
    return method.class_name != _SESSION or api.origins[method.name].source is not Source.BUILT_IN


def describe(api: Api) -> ProtoFiles:
    """Make the descriptors of all methods of a platform, with what the declarations tell as comments.

    Raises:
        LookupError: a type names what is not declared, which the reader of declarations would have told.
    """
    methods = {name: offered(api, name) for name in api.classes}
    classes = [declared for name, declared in api.classes.items() if methods[name]]
    names = _Names(api, {declared.name: methods[declared.name] for declared in classes})
    types = _File(TYPES_FILE, names, "The records and enums that the declared methods share.")
    types.shared(api)
    files = {TYPES_FILE: types.proto}
    class_files = {}
    paths = Alike(("types",))
    for declared in classes:
        path = f"graft/ext/{paths.take(declared.name, between='_')}.proto"
        file = _File(path, names, f"The methods of {declared.name}.")
        file.service(declared, methods[declared.name])
        files[path] = file.proto
        class_files[declared.name] = path
    return ProtoFiles(files, class_files)


class _Names:
    """What the package has on its top: the names of services are those of classes, and others give way."""

    def __init__(self, api: Api, classes: Mapping[str, Sequence[Method]]) -> None:
        scope = Exact(classes)
        self.enums: dict[str, str] = {}
        self.enum_values: dict[str, list[str]] = {}
        for declared in api.types.enums.values():
            name = self.enums[declared.name] = scope.take(pascal_case(declared.name))
            self.enum_values[declared.name] = _value_names(declared, constant_case(name), scope)
        self.records = {name: scope.take(f"{pascal_case(name)}Record") for name in api.types.records}
        self.methods = {
            method.name: scope.take(pascal_case(method.name), "Request", "Response")
            for methods in classes.values()
            for method in methods
        }

    def type_name(self, kind: Type) -> tuple[str, str]:
        """Return what a field of an enum, a record, a date or any value refers to, and the file that has it."""
        match kind:
            case EnumType(name):
                return f".{PACKAGE}.{self.enums[name]}", TYPES_FILE
            case RecordType(name):
                return f".{PACKAGE}.{self.records[name]}", TYPES_FILE
            case DescribedType():
                return f".{_VALUE.full_name}", _VALUE.file.name
        return f".{_TIMESTAMP.full_name}", _TIMESTAMP.file.name


def _value_names(declared: EnumDeclaration, prefix: str, package: Exact) -> list[str]:
    """Return the names of an enum's values, that of none first; those of all enums share the package."""
    scope = Alike()
    names = []
    for value in ("unspecified", *(value.name for value in declared.values)):
        wanted = scope.take(f"{prefix}_{constant_case(value) or 'VALUE'}", between="_")
        names.append(package.take(wanted, between="_"))
    return names


class _File:
    """One file that is being made."""

    def __init__(self, path: str, names: _Names, about: str) -> None:
        self.proto = FileDescriptorProto(name=path, package=PACKAGE, syntax="proto3")
        self._names = names
        self._imports: set[str] = set()
        self.comment(_SYNTAX_PATH, f"{about}\n\n{MADE}")

    def shared(self, api: Api) -> None:
        """Fill the file of the types that all share."""
        for declared in api.types.enums.values():
            self._enum(declared)
        for record in api.types.records.values():
            message = self._message(self._names.records[record.name], comments.of_record(record))
            message.fill(record_slots(record), [comments.of_field(field) for field in record.fields])
            for made, declared_field in zip(message.proto.field, record.fields, strict=True):
                if _ended(declared_field.lifecycle):
                    made.options.deprecated = True
        self._finish()

    def service(self, declared: ClassDeclaration, methods: Sequence[Method]) -> None:
        """Fill the file of a class."""
        service = self.proto.service.add(name=declared.name)
        self.comment((6, 0), comments.of_class(declared))
        if _ended(declared.lifecycle):
            service.options.deprecated = True
        rpcs = rpc_names(method.short_name for method in methods)
        for number, method in enumerate(methods):
            self._rpc(service, rpcs[method.short_name], number, method)
        self._finish()

    def _rpc(self, service: ServiceDescriptorProto, name: str, number: int, method: Method) -> None:
        stem = self._names.methods[method.name]
        rpc = service.method.add(
            name=name, input_type=f".{PACKAGE}.{stem}Request", output_type=f".{PACKAGE}.{stem}Response"
        )
        if _ended(method.lifecycle):
            rpc.options.deprecated = True
        if method.idempotent:
            rpc.options.idempotency_level = MethodOptions.IDEMPOTENT
        self.comment((6, 0, 2, number), comments.of_method(method))
        request = self._message(f"{stem}Request", comments.of_request(method))
        request.fill(request_slots(method), [comments.of_param(param) for param in method.params])
        response = self._message(f"{stem}Response", comments.of_response(method))
        if method.result is not None:
            response.fill(response_slots(method), [comments.of_result(method.result)])

    def _message(self, name: str, comment: str) -> _Message:
        path = (4, len(self.proto.message_type))
        self.comment(path, comment)
        return _Message(self, self.proto.message_type.add(name=name), path, f".{PACKAGE}.{name}")

    def _enum(self, declared: EnumDeclaration) -> None:
        path = (5, len(self.proto.enum_type))
        made: EnumDescriptorProto = self.proto.enum_type.add(name=self._names.enums[declared.name])
        self.comment(path, comments.of_enum(declared))
        told = ["None of them: not given.", *(comments.of_value(value) for value in declared.values)]
        for number, (name, comment) in enumerate(zip(self._names.enum_values[declared.name], told, strict=True)):
            made.value.add(name=name, number=number)
            self.comment((*path, 2, number), comment)

    def reference(self, kind: Type) -> str:
        """Return how fields refer to a type that has a name, and import the file that has it."""
        name, file = self._names.type_name(kind)
        self._imports.add(file)
        return name

    def comment(self, path: tuple[int, ...], text: str) -> None:
        """Note a comment as protoc does: each line with the space that follows the slashes."""
        lines = [line.rstrip() for line in text.splitlines()]
        if any(lines):
            told = "".join(f" {line}\n" if line else "\n" for line in lines)
            self.proto.source_code_info.location.add(path=path, span=(0, 0, 0), leading_comments=told)

    def _finish(self) -> None:
        self.proto.dependency.extend(sorted(self._imports - {self.proto.name}))


class _Message:
    """One message that is being made.

    Args:
        file: the file that it is in.
        proto: its descriptor, still without fields.
        path: the way to it in the file, as comments have it.
        full_name: how fields refer to it.
    """

    def __init__(self, file: _File, proto: DescriptorProto, path: tuple[int, ...], full_name: str) -> None:
        self.proto = proto
        self._file = file
        self._path = path
        self._full_name = full_name
        self._scope = Alike()

    def fill(self, slots: Sequence[Slot], told: Sequence[str]) -> None:
        """Add the fields, each with its comment."""
        names = []
        for slot in slots:
            entry = ("Entry",) if slot.label is Label.MAP else ()
            names.append(self._scope.take(identifier(slot.name), *entry, between="_"))
        for number, (slot, name, comment) in enumerate(zip(slots, names, told, strict=True)):
            made = self.proto.field.add(name=name, json_name=_json_name(name), number=slot.number)
            made.label = made.LABEL_OPTIONAL
            self._file.comment((*self._path, 2, number), comment)
            match slot.label:
                case Label.MAP:
                    self._map(made, slot)
                    continue
                case Label.REPEATED:
                    made.label = made.LABEL_REPEATED
                case Label.PRESENT if not is_message(slot.element):
                    made.proto3_optional = True
            self._type(made, slot.element, f"{name}_item")
        _add_synthetic_oneofs(self.proto)

    def _map(self, made: FieldDescriptorProto, slot: Slot) -> None:
        """Give a field the form of a map: entries in a message that is nested for it."""
        made.label = made.LABEL_REPEATED
        made.type = made.TYPE_MESSAGE
        name = map_entry(made.name)
        made.type_name = f"{self._full_name}.{name}"
        entry = DescriptorProto(name=name)
        entry.options.map_entry = True
        optional = FieldDescriptorProto.LABEL_OPTIONAL
        key = entry.field.add(name="key", json_name="key", number=1, label=optional)
        value = entry.field.add(name="value", json_name="value", number=2, label=optional)
        key.type = _SCALAR_TYPES[key_scalar(slot.type.key).name]  # type: ignore[union-attr]  # only maps have the label
        self._type(value, slot.element, f"{made.name}_value")
        self.proto.nested_type.append(entry)

    def _type(self, made: FieldDescriptorProto, element: Type, wanted: str) -> None:
        """Give a field the type of its elements; a set, map or option among them gets a message around it."""
        inner = wrapped_slot(element)
        if inner is not None:
            name = self._scope.take(pascal_case(wanted))
            made.type = made.TYPE_MESSAGE
            made.type_name = f"{self._full_name}.{name}"
            path = (*self._path, 3, len(self.proto.nested_type))
            self._file.comment(path, f"One `{element}`.")
            _Message(self._file, self.proto.nested_type.add(name=name), path, made.type_name).fill([inner], [""])
        elif isinstance(element, Scalar) and element.name in _SCALAR_TYPES:
            made.type = _SCALAR_TYPES[element.name]
        elif isinstance(element, EnumType | RecordType | DescribedType | Scalar):
            made.type = made.TYPE_ENUM if isinstance(element, EnumType) else made.TYPE_MESSAGE
            made.type_name = self._file.reference(element)
        else:
            made.type = made.TYPE_STRING


def _add_synthetic_oneofs(message: DescriptorProto) -> None:
    """Add what protoc adds for fields with `optional`, named as it does."""
    names = {made.name for made in message.field}
    for made in message.field:
        if made.proto3_optional:
            name = made.name if made.name.startswith("_") else f"_{made.name}"
            while name in names:
                name = f"X{name}"
            names.add(name)
            made.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=name)


def _json_name(name: str) -> str:
    """Return the name that protoc gives a field in JSON."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _ended(lifecycle: Lifecycle) -> bool:
    return lifecycle.state in _ENDED
