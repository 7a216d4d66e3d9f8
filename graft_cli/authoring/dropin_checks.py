"""What `graft validate` finds in declarations and executables, judged as the dispatcher judges them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dispatcher_service.declarations.declarations import Declarations
from dispatcher_service.declarations.files import Seen, SeenFile
from dispatcher_service.declarations.files import look as look_at_declarations
from dispatcher_service.dropins.tree import Tree, TreeTooLarge, look
from graft_cli.authoring.python_methods import is_python_of_methods, read_methods
from graft_cli.datamodels import MAX_DOCUMENT, read_file
from graft_cli.exits import CliError
from graft_cli.validation import Report
from graft_common.declarations.model import Method
from graft_common.declarations.platform import platform_document
from graft_common.declarations.reader import DeclarationError, Finding, Form
from graft_common.declarations.settling import settle
from graft_common.settings import Settings
from registry_service.catalog.version_reader import COMMON_SERVICES, EXTENSIONS, STACKS

_DECLARATION = ".xml"


@dataclass(slots=True)
class _Found:
    """What lies in the places that are looked at."""

    forms: dict[str, Form | DeclarationError] = field(default_factory=dict)
    trees: dict[Path, Tree] = field(default_factory=dict)
    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


def are_drop_ins(path: Path, settings: Settings) -> bool:
    """Tell whether a path is a file of declarations, or a directory of such files or of executables."""
    if path in (settings.extensions_path, settings.declarations_path):
        return True
    if path.is_file():
        return path.suffix == _DECLARATION
    if any((path / kind).is_dir() for kind in (EXTENSIONS, STACKS, COMMON_SERVICES)):
        return False
    return any(item.is_file() and not item.name.startswith(".") for item in path.iterdir())


def check_drop_ins(paths: Sequence[Path], settings: Settings) -> Report:
    """Check declarations and executables that belong together.

    The executables of declarations are looked for where those lie, and those of GRAFT_DECLARATIONS_DIR in
    GRAFT_EXTENSIONS_DIR; likewise the declarations of executables.
    """
    found = _Found()
    for path in paths:
        if path.is_file():
            _take_declaration(found, path)
        elif path != settings.extensions_path or path == settings.declarations_path:
            _take_declarations(found, path)
    for folder in _folders(paths, settings):
        _take_executables(found, folder)
    if settings.extensions_path in paths and settings.declarations_path.is_dir():
        _take_declarations(found, settings.declarations_path)
    declarations = Declarations(platform_document(), lambda: (frozenset(), frozenset()))
    settled = settle(found.forms, {}, declarations.refused)
    found.errors += [noted.finding for noted in settled.notes]
    methods = {name: form for name, form in found.forms.items() if isinstance(form, Form)}
    declared = list(_declared(methods))
    found.warnings += _missing(found.trees, methods)
    found.warnings += _no_methods(found.trees, {method.file_name for method in declared})
    found.warnings += _told_otherwise(found.trees, {method.name: method for method in declared})
    executables = sum(verdict.ok for tree in found.trees.values() for verdict in tree.verdicts)
    what = f"{len(declared)} declared methods, {executables} executables that are methods"
    return Report(what, _rows(found.errors), _rows(found.warnings))


def _folders(paths: Sequence[Path], settings: Settings) -> list[Path]:
    folders = [path.parent if path.is_file() else path for path in paths]
    if settings.declarations_path in folders:
        folders.append(settings.extensions_path)
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _take_declaration(found: _Found, path: Path) -> None:
    _form(found, str(path), read_file(path, MAX_DOCUMENT))


def _take_declarations(found: _Found, folder: Path) -> None:
    try:
        seen = look_at_declarations(folder, Seen())
    except OSError as error:
        raise CliError(f"cannot read {folder}: {error.strerror}") from None
    if seen.fault:
        found.errors.append(Finding(str(folder), 0, "", seen.fault))
    for name, file in seen.files.items():
        _take_seen(found, str(folder / name), file)


def _take_seen(found: _Found, name: str, file: SeenFile) -> None:
    if file.fault:
        found.forms[name] = DeclarationError((Finding(name, 0, "", file.fault),))
    else:
        _form(found, name, file.data)


def _form(found: _Found, name: str, data: bytes) -> None:
    try:
        found.forms[name] = Form(name, data)
    except DeclarationError as error:
        found.forms[name] = error


def _take_executables(found: _Found, folder: Path) -> None:
    try:
        found.trees[folder] = look(folder)
    except TreeTooLarge as error:
        found.errors.append(Finding(str(folder), 0, "", str(error)))
    except OSError as error:
        raise CliError(f"cannot read {folder}: {error.strerror}") from None


def _declared(forms: Mapping[str, Form]) -> Iterator[Method]:
    for form in forms.values():
        yield from form.document.methods


def _executables(trees: Mapping[Path, Tree]) -> set[str]:
    return {
        name for tree in trees.values() for name, stamp in tree.files.items() if "/" not in name and stamp.mode & 0o111
    }


def _missing(trees: Mapping[Path, Tree], forms: Mapping[str, Form]) -> Iterator[Finding]:
    """Tell of methods whose executables are not there."""
    there = _executables(trees)
    places = ", ".join(str(folder) for folder in trees) or "any directory"
    for form in forms.values():
        for number, method in enumerate(form.document.methods):
            if method.file_name not in there:
                reason = (
                    f"the executable {method.file_name} of {method.name} is not in {places}, so that calls are refused"
                )
                yield form.finding("method", number, reason)


def _no_methods(trees: Mapping[Path, Tree], declared: set[str]) -> Iterator[Finding]:
    """Tell which entries of directories are no methods, and why; executables that declarations name are some."""
    there = _executables(trees)
    for folder, tree in trees.items():
        for verdict in tree.verdicts:
            if not verdict.ok and not (verdict.path in declared and verdict.path in there):
                place = folder if verdict.path == "." else folder / verdict.path
                yield Finding(str(place), 0, "", f"it is no method: {verdict.reason}")


def _told_otherwise(trees: Mapping[Path, Tree], declared: Mapping[str, Method]) -> Iterator[Finding]:
    """Tell where a Python file's annotations say otherwise than its declaration, or nothing that can be declared."""
    for name in sorted(_executables(trees)):
        path = next(folder / name for folder, tree in trees.items() if name in tree.files)
        if not is_python_of_methods(path):
            continue
        try:
            document = read_methods(path)
        except DeclarationError as error:
            yield from error.findings
            continue
        for method in document.methods:
            known = declared.get(method.name)
            if known is not None and _signature(known) != _signature(method):
                reason = f"{method.name} is declared otherwise than its function is annotated; graft declare tells how"
                yield Finding(str(path), 0, "", reason)


def _signature(method: Method) -> tuple[object, ...]:
    params = tuple((param.name, param.type, param.default) for param in method.params)
    return params, method.result and method.result.type


def _rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    ordered = sorted(set(findings), key=lambda item: (item.file, item.line, item.path, item.reason))
    return [{"file": item.file, "line": item.line, "path": item.path, "text": item.reason} for item in ordered]
