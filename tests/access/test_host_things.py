"""Secrets and paths of the host, as they are looked at before a call: real files, modes and links."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatcher_service.grants.faults import AccessError
from dispatcher_service.grants.paths import OffLimits
from dispatcher_service.grants.secrets import MAX_SIZE, SecretFolder
from graft_common.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "secrets.d"
    made.mkdir(mode=0o700)
    put(made, "key", b"s3cret\n")
    return made


def put(folder: Path, name: str, content: bytes = b"x", mode: int = 0o600) -> Path:
    file = folder / name
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_secrets_are_read_as_they_are_now(folder: Path) -> None:
    put(folder, "binary", bytes(range(256)), 0o400)
    secrets = SecretFolder(folder)
    assert secrets.read(("key", "binary")) == (("key", b"s3cret\n"), ("binary", bytes(range(256))))
    put(folder, "key", b"another")
    assert secrets.read(("key",)) == (("key", b"another"),)
    put(folder, "key", b"x" * MAX_SIZE)
    assert len(secrets.read(("key",))[0][1]) == MAX_SIZE
    assert SecretFolder(folder / "absent").read(()) == ()


def _links(folder: Path) -> None:
    (folder / "key").rename(folder / "other")
    (folder / "key").symlink_to("other")


def _is_folder(folder: Path) -> None:
    (folder / "key").unlink()
    (folder / "key").mkdir()


def _is_pipe(folder: Path) -> None:
    (folder / "key").unlink()
    os.mkfifo(folder / "key", 0o600)


def _is_socket(folder: Path) -> None:
    (folder / "key").unlink()
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(folder)
        try:
            made.bind("key")
        finally:
            os.chdir(here)


def _folder_links(folder: Path) -> None:
    folder.rename(folder.parent / "real")
    folder.symlink_to("real")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "key").unlink(), "this host has none of that name (GRAFT_SECRETS_DIR)"),
        (
            lambda folder: folder.rename(folder.parent / "gone"),
            "this host has no folder of secrets (GRAFT_SECRETS_DIR)",
        ),
        (lambda folder: (folder / "key").chmod(0o604), "its file is open to others (mode 604); chmod 600"),
        (lambda folder: (folder / "key").chmod(0o640), "its file is open to others (mode 640); chmod 600"),
        (lambda folder: (folder / "key").chmod(0o602), "its file is open to others (mode 602); chmod 600"),
        (lambda folder: folder.chmod(0o755), "the folder of secrets is open to others (mode 755); chmod 700"),
        (lambda folder: folder.chmod(0o701), "the folder of secrets is open to others (mode 701); chmod 700"),
        (lambda folder: put(folder, "key", b"x" * (MAX_SIZE + 1)), "it has more than 64 KiB"),
        (_links, "its file cannot be opened: Too many levels of symbolic links"),
        (_folder_links, "the folder of secrets (GRAFT_SECRETS_DIR) cannot be opened: Not a directory"),
        (_is_folder, "it is no regular file"),
        (_is_pipe, "it is no regular file"),
        (_is_socket, "its file cannot be opened: No such device or address"),
    ],
)
def test_a_secret_that_is_not_as_it_must_be_is_not_given(
    folder: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(folder)
    with pytest.raises(AccessError) as caught:
        SecretFolder(folder).read(("key",))
    assert str(caught.value) == f"the secret key cannot be given: {reason}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("whose", ["folder", "file"])
def test_others_files_are_no_secrets(folder: Path, whose: str) -> None:
    os.chown(folder if whose == "folder" else folder / "key", 65534, 65534)
    with pytest.raises(AccessError, match="belongs to the user 65534"):
        SecretFolder(folder).read(("key",))


@pytest.mark.parametrize("name", ["..", ".", "../key", "/etc/passwd", "a/b", ""])
def test_a_name_that_leads_elsewhere_is_none(folder: Path, name: str) -> None:
    with pytest.raises(AccessError, match="no name of a secret"):
        SecretFolder(folder).read((name,))


@pytest.fixture
def off_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OffLimits:
    monkeypatch.chdir(tmp_path)
    for name in ("data/cache", "ext", "srv/in", "conf"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "conf" / "password").touch()
    monkeypatch.setenv("GRAFT_ADMIN_PASSWORD_FILE", str(tmp_path / "conf" / "password"))
    return OffLimits.of(Settings(data_dir=tmp_path / "data", extensions_dir=tmp_path / "ext"))


def test_files_folders_and_sockets_can_be_given(off_limits: OffLimits, tmp_path: Path) -> None:
    (tmp_path / "srv" / "file").touch()
    off_limits.check(str(tmp_path / "srv" / "file"))
    off_limits.check(str(tmp_path / "srv" / "in"))
    off_limits.check("/etc")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("data", "it is in the data folder of Graft"),
        ("data/cache", "it is in the data folder of Graft"),
        ("data/secrets.d/key", "it is in the data folder of Graft"),
        ("ext", "it is in the folder of extensions of Graft"),
        ("", "the data folder of Graft is in it"),
        ("conf", "a file of the settings of Graft is in it"),
        ("conf/password", "it is in a file of the settings of Graft"),
        ("srv/none", "{0}/srv/none does not exist"),
        ("srv/none/deeper", "{0}/srv/none does not exist"),
        ("srv/link", "{0}/srv/link is a symbolic link; the declaration has to name what it leads to"),
        ("srv/link/cache", "{0}/srv/link is a symbolic link; the declaration has to name what it leads to"),
        ("srv/file/x", "{0}/srv/file/x cannot be reached: Not a directory"),
    ],
)
def test_paths_that_are_not_given(off_limits: OffLimits, tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "srv" / "link").symlink_to(tmp_path / "data")
    (tmp_path / "srv" / "file").touch()
    asked = str(tmp_path / path)
    with pytest.raises(AccessError) as caught:
        off_limits.check(asked)
    assert str(caught.value) == f"{asked} cannot be given: {reason.format(tmp_path)}"


def test_graft_s_own_counts_by_what_it_is_and_not_by_how_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "real" / "data").mkdir(parents=True)
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    off_limits = OffLimits([(tmp_path / "alias" / "data", "the data folder")])
    for path in ("real", "real/data"):
        with pytest.raises(AccessError, match="the data folder of Graft"):
            off_limits.check(str(tmp_path / path))


BOUND = """
import sys
from pathlib import Path
from dispatcher_service.grants.paths import OffLimits
OffLimits([(Path(sys.argv[1]), "the data folder")]).check(sys.argv[2])
"""


def test_graft_s_own_is_known_where_it_is_mounted_once_more(tmp_path: Path) -> None:
    (tmp_path / "data" / "cache").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    root = str(Path(__file__).parents[2])
    script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$1" "$2/cache"'
    inside = ["unshare", "--map-root-user", "--mount", "--propagation", "private", "sh", "-euc", script, "sh"]
    done = subprocess.run(
        [*inside, tmp_path / "data", tmp_path / "other", sys.executable, BOUND],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([root, f"{root}/protos", *sys.path])},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert f"{tmp_path}/other is the data folder of Graft under another name" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_no_device_is_given(off_limits: OffLimits, tmp_path: Path) -> None:
    device = tmp_path / "srv" / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this user namespace makes no devices")
    with pytest.raises(AccessError, match="it is a device"):
        off_limits.check(str(device))
