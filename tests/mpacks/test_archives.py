"""Archives that try to get out, or to fill the disk: each is first shown to do so when it is simply extracted."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft_common.errors import GraftError
from registry_service.mpacks.archives import Bounds
from registry_service.mpacks.unpacking import copy_archive, unpack
from support.packs import Link, write_pack

FILES = {
    "mpack.json": "{}",
    "extensions/EXT/1.0/metainfo.xml": "<metainfo/>",
    "bin/run": "#!/bin/sh",
    "current": Link("extensions/EXT/1.0"),
}
SMALL = Bounds(archive=1 << 20, unpacked=1 << 20, ratio=20, unsuspicious=64 * 1024, members=100)


def member(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", data: bytes = b"", mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, target, len(data), mode
    return info, data


def write_tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path


def unpacked(archive: Path, into: Path, bounds: Bounds = SMALL) -> Path:
    into.mkdir()
    return unpack(archive, into, bounds, lambda _: None)


def everything(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def refusal(archive: Path, tmp_path: Path, bounds: Bounds = SMALL) -> str:
    """Unpack what must be refused; return why it was, having seen that nothing was written elsewhere."""
    outside = {name: time for name, time in everything(tmp_path).items() if not name.startswith("into")}
    with pytest.raises(GraftError) as caught:
        unpacked(archive, tmp_path / "into", bounds)
    assert {name: time for name, time in everything(tmp_path).items() if not name.startswith("into")} == outside
    assert caught.value.code == "MPACK_MALFORMED"
    assert caught.value.params[0].isprintable()
    return caught.value.params[0]


def extract_naively(archive: Path, into: Path) -> None:
    into.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="fully_trusted")


@pytest.mark.parametrize("name", ["pack.tar", "pack.tar.gz", "pack.tgz", "pack.tar.bz2", "pack.zip", "pack.zip.bz2"])
def test_every_format(name: str, tmp_path: Path) -> None:
    archive = write_pack(tmp_path / name, "foo-1.0", FILES)
    root = unpacked(archive, tmp_path / "into")
    assert root.name == "foo-1.0"
    assert (root / "mpack.json").read_text() == "{}"
    assert (root / "current/metainfo.xml").read_text() == "<metainfo/>"


def test_the_name_of_the_file_says_nothing(tmp_path: Path) -> None:
    archive = write_pack(tmp_path / "pack.zip", "foo", FILES).rename(tmp_path / "pack.tar.gz")
    assert unpacked(archive, tmp_path / "into").name == "foo"


def test_modes_are_made_plain(tmp_path: Path) -> None:
    archive = write_tar(
        tmp_path / "pack.tgz",
        member("p", tarfile.DIRTYPE, mode=0o7000),
        member("p/suid", data=b"x", mode=0o6755),
        member("p/secret", data=b"x", mode=0o000),
        member("p/open", data=b"x", mode=0o1666),
    )
    extract_naively(archive, tmp_path / "naive")
    assert (tmp_path / "naive/p").stat().st_mode & 0o7000
    root = unpacked(archive, tmp_path / "into")
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in [root, *root.iterdir()]}
    assert modes == {"p": "0o755", "suid": "0o755", "secret": "0o644", "open": "0o644"}
    assert {path.stat().st_uid for path in root.iterdir()} == {os.geteuid()}


def escapes() -> dict[str, list[tuple[tarfile.TarInfo, bytes]]]:
    """Archives that write `victim`, beside the folder that they are extracted to."""
    pack = member("p/mpack.json", data=b"{}")
    return {
        "parent": [pack, member("p/../../victim", data=b"x")],
        "parent at the start": [pack, member("../victim", data=b"x")],
        "through a link": [pack, member("p/out", tarfile.SYMTYPE, "../.."), member("p/out/victim", data=b"x")],
        "through two links": [
            pack,
            member("p/here", tarfile.SYMTYPE, "."),
            member("p/out", tarfile.SYMTYPE, "here/../.."),
            member("p/out/victim", data=b"x"),
        ],
        "a file instead of a link": [
            pack,
            member("p/out", tarfile.SYMTYPE, "../../victim"),
            member("p/out", data=b"x"),
        ],
        "link of the root": [member("p", tarfile.SYMTYPE, ".."), member("p/victim", data=b"x")],
        "a folder outside": [pack, member("p/../../victim", tarfile.DIRTYPE)],
        "a fifo outside": [pack, member("../victim", tarfile.FIFOTYPE)],
    }


@pytest.mark.parametrize("attack", escapes())
def test_what_gets_out_of_a_naive_extraction(attack: str, tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "pack.tgz", *escapes()[attack])
    extract_naively(archive, tmp_path / "naive/inner")
    assert os.path.lexists(tmp_path / "naive/victim")
    refusal(archive, tmp_path)


def test_an_absolute_name(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "pack.tgz", member("p/a", data=b"x"), member(str(tmp_path / "victim"), data=b"x"))
    extract_naively(archive, tmp_path / "naive")
    assert (tmp_path / "victim").read_bytes() == b"x"
    assert "absolute" in refusal(archive, tmp_path)


def test_a_link_that_shows_what_is_outside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    for target in (str(tmp_path / "secret"), "../../secret"):
        archive = write_tar(tmp_path / "pack.tgz", member("p/a", data=b"x"), member("p/l", tarfile.SYMTYPE, target))
        extract_naively(archive, tmp_path / f"naive{len(target)}/inner") if target[0] == "/" else None
        assert "out of the pack" in refusal(archive, tmp_path)
        (tmp_path / "into").rename(tmp_path / f"seen{len(target)}")
    assert (tmp_path / f"naive{len(str(tmp_path / 'secret'))}/inner/p/l").read_text() == "secret"


def test_a_hard_link_to_what_is_outside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    members = [member("p/a", data=b"x"), member("p/l", tarfile.LNKTYPE, str(tmp_path / "secret"))]
    archive = write_tar(tmp_path / "pack.tgz", *members, member("p/l", data=b"overwritten"))
    extract_naively(archive, tmp_path / "naive")
    assert "absolute" in refusal(archive, tmp_path)


def test_hard_links_in_the_pack(tmp_path: Path) -> None:
    good = write_tar(tmp_path / "good.tgz", member("p/a", data=b"x"), member("p/l", tarfile.LNKTYPE, "p/a"))
    assert (unpacked(good, tmp_path / "good") / "l").read_bytes() == b"x"
    later = write_tar(tmp_path / "later.tgz", member("p/l", tarfile.LNKTYPE, "p/a"), member("p/a", data=b"x"))
    assert "no file before it" in refusal(later, tmp_path)


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_and_pipes(kind: bytes, tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "pack.tgz", member("p/a", data=b"x"), member("p/device", kind))
    if kind == tarfile.FIFOTYPE:
        extract_naively(archive, tmp_path / "naive")
        assert stat.S_ISFIFO((tmp_path / "naive/p/device").stat().st_mode)
    assert "neither a file nor a folder" in refusal(archive, tmp_path)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member("mpack.json", data=b"{}"), member("extensions/a", data=b"x")], "Root directory missing!"),
        ([member("foo-1.0/a", data=b"x"), member("foo-1.0-docs/a", data=b"x")], "Root directory missing!"),
        ([], "Root directory missing!"),
        ([member("./", tarfile.DIRTYPE)], "Root directory missing!"),
        ([member("foo", data=b"x")], "Failed to expand management pack!"),
        ([member("p/a", data=b"x"), member("p/a/b", data=b"x")], "which is no folder"),
        ([member("p/a/b", data=b"x"), member("p/a", data=b"x")], "twice"),
        ([member("p/a", data=b"x"), member("./p//a", data=b"y")], "twice"),
        ([member("p/a", tarfile.DIRTYPE), member("p/a", tarfile.SYMTYPE, "../..")], "twice"),
        ([member("p/a/b", data=b"x"), member("p/a", tarfile.LNKTYPE, "p/a/b")], "twice"),
    ],
)
def test_malformed_packs(members: list[tuple[tarfile.TarInfo, bytes]], said: str, tmp_path: Path) -> None:
    assert said in refusal(write_tar(tmp_path / "pack.tgz", *members), tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x1f\x8b",
        b"BZh9",
        b"PK\x03\x04",
        b"no archive",
        gzip.compress(b"no tar", mtime=0),
        bz2.compress(b"x")[:-3],
        b"\0" * 511,
    ],
)
def test_what_is_no_archive(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "pack").write_bytes(content)
    assert "Malformed management pack. " in refusal(tmp_path / "pack", tmp_path)


def test_a_truncated_archive(tmp_path: Path) -> None:
    whole = write_pack(tmp_path / "whole.tar.gz", "p", {"a": os.urandom(50_000)}).read_bytes()
    (tmp_path / "pack").write_bytes(whole[:-20_000])
    assert "Failed to expand management pack!" in refusal(tmp_path / "pack", tmp_path)


def bomb_gzip(path: Path) -> Path:
    return write_tar(path, member("p/zeros", data=b"\0" * 600_000))


def bomb_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(10):
            archive.writestr(f"p/{number}", b"\0" * 60_000)
    return path


def bomb_lying_zip(path: Path) -> Path:
    """A member that says it is small, and is not."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p/zeros", b"\0" * 600_000)
    content = path.read_bytes().replace(struct.pack("<I", 600_000), struct.pack("<I", 60_000))
    path.write_bytes(content)
    return path


