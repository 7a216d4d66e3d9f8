"""Finds what declares a method's file: a declaration given, beside it or in the configured directory, or itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dispatcher_service.dropins.rules import name_fault
from graft_cli.authoring.python_methods import is_python_of_methods, read_methods
from graft_cli.datamodels import MAX_DOCUMENT, read_file, told
from graft_cli.exits import USAGE, CliError
from graft_common.declarations.model import Document, Method, Types
from graft_common.declarations.reader import DeclarationError, Form
from graft_common.declarations.settling import settle
from graft_common.declarations.texts import NAMESPACE

MAX_BESIDE = 1000
"""Files of a folder that are looked through for declarations."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A method's declaration, and where it stands."""

    method: Method
    types: Types
    place: str
    """The file; of a method that is declared by nothing but its own annotations, that one."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a file is to be called as."""

    name: str
    declared: Declared | None


def find(file: Path, name: str | None, declaration: Path | None, configured: Iterable[Path]) -> Target:
    """Find out what a file answers, and by which declaration.

    Args:
        file: the executable.
        name: the method, if it is told; otherwise the file's name, or the only method that is declared for it.
        declaration: the declaration, if it is told.
        configured: folders to look into besides the file's own.

    Raises:
        CliError: no method is to be found, or a declaration is not valid.
    """
    documents = dict(_documents(file, name, declaration, configured))
    types = Types.of(*documents.values())
    found = {
        method.name: Declared(method, types, place)
        for place, document in reversed(documents.items())
        for method in document.methods
        if method.file_name == file.name or method.name in (name, file.name)
    }
    if name is None:
        name = _only_name(file, found)
    elif fault := name_fault(name):
        raise CliError(f"--method {name}: {fault}", USAGE)
    if declaration is not None and name not in found:
        raise CliError(f"{declaration} does not declare {name}", USAGE)
    return Target(name, found.get(name))


def _only_name(file: Path, found: dict[str, Declared]) -> str:
    if file.name in found or (not found and not name_fault(file.name)):
        return file.name
    if len(found) == 1:
        return next(iter(found))
    if found:
        raise CliError(
            f"{file.name} answers several methods; choose one with --method: {', '.join(sorted(found))}", USAGE
        )
    raise CliError(f"{file.name}: {name_fault(file.name)}; or tell what it is to be called as with --method", USAGE)


def _documents(
    file: Path, name: str | None, declaration: Path | None, configured: Iterable[Path]
) -> Iterator[tuple[str, Document]]:
    """Yield what may declare the file, what counts most first; its own annotations count where nothing else does."""
    folders = [file.parent, *configured]
    paths = [declaration] if declaration is not None else [path for folder in folders for path in _xml(folder)]
    contents = {str(path): read_file(path, MAX_DOCUMENT) for path in dict.fromkeys(paths)}
    forms = {place: _form(place, data) for place, data in contents.items() if declaration or NAMESPACE.encode() in data}
    settled = settle(forms, {}, _anything)
    # What is wrong with files that have nothing to do with this one is no reason not to try it.
    named = [word.encode() for word in (file.name, name) if word]
    lost = {place for place in forms.keys() - settled.files.keys() if any(word in contents[place] for word in named)}
    findings = [noted.finding for noted in settled.notes if declaration or noted.finding.file in lost]
    if findings:
        raise CliError(told("the declaration is not valid:", findings))
    for place, good in settled.files.items():
        yield place, good.document
    if declaration is None and is_python_of_methods(file):
        try:
            yield str(file), read_methods(file)
        except DeclarationError as error:
            raise CliError(told("no declaration can be made of this:", error.findings)) from None


def _form(place: str, data: bytes) -> Form | DeclarationError:
    try:
        return Form(place, data)
    except DeclarationError as error:
        return error


def _anything(_method: str) -> str:
    return ""


def _xml(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.glob("*.xml") if path.is_file() and not path.name.startswith("."))
    except OSError:
        return []
    return found[:MAX_BESIDE]
