"""What a platform offers, as one frozen value: every declared method with its types, and where each comes from.

Reference pages, stubs, typed gRPC, OpenAPI and the datamodel in xapi's form are all made from it.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from graft_common.declarations.model import ClassDeclaration, Document, Method, Types
from graft_common.declarations.writer import write_document


class Source(enum.Enum):
    """Where a method comes from."""

    BUILT_IN = "builtin"
    DROP_IN = "dropin"
    EXTENSION = "extension"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one method comes from."""

    source: Source
    place: str = ""
    """The declaring file below its directory, or the extension version as `<name>/<version>`; empty for built-ins."""
    available: bool = True
    """Whether it can be called now: its executable is there."""


@dataclass(frozen=True)
class Api:
    """The methods of a platform; enums, records and methods have names that are unique in all of it."""

    document: Document = field(default_factory=Document)
    """All that is declared and in force."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Of each declared method, by its name."""
    undeclared: Mapping[str, Origin] = field(default_factory=dict)
    """Of the methods that can be called without a declaration, by their names."""

    @classmethod
    def of(cls, *documents: Document) -> Api:
        """Put documents together that were read from files, as if they were in force.

        Their names must differ; only an enum may stand in several, if it is the same in all.
        """
        together = Document(
            tuple(item for document in documents for item in document.classes),
            tuple(dict.fromkeys(item for document in documents for item in document.enums)),
            tuple(item for document in documents for item in document.records),
            tuple(item for document in documents for item in document.methods),
        )
        return cls(together, {method.name: Origin(Source.DROP_IN) for method in together.methods})

    @cached_property
    def types(self) -> Types:
        """The enums and records by their names."""
        return Types.of(self.document)

    @cached_property
    def xml(self) -> bytes:
        """The declarations as one `<methods>` document."""
        return write_document(self.document)

    @cached_property
    def digest(self) -> str:
        """A digest of all of it, in lower-case hex; equal values have the same."""
        told = hashlib.sha256(self.xml)
        for origins in (self.origins, self.undeclared):
            for name in sorted(origins):
                origin = origins[name]
                told.update(f"{name}\0{origin.source.value}\0{origin.place}\0{origin.available}\n".encode())
            told.update(b"\n")
        return told.hexdigest()

    @cached_property
    def classes(self) -> Mapping[str, ClassDeclaration]:
        """Every class by its name, in order: as their positions say, then by name.

        A class of which only methods are declared has nothing but its name.
        """
        told = {declared.name: declared for declared in self.document.classes}
        for method in self.document.methods:
            told.setdefault(method.class_name, ClassDeclaration(method.class_name))
        return {declared.name: declared for declared in sorted(told.values(), key=_place)}

    @cached_property
    def methods(self) -> Mapping[str, Method]:
        """Every declared method by its name, in the order of the declarations."""
        return {method.name: method for method in self.document.methods}

    def methods_of(self, class_name: str) -> Sequence[Method]:
        """Return the methods of a class, in the order of the declarations."""
        return self._methods_by_class.get(class_name, ())

    @cached_property
    def _methods_by_class(self) -> Mapping[str, Sequence[Method]]:
        found: dict[str, list[Method]] = {}
        for method in self.document.methods:
            found.setdefault(method.class_name, []).append(method)
        return found


def _place(declared: ClassDeclaration) -> tuple[bool, int, str]:
    return declared.position is None, declared.position or 0, declared.name
