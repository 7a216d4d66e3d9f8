"""What management packs are about, as plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from registry_service.catalog.catalog import VersionKey
from registry_service.catalog.value_types import Finding

BEFORE_INSTALL = "before-install"
AFTER_INSTALL = "after-install"
BEFORE_UPGRADE = "before-upgrade"
AFTER_UPGRADE = "after-upgrade"
HOOK_NAMES = (BEFORE_INSTALL, AFTER_INSTALL, BEFORE_UPGRADE, AFTER_UPGRADE)
PYTHON = "python"
SHELL = "shell"
HOOK_TYPES = (PYTHON, SHELL)

STACK_DEFINITIONS = "stack-definitions"
EXTENSION_DEFINITIONS = "extension-definitions"
SERVICE_DEFINITIONS = "service-definitions"
ADDON_DEFINITIONS = "stack-addon-service-definitions"
ARTIFACT_TYPES = (STACK_DEFINITIONS, EXTENSION_DEFINITIONS, SERVICE_DEFINITIONS, ADDON_DEFINITIONS)
MPACKS = "mpacks"
PURGEABLE = (STACK_DEFINITIONS, EXTENSION_DEFINITIONS, SERVICE_DEFINITIONS, MPACKS)
DEFAULT_PURGE = (STACK_DEFINITIONS, MPACKS)
"""What `--purge` removes when nothing else is said, as in Ambari."""

INSTALL_COMMAND = "install-mpack"
UPGRADE_COMMAND = "upgrade-mpack"


@dataclass(frozen=True, slots=True)
class Hook:
    """A script that a pack wants to be run: `script` is relative to the pack's folder, and lies in it."""

    name: str
    """One of `HOOK_NAMES`."""
    type: str
    """One of `HOOK_TYPES`."""
    script: str


@dataclass(frozen=True, slots=True)
class HookOutcome:
    """How a hook ended; the outputs may have been cut by whoever ran it."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""


class HookRunner(Protocol):
    """Runs the hooks of packs, behind walls."""

    async def run(self, hook: Hook, tree: Path) -> HookOutcome:
        """Run a hook with the folder of its pack as working directory; the folder is not to be written to.

        Raises:
            GraftError: it could not be run at all.
        """
        ...


@dataclass(frozen=True, slots=True)
class Artifact:
    """A part of a pack: `source_dir` is relative to its folder."""

    name: str
    type: str
    """One of `ARTIFACT_TYPES`; others do nothing."""
    source_dir: str


@dataclass(frozen=True, slots=True)
class Pack:
    """A management pack: one that is installed, or that an archive holds."""

    name: str
    version: str
    description: str = ""
    artifacts: tuple[Artifact, ...] = ()
    hooks: tuple[Hook, ...] = ()
    extensions: tuple[VersionKey, ...] = ()
    """The extension versions that it brings, as name and version."""
    stacks: tuple[VersionKey, ...] = ()
    """The stack versions that it brings or adds to."""
    services: tuple[VersionKey, ...] = ()
    """The common services that it brings, and those that it adds to stacks."""
    id: int = 0
    """Of an installed pack; never 0 for one that was installed here."""
    archive: str = ""
    """The name of its file in `mpacks/cache`; empty where that is not known."""
    digest: str = ""
    """The SHA-256 of that file, in hexadecimal digits."""
    installed: datetime | None = None
    managed: bool = False
    """Whether a manifest tells which paths are its; those of a pack that Ambari has installed are looked for."""

    @property
    def folder(self) -> str:
        """The name of its folder in `mpacks`."""
        return f"{self.name}-{self.version}"


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """How a pack is to be installed."""

    force: bool = False
    """Replace the same version of the pack, and what another version of it has put in the same places."""
    purge: tuple[str, ...] = ()
    """What is removed first, of `PURGEABLE`."""
    verbose: bool = False
    """Only written to the replay log, as Ambari does."""


@dataclass(frozen=True, slots=True)
class MovedLink:
    """A link that an upgrade has switched."""

    id: int
    extension_name: str
    old_version: str
    new_version: str


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation has done."""

    message: str
    """Ambari's sentence, such as `Management pack foo-1.0 successfully installed!`."""
    packs: tuple[Pack, ...]
    """The pack that is now installed; of an uninstallation those that were."""
    revision: int
    """At which followers know."""
    removed: tuple[Pack, ...] = ()
    """What made way for it."""
    moved: tuple[MovedLink, ...] = ()
    warnings: tuple[str, ...] = ()
    hooks: tuple[tuple[Hook, HookOutcome], ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """What is to be said of an archive, of which nothing was installed."""

    pack: Pack
    problems: tuple[str, ...]
    """Why it could not be installed as things are."""
    findings: tuple[Finding, ...]
    """What its authors should hear; files are named relative to the pack."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A line of the replay log."""

    command: str
    """`install-mpack` or `upgrade-mpack`."""
    path: str
    purge: bool
    purge_list: tuple[str, ...]
    force: bool
    verbose: bool


class Phase(StrEnum):
    """What an operation is at."""

    COPY = "copying"
    UNPACK = "unpacking"
    CHECK = "checking"
    HOOK = "running a hook"
    CHANGE = "changing files"
    READ = "reading the directory"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation is; bytes when copying and unpacking, else steps. `total` is 0 where it is not known."""

    phase: Phase
    done: int = 0
    total: int = 0
    what: str = ""
    """Such as the name of a hook."""


Report = Callable[[Progress], None]
"""Takes progress; called in the thread of the event loop, must not wait, and must not raise."""


def no_report(_progress: Progress) -> None:
    """Take progress, and do nothing."""
