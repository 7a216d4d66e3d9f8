"""A part of an api: some classes, and the types that they need."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from graft_common.declarations.api import Api
from graft_common.declarations.model import Document, Method, Record
from graft_common.declarations.types import EnumType, MapType, OptionType, RecordType, SetType, Type


def only(api: Api, classes: Collection[str]) -> Api:
    """Return an api with these classes and nothing that they do not need.

    Of a class that is left out, but whose fields some method takes or answers, the record of them stays.

    Raises:
        LookupError: there is no such class; the message tells which there are.
    """
    unknown = [name for name in classes if name not in api.classes]
    if unknown:
        raise LookupError(f"there is no class {unknown[0]}; there are {', '.join(api.classes) or 'none'}")
    methods = tuple(method for method in api.document.methods if method.class_name in classes)
    told = tuple(class_ for class_ in api.document.classes if class_.name in classes)
    shown = {name for class_ in told for name in class_.enums}
    enums, records = _needed(api, [*_types(methods), *(field.type for class_ in told for field in class_.fields)])
    own = {record.name for record in api.document.records}
    foreign = (api.types.records[name] for name in records - own - set(classes))
    kept: tuple[Record, ...] = tuple(record for record in api.document.records if record.name in records)
    return Api(
        Document(
            told,
            tuple(enum for enum in api.document.enums if enum.name in enums | shown),
            (*kept, *sorted(foreign, key=lambda record: record.name)),
            methods,
        ),
        {method.name: api.origins[method.name] for method in methods if method.name in api.origins},
        {name: origin for name, origin in api.undeclared.items() if name.partition(".")[0] in classes},
    )


def _types(methods: tuple[Method, ...]) -> Iterator[Type]:
    for method in methods:
        yield from (param.type for param in method.params)
        if method.result is not None:
            yield method.result.type


def _needed(api: Api, kinds: list[Type]) -> tuple[set[str], set[str]]:
    """Return the names of the enums and records that types are made of."""
    enums: set[str] = set()
    records: set[str] = set()
    while kinds:
        match kinds.pop():
            case EnumType(name=name):
                enums.add(name)
            case RecordType(name=name) if name not in records and name in api.types.records:
                records.add(name)
                kinds.extend(field.type for field in api.types.records[name].fields)
            case SetType(of=inner) | OptionType(of=inner):
                kinds.append(inner)
            case MapType(key=key, value=value):
                kinds.extend((key, value))
            case _:
                pass
    return enums, records
