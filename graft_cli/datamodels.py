"""Files of `graft import` and `graft export`: read within bounds, and written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from graft_cli.exits import CliError
from graft_common.declarations.model import Document, Types
from graft_common.declarations.reader import DeclarationError, read_documents
from graft_common.declarations.writer import write_document
from graft_common.declarations.xenapi_json import MAX_SIZE as MAX_DATAMODEL

MAX_FILES: Final = 10_000
MAX_DOCUMENT: Final = 4 * 1024 * 1024
"""Bytes of one file of declarations."""
MAX_TOTAL: Final = 256 * 1024 * 1024
"""Bytes of all of them."""
_SHOWN_FINDINGS: Final = 20


def read_file(path: Path, limit: int = MAX_DATAMODEL) -> bytes:
    """Read a file of at most so many bytes.

    Raises:
        CliError: it cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > limit:
        raise CliError(f"{path} has more than {limit} bytes; at most that is read")
    return data


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one.

    Raises:
        CliError: it cannot be written.
    """
    # A pipe or a device cannot be replaced, and need not be; a link may be /dev/stdout, whatever that leads to today.
    replaced = not path.is_symlink() and (path.is_file() or not path.exists())
    draft = path.with_name(f".{path.name}.new") if replaced else path
    try:
        draft.write_bytes(data)
        if replaced:
            draft.replace(path)
    except OSError as error:
        if replaced:
            with suppress(OSError):
                draft.unlink()
        raise CliError(f"cannot write {path}: {error.strerror}") from None


def write_declarations(documents: Mapping[str, Document], known: Types, out: Path, *, force: bool) -> dict[str, Path]:
    """Write `<name>.xml` for each document, and return the files by those names.

    Before anything is written, each is read as the platform will read it, with what the others declare.

    Raises:
        CliError: one is there already and must not be replaced, is not valid, or cannot be written.
    """
    files = {name: out / f"{name}.xml" for name in documents}
    found = [file for file in files.values() if os.path.lexists(file)]
    if found and not force:
        more = f", and {len(found) - 1} others too" if len(found) > 1 else ""
        raise CliError(f"{found[0]} exists already{more}; nothing is written (--force replaces them)")
    contents = {files[name]: write_document(document) for name, document in documents.items()}
    try:
        read_documents({str(file): data for file, data in contents.items()}, known)
    except DeclarationError as error:
        raise CliError(told("nothing is written, since it would not be valid:", error.findings)) from None
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"cannot make {out}: {error.strerror}") from None
    for file, data in contents.items():
        write_file(file, data)
    return files


def read_declarations(paths: Sequence[Path]) -> dict[str, Document]:
    """Read files and directories of declarations, each directory's `*.xml` in the order of their names.

    Returns what each file declares; `check_together` tells whether that contradicts.

    Raises:
        CliError: there are too many, one cannot be read, or they are not valid, alone or with each other; the message
            has a line for each thing that is wrong.
    """
    contents: dict[str, bytes] = {}
    total = 0
    for file in dict.fromkeys(_files(paths)):
        data = contents[str(file)] = read_file(file, MAX_DOCUMENT)
        total += len(data)
        if len(contents) > MAX_FILES or total > MAX_TOTAL:
            raise CliError(f"at most {MAX_FILES} files with {MAX_TOTAL} bytes in all are read; these are more")
    try:
        return read_documents(contents)
    except DeclarationError as error:
        raise CliError(told("the declarations are not valid:", error.findings)) from None


def check_together(documents: Mapping[str, Document]) -> None:
    """Make sure that files do not declare the same; only an enum may stand in several, if it is the same in all.

    Raises:
        CliError: they do; the message has a line for each thing.
    """
    clashes = list(_clashes(documents))
    if clashes:
        raise CliError(told("the declarations contradict each other:", clashes))


def _clashes(documents: Mapping[str, Document]) -> Iterator[str]:
    seen: dict[tuple[str, str], tuple[str, object]] = {}
    for file, document in documents.items():
        declared = (
            *(("method", method.name, None) for method in document.methods),
            *(("class", class_.name, None) for class_ in document.classes),
            *(("record", record.name, None) for record in document.records),
            *(("enum", enum.name, enum) for enum in document.enums),
        )
        for kind, name, value in declared:
            first, known = seen.setdefault((kind, name), (file, value))
            if first != file and (value is None or value != known):
                yield f"{file}: the {kind} {name} is declared in {first} already"


def told(what: str, findings: Sequence[object]) -> str:
    """Write findings below each other, the first of them at least."""
    more = [f"and {len(findings) - _SHOWN_FINDINGS} more"] if len(findings) > _SHOWN_FINDINGS else []
    return "\n".join([what, *(f"  {finding}" for finding in findings[:_SHOWN_FINDINGS]), *more])


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        try:
            yield from sorted(file for file in path.glob("*.xml") if not file.name.startswith("."))
        except OSError as error:
            raise CliError(f"cannot read {path}: {error.strerror}") from None
