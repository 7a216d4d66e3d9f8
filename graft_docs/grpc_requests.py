"""Requests of typed gRPC as `grpcurl` takes them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToJson
from google.protobuf.message_factory import GetMessageClass

from graft_common.declarations.api import Api
from graft_common.declarations.conversion import Converters, MisfitError
from graft_common.declarations.model import Method
from graft_common.declarations.proto_form.descriptors import IMPORTS, PACKAGE, describe, offered
from graft_common.declarations.proto_form.messages import Fields, Forms, TooDeepError
from graft_common.declarations.proto_form.naming import rpc_names
from graft_common.declarations.proto_form.slots import request_slots
from graft_docs.samples import Sample


class Requests:
    """Makes the requests of one api; its messages are made once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._converters = Converters(api.types)
        self._forms = Forms(api.types)
        self._pool = DescriptorPool()
        for file in IMPORTS:
            self._pool.AddSerializedFile(file.serialized_pb)
        made = describe(api)
        for proto in made.files.values():
            self._pool.AddSerializedFile(proto.SerializeToString())
        self._classes = frozenset(made.class_files)
        self._rpcs: dict[str, Mapping[str, str]] = {}

    def grpcurl(self, method: Method, samples: Sequence[Sample]) -> str:
        """Write a call; empty where typed gRPC does not have the method, or the values do not fit it."""
        rpc = self._names(method.class_name).get(method.short_name)
        if rpc is None:
            return ""
        service = f"{PACKAGE}.{method.class_name}"
        message = GetMessageClass(self._pool.FindServiceByName(service).methods_by_name[rpc].input_type)()
        try:
            values = {sample.param.name: self._converters.of(sample.param.type)(sample.value) for sample in samples}
            Fields(request_slots(method), message.DESCRIPTOR, self._forms).write(message, values)
        except (MisfitError, TooDeepError, ValueError):
            return ""
        body = MessageToJson(message, preserving_proto_field_name=True, indent=None, ensure_ascii=False)
        lines = ["grpcurl -plaintext"]
        if method.session:
            lines.append('-H "authorization: Bearer $GRAFT_SESSION"')
        lines += [f"-d {shlex.quote(body)}", f'"$GRAFT_DISPATCHER" {service}/{rpc}']
        return " \\\n  ".join(lines)

    def _names(self, class_name: str) -> Mapping[str, str]:
        if class_name not in self._classes:
            return {}
        if class_name not in self._rpcs:
            self._rpcs[class_name] = rpc_names(method.short_name for method in offered(self._api, class_name))
        return self._rpcs[class_name]
