"""All that the authors of versions should hear, file by file: what reading has left out, and what schemas find."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from registry_service.catalog.catalog import KINDS, Catalog
from registry_service.catalog.schema_checks import Verdicts, check_version
from registry_service.catalog.value_types import Finding


def findings_of(catalog: Catalog, kind: str, name: str, version: str, verdicts: Verdicts) -> list[Finding]:
    """Return the findings of one version, by file and line; `kind` is a folder of the resources directory."""
    reading = catalog.reading.of(kind).get(name, {}).get(version)
    if reading is None:
        return []
    found = {
        *catalog.warnings_of(kind, name, version),
        *check_version(catalog.reading.root, kind, name, version, verdicts),
    }
    return sorted(found, key=lambda item: (item.file, item.line, item.path, item.text))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list of all findings goes on: so many findings into a version, which is named by its folder."""

    folder: str = ""
    done: int = 0


class AllFindings:
    """The findings of a whole catalog, by file and line, found as they are asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        # With the slash the folders sort as the files in them do: 1.0.1/… before 1.0/….
        self._folders = sorted(
            (f"{kind}/{name}/{version}/", (kind, name, version))
            for kind in KINDS
            for name, versions in catalog.reading.of(kind).items()
            for version in versions
        )

    def page(
        self, begin: Position, size: int, seconds: float, verdicts: Verdicts
    ) -> tuple[Sequence[Finding], Position | None]:
        """Return at most `size` findings, and where the next page begins; None at the end.

        After so many seconds no further version is begun, so that a page may be short, or empty.
        """
        until = time.monotonic() + seconds
        found: list[Finding] = []
        first = bisect_left(self._folders, (begin.folder, ("", "", "")))
        for number in range(first, len(self._folders)):
            folder, key = self._folders[number]
            if len(found) == size or (number > first and time.monotonic() > until):
                return found, Position(folder)
            done = begin.done if folder == begin.folder else 0
            findings = findings_of(self.catalog, *key, verdicts)
            taken = findings[done : done + size - len(found)]
            found += taken
            if done + len(taken) < len(findings):
                return found, Position(folder, done + len(taken))
        return found, None
