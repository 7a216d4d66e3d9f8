"""What an extension version's `methods/` defines, as plain frozen values."""

from __future__ import annotations

import msgspec

from registry_service.catalog.value_types import File, Finding, Value


class MethodFile(Value, frozen=True):
    """An executable, or something that one reads.

    `path` is relative to the resources directory, `digest` the SHA-256 of its contents in lower-case hex, `size` in
    bytes.
    """

    path: str
    digest: str
    size: int
    executable: bool


class MethodsFolder(Value, frozen=True):
    """A folder `methods/` as it is on disk.

    `documents` are the declarations by file name, each of which holds to the schema; `files` everything else by its
    path below the folder.
    """

    path: str
    documents: dict[str, bytes] = msgspec.field(default_factory=dict)
    files: dict[str, MethodFile] = msgspec.field(default_factory=dict)


class Methods(Value, frozen=True):
    """What an extension version brings, with all that it inherits.

    `declarations` is one `<methods>` document, `declared` has the files in which its methods are declared, by their
    names, and `digest` is made of all that a bundle has. `warnings` are of the version's own files.
    """

    declarations: bytes
    declared: dict[str, File]
    files: dict[str, MethodFile]
    digest: str
    warnings: tuple[Finding, ...] = ()
