"""`mpack.json`: what a pack says of itself, read into types, and what its authors should hear of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from registry_service.catalog.value_types import Finding
from registry_service.mpacks.errors import malformed, metadata_missing
from registry_service.mpacks.names import is_component, relative_path, shown
from registry_service.mpacks.values import ADDON_DEFINITIONS, ARTIFACT_TYPES, HOOK_NAMES, HOOK_TYPES, Artifact, Hook

FILE_NAME = "mpack.json"
MAX_BYTES = 1024 * 1024
MAX_ITEMS = 1000
"""Artifacts, hooks, and entries of each map."""
_DEPTH = 16
_IGNORED = frozenset({"hash", "branch", "$schema", "schema_version"})
"""Keys that packs in the wild have and Ambari does not read."""


class StackVersion(msgspec.Struct, frozen=True):
    """A stack version that something applies to."""

    stack_name: str
    stack_version: str


class ServiceVersions(msgspec.Struct, frozen=True):
    """To which stacks a version of a service is added."""

    service_name: str
    service_version: str
    applicable_stacks: tuple[StackVersion, ...] = ()


class Prerequisites(msgspec.Struct, frozen=True):
    """What must be there before a pack is installed; both spellings of the keys are read."""

    min_ambari_version: str | None = None
    max_ambari_version: str | None = None
    min_stack_versions: tuple[StackVersion, ...] | None = None


class ArtifactEntry(msgspec.Struct, frozen=True):
    """An artifact as it is written."""

    type: str
    source_dir: str
    name: str = ""
    service_versions_map: tuple[ServiceVersions, ...] = ()

    @property
    def artifact(self) -> Artifact:
        """The artifact as it is shown."""
        return Artifact(self.name, self.type, self.source_dir)


class HookEntry(msgspec.Struct, frozen=True):
    """A hook as it is written."""

    name: str
    type: str
    script: str


class Metadata(msgspec.Struct, frozen=True):
    """A whole `mpack.json`."""

    name: str
    version: str
    artifacts: tuple[ArtifactEntry, ...]
    type: str = ""
    description: str = ""
    prerequisites: Prerequisites = Prerequisites()
    hooks: tuple[HookEntry, ...] = ()

    @property
    def folder(self) -> str:
        """The name of the pack's folder in `mpacks`."""
        return f"{self.name}-{self.version}"

    def known_hooks(self) -> tuple[Hook, ...]:
        """Return the hooks that are ever run."""
        return tuple(Hook(one.name, one.type, one.script) for one in self.hooks if one.name in HOOK_NAMES)


def read_metadata(pack: Path, archive: str) -> tuple[Metadata, list[Finding]]:
    """Read a pack's `mpack.json`; return it with findings. `archive` is what messages call the pack.

    Raises:
        GraftError: MPACK_MALFORMED.
    """
    file = pack / FILE_NAME
    if not file.is_file():
        raise metadata_missing(archive)
    with file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    return parse_metadata(content)


