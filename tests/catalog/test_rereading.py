"""Reading again: what has changed is seen, what has not is the very same, and a cache may be trusted or is not used."""

from __future__ import annotations

import ast
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_service.catalog import cache as cache_module
from registry_service.catalog import catalog as catalog_module
from registry_service.catalog.cache import load_reading, save_reading
from registry_service.catalog.catalog import Catalog, read_catalog
from support.resources import Resources, service_file


def age(root: Path) -> None:
    """Make everything look as if it had not changed for a while."""
    past = time.time_ns() - 10**10
    for path in root.rglob("*"):
        os.utime(path, ns=(past, past), follow_symlinks=False)
    # What a file system notes of a change itself cannot be set back.
    time.sleep(0.06)


@pytest.fixture
def grown(tree: Resources) -> Resources:
    tree.common("BASE/1", "<comment>base</comment>")
    tree.stack("HDP/1", "", A="<version>1</version>")
    for name in ("E", "F"):
        tree.extension(f"{name}/1", "", S="<extends>common-services/BASE/1</extends>", T="<version>1</version>")
        tree.extension(f"{name}/2", "<extends>1</extends>", T="<comment>2</comment>")
    age(tree.root)
    return tree


def shape(catalog: Catalog) -> object:
    """Return all that a catalog says, to compare catalogs that were read in different ways."""
    return (
        {
            (name, version): (item.errors, item.definition, {s: node.definition for s, node in item.services.items()})
            for name, versions in catalog.extensions.items()
            for version, item in versions.items()
        },
        dict(catalog.stacks),
        {key: (item.errors, item.service and item.service.definition) for key, item in catalog.common_services.items()},
    )


def test_an_unchanged_tree_is_the_same(grown: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    first = grown.read()
    monkeypatch.setattr(catalog_module, "read_version", None)
    second = grown.read(first)
    assert second.reading == first.reading
    assert second.common_services is first.common_services
    for name in ("E", "F"):
        assert second.extensions[name] is first.extensions[name]


def test_an_unchanged_tree_is_not_walked_again(grown: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    first = grown.read()
    monkeypatch.setattr(catalog_module, "walk", None)
    assert grown.read(first).reading == first.reading
    assert grown.read(first.reading).reading == first.reading


def replace_keeping_times(path: Path) -> None:
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"<version>1<", b"<version>7<"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def swap(path: Path, other: Path) -> None:
    aside = path.with_name("aside")
    path.rename(aside)
    other.rename(path)
    aside.rename(other)


SERVICE = "extensions/E/1/services/T"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: (root / SERVICE / "alerts.json").write_text("{}"), id="a file more"),
        pytest.param(lambda root: (root / SERVICE / "metainfo.xml").unlink(), id="a file less"),
        pytest.param(
            lambda root: (root / SERVICE / "package/a.py").rename(root / SERVICE / "package/b.py"), id="a name"
        ),
        pytest.param(lambda root: (root / SERVICE / "package/a.py").chmod(0o755), id="a mode"),
        pytest.param(
            lambda root: replace_keeping_times(root / SERVICE / "metainfo.xml"), id="a content of the old age"
        ),
        pytest.param(lambda root: shutil.rmtree(root / SERVICE), id="a folder less"),
        pytest.param(
            lambda root: shutil.copytree(root / SERVICE, root / f"{SERVICE}2", symlinks=True), id="a folder more"
        ),
        pytest.param(lambda root: (root / SERVICE / "package/deep/er").mkdir(parents=True), id="empty folders more"),
        pytest.param(lambda root: swap(root / SERVICE, root / "extensions/F/1/services/S"), id="folders swapped"),
        pytest.param(lambda root: (root / "elsewhere/more.py").write_text("more"), id="a file behind a link"),
        pytest.param(lambda root: swap(root / "elsewhere", root / "nowhere"), id="another folder behind a link"),
        pytest.param(lambda root: (root / "missing").write_text("found"), id="a link that led nowhere"),
        pytest.param(lambda root: (root / "late.py").write_text("x = 2"), id="a file that a link leads to"),
    ],
)
def test_what_changes_is_seen_without_a_hint(grown: Resources, change: Callable[[Path], object]) -> None:
    package = grown.root / SERVICE / "package"
    grown.write(f"{SERVICE}/package/a.py", "x = 1")
    for folder in ("elsewhere", "nowhere"):
        grown.write(f"{folder}/{folder}.py", folder)
    grown.write("late.py", "x = 1")
    (grown.root / SERVICE / "checks").symlink_to(grown.root / "elsewhere")
    (package / "missing.py").symlink_to(grown.root / "missing")
    (grown.root / "extensions/E/1/services/S/package").mkdir()
    (grown.root / "extensions/E/1/services/S/package/late.py").symlink_to(grown.root / "late.py")
    age(grown.root)
    first = grown.read()
    assert grown.read(first).reading == first.reading
    change(grown.root)
    second = grown.read(first)
    anew = grown.read()
    assert shape(second) == shape(anew)
    assert second.reading.extensions["E"]["1"].digest == anew.reading.extensions["E"]["1"].digest
    same = [name for name in ("E", "F") if second.extensions[name] is first.extensions[name]]
    assert len(same) < 2


