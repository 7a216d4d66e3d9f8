"""Saying of an archive whether it could be installed, and what its authors should hear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graft_common.errors import GraftError
from registry_service.catalog.catalog import MPACKS
from registry_service.catalog.schema_checks import Verdicts, check_version
from registry_service.catalog.value_types import Finding
from registry_service.mpacks.foreseeing import foresee
from registry_service.mpacks.holdings import look
from registry_service.mpacks.layout import COMMON_SERVICES, EXTENSIONS, STACKS
from registry_service.mpacks.loading import Loaded
from registry_service.mpacks.manifests import describe_folder
from registry_service.mpacks.names import relative_path
from registry_service.mpacks.plan import Place, find_collisions, plan_installation
from registry_service.mpacks.prerequisites import unmet
from registry_service.mpacks.trees import FolderTree, What
from registry_service.mpacks.values import (
    ADDON_DEFINITIONS,
    EXTENSION_DEFINITIONS,
    HOOK_NAMES,
    SERVICE_DEFINITIONS,
    STACK_DEFINITIONS,
    Verification,
)

MAX_FINDINGS = 1000
_KINDS = {
    EXTENSION_DEFINITIONS: EXTENSIONS,
    STACK_DEFINITIONS: STACKS,
    SERVICE_DEFINITIONS: COMMON_SERVICES,
    ADDON_DEFINITIONS: COMMON_SERVICES,
}


def verify(root: Path, own: Path, loaded: Loaded, ambari_version: str) -> Verification:
    """Verify a pack that was unpacked into an operation's own folder."""
    metadata = loaded.metadata
    problems = unmet(metadata, ambari_version, lambda name, version: (root / STACKS / name / version).is_dir())
    for name in HOOK_NAMES:
        try:
            loaded.hooks(name)
        except GraftError as error:
            problems.append(error.params[0])
    holdings = look(root)
    place = f"{MPACKS}/{metadata.folder}"
    if holdings.tree.what(place) is not What.MISSING:
        problems.append(f"Management pack {metadata.folder} already installed!")
    placed = [Place(place, "")]
    wanted = loaded.layout.wanted
    plan = plan_installation(holdings.tree, holdings.given, metadata.folder, wanted, placed, (), (), ())
    collisions = find_collisions(holdings.tree, plan, holdings.given)
    older = {one.folder for one in holdings.named(metadata.name)}
    # What another version of the pack has is in the way of an installation, and not of an upgrade.
    problems += [text for text in collisions if not text.startswith(f"{place} ") and not _is_of(text, older)]
    findings = [*loaded.findings, *foresee(root, own, loaded), *_schema_findings(own, loaded)]
    findings += [Finding("mpack.json", text) for text in (*loaded.layout.warnings, *plan.warnings)]
    pack = describe_folder(loaded.folder, metadata)
    return Verification(pack, tuple(problems), tuple(findings[:MAX_FINDINGS]))


def _is_of(text: str, folders: set[str]) -> bool:
    return any(text.endswith(f" of {folder}") for folder in folders)


def _schema_findings(own: Path, loaded: Loaded) -> Iterator[Finding]:
    """Check the XML files of the pack; they are named by where they are in it."""
    pack, verdicts = FolderTree(loaded.folder, follow=True), Verdicts()
    for number, artifact in enumerate(loaded.metadata.artifacts):
        kind = _KINDS.get(artifact.type)
        if kind is None:
            continue
        source = str(relative_path("source_dir", artifact.source_dir))
        view = own / f"check-{number}"
        view.mkdir()
        (view / kind).symlink_to(loaded.folder / source)
        for name in pack.names(source):
            for version in pack.names(f"{source}/{name}"):
                for finding in check_version(str(view), kind, name, version, verdicts):
                    path = finding.file.removeprefix(f"{kind}/")
                    file = path if source == "." else f"{source}/{path}"
                    yield Finding(file, finding.text, finding.line, finding.path)
