"""One method's requests and responses as bytes, from and to the values of its calls."""

from __future__ import annotations

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from graft_common.declarations.api import Api
from graft_common.declarations.checking import argument_fault
from graft_common.declarations.conversion import NOTHING, Converters, WrongTypeError, fresh
from graft_common.declarations.model import Document, EnumDeclaration, Method, Record, Types
from graft_common.declarations.proto_form.descriptors import IMPORTS, PACKAGE, describe
from graft_common.declarations.proto_form.messages import Fields, Forms, TooDeepError
from graft_common.declarations.proto_form.slots import RESULT, named_types, request_slots, response_slots
from graft_common.declarations.types import EnumType, OptionType, RecordType
from graft_common.errors import GraftError, field_type_error, internal_error, value_not_supported
from graft_common.values import Value


class MethodMessages:
    """Messages in and out of one method, made once and used for each call.

    It goes by the one declaration: messages of the same declaration are read and written alike, whatever else the
    platform offers, since names do not travel.

    Args:
        method: the declaration.
        types: all enums and records that it may name.

    Raises:
        ValueError, LookupError, MisfitError: the declaration breaks `rules`, which the reader would have told.
    """

    def __init__(self, method: Method, types: Types) -> None:
        self.method = method
        self.request_class, self.response_class = _classes(method, types)
        forms = Forms(types)
        self.request = Fields(request_slots(method), self.request_class.DESCRIPTOR, forms)
        self.response = Fields(response_slots(method), self.response_class.DESCRIPTOR, forms)
        converters = Converters(types)
        self._defaults: list[Value] = [
            None if param.default is None else converters.default(param.default, param.type) for param in method.params
        ]

    def arguments(self, data: bytes) -> list[Value]:
        """Return the arguments of a request in their places; `MethodChecks` checks them further.

        Defaults fill the gaps between those that are given; what may be left out behind the last one stays out.

        Raises:
            GraftError: VALUE_NOT_SUPPORTED where it is no such message; FIELD_TYPE_ERROR [parameter, expected, got]
                where a message that must be given is not; MESSAGE_PARAMETER_COUNT_MISMATCH, by way of the checks, for
                fields that the method does not have.
        """
        try:
            message = self.request_class.FromString(data)
        except DecodeError:
            raise value_not_supported("request", "", f"the bytes are no request of {self.method.name}") from None
        given = self.request.read(message)
        params = self.method.params
        if UnknownFieldSet(message):
            # More parameters than there are: an argument must not get lost.
            return [None] * (len(params) + 1)
        last = max((place for place, param in enumerate(params) if param.name in given or param.required), default=-1)
        return [self._argument(place, given) for place in range(last + 1)]

    def result(self, value: Value) -> bytes:
        """Return the response for a result that has been checked.

        Raises:
            GraftError: INTERNAL_ERROR where it cannot be sent.
        """
        message = self.response_class()
        try:
            self.response.write(message, {RESULT: value})
            return message.SerializeToString(deterministic=True)
        except (TooDeepError, ValueError) as error:
            raise internal_error(self.method.name, f"its value cannot be sent: {error}") from error

    def _argument(self, place: int, given: dict[str, Value]) -> Value:
        param = self.method.params[place]
        if param.name in given:
            return given[param.name]
        if self._defaults[place] is not None:
            return fresh(self._defaults[place])
        if isinstance(param.type, OptionType) and param.required:
            return []
        raise self._missing(place, given)

    def _missing(self, place: int, given: dict[str, Value]) -> GraftError:
        param = self.method.params[place]
        if param.required:
            return argument_fault(param, WrongTypeError(str(param.type), NOTHING))
        later = next(param.name for param in reversed(self.method.params) if param.name in given)
        text = f'param "{param.name}": without a default it cannot be left out where "{later}" is given'
        return field_type_error(param.name, str(param.type), NOTHING, {"message": text})


def needed_types(method: Method, types: Types) -> tuple[dict[str, EnumDeclaration], dict[str, Record]]:
    """Return the enums and records that a method's messages are made of."""
    enums: dict[str, EnumDeclaration] = {}
    records: dict[str, Record] = {}
    kinds = [param.type for param in method.params]
    if method.result is not None:
        kinds.append(method.result.type)
    for kind in kinds:
        for leaf in named_types(kind):
            if isinstance(leaf, EnumType):
                enums[leaf.name] = types.enums[leaf.name]
            elif isinstance(leaf, RecordType) and leaf.name not in records:
                record = records[leaf.name] = types.records[leaf.name]
                kinds.extend(field.type for field in record.fields)
    return enums, records


def _classes(method: Method, types: Types) -> tuple[type[Message], type[Message]]:
    """Return the classes of a method's messages, made from nothing but what it needs."""
    enums, records = needed_types(method, types)
    document = Document(enums=tuple(enums.values()), records=tuple(records.values()), methods=(method,))
    pool = DescriptorPool()
    for file in IMPORTS:
        pool.AddSerializedFile(file.serialized_pb)
    for made in describe(Api.of(document)).files.values():
        pool.AddSerializedFile(made.SerializeToString())
    rpc = pool.FindServiceByName(f"{PACKAGE}.{method.class_name}").methods[0]
    return GetMessageClass(rpc.input_type), GetMessageClass(rpc.output_type)
