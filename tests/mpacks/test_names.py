from __future__ import annotations

import pytest

from graft_common.errors import GraftError
from registry_service.mpacks.names import Parts, check_link, is_component, member_path, relative_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("foo", ("foo",)),
        ("foo/", ("foo",)),
        ("./foo/a", ("foo", "a")),
        ("foo//a/./b", ("foo", "a", "b")),
        ("./", ()),
        (".", ()),
        ("foo/Ünïcode 名.xml", ("foo", "Ünïcode 名.xml")),
        ("foo/...", ("foo", "...")),
        ("foo/..a", ("foo", "..a")),
    ],
)
def test_names_of_members(name: str, path: Parts) -> None:
    assert member_path(name) == path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/etc/passwd", "absolute"),
        ("//etc/passwd", "absolute"),
        ("../a", "leads out"),
        ("foo/../../a", "leads out"),
        ("foo/..", "leads out"),
        ("..", "leads out"),
        ("foo\\..\\a", "backslash"),
        ("C:\\a", "backslash"),
        ("foo/a\nb", "control characters"),
        ("foo/\x00", "control characters"),
        ("foo/\x1b[2J", "control characters"),
        ("foo/\x9b", "control characters"),
        ("foo/\udcff", "no valid UTF-8"),
        ("/".join("a" * 40), "folders deep"),
        ("foo/" + "a" * 256, "more than 255 bytes"),
        ("foo/" + "é" * 128, "more than 255 bytes"),
        ("/".join(["a" * 200] * 6), "more than 1024 bytes"),
    ],
)
def test_names_that_are_refused(name: str, said: str) -> None:
    with pytest.raises(GraftError, match="MPACK_MALFORMED") as caught:
        member_path(name)
    assert said in caught.value.params[0]
    assert caught.value.params[0].startswith("Malformed management pack. ")
    assert caught.value.params[0].isprintable()


def test_a_path_in_the_metadata_is_named_by_its_field() -> None:
    assert str(relative_path("source_dir", "./a/b/")) == "a/b"
    assert str(relative_path("source_dir", ".")) == "."
    with pytest.raises(GraftError, match=r"source_dir is '\.\./a'; it must be a path in the pack"):
        relative_path("source_dir", "../a")


@pytest.mark.parametrize("text", ["foo", "1.0.0.0", "my-ext_2", "a b", "名"])
def test_components(text: str) -> None:
    assert is_component(text)


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", ".hidden", "-rf", "a/b", "/a", "a\\b", "a\nb", "a ", " a", "a.", "a\x00", "a" * 256, "\udcff"],
)
def test_no_components(text: str) -> None:
    assert not is_component(text)


LINKS: dict[Parts, str] = {
    ("p", "up"): "..",
    ("p", "a", "here"): ".",
    ("p", "a", "to-b"): "../b",
    ("p", "b", "to-a"): "../a/to-b/../a",
    ("p", "loop1"): "loop2",
    ("p", "loop2"): "loop1",
}


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (("p", "l"), "a"),
        (("p", "l"), "./a//b/"),
        (("p", "l"), "missing/file"),
        (("p", "a", "l"), ".."),
        (("p", "a", "l"), "../b/c"),
        (("p", "a", "l"), "here/here/here"),
        (("p", "a", "l"), "to-b/../a"),
        (("p", "b", "l"), "to-a/x"),
    ],
)
def test_links_that_stay_in_the_pack(path: Parts, target: str) -> None:
    check_link(path, target, LINKS)


@pytest.mark.parametrize(
    ("path", "target", "said"),
    [
        (("p", "l"), "/etc/passwd", "out of the pack"),
        (("p", "l"), "..", "out of the pack"),
        (("p", "l"), "../p/a", "out of the pack"),
        (("p", "a", "l"), "../..", "out of the pack"),
        (("p", "a", "l"), "to-b/../..", "out of the pack"),
        (("p", "l"), "up/x", "out of the pack"),
        (("p", "l"), "loop1", "circle"),
        (("p", "l"), "loop1/../../..", "circle"),
        (("p", "l"), "", "no path"),
        (("p", "l"), "a\nb", "no path"),
        (("p", "l"), "a/" * 600, "no path"),
    ],
)
def test_links_that_are_refused(path: Parts, target: str, said: str) -> None:
    with pytest.raises(GraftError, match=said):
        check_link(path, target, LINKS)
