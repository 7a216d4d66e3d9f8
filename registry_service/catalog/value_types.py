"""What all definitions are made of."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A definition: immutable, compact in memory and in the cache."""


class Finding(Value, frozen=True):
    """Something to tell whoever wrote a file, that makes nothing invalid.

    `file` is relative to the resources directory, `line` counts from 1 and is 0 where no line is to blame, `path` is
    the element's path in the document or empty.
    """

    file: str
    text: str
    line: int = 0
    path: str = ""


class File(Value, frozen=True):
    """A file that others read: where it is, and the SHA-256 of what is in it, in lower-case hex."""

    path: str
    digest: str


class Folder(Value, frozen=True):
    """A folder that is shipped or run as a whole: where it is, and a digest of the names and contents below it."""

    path: str
    digest: str
