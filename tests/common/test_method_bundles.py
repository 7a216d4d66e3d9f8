"""Bundles of methods: the same bytes wherever they are made, and nothing unpacked that is none."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft_common import method_bundles
from graft_common.method_bundles import BundleError, digest_of_folder, executables_of, unpack, write_bundle

Files = dict[str, tuple[bool, bytes]]
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda name: name not in {".", ".."} and len(name.encode()) < 200
)


def made(declarations: bytes, files: Files) -> bytes:
    out = io.BytesIO()
    write_bundle(out, declarations, ((path, *files[path]) for path in sorted(files)))
    return out.getvalue()


def unpacked(data: bytes, place: Path) -> Path:
    place.mkdir()
    archive, folder = place / "a.tar", place / "a"
    archive.write_bytes(data)
    folder.mkdir()
    unpack(archive, folder)
    return folder


FILES: Files = {"A.b": (True, b"#!/bin/sh\n"), "README": (False, b""), "lib/x.py": (True, b"x = 1\n" * 100_000)}


def test_what_is_unpacked_is_what_was_packed(tmp_path: Path) -> None:
    data = made(b"<methods/>", FILES)
    folder = unpacked(data, tmp_path / "u")
    assert (folder / "declarations.xml").read_bytes() == b"<methods/>"
    for path, (executable, content) in FILES.items():
        file = folder / "files" / path
        assert file.read_bytes() == content
        assert file.stat().st_mode & 0o777 == (0o755 if executable else 0o644)
    assert executables_of(folder) == {"A.b"}
    assert digest_of_folder(folder) == hashlib.sha256(data).hexdigest()


def test_the_bytes_are_those_that_replicas_of_every_release_make() -> None:
    data = made(b"<methods/>", {"A.b": (True, b"#!/bin/sh\n")})
    assert len(data) == 10240
    assert hashlib.sha256(data).hexdigest() == "fb642b5b8f6f2e37bbf2415230c20ab08bc368d8f4184751e034081aea4cdee2"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, st.tuples(st.booleans(), st.binary(max_size=600)), max_size=5), st.binary(max_size=50))
def test_any_folder(tmp_path_factory: pytest.TempPathFactory, files: Files, declarations: bytes) -> None:
    data = made(declarations, files)
    folder = unpacked(data, tmp_path_factory.mktemp("b") / "u")
    assert digest_of_folder(folder) == hashlib.sha256(data).hexdigest()
    assert executables_of(folder) == {name for name, (executable, _) in files.items() if executable}


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "files/A.b").write_bytes(b"other"),
        lambda folder: (folder / "files/README").chmod(0o755),
        lambda folder: (folder / "files/new").write_bytes(b""),
        lambda folder: (folder / "other").write_bytes(b""),
        lambda folder: (folder / "declarations.xml").write_bytes(b""),
        lambda folder: (folder / "files/lib/x.py").unlink(),
        lambda folder: (folder / "files/lib/x.py").unlink() or (folder / "files/lib/x.py").symlink_to("/etc/passwd"),
    ],
)
def test_a_folder_that_has_been_changed_is_found_out(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    data = made(b"<methods/>", FILES)
    folder = unpacked(data, tmp_path / "u")
    damage(folder)
    try:
        found = digest_of_folder(folder)
    except (OSError, BundleError):
        return
    assert found != hashlib.sha256(data).hexdigest()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("declarations.xml"))
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, target, size
        tar.addfile(info, io.BytesIO(bytes(size)))
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no tar at all" * 100,
        made(b"<methods/>", FILES)[:2000],
        made(b"<methods/>", FILES)[: 1 << 19],
        member("files/../../escaped"),
        member("/etc/escaped"),
        member("files//escaped"),
        member("files/./escaped"),
        member("escaped"),
        member("files"),
        member("declarations.xml"),
        member("declarations.xml/escaped"),
        member("files/escaped", tarfile.SYMTYPE, "/etc/passwd"),
        member("files/escaped", tarfile.LNKTYPE, "declarations.xml"),
        member("files/escaped", tarfile.CHRTYPE),
        member("files/escaped", tarfile.FIFOTYPE),
        member("files/escaped", tarfile.DIRTYPE),
        member("files/" + "deep/" * 40 + "escaped"),
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BundleError):
        unpacked(data, tmp_path / "u")
    assert not list(tmp_path.rglob("escaped"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_ones_are_refused_or_stay_within(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(made(b"<methods/>", {"A.b": (True, b"#!/bin/sh\n"), "lib/x": (False, b"x")}))
    for place, byte in damage:
        data[place] = byte
    top = tmp_path_factory.mktemp("d")
    with suppress(BundleError):
        unpacked(bytes(data), top / "u")
    assert {path.name for path in top.iterdir()} == {"u"}
    assert {path.name for path in (top / "u").iterdir()} <= {"a", "a.tar"}
    assert not any(path.is_symlink() for path in top.rglob("*"))


def test_a_tar_without_declarations_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("files/A.b"))
    with pytest.raises(BundleError, match=r"no declarations\.xml"):
        unpacked(out.getvalue(), tmp_path / "u")


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = made(b"", {f"f{number}": (False, b"") for number in range(method_bundles.MAX_FILES)})
    unpacked(many, tmp_path / "fits")
    monkeypatch.setattr(method_bundles, "MAX_FILES", method_bundles.MAX_FILES - 1)
    with pytest.raises(BundleError, match="more than 511 files"):
        unpacked(many, tmp_path / "many")
    monkeypatch.undo()
    monkeypatch.setattr(method_bundles, "MAX_BYTES", 1000)
    monkeypatch.setattr(method_bundles, "MAX_DECLARATIONS", 1000)
    with pytest.raises(BundleError, match="more than 1000 bytes"):
        unpacked(member("files/large", size=2001), tmp_path / "large")
