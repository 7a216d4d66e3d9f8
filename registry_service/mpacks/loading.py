"""An archive that has been copied, unpacked and read in an operation's own folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from registry_service.catalog.catalog import VersionKey
from registry_service.catalog.value_types import Finding
from registry_service.mpacks.archives import Bounds
from registry_service.mpacks.errors import malformed
from registry_service.mpacks.layout import Layout, lay_out
from registry_service.mpacks.metadata import Metadata, read_metadata
from registry_service.mpacks.trees import FolderTree
from registry_service.mpacks.unpacking import Step, copy_archive, unpack
from registry_service.mpacks.values import Hook

ARCHIVE = "archive"
UNPACKED = "unpacked"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pack, ready to be put in its place."""

    metadata: Metadata
    layout: Layout
    folder: Path
    """Where it was unpacked."""
    file_name: str
    digest: str
    findings: tuple[Finding, ...]

    def hooks(self, name: str) -> list[Hook]:
        """Return the hooks of one name, in their order.

        Raises:
            GraftError: MPACK_MALFORMED where a script is missing.
        """
        found = [hook for hook in self.metadata.known_hooks() if hook.name == name]
        for hook in found:
            if not (self.folder / hook.script).is_file():
                raise malformed(f"Missing {name} hook script {hook.script}")
        return found

    def stack_names(self) -> list[str]:
        """Name the stacks of which it brings definitions."""
        paths = (one.path.split("/") for one in self.layout.wanted if not one.needs)
        return sorted({path[1] for path in paths if path[0] == "stacks" and len(path) > 2})

    def stack_versions(self) -> list[VersionKey]:
        """Return the stack versions of which it brings definitions."""
        paths = (one.path.split("/") for one in self.layout.wanted if not one.needs)
        return sorted({(path[1], path[2]) for path in paths if path[0] == "stacks" and len(path) > 3})


def load(own: Path, archive: Path, file_name: str, bounds: Bounds, copying: Step, unpacking: Step) -> Loaded:
    """Copy, unpack and read an archive.

    Raises:
        GraftError: MPACK_NOT_READABLE, MPACK_MALFORMED.
    """
    digest = copy_archive(archive, own / ARCHIVE, bounds, copying)
    (own / UNPACKED).mkdir()
    folder = unpack(own / ARCHIVE, own / UNPACKED, bounds, unpacking)
    metadata, findings = read_metadata(folder, file_name)
    layout = lay_out(metadata, FolderTree(folder, follow=True))
    return Loaded(metadata, layout, folder, file_name, digest, tuple(findings))
