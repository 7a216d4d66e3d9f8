"""Files that a command makes in a directory: written as a whole, and nobody else's overwritten.

A manifest in the directory tells which files were made, with their digests. Made again, those that are
made no more are removed; a file that is not in the manifest, or was changed since, is not touched: nothing is written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

MAX_MANIFEST = 16 << 20
"""Bytes of a manifest that are read."""


class OutputError(Exception):
    """The files are not written; the message tells a person why, and what would be right."""


class Manifest(msgspec.Struct, frozen=True):
    """What was made."""

    language: str
    digest: str
    """Of the API."""
    generator: str
    files: dict[str, list[str]]
    """Digests of what each file may hold: one, and while files are being replaced those of before and after."""


@dataclass(frozen=True, slots=True)
class Maker:
    """The command that makes the files."""

    command: str
    """As people give it: `graft sdk generate`."""
    what: str
    """What it makes, in one word or two: `SDK`."""
    manifest: str
    """The name of the manifest, which is hidden."""


SDK = Maker("graft sdk generate", "SDK", ".graft-sdk.json")
REFERENCE = Maker("graft docs generate", "reference", ".graft-docs.json")


@dataclass(frozen=True, slots=True)
class Written:
    """What has been done."""

    changed: tuple[str, ...]
    """Files that are new or have another content than before."""
    removed: tuple[str, ...]
    unchanged: int


def write(
    out: Path, files: Mapping[str, bytes], language: str, digest: str, generator: str, maker: Maker = SDK
) -> Written:
    """Bring a directory to hold these files; it is made if it is not there.

    Everything is written beside the old files first, and put in their places after that, so that an error before that
    moment leaves the old ones as they are.

    Raises:
        OutputError: a file would be overwritten that was not made so, or was changed since; the directory holds what
            was made for another language; or the files cannot be written.
    """
    try:
        return _write(out, files, language, digest, generator, maker)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        raise OutputError(f"cannot write to {out}: {error.strerror or error}{place}") from error


def _write(out: Path, files: Mapping[str, bytes], language: str, digest: str, generator: str, maker: Maker) -> Written:
    before = _manifest(out, maker)
    if before is not None and before.language != language:
        raise OutputError(
            f"{out} holds the {maker.what} for {before.language}; choose another directory for {language}"
        )
    known = before.files if before else {}
    for path in files:
        _check_place(out, path, known, maker)
    stale = [path for path in known if path not in files and _is_ours(out, path, known)]
    made = {path: [_digest(data)] for path, data in files.items()}
    changed = [path for path, data in files.items() if _content(out / path) != data]
    new = Manifest(language, digest, generator, made)
    out.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{maker.manifest.removesuffix('.json')}-", dir=out))
    try:
        for path in changed:
            place = draft / "files" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(files[path])
        both = {path: sorted({*made.get(path, ()), *known.get(path, ())}) for path in {*made, *known}}
        _put_manifest(out / maker.manifest, draft, msgspec.structs.replace(new, files=both))
        for path in changed:
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / "files" / path).replace(out / path)
        for path in stale:
            _remove(out, path)
        _put_manifest(out / maker.manifest, draft, new)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Written(tuple(changed), tuple(stale), len(files) - len(changed))


def _manifest(out: Path, maker: Maker) -> Manifest | None:
    file = out / maker.manifest
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_MANIFEST)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise OutputError(f"{out} is a file; choose a directory") from None
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise OutputError(f"{file} cannot be read ({error}); remove the directory, or choose another") from None


def _check_place(out: Path, path: str, known: Mapping[str, list[str]], maker: Maker) -> None:
    """Refuse a file that stands where one is to be written, unless it is known and as it was made."""
    parts = PurePosixPath(path).parts
    assert parts and not path.startswith("/") and ".." not in parts, path  # noqa: S101, PT018 - a language's mistake
    for parent in (out / Path(*parts[:count]) for count in range(1, len(parts))):
        if os.path.lexists(parent) and (parent.is_symlink() or not parent.is_dir()):
            raise OutputError(f"{parent} is in the way: a directory is needed there")
    place = out / path
    if not os.path.lexists(place):
        return
    if path not in known:
        raise OutputError(f"{place} was not made by `{maker.command}` and would be overwritten; nothing is written")
    if not _is_ours(out, path, known):
        raise OutputError(
            f"{place} has been changed since it was made; move it away or remove it, and make the {maker.what} again"
        )


def _is_ours(out: Path, path: str, known: Mapping[str, list[str]]) -> bool:
    content = _content(out / path)
    return content is not None and _digest(content) in known.get(path, ())


def _content(place: Path) -> bytes | None:
    """Return what a plain file holds; None where there is none."""
    if place.is_symlink() or not place.is_file():
        return None
    return place.read_bytes()


def _put_manifest(place: Path, draft: Path, manifest: Manifest) -> None:
    text = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"
    (draft / place.name).write_bytes(text)
    (draft / place.name).replace(place)


def _remove(out: Path, path: str) -> None:
    """Remove a file, and the directories that are empty without it."""
    (out / path).unlink(missing_ok=True)
    for parent in PurePosixPath(path).parents[:-1]:
        with suppress(OSError):
            (out / parent).rmdir()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
