"""Reading an extension version's `methods/`, as far as it can be judged without the versions that it inherits from."""

from __future__ import annotations

import os

from graft_common.declarations.reader import DeclarationError, check_form
from graft_common.method_bundles import MAX_BYTES, MAX_DEPTH, MAX_FILES
from registry_service.catalog.files import Directory, FileError
from registry_service.catalog.method_definitions import MethodFile, MethodsFolder
from registry_service.catalog.value_types import Finding

METHODS = "methods"
_DECLARATIONS = ".xml"
_LEFT_OUT = "__pycache__"
"""What Python leaves behind wherever somebody runs a file to try it."""


def read_methods(directory: Directory, errors: list[str], warnings: list[Finding]) -> MethodsFolder | None:
    """Return what `methods/` defines, or None where it is missing or holds no file.

    `*.xml` in the folder itself are declarations; everything else, also in folders of it, goes with the executables,
    but for `__pycache__`.

    Args:
        directory: the version's directory.
        errors: what makes the version invalid is added here.
        warnings: what does not is added here.
    """
    top = f"{directory.name}/{METHODS}"
    documents: dict[str, bytes] = {}
    files: dict[str, MethodFile] = {}
    for path in directory.below(METHODS):
        below = path.removeprefix(f"{METHODS}/")
        if _LEFT_OUT in path.split("/"):
            continue
        entry = directory.files[path]
        if entry.target is not None:
            warnings.append(Finding(f"{directory.name}/{path}", f"it is a link to {entry.target}, where nothing is"))
        elif below.endswith(_DECLARATIONS) and "/" not in below:
            _read_document(directory, path, below, documents, errors)
        else:
            named = f"{directory.name}/{path}"
            files[below] = MethodFile(named, directory.digest(path).hex(), entry.size, entry.executable)
            errors += _file_faults(directory, path)
    if not documents and not files:
        return None
    errors += bound_faults(top, files)
    return MethodsFolder(top, documents, files)


def bound_faults(folder: str, files: dict[str, MethodFile]) -> list[str]:
    """Tell whether there are too many files, or too many bytes of them, for one bundle."""
    found = []
    if len(files) > MAX_FILES:
        found.append(f"{folder}: there are {len(files)} files besides the declarations; at most {MAX_FILES} are taken")
    size = sum(file.size for file in files.values())
    if size > MAX_BYTES:
        found.append(f"{folder}: the files have {size} bytes together; at most {MAX_BYTES} are taken")
    return found


def _read_document(directory: Directory, path: str, name: str, documents: dict[str, bytes], errors: list[str]) -> None:
    named = f"{directory.name}/{path}"
    try:
        content = directory.read(path)
        directory.go_on()
        check_form(content, named)
    except FileError as error:
        errors.append(f"{named}: {error}")
    except DeclarationError as error:
        errors += [str(finding) for finding in error.findings]
    else:
        documents[name] = content


def _file_faults(directory: Directory, path: str) -> list[str]:
    # The name has one more part in a bundle than below `methods/`, where it has one more here.
    if path.count("/") >= MAX_DEPTH:
        return [f"{directory.name}/{path}: it lies more than {MAX_DEPTH} folders deep"]
    if not os.access(f"{directory.path}/{path}", os.R_OK, effective_ids=True):
        return [f"{directory.name}/{path}: the registry's user may not read it; run chmod +r on it"]
    return []
