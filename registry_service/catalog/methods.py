"""Which methods an extension version brings, once it has inherited: by their names; of equal names the child's counts.

Methods, enums, records and classes are inherited one by one, by name; executables and what lies with them file by file,
by path. So a child may declare what its parent's executable answers, and answer what its parent declares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from graft_common.declarations import rules
from graft_common.declarations.building import Builder, children
from graft_common.declarations.joining import reserved
from graft_common.declarations.model import Document, Types
from graft_common.declarations.platform import platform_document
from graft_common.declarations.reader import MAX_FINDINGS, DeclarationError, read_documents
from graft_common.declarations.writer import write_document
from graft_common.method_bundles import MAX_DECLARATIONS
from graft_common.xml_documents import MAX_TAGS, parse_document, parse_with_lines
from registry_service.catalog.method_definitions import MethodFile, Methods, MethodsFolder
from registry_service.catalog.method_reader import bound_faults
from registry_service.catalog.value_types import File, Finding

_KINDS = ("class", "enum", "record", "method")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


def inherit_methods(own: MethodsFolder | None, inherited: Methods | None, errors: list[str]) -> Methods | None:
    """Join what a version's `methods/` defines with what it inherits; None where there is nothing, or all is wrong.

    Args:
        own: the version's folder; what it inherits is shared where it has none.
        inherited: what the version that it extends brings.
        errors: what makes the version invalid is added here.
    """
    if own is None:
        return inherited
    faults: list[str] = []
    parent = read_declarations(inherited.declarations) if inherited is not None else Document()
    documents: Mapping[str, Document] = {}
    try:
        files = {f"{own.path}/{name}": content for name, content in own.documents.items()}
        documents = read_documents(files, Types.of(parent), formed=True)
    except DeclarationError as error:
        faults += [str(finding) for finding in error.findings]
    faults += _repeated(own, documents)
    child = _together(documents.values())
    joined = _join(child, parent)
    if inherited is not None and not faults:
        faults += _unfitting(own, joined)
    declarations = write_document(joined)
    if len(declarations) > MAX_DECLARATIONS or declarations.count(b"<") > MAX_TAGS:
        faults.append(
            f"{own.path}: the declarations have {len(declarations)} bytes and {declarations.count(b'<')} tags "
            f"together; at most {MAX_DECLARATIONS} and {MAX_TAGS} are taken"
        )
    bundled = dict(sorted(({**inherited.files, **own.files} if inherited is not None else own.files).items()))
    if inherited is not None:
        faults += bound_faults(own.path, bundled)
    errors += faults
    if faults:
        return None
    warnings = tuple(_warnings(own, documents, joined, bundled))
    declared = {**(inherited.declared if inherited is not None else {}), **dict(_declaring(own, documents))}
    return Methods(declarations, declared, bundled, _digest(declarations, bundled), warnings)


def read_declarations(declarations: bytes) -> Document:
    """Read a document that was found to be good, and written by `write_document`."""
    return Builder().document(parse_document(declarations))


def _join(child: Document, parent: Document) -> Document:
    return Document(
        classes=_over(child.classes, parent.classes),
        enums=_over(child.enums, parent.enums),
        records=_over(child.records, parent.records),
        methods=_over(child.methods, parent.methods),
    )


def _over(ours: Sequence[N], theirs: Sequence[N]) -> tuple[N, ...]:
    names = {item.name for item in ours}
    return (*ours, *(item for item in theirs if item.name not in names))


def _together(documents: Iterable[Document]) -> Document:
    every = list(documents)
    return Document(
        classes=tuple(item for document in every for item in document.classes),
        enums=tuple(item for document in every for item in document.enums),
        records=tuple(item for document in every for item in document.records),
        methods=tuple(item for document in every for item in document.methods),
    )


def _of_kind(document: Document, kind: str) -> Sequence[_Named]:
    found: dict[str, Sequence[_Named]] = {
        "class": document.classes,
        "enum": document.enums,
        "record": document.records,
        "method": document.methods,
    }
    return found[kind]


def _declaring(own: MethodsFolder, documents: Mapping[str, Document]) -> Iterator[tuple[str, File]]:
    for path, document in documents.items():
        file = File(path, hashlib.sha256(own.documents[path.removeprefix(f"{own.path}/")]).hexdigest())
        yield from ((method.name, file) for method in document.methods)


def _repeated(own: MethodsFolder, documents: Mapping[str, Document]) -> Iterator[str]:
    """Tell of what several files declare; within one file the reader does."""
    seen: dict[tuple[str, str], str] = {}
    for file, document in documents.items():
        for kind in _KINDS:
            for name in dict.fromkeys(item.name for item in _of_kind(document, kind)):
                before = seen.setdefault((kind, name), file)
                if before != file:
                    line = _line(own, file, kind, name)
                    yield f"{file}:{line}: the {kind} {name} is declared in {before}, too; names are unique"


def _unfitting(own: MethodsFolder, joined: Document) -> Iterator[str]:
    """Tell what of the whole does not fit together, though both parts are good."""
    for number, (place, reason) in enumerate(rules.faults(joined)):
        if number == MAX_FINDINGS:
            return
        kind, place_of = place[0]
        name = _of_kind(joined, kind)[place_of].name
        yield f"{own.path}: together with what is inherited: the {kind} {name}: {reason}"


def _warnings(
    own: MethodsFolder, documents: Mapping[str, Document], joined: Document, files: Mapping[str, MethodFile]
) -> Iterator[Finding]:
    builtin = {method.name for method in platform_document().methods}
    declared_here = {method.name: file for file, document in documents.items() for method in document.methods}

    def warning(name: str, text: str) -> Finding:
        file = declared_here.get(name)
        return Finding(own.path, text) if file is None else Finding(file, text, _line(own, file, "method", name))

    for method in joined.methods:
        # Of what is wholly inherited the version that it comes from was told.
        is_own = method.name in declared_here
        if is_own and (method.name in builtin or reserved(method.name)):
            reason = reserved(method.name) or f"{method.name} is a method of the platform itself"
            yield warning(method.name, f"{reason}; this one is not called")
            continue
        answering = files.get(method.file_name)
        if answering is None and is_own:
            text = f"there is no {method.file_name} that answers {method.name}; put it into methods/"
            yield warning(method.name, text)
        elif answering is not None and not answering.executable and (is_own or method.file_name in own.files):
            text = f"{answering.path}, which answers {method.name}, is not executable; run chmod +x on it"
            yield warning(method.name, text)


def _line(own: MethodsFolder, file: str, kind: str, name: str) -> int:
    """Return the line of what is declared in a file of the version's own; the last one where there are several."""
    root = parse_with_lines(own.documents[file.removeprefix(f"{own.path}/")])
    declaring = [item for item in children(root, kind) if item.get("name") == name]
    return getattr(declaring[-1], "sourceline", 0) if declaring else 0


def _digest(declarations: bytes, files: Mapping[str, MethodFile]) -> str:
    digest = hashlib.sha256(hashlib.sha256(declarations).digest())
    for path, file in files.items():
        digest.update(f"{path}\0{'x' if file.executable else '-'}{file.digest}".encode())
    return digest.hexdigest()