def parse_metadata(content: bytes) -> tuple[Metadata, list[Finding]]:
    """Read the content of `mpack.json`; return it with findings.

    Raises:
        GraftError: MPACK_MALFORMED.
    """
    if len(content) > MAX_BYTES:
        raise malformed(f"{FILE_NAME} has more than {MAX_BYTES} bytes")
    findings: list[Finding] = []
    try:
        plain = _with_underscores(msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf")), "", findings)
        metadata = msgspec.convert(plain, Metadata)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise malformed(f"{FILE_NAME} is not as it must be: {error}") from None
    _check(metadata)
    assert isinstance(plain, dict)  # noqa: S101  (what was converted into a struct is one)
    return metadata, [*findings, *_remarks(metadata, plain)]


def _with_underscores(value: Any, path: str, findings: list[Finding], depth: int = 0) -> Any:
    """Spell every key with underscores; where both spellings stand, that with underscores counts."""
    if depth > _DEPTH:
        raise malformed(f"{FILE_NAME} is nested too deep at {path[:100]}")
    if isinstance(value, list):
        if len(value) > MAX_ITEMS:
            raise malformed(f"{FILE_NAME} has more than {MAX_ITEMS} items at {path[:100]}")
        return [_with_underscores(item, f"{path}[{place}]", findings, depth + 1) for place, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    spelt: dict[str, Any] = {}
    for key in sorted(value, key=lambda key: "-" not in key):
        usual = key.replace("-", "_")
        if usual != key:
            text = f"Ambari ignores {shown(key)}; it reads {usual!r}. Here both are read"
            findings.append(Finding(FILE_NAME, text, 0, f"{path}.{key}".lstrip(".")))
        spelt[usual] = _with_underscores(value[key], f"{path}.{usual}".lstrip("."), findings, depth + 1)
    return spelt


def _check(metadata: Metadata) -> None:
    """Raise what makes a pack unusable, or dangerous to look at."""
    for field, value in (("name", metadata.name), ("version", metadata.version), ("name and version", metadata.folder)):
        if not is_component(value):
            raise malformed(f"{FILE_NAME}: {field} is {shown(value)}; it must be one plain part of a path")
    for place, artifact in enumerate(metadata.artifacts):
        _check_artifact(artifact, f"artifacts[{place}]")
    for stack in metadata.prerequisites.min_stack_versions or ():
        _check_stack(stack, "prerequisites.min_stack_versions")
    for hook in metadata.known_hooks():
        if hook.type not in HOOK_TYPES:
            raise malformed(f"Unknown hook type for {hook.name} hook script")
        relative_path(f"{FILE_NAME}: script of {hook.name}", hook.script)


def _check_artifact(artifact: ArtifactEntry, path: str) -> None:
    if artifact.type in ARTIFACT_TYPES:
        relative_path(f"{FILE_NAME}: {path}.source_dir", artifact.source_dir)
    if artifact.type == ADDON_DEFINITIONS and not artifact.service_versions_map:
        raise malformed(f"Must provide service versions map for {ADDON_DEFINITIONS} artifact!")
    for entry in artifact.service_versions_map:
        for stack in entry.applicable_stacks:
            _check_stack(stack, f"{path}.service_versions_map")


def _check_stack(stack: StackVersion, path: str) -> None:
    if not (is_component(stack.stack_name) and is_component(stack.stack_version)):
        named = shown(f"{stack.stack_name} {stack.stack_version}")
        raise malformed(f"{FILE_NAME}: {path} names the stack {named}; name and version must be plain parts of a path")


def _remarks(metadata: Metadata, plain: dict[str, Any]) -> list[Finding]:
    def remark(path: str, text: str) -> Finding:
        return Finding(FILE_NAME, text, 0, path)

    known = set(Metadata.__struct_fields__) | _IGNORED
    found = [remark(key[:100], "this key is not known, and not read") for key in plain if key not in known]
    if "prerequisites" not in plain:
        found.append(remark("prerequisites", "it is missing; Ambari needs it, though it may be empty"))
    if not metadata.artifacts:
        found.append(remark("artifacts", "there are none; installing the pack adds nothing"))
    for place, artifact in enumerate(metadata.artifacts):
        if artifact.type not in ARTIFACT_TYPES:
            text = f"{shown(artifact.type)} is no type of artifact, which is left out; {', '.join(ARTIFACT_TYPES)} are"
            found.append(remark(f"artifacts[{place}].type", text))
        if not artifact.name:
            found.append(remark(f"artifacts[{place}].name", "it is missing; Ambari needs it"))
    for place, hook in enumerate(metadata.hooks):
        if hook.name not in HOOK_NAMES:
            text = f"{shown(hook.name)} is no hook, and never run; {', '.join(HOOK_NAMES)} are"
            found.append(remark(f"hooks[{place}].name", text))
    return found
