"""What `graft validate` finds: errors, which make a version invalid, and warnings, which do not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft_common.errors import GraftError
from graft_common.settings import Settings
from graft_common.xml_documents import XmlError
from registry_service.catalog.catalog import KINDS, Catalog, read_catalog
from registry_service.catalog.metainfo import parse_extension
from registry_service.catalog.schema_checks import Verdicts, check_version
from registry_service.catalog.stack_views import StackViews
from registry_service.catalog.value_types import Finding
from registry_service.catalog.version_reader import COMMON_SERVICES, EXTENSIONS, STACKS
from registry_service.mpacks.archives import Bounds
from registry_service.mpacks.layout import lay_out
from registry_service.mpacks.loading import Loaded, load
from registry_service.mpacks.metadata import FILE_NAME, read_metadata
from registry_service.mpacks.trees import FolderTree
from registry_service.mpacks.verification import verify

METAINFO = "metainfo.xml"
_MAX_CHAIN = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """The findings, ready to be shown."""

    what: str
    """What was looked at."""
    errors: list[dict[str, Any]]
    """`version` and `text` of each; of declarations `file`, `line`, `path` and `text`."""
    warnings: list[dict[str, Any]]
    """`file`, `line` (0 where none is to blame), `path` in the document and `text` of each."""


def check_tree(root: Path) -> Report:
    """Check a whole resources directory."""
    catalog = read_catalog(root)
    versions = sum(len(named) for named in catalog.extensions.values())
    what = (
        f"{versions} extension versions, {len(catalog.stacks)} stack versions, "
        f"{len(catalog.common_services)} common services"
    )
    schema = (
        finding
        for kind in KINDS
        for name, named in catalog.reading.of(kind).items()
        for finding in _against_schemas(catalog, kind, name, list(named))
    )
    return Report(what, _errors(catalog), _shown({*catalog.warnings(), *schema}))


def check_extension(directory: Path, resources: Path) -> Report:
    """Check one extension version, `…/<name>/<version>`, wherever it lies.

    The versions that it extends are looked for beside it. Common services, and stacks of its name, are looked for in
    the resources directory that it is a part of, or else in the one given.
    """
    directory = directory.absolute()
    name, version = directory.parent.name, directory.name
    root = directory.parents[2] if directory.parent.parent.name == EXTENSIONS else resources
    own = f"{EXTENSIONS}/{name}/{version}"
    with tempfile.TemporaryDirectory(prefix="graft-validate-") as made:
        # A tree with no more in it than has to be read.
        tree = Path(made)
        for kind in (COMMON_SERVICES, STACKS):
            if (root / kind).is_dir():
                (tree / kind).symlink_to(root / kind)
        (tree / EXTENSIONS / name).mkdir(parents=True)
        for needed in _chain(directory):
            (tree / EXTENSIONS / name / needed.name).symlink_to(needed)
        catalog = read_catalog(tree)
        extension = catalog.extension(name, version)
        texts = extension.errors if extension is not None else ()
        errors = [text.replace(f"{tree}/", "").replace(f"{EXTENSIONS}/{name}", str(directory.parent)) for text in texts]
        found = {
            *(extension.warnings if extension is not None else ()),
            *_against_schemas(catalog, EXTENSIONS, name, [version]),
        }
    warnings = [
        {**warning, "file": str(directory / warning["file"].removeprefix(f"{own}/"))}
        for warning in _shown({finding for finding in found if finding.file.startswith(f"{own}/")})
    ]
    return Report(f"{name}/{version}", [{"version": own, "text": text} for text in errors], warnings)


def check_mpack(path: Path, settings: Settings) -> Report:
    """Check a management pack: an archive, or the folder that one is made of.

    Its prerequisites, and what would be in its way, are looked for in the resources directory. Nothing is installed,
    and no hook runs.
    """
    with tempfile.TemporaryDirectory(prefix="graft-validate-") as made:
        own = Path(made)
        try:
            if path.is_dir():
                metadata, findings = read_metadata(path, path.name)
                layout = lay_out(metadata, FolderTree(path, follow=True))
                pack = Loaded(metadata, layout, path, path.name, "", tuple(findings))
            else:
                pack = load(own, path, path.name, Bounds(archive=settings.mpack_max_archive), _ignore, _ignore)
            found = verify(settings.resources_path, own, pack, settings.ambari_version)
        except GraftError as error:
            return Report(path.name, [{"version": path.name, "text": error.params[0]}], [])
    name = pack.metadata.folder
    return Report(name, [{"version": name, "text": text} for text in found.problems], _shown({*found.findings}))


def is_mpack(path: Path) -> bool:
    """Tell whether a path is a management pack rather than a directory of something else."""
    return path.is_file() or (path / FILE_NAME).is_file()


def is_extension(directory: Path) -> bool:
    """Tell whether a directory is one extension version rather than a resources directory."""
    return (directory / METAINFO).is_file() and not (directory / EXTENSIONS).is_dir()


def _chain(directory: Path) -> Iterator[Path]:
    """Yield a version's directory, and those of the versions that it extends, as far as they are there."""
    seen: set[str] = set()
    while directory.is_dir() and directory.name not in seen and len(seen) < _MAX_CHAIN:
        seen.add(directory.name)
        yield directory
        try:
            parent = parse_extension((directory / METAINFO).read_bytes()).get("extends")
        except (OSError, XmlError):
            return
        if not parent or "/" in parent or parent in {".", ".."}:
            return
        directory = directory.parent / parent


def _ignore(_done: int) -> None:
    pass


def _errors(catalog: Catalog) -> list[dict[str, str]]:
    views = StackViews(catalog, {})
    stacks = [view for key in sorted(catalog.stacks) if (view := views.get(*key)) is not None]
    found = [
        *((f"{COMMON_SERVICES}/{key}", common.errors) for key, common in sorted(catalog.common_services.items())),
        *((f"{STACKS}/{view.name}/{view.version}", view.errors) for view in stacks),
        *(
            (extension.source, extension.errors)
            for name in sorted(catalog.extensions)
            for extension in catalog.extension_versions(name)
        ),
    ]
    return [{"version": source, "text": text} for source, errors in found for text in errors]


def _against_schemas(catalog: Catalog, kind: str, name: str, versions: list[str]) -> Iterator[Finding]:
    verdicts = Verdicts()
    for version in versions:
        yield from check_version(catalog.reading.root, kind, name, version, verdicts)


def _shown(findings: set[Finding]) -> list[dict[str, Any]]:
    ordered = sorted(findings, key=lambda item: (item.file, item.line, item.path, item.text))
    return [{"file": item.file, "line": item.line, "path": item.path, "text": item.text} for item in ordered]