def test_one_change_touches_one_extension(grown: Resources) -> None:
    first = grown.read()
    path = grown.write("extensions/E/1/services/T/metainfo.xml", service_file("T", "<version>9</version>"))
    for changed in (None, [path], [path.parent]):
        second = read_catalog(grown.root, first, changed)
        assert second.extensions["F"] is first.extensions["F"]
        assert second.extensions["E"]["2"].services["T"].definition.version == "9"
        assert second.extensions["E"]["1"].services["S"].definition.comment == "base"
        assert first.extensions["E"]["2"].services["T"].definition.version == "1"
        assert shape(second) == shape(read_catalog(grown.root))


def test_what_operations_on_packs_prepare_is_not_looked_at(grown: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    first = grown.read()
    monkeypatch.setattr(catalog_module, "looks_unchanged", None)
    read_catalog(grown.root, first, [grown.root / "mpacks/.staging/0/unpacked/metainfo.xml"])
    with pytest.raises(TypeError):
        read_catalog(grown.root, first, [grown.root / "mpacks/foo-1.0/extensions/E/1/metainfo.xml"])


def test_a_change_of_a_common_service_reaches_all_that_extend_it(grown: Resources) -> None:
    first = grown.read()
    path = grown.common("BASE/1", "<comment>new</comment>")
    second = read_catalog(grown.root, first, [path])
    assert second.extensions["F"]["2"].services["S"].definition.comment == "new"
    shutil.rmtree(grown.root / "common-services/BASE")
    third = read_catalog(grown.root, second, [grown.root / "common-services/BASE"])
    assert not third.extensions["F"]["2"].valid
    assert shape(third) == shape(grown.read())


def test_a_stack_that_takes_an_extensions_name_makes_it_invalid(grown: Resources) -> None:
    first = grown.read()
    grown.stack("F/1")
    second = read_catalog(grown.root, first, [grown.root / "stacks/F/1/metainfo.xml"])
    assert not second.extensions["F"]["1"].valid
    assert second.extensions["E"] is first.extensions["E"]
    shutil.rmtree(grown.root / "stacks/F")
    assert read_catalog(grown.root, second, [grown.root / "stacks/F"]).extensions["F"]["1"].valid


@pytest.mark.parametrize(
    ("gone", "hint"),
    [
        ("extensions/E/1", "extensions/E/1"),
        ("extensions/E/1", "extensions/E/1/services/T/metainfo.xml"),
        ("extensions/E", "extensions/E"),
        ("extensions/E", "extensions"),
        ("stacks/HDP", "stacks/HDP/1"),
        ("extensions", "extensions"),
    ],
)
def test_what_is_gone_is_gone(grown: Resources, gone: str, hint: str) -> None:
    first = grown.read()
    shutil.rmtree(grown.root / gone)
    second = read_catalog(grown.root, first, [grown.root / hint])
    assert shape(second) == shape(grown.read())
    assert shape(grown.read(first)) == shape(second)


def test_changes_elsewhere_are_looked_for_everywhere(grown: Resources) -> None:
    """A version may be a link to a pack; a watcher tells the path in the pack."""
    pack = grown.root / "mpacks/p-1/extensions/E/1"
    shutil.copytree(grown.root / "extensions/E/1", pack)
    shutil.rmtree(grown.root / "extensions/E/1")
    (grown.root / "extensions/E/1").symlink_to(pack)
    first = grown.read()
    path = grown.write("mpacks/p-1/extensions/E/1/services/T/metainfo.xml", service_file("T", "<version>9</version>"))
    second = read_catalog(grown.root, first, [path])
    assert second.extensions["E"]["2"].services["T"].definition.version == "9"


def test_a_change_of_the_same_size_right_after_reading_is_seen(tree: Resources) -> None:
    """Within one tick of the file system's clock, neither size nor time betrays it."""
    path = tree.extension("E/1", "", S="<version>1</version>") / "services/S/metainfo.xml"
    status = path.stat()
    catalog = tree.read()
    for number in range(2, 9):
        path.write_text(service_file("S", f"<version>{number}</version>"))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        catalog = tree.read(catalog)
        assert catalog.extensions["E"]["1"].services["S"].definition.version == str(number)


def test_new_times_alone_change_nothing(grown: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    first = grown.read()
    for path in grown.root.rglob("*"):
        path.touch()
    monkeypatch.setattr(catalog_module, "read_version", None)
    second = grown.read(first)
    assert second.extensions["E"]["1"].definition is first.extensions["E"]["1"].definition


def test_a_reading_survives_being_saved(grown: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = grown.read()
    cache = tmp_path / "cache"
    save_reading(first.reading, cache)
    assert cache.stat().st_mode & 0o777 == 0o600
    assert load_reading(cache) == first.reading
    monkeypatch.setattr(catalog_module, "read_version", None)
    assert shape(read_catalog(grown.root, load_reading(cache))) == shape(first)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "resources"]


@pytest.mark.parametrize("damage", ["missing", "empty", "short", "flipped", "other", "directory"])
def test_a_cache_that_is_not_whole_is_not_used(grown: Resources, tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "cache"
    save_reading(grown.read().reading, cache)
    content = cache.read_bytes()
    cache.unlink()
    match damage:
        case "empty":
            cache.write_bytes(b"")
        case "short":
            cache.write_bytes(content[:-1])
        case "flipped":
            cache.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
        case "other":
            cache.write_bytes(bytes(32) + content[32:])
        case "directory":
            cache.mkdir()
    assert load_reading(cache) is None


def test_all_code_that_reads_is_in_the_mark_of_the_cache() -> None:
    package = Path(cache_module.__file__).parent
    trees = [ast.parse(module.read_text()) for module in package.glob("*.py")]
    imports = [node.module for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    shared = {name.split(".")[1] for name in imports if name and name.startswith("graft_common.")}
    assert shared <= {module.__name__.split(".")[1] for module in cache_module.SHARED}


def test_the_cache_of_other_code_is_not_used(grown: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, cache = grown.read().reading, tmp_path / "cache"
    monkeypatch.setattr(cache_module, "SHARED", ())
    cache_module.mark.cache_clear()
    save_reading(reading, cache)
    assert load_reading(cache) == reading
    monkeypatch.undo()
    cache_module.mark.cache_clear()
    assert load_reading(cache) is None


def test_the_cache_of_another_tree_is_not_used(grown: Resources, tmp_path: Path) -> None:
    first = grown.read()
    moved = tmp_path / "moved"
    shutil.copytree(grown.root, moved)
    shutil.rmtree(moved / "extensions/E")
    assert list(read_catalog(moved, first.reading).extensions) == ["F"]
    assert list(read_catalog(moved, first, [moved / "extensions/F/1"]).extensions) == ["F"]


operations = st.lists(
    st.tuples(
        st.sampled_from(["extensions", "stacks", "common-services"]),
        st.sampled_from(["A", "B"]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(["", "<extends>1</extends>", "<extends>2</extends>", "broken", "gone"]),
        st.sampled_from(
            ["", "<version>1</version>", "<extends>common-services/A/1</extends>", "<deleted>true</deleted>"]
        ),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
def test_reading_again_gives_what_reading_anew_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, ...]]
) -> None:
    tree = Resources(tmp_path_factory.mktemp("tree"))
    hinted = full = tree.read()
    for kind, name, version, metainfo, body in steps:
        path = f"{kind}/{name}/{version}"
        if metainfo == "gone":
            shutil.rmtree(tree.root / path, ignore_errors=True)
        elif kind == "common-services":
            tree.common(f"{name}/{version}", body)
        else:
            tree.write(f"{path}/metainfo.xml", f"<metainfo>{'<' if metainfo == 'broken' else metainfo}</metainfo>")
            tree.write(f"{path}/services/S/metainfo.xml", service_file("S", body))
        hinted = read_catalog(tree.root, hinted, [tree.root / path / "metainfo.xml"])
        full = tree.read(full)
    anew = shape(tree.read())
    assert shape(hinted) == anew
    assert shape(full) == anew
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(full.reading), type=type(full.reading)) == full.reading
