"""From values to XML: one form for each document, which the reader reads back as the same values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graft_common.declarations.model import (
    Access,
    ClassDeclaration,
    Document,
    EnumDeclaration,
    ErrorDeclaration,
    Example,
    Field,
    Lifecycle,
    Method,
    MethodLimits,
    Param,
    Record,
    Residence,
    Result,
)
from graft_common.declarations.texts import NAMESPACE, clean, escape_attribute, escape_text
from graft_common.roles import POOL_ADMIN

_SIZES = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def write_document(document: Document) -> bytes:
    """Write a document: classes, enums, records, methods, each in the order that they have.

    Raises:
        ValueError: some text holds a character that no XML document can.
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<methods xmlns="{NAMESPACE}">']
    for class_ in document.classes:
        lines += _indented(_class(class_))
    for enum in document.enums:
        lines += _indented(_enum(enum))
    for record in document.records:
        lines += _indented(_record(record))
    for method in document.methods:
        lines += _indented(_method(method))
    lines += ["</methods>", ""]
    return "\n".join(lines).encode()


def _class(class_: ClassDeclaration) -> list[str]:
    inner = _doc(class_.doc)
    for field in class_.fields:
        inner += _field(field)
    inner += _lifecycle(class_.lifecycle)
    attributes = {
        "name": class_.name,
        "enums": " ".join(class_.enums) or None,
        "tag": class_.tag or None,
        "position": _number(class_.position),
    }
    return _element("class", attributes, inner)


def _enum(enum: EnumDeclaration) -> list[str]:
    inner = _doc(enum.doc)
    for value in enum.values:
        inner += _text("value", {"name": value.name}, value.doc)
    return _element("enum", {"name": enum.name}, inner)


def _record(record: Record) -> list[str]:
    inner = _doc(record.doc)
    for field in record.fields:
        inner += _field(field)
    return _element("record", {"name": record.name}, inner)


def _field(field: Field) -> list[str]:
    attributes = {
        "name": field.name,
        "type": str(field.type),
        "default": field.default,
        "qualifier": field.qualifier if field.qualifier != "RW" else None,
        "secret": _true(field.secret),
        "tag": field.tag or None,
    }
    return _element("field", attributes, [*_doc(field.doc), *_lifecycle(field.lifecycle)])


def _method(method: Method) -> list[str]:
    attributes = {
        "name": method.name,
        "executable": method.executable or None,
        "role": method.role if method.role != POOL_ADMIN else None,
        "roles": " ".join(method.roles) or None,
        "session": _false(method.session),
        "idempotent": _true(method.idempotent),
        "resident": _true(method.resident and method.residence == Residence()),
        "zygote": None if method.zygote else "off",
        "implicit": _true(method.implicit),
        "tag": method.tag or None,
    }
    inner = _doc(method.doc)
    for param in method.params:
        inner += _param(param)
    inner += _result(method.result)
    for error in method.errors:
        inner += _error(error)
    inner += [*_lifecycle(method.lifecycle), *_limits(method.limits), *_access(method.access)]
    if method.resident:
        inner += _residence(method.residence)
    for example in method.examples:
        inner += _example(example)
    return _element("method", attributes, inner)


def _param(param: Param) -> list[str]:
    attributes = {
        "name": param.name,
        "type": str(param.type),
        "default": param.default,
        "optional": _true(param.optional),
        "since": param.since or None,
        "secret": _true(param.secret) or _false(not param.public),
    }
    return _element("param", attributes, _doc(param.doc))


def _result(result: Result | None) -> list[str]:
    if result is None:
        return []
    return _element("result", {"type": str(result.type), "secret": _true(result.secret)}, _doc(result.doc))


def _error(error: ErrorDeclaration) -> list[str]:
    return _element("error", {"code": error.code}, [*_named("param", "name", error.params), *_doc(error.doc)])


def _lifecycle(lifecycle: Lifecycle) -> list[str]:
    inner: list[str] = []
    for transition in lifecycle.transitions:
        inner += _text(transition.change.value, {"release": transition.release}, transition.doc)
    return _element("lifecycle", {}, inner) if inner else []


def _limits(limits: MethodLimits) -> list[str]:
    attributes = {
        "timeout": _seconds(limits.timeout),
        "cpu": _seconds(limits.cpu),
        "memory": _size(limits.memory),
        "processes": _number(limits.processes),
        "output": _size(limits.output),
        "stderr": _size(limits.stderr),
        "open-files": _number(limits.open_files),
        "file-size": _size(limits.file_size),
        "tmp": _size(limits.tmp),
    }
    return _element("limits", attributes, []) if limits != MethodLimits() else []


def _residence(residence: Residence) -> list[str]:
    usual = Residence()
    attributes = {
        "concurrency": _number(residence.concurrency if residence.concurrency != usual.concurrency else None),
        "processes": _number(residence.processes if residence.processes != usual.processes else None),
        "calls": _number(residence.calls if residence.calls != usual.calls else None),
        "age": _seconds(residence.age if residence.age != usual.age else None),
        "idle": _seconds(residence.idle if residence.idle != usual.idle else None),
    }
    return _element("resident", attributes, []) if residence != usual else []


def _access(access: Access) -> list[str]:
    if access == Access():
        return []
    inner = [
        *_named("read", "path", access.read),
        *_named("write", "path", access.write),
        *_named("environment", "name", access.environment),
        *_named("secret", "name", access.secrets),
    ]
    return _element("access", {"network": access.network if access.network != "none" else None}, inner)


def _example(example: Example) -> list[str]:
    inner = _doc(example.doc)
    for argument in example.arguments:
        inner += _element("argument", {"name": argument.name, "value": argument.value}, [])
    if example.result is not None:
        inner += _element("result", {"value": example.result}, [])
    if example.error:
        inner += _element("error", {"code": example.error[0]}, _named("param", "value", example.error[1:]))
    return _element("example", {}, inner)


def _named(tag: str, attribute: str, values: Iterable[str]) -> list[str]:
    return [line for value in values for line in _element(tag, {attribute: value}, [])]


def _doc(text: str) -> list[str]:
    return _text("doc", {}, text) if text else []


def _text(tag: str, attributes: dict[str, str], text: str) -> list[str]:
    start = _start(tag, attributes)
    if not text:
        return [f"<{start}/>"]
    space = "" if clean(text) == text else ' xml:space="preserve"'
    return [f"<{start}{space}>{escape_text(text)}</{tag}>"]


def _element(tag: str, attributes: Mapping[str, str | None], inner: list[str]) -> list[str]:
    start = _start(tag, attributes)
    return [f"<{start}>", *_indented(inner), f"</{tag}>"] if inner else [f"<{start}/>"]


def _start(tag: str, attributes: Mapping[str, str | None]) -> str:
    """Write what stands between the angle brackets; what is None is left out."""
    given = (f' {name}="{escape_attribute(value)}"' for name, value in attributes.items() if value is not None)
    return f"{tag}{''.join(given)}"


def _indented(lines: list[str]) -> list[str]:
    """Indent elements; the further lines of a text are part of their element's, and stay as they are."""
    return [f"  {line}" for line in lines]


def _true(value: bool) -> str | None:
    return "true" if value else None


def _false(value: bool) -> str | None:
    return None if value else "false"


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}".rstrip("0").rstrip(".") + "s"


def _size(value: int | None) -> str | None:
    if value is None:
        return None
    for unit, factor in _SIZES:
        if value >= factor and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(value)