def bomb_header(path: Path) -> Path:
    """A header of 8 GiB that tarfile would read into memory at once."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT)))
    return path


def bomb_members(path: Path) -> Path:
    return write_tar(path, *(member(f"p/{number}") for number in range(200)))


def bomb_headers(path: Path) -> Path:
    """Headers upon headers, for each of which tarfile calls itself."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2
    with gzip.open(path, "wb") as file:
        for _ in range(2000):
            file.write(info.tobuf(tarfile.GNU_FORMAT) + b"a".ljust(512, b"\0"))
    return path


def backwards(path: Path) -> Path:
    """A negative size, after which tarfile would read the same header for ever."""
    info = tarfile.TarInfo("p/a")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xfe\x00"
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(header) + b"\0" * 2048)
    return path


@pytest.mark.parametrize(
    "make", [bomb_gzip, bomb_zip, bomb_lying_zip, bomb_header, bomb_members, bomb_headers, backwards]
)
def test_bombs(make: Callable[[Path], Path], tmp_path: Path) -> None:
    refusal(make(tmp_path / "pack"), tmp_path)
    written = sum(path.stat().st_size for path in (tmp_path / "into").rglob("*") if path.is_file())
    assert written <= SMALL.unpacked


def test_a_large_archive_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "pack").write_bytes(b"\0" * 3000)
    with pytest.raises(GraftError, match="more than 2000 bytes"):
        copy_archive(tmp_path / "pack", tmp_path / "copy", Bounds(archive=2000), lambda _: None)


