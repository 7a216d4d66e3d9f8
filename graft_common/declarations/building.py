"""From elements that hold to the schema to values; what the schema cannot say of types and units is told here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast
from xml.etree.ElementTree import Element

from graft_common import units
from graft_common.declarations.model import (
    Access,
    Argument,
    Change,
    ClassDeclaration,
    Document,
    EnumDeclaration,
    EnumValue,
    ErrorDeclaration,
    Example,
    Field,
    Lifecycle,
    Method,
    MethodLimits,
    Network,
    Param,
    Qualifier,
    Record,
    Residence,
    Result,
    Transition,
)
from graft_common.declarations.rules import Fault, Place
from graft_common.declarations.texts import NAMESPACE, XML_SPACE, clean
from graft_common.declarations.types import STRING, Type, TypeSyntaxError, parse_type
from graft_common.roles import POOL_ADMIN

_PREFIX = f"{{{NAMESPACE}}}"
_Item = TypeVar("_Item")
_Unit = TypeVar("_Unit", int, float)


def children(element: Element, tag: str) -> list[Element]:
    """Return the elements of that kind in another, in their order."""
    return element.findall(f"{_PREFIX}{tag}")


class Builder:
    """Makes one document, and gathers what is wrong with its types and units instead of stopping there."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._types: dict[str, Type] = {}

    def document(self, root: Element) -> Document:
        return Document(
            classes=self._each((), root, "class", self._class),
            enums=self._each((), root, "enum", self._enum),
            records=self._each((), root, "record", self._record),
            methods=self._each((), root, "method", self._method),
        )

    def _each(
        self, place: Place, element: Element, tag: str, build: Callable[[Place, Element], _Item]
    ) -> tuple[_Item, ...]:
        return tuple(build((*place, (tag, number)), child) for number, child in enumerate(children(element, tag)))

    def _class(self, place: Place, element: Element) -> ClassDeclaration:
        return ClassDeclaration(
            name=element.attrib["name"],
            doc=_doc(element),
            fields=self._each(place, element, "field", self._field),
            enums=tuple(element.get("enums", "").split()),
            lifecycle=_lifecycle(element),
            tag=element.get("tag", ""),
            position=self._quantity(place, element, "position", int),
        )

    def _enum(self, _: Place, element: Element) -> EnumDeclaration:
        values = tuple(EnumValue(value.attrib["name"], _text(value)) for value in children(element, "value"))
        return EnumDeclaration(element.attrib["name"], values, _doc(element))

    def _record(self, place: Place, element: Element) -> Record:
        return Record(element.attrib["name"], self._each(place, element, "field", self._field), _doc(element))

    def _field(self, place: Place, element: Element) -> Field:
        return Field(
            name=element.attrib["name"],
            type=self._type(place, element),
            doc=_doc(element),
            default=element.get("default"),
            qualifier=cast("Qualifier", element.get("qualifier", "RW")),
            lifecycle=_lifecycle(element),
            tag=element.get("tag", ""),
            secret=_flag(element, "secret"),
        )

    def _method(self, place: Place, element: Element) -> Method:
        return Method(
            name=element.attrib["name"],
            doc=_doc(element),
            executable=element.get("executable", ""),
            role=element.get("role", POOL_ADMIN),
            roles=tuple(element.get("roles", "").split()),
            session=_flag(element, "session", default=True),
            params=self._each(place, element, "param", self._param),
            result=next(iter(self._each(place, element, "result", self._result)), None),
            errors=self._each(place, element, "error", self._error),
            lifecycle=_lifecycle(element),
            limits=next(iter(self._each(place, element, "limits", self._limits)), MethodLimits()),
            access=next(iter(self._each(place, element, "access", self._access)), Access()),
            idempotent=_flag(element, "idempotent"),
            resident=self._resident(place, element),
            residence=next(iter(self._each(place, element, "resident", self._residence)), Residence()),
            zygote=_flag(element, "zygote", default=True),
            implicit=_flag(element, "implicit"),
            tag=element.get("tag", ""),
            examples=self._each(place, element, "example", self._example),
        )

    def _param(self, place: Place, element: Element) -> Param:
        return Param(
            name=element.attrib["name"],
            type=self._type(place, element),
            doc=_doc(element),
            default=element.get("default"),
            optional=_flag(element, "optional"),
            since=element.get("since", ""),
            secret=_flag(element, "secret"),
            public=not _flag(element, "secret", default=True),
        )

    def _result(self, place: Place, element: Element) -> Result:
        return Result(self._type(place, element), _doc(element), _flag(element, "secret"))

    def _error(self, _: Place, element: Element) -> ErrorDeclaration:
        return ErrorDeclaration(element.attrib["code"], _attributes(element, "param", "name"), _doc(element))

    def _limits(self, place: Place, element: Element) -> MethodLimits:
        return MethodLimits(
            timeout=self._quantity(place, element, "timeout", _seconds),
            cpu=self._quantity(place, element, "cpu", _seconds),
            memory=self._quantity(place, element, "memory", units.size),
            processes=self._quantity(place, element, "processes", int),
            output=self._quantity(place, element, "output", units.size),
            stderr=self._quantity(place, element, "stderr", units.size),
            open_files=self._quantity(place, element, "open-files", int),
            file_size=self._quantity(place, element, "file-size", units.size),
            tmp=self._quantity(place, element, "tmp", units.size),
        )

    def _resident(self, place: Place, element: Element) -> bool:
        if not children(element, "resident"):
            return _flag(element, "resident")
        if not _flag(element, "resident", default=True):
            self.faults.append((place, 'it has <resident> and says resident="false"; take one of them away'))
        return True

    def _residence(self, place: Place, element: Element) -> Residence:
        usual = Residence()
        return Residence(
            concurrency=_or_usual(self._quantity(place, element, "concurrency", int), usual.concurrency),
            processes=_or_usual(self._quantity(place, element, "processes", int), usual.processes),
            calls=_or_usual(self._quantity(place, element, "calls", int), usual.calls),
            age=_or_usual(self._quantity(place, element, "age", _seconds), usual.age),
            idle=_or_usual(self._quantity(place, element, "idle", _seconds), usual.idle),
        )

    def _access(self, _: Place, element: Element) -> Access:
        return Access(
            network=cast("Network", element.get("network", "none")),
            read=_attributes(element, "read", "path"),
            write=_attributes(element, "write", "path"),
            environment=_attributes(element, "environment", "name"),
            secrets=_attributes(element, "secret", "name"),
        )

    def _example(self, _: Place, element: Element) -> Example:
        arguments = (Argument(child.attrib["name"], child.attrib["value"]) for child in children(element, "argument"))
        errors = [(child.attrib["code"], *_attributes(child, "param", "value")) for child in children(element, "error")]
        return Example(
            doc=_doc(element),
            arguments=tuple(arguments),
            result=next(iter(_attributes(element, "result", "value")), None),
            error=errors[0] if errors else (),
        )

    def _type(self, place: Place, element: Element) -> Type:
        text = element.attrib["type"]
        found = self._types.get(text)
        if found is None:
            try:
                found = self._types[text] = parse_type(text)
            except TypeSyntaxError as error:
                self.faults.append((place, str(error)))
                return STRING
        return found

    def _quantity(self, place: Place, element: Element, name: str, read: Callable[[str], _Unit]) -> _Unit | None:
        text = element.get(name)
        if text is None:
            return None
        try:
            return read(text)
        except ValueError as error:
            self.faults.append((place, f"{name}: {error}"))
            return None


def _or_usual(value: _Unit | None, usual: _Unit) -> _Unit:
    return usual if value is None else value


def _seconds(text: str) -> float:
    return round(units.seconds(text), 3)


def _flag(element: Element, name: str, *, default: bool = False) -> bool:
    text = element.get(name)
    return default if text is None else text.strip() in ("true", "1", "on")


def _attributes(element: Element, tag: str, name: str) -> tuple[str, ...]:
    return tuple(child.attrib[name] for child in children(element, tag))


def _doc(element: Element) -> str:
    child = element.find(f"{_PREFIX}doc")
    return "" if child is None else _text(child)


def _text(element: Element) -> str:
    text = element.text or ""
    return text if element.get(XML_SPACE) == "preserve" else clean(text)


def _lifecycle(element: Element) -> Lifecycle:
    child = element.find(f"{_PREFIX}lifecycle")
    if child is None:
        return Lifecycle()
    return Lifecycle(
        tuple(Transition(Change(step.tag.removeprefix(_PREFIX)), step.attrib["release"], _text(step)) for step in child)
    )
