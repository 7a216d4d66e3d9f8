"""Where the artifacts of a pack belong in the resources directory (setupMpacks.py, process_*_artifact)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from registry_service.catalog.catalog import VersionKey
from registry_service.mpacks.errors import malformed
from registry_service.mpacks.metadata import ArtifactEntry, Metadata
from registry_service.mpacks.names import relative_path, shown
from registry_service.mpacks.trees import Tree, What
from registry_service.mpacks.values import (
    ADDON_DEFINITIONS,
    EXTENSION_DEFINITIONS,
    SERVICE_DEFINITIONS,
    STACK_DEFINITIONS,
)

EXTENSIONS = "extensions"
STACKS = "stacks"
COMMON_SERVICES = "common-services"
DASHBOARDS = "dashboards"
SERVICES = "services"
GRAFANA = f"{DASHBOARDS}/grafana-dashboards"
METRICS = f"{DASHBOARDS}/service-metrics"
BASE_FOLDERS = (STACKS, EXTENSIONS, COMMON_SERVICES, "mpacks", "mpacks/cache", DASHBOARDS, GRAFANA, METRICS)
"""What is there after every installation."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A link that a pack wants at `path`, to `source` in the pack."""

    path: str
    source: str
    optional: str = ""
    """Where the path is taken, it is left out with this warning."""
    needs: str = ""
    """A folder without which it is left out."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a pack wants, and what it brings by that."""

    wanted: tuple[Wanted, ...]
    extensions: tuple[VersionKey, ...]
    stacks: tuple[VersionKey, ...]
    services: tuple[VersionKey, ...]
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    wanted: dict[str, Wanted] = field(default_factory=dict)
    extensions: dict[VersionKey, None] = field(default_factory=dict)
    stacks: dict[VersionKey, None] = field(default_factory=dict)
    services: dict[VersionKey, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def want(self, path: str, source: str, *, needs: str = "") -> None:
        if path in self.wanted:
            raise malformed(f"Two of its artifacts have something for {path}")
        self.wanted[path] = Wanted(path, source, needs=needs)


def lay_out(metadata: Metadata, pack: Tree) -> Layout:
    """Find out what a pack wants.

    Raises:
        GraftError: MPACK_MALFORMED.
    """
    found = _Found()
    for place, artifact in enumerate(metadata.artifacts):
        kind = _KINDS.get(artifact.type)
        if kind is None:
            found.warnings.append(f"Unknown artifact {artifact.name} of type {artifact.type}")
            continue
        source = str(relative_path("source_dir", artifact.source_dir))
        if pack.what(source) is not What.FOLDER:
            raise malformed(
                f"The source_dir of artifacts[{place}], {shown(artifact.source_dir)}, is no folder in the pack"
            )
        kind(found, artifact, pack, "" if source == "." else f"{source}/")
    return Layout(
        tuple(found.wanted.values()),
        tuple(found.extensions),
        tuple(found.stacks),
        tuple(found.services),
        tuple(found.warnings),
    )


def _extensions(found: _Found, _artifact: ArtifactEntry, pack: Tree, source: str) -> None:
    for name, is_folder in _children(pack, source):
        if not is_folder:
            found.want(f"{EXTENSIONS}/{name}", f"{source}{name}")
            continue
        for version, is_version in _children(pack, f"{source}{name}/"):
            found.want(f"{EXTENSIONS}/{name}/{version}", f"{source}{name}/{version}")
            if is_version:
                found.extensions[name, version] = None
                services = f"{source}{name}/{version}/{SERVICES}/"
                for service, _ in _children(pack, services):
                    _dashboards(found, pack, f"{services}{service}", service)


def _stacks(found: _Found, _artifact: ArtifactEntry, pack: Tree, source: str) -> None:
    for name, is_folder in _children(pack, source):
        if not is_folder:
            found.want(f"{STACKS}/{name}", f"{source}{name}")
            continue
        for version, is_version in _children(pack, f"{source}{name}/"):
            if is_version:
                found.stacks[name, version] = None
                _stack_version(found, pack, f"{source}{name}/{version}/", f"{STACKS}/{name}/{version}")
            else:
                found.want(f"{STACKS}/{name}/{version}", f"{source}{name}/{version}")


def _stack_version(found: _Found, pack: Tree, source: str, path: str) -> None:
    for name, is_folder in _children(pack, source):
        if name != SERVICES or not is_folder:
            found.want(f"{path}/{name}", f"{source}{name}")
            continue
        for service, _ in _children(pack, f"{source}{SERVICES}/"):
            found.want(f"{path}/{SERVICES}/{service}", f"{source}{SERVICES}/{service}")
            _dashboards(found, pack, f"{source}{SERVICES}/{service}", service)


def _common_services(found: _Found, _artifact: ArtifactEntry, pack: Tree, source: str) -> None:
    for name, is_folder in _children(pack, source):
        if not is_folder:
            found.warnings.append(f"{source}{name} is no folder of a service, and left out")
            continue
        for version, is_version in _children(pack, f"{source}{name}/"):
            found.want(f"{COMMON_SERVICES}/{name}/{version}", f"{source}{name}/{version}")
            if is_version:
                found.services[name, version] = None
                _dashboards(found, pack, f"{source}{name}/{version}", name)


def _addons(found: _Found, artifact: ArtifactEntry, pack: Tree, source: str) -> None:
    for entry in artifact.service_versions_map:
        name, version = entry.service_name, entry.service_version
        folder = f"{source}{name}/{version}"
        if (name, True) not in _children(pack, source) or (version, True) not in _children(pack, f"{source}{name}/"):
            found.warnings.append(
                f"service_versions_map names {shown(name)} {shown(version)}, which {source or './'} lacks"
            )
            continue
        found.services[name, version] = None
        for stack in entry.applicable_stacks:
            path = f"{STACKS}/{stack.stack_name}/{stack.stack_version}"
            found.stacks[stack.stack_name, stack.stack_version] = None
            found.want(f"{path}/{SERVICES}/{name}", folder, needs=path)
        _dashboards(found, pack, folder, name)


def _dashboards(found: _Found, pack: Tree, source: str, service: str) -> None:
    boards = f"{source}/dashboards/grafana-dashboards"
    if pack.what(boards) is What.FOLDER:
        warning = f"Grafana dashboards already exist for service {service}."
        found.wanted.setdefault(f"{GRAFANA}/{service}", Wanted(f"{GRAFANA}/{service}", boards, warning))
    metrics = f"{source}/dashboards/service-metrics/{service}.txt"
    if pack.what(metrics) is What.FILE:
        warning = f"Service metrics already exist for service {service}."
        found.wanted.setdefault(f"{METRICS}/{service}.txt", Wanted(f"{METRICS}/{service}.txt", metrics, warning))


def _children(pack: Tree, folder: str) -> Iterator[tuple[str, bool]]:
    """Yield what is in a folder of the pack, and whether that is a folder; links that lead nowhere are left out."""
    for name in pack.names(folder):
        what = pack.what(f"{folder}{name}")
        if what is not What.MISSING:
            yield name, what is What.FOLDER


_KINDS = {
    EXTENSION_DEFINITIONS: _extensions,
    STACK_DEFINITIONS: _stacks,
    SERVICE_DEFINITIONS: _common_services,
    ADDON_DEFINITIONS: _addons,
}
