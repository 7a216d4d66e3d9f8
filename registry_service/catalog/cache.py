"""Keeping what was read of a tree for the next start.

The file holds for this code only: a change of any module of this package, or of those that it reads with, makes it
void, as does damage of any kind. It then costs one cold load and nothing else.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from graft_common import declarations, method_bundles, units, versions, xml_documents
from registry_service.catalog.catalog import Reading
from registry_service.catalog.schema_checks import Verdicts

T = TypeVar("T")
SHARED = (declarations, method_bundles, units, versions, xml_documents)
"""What this package reads with, and is not a part of it: modules, and packages with all in them."""
_HEAD = 2 * hashlib.sha256().digest_size

_reading_decoder = msgspec.msgpack.Decoder(Reading)
_verdicts_decoder = msgspec.msgpack.Decoder(dict[str, list[tuple[int, str, str]]])


def save_reading(reading: Reading, path: Path) -> None:
    """Write a reading, replacing the file as a whole; only the owner may read it.

    Raises:
        OSError: the file cannot be written.
    """
    _save(reading, path)


def load_reading(path: Path) -> Reading | None:
    """Return a reading that was saved, or None where there is none that is whole and of this code."""
    return _load(path, _reading_decoder)


def save_verdicts(verdicts: Verdicts, path: Path) -> None:
    """Write verdicts, replacing the file as a whole; only the owner may read it.

    Raises:
        OSError: the file cannot be written.
    """
    _save(verdicts.known, path)


def load_verdicts(path: Path) -> Verdicts:
    """Return the verdicts that were saved, or none where they are not whole and of this code."""
    return Verdicts(_load(path, _verdicts_decoder))


def _save(value: Any, path: Path) -> None:
    content = msgspec.msgpack.encode(value)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        staged.touch(mode=0o600)
        staged.write_bytes(mark() + hashlib.sha256(content).digest() + content)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def _load(path: Path, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    try:
        content = memoryview(path.read_bytes())
    except OSError:
        return None
    head, body = content[:_HEAD], content[_HEAD:]
    if head != mark() + hashlib.sha256(body).digest():
        return None
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


@cache
def mark() -> bytes:
    """Return a digest of the code that reads and interprets what is kept: this package's, and `SHARED`."""
    places = [Path(module.__file__ or "") for module in SHARED]
    folders = [Path(__file__).parent, *(place.parent for place in places if place.name == "__init__.py")]
    files = [file for folder in folders for kind in ("*.py", "*.xsd") for file in sorted(folder.glob(kind))]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in (*files, *places))).digest()