@pytest.mark.parametrize("name", ["missing", "folder", "fifo", "nul\x00"])
def test_what_cannot_be_copied(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(GraftError, match="Management pack could not be downloaded!"):
        copy_archive(tmp_path / name, tmp_path / "copy", SMALL, lambda _: None)


def test_attacks_in_zip_files(tmp_path: Path) -> None:
    attacks: dict[str, dict[str, str | Link]] = {
        "leads out": {"../../victim": "x"},
        "out of the pack": {"out": Link("../..")},
        "below": {"out": Link("."), "out/victim": "x"},
        "twice": {"a": "x", "./a": "y"},
    }
    for number, (said, files) in enumerate(attacks.items()):
        archive = write_pack(tmp_path / f"{number}.zip", "p", files)
        assert said in refusal(archive, tmp_path), said
        (tmp_path / "into").rename(tmp_path / f"into-{number}")
    info = zipfile.ZipInfo("p/pipe")
    info.external_attr = stat.S_IFIFO << 16
    with zipfile.ZipFile(tmp_path / "pipe.zip", "w") as opened:
        opened.writestr(info, "")
    assert "neither a file nor a folder" in refusal(tmp_path / "pipe.zip", tmp_path)


PARTS = st.sampled_from(["p", "a", "b", "..", ".", "", "link", "x" * 300, "n\nl", "ü", "\x00", "\\", "victim"])
NAMES = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
IN_PACK = st.lists(st.sampled_from(["a", "b", ".", "..", "link"]), min_size=1, max_size=4).map(
    lambda parts: "/".join(["p", *parts])
)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])


@settings(max_examples=100, deadline=None)
@given(members=st.lists(st.tuples(IN_PACK | NAMES, KINDS, IN_PACK | NAMES), max_size=8), as_zip=st.booleans())
def test_nothing_is_ever_written_elsewhere(
    members: list[tuple[str, bytes, str]], as_zip: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("attack")
    archive = folder / "pack"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if as_zip:
            with zipfile.ZipFile(archive, "w") as opened:
                for name, kind, target in members:
                    info = zipfile.ZipInfo(name)
                    info.external_attr = (stat.S_IFLNK if kind == tarfile.SYMTYPE else stat.S_IFREG) << 16
                    opened.writestr(info, target)
        else:
            write_tar(
                archive,
                *(
                    member(name, kind, target, b"x" if kind == tarfile.REGTYPE else b"")
                    for name, kind, target in members
                ),
            )
    into = folder / "inner/into"
    into.parent.mkdir()
    before = {path for path in folder.rglob("*") if into not in path.parents}
    with suppress(GraftError):
        root = unpacked(archive, into)
        assert root.parent == into
        for path in into.rglob("*"):
            # Whatever a link leads to, missing or not, is in the pack.
            assert str(path.resolve()).startswith(f"{root.resolve()}")
    after = {path for path in folder.rglob("*") if path != into and into not in path.parents}
    assert after == before
