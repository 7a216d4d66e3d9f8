"""Our schemas find what authors should hear, name file, line and path, and never make anything invalid."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_service.catalog import schema_checks
from registry_service.catalog.cache import load_verdicts, save_verdicts
from registry_service.catalog.catalog import read_catalog
from registry_service.catalog.schema_checks import MAX_FINDINGS, Verdicts, check_version
from registry_service.library.findings import FindingSearch
from support.resources import Resources, service_file

STACK = "<prerequisites><min-stack-versions><stack><name>HDP</name><version>1</version></stack></min-stack-versions></prerequisites>"


def findings(tree: Resources, kind: str = "extensions") -> list[tuple[str, int, str, str]]:
    found = check_version(str(tree.root), kind, "E", "1", Verdicts())
    return [(item.file, item.line, item.path, item.text) for item in found]


@pytest.mark.parametrize(
    ("body", "line", "path", "says"),
    [
        (f"{STACK}\n<auto-link>TRUE</auto-link>", 2, "/metainfo/auto-link", "is not a boolean"),
        (f"{STACK}\n<versions><active>yes</active></versions>", 2, "/metainfo/versions/active", "'yes'"),
        (f"{STACK}\n<auto-link>1</auto-link>\n<auto-link>0</auto-link>", 3, "/metainfo/auto-link", "more than once"),
        (
            "\n<stacks><stack><name>HDP</name><version>1</version></stack></stacks>",
            2,
            "/metainfo/stacks",
            "is ignored here",
        ),
        ("", 1, "/metainfo", "cannot be linked to any"),
        (
            STACK.replace("<version>1</version>", ""),
            1,
            "/metainfo/prerequisites/min-stack-versions/stack",
            "'version' expected",
        ),
    ],
)
def test_findings_of_an_extension(tree: Resources, body: str, line: int, path: str, says: str) -> None:
    tree.extension("E/1", body)
    assert tree.read_extension("E/1").valid
    [(file, found_line, found_path, text)] = findings(tree)
    assert (file, found_line, found_path) == ("extensions/E/1/metainfo.xml", line, path)
    assert says in text


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ("<selection>NEVER</selection>", "selection", "must be one of"),
        ("<supportDeleteViaUI>yes</supportDeleteViaUI>", "supportDeleteViaUI", "boolean"),
        ("<extends>nowhere</extends>", "extends", "doesn't match"),
        (
            "<commandScript><script>a</script><timeout>soon</timeout></commandScript>",
            "commandScript/timeout",
            "'soon'",
        ),
        ("<components><component><category>MASTER</category></component></components>", "components/component", "name"),
        (
            "<components><component><name>C</name><cardinality>some</cardinality></component></components>",
            "components/component/cardinality",
            "doesn't match",
        ),
        (
            (
                "<components><component><name>C</name><dependencies><dependency><name>HDFS</name></dependency></dependencies>"
                "</component></components>"
            ),
            "components/component/dependencies/dependency/name",
            "doesn't match",
        ),
    ],
)
def test_findings_of_a_service(tree: Resources, body: str, path: str, says: str) -> None:
    tree.extension("E/1", STACK, S=body)
    [(file, line, found, text)] = findings(tree)
    assert (file, line) == ("extensions/E/1/services/S/metainfo.xml", 1)
    assert found == f"/metainfo/services/service/{path}"
    assert says in text


def test_white_space_in_a_version_is_named(tree: Resources) -> None:
    tree.extension("E/1", f"<extends> 1 </extends>{STACK}")
    assert [(path, text[:5]) for _, _, path, text in findings(tree)] == [("/metainfo/extends", "' 1 '")]


@pytest.mark.parametrize(
    ("attributes", "body", "path"),
    [
        ("supports_finel='true'", "", "/configuration"),
        ("supports_final='maybe'", "", "/configuration"),
        ("", "<property><value>1</value></property>", "/configuration/property"),
        (
            "",
            "<property><name>a</name><property-type>USER OTHER</property-type></property>",
            "/configuration/property/property-type",
        ),
    ],
)
def test_findings_of_a_configuration_file(tree: Resources, attributes: str, body: str, path: str) -> None:
    tree.extension("E/1", STACK, S="<configuration-dir>conf</configuration-dir>")
    tree.write("extensions/E/1/services/S/conf/site.xml", f"<configuration {attributes}>{body}</configuration>")
    assert [(file, found) for file, _, found, _ in findings(tree)] == [
        ("extensions/E/1/services/S/conf/site.xml", path)
    ]


def test_any_order_and_unknown_elements_are_fine(tree: Resources) -> None:
    tree.extension("E/1", f"<x a='1'><y/></x><auto-link>true</auto-link>{STACK}<z xmlns='u'/><extends>1</extends>")
    tree.write(
        "extensions/E/1/services/S/metainfo.xml",
        "<metainfo a='b'><x/><services><components/><service><version>1</version><odd/><name>S</name></service></services></metainfo>",
    )
    tree.configuration(
        "extensions/E/1/services/S", "site", "<property><final>true</final><name>a</name></property><x/>"
    )
    assert findings(tree) == []


def test_stacks_and_common_services_are_checked_too(tree: Resources) -> None:
    tree.stack("E/1", "", S="<selection>X</selection>")
    tree.common("E/1", "<selection>X</selection>")
    assert [file for file, *_ in findings(tree, "stacks")] == ["stacks/E/1/services/S/metainfo.xml"]
    assert [file for file, *_ in findings(tree, "common-services")] == ["common-services/E/1/metainfo.xml"]
    assert check_version(str(tree.root), "stacks", "NO", "1", Verdicts()) == []


def test_what_cannot_be_read_is_left_to_the_errors(tree: Resources) -> None:
    tree.write("extensions/E/1/metainfo.xml", "<!DOCTYPE m><metainfo/>")
    tree.write("extensions/E/1/services/S/metainfo.xml", "<metainfo>")
    assert findings(tree) == []
    assert not tree.read_extension("E/1").valid


def test_where_a_document_says_its_schema_is_nothing_is_fetched(tree: Resources) -> None:
    tree.write(
        "extensions/E/1/metainfo.xml",
        '<metainfo xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="u http://127.0.0.1:9/x.xsd"'
        f' xsi:noNamespaceSchemaLocation="file:///etc/passwd">{STACK}</metainfo>',
    )
    assert findings(tree) == []


def test_findings_have_a_bound(tree: Resources) -> None:
    tree.extension("E/1", STACK)
    bad = "<service><name>S</name><selection>X</selection></service>" * (MAX_FINDINGS * 3)
    tree.write("extensions/E/1/services/S/metainfo.xml", f"<metainfo><services>{bad}</services></metainfo>")
    assert len(findings(tree)) == MAX_FINDINGS


def test_verdicts_are_kept_by_content(tree: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = service_file("S", "<selection>X</selection>").encode()
    verdicts = Verdicts()
    first = verdicts.check("service_metainfo", "a", content)
    save_verdicts(verdicts, tmp_path / "verdicts")
    monkeypatch.setattr(schema_checks, "_judge", None)
    again = load_verdicts(tmp_path / "verdicts")
    assert [item.text for item in again.check("service_metainfo", "b", content)] == [item.text for item in first]
    assert load_verdicts(tmp_path / "missing").known == {}


async def test_findings_are_known_after_a_restart(
    tree: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.extension("E/1", f"{STACK}<auto-link>TRUE</auto-link>")
    catalog = read_catalog(tree.root)
    cache = tmp_path / "data" / "cache" / "verdicts"
    first = FindingSearch(cache)
    found = await first.of_extension(catalog, "E", "1")
    assert [item.path for item in found] == ["/metainfo/auto-link"]
    await first.close()
    monkeypatch.setattr(schema_checks, "_judge", None)
    second = FindingSearch(cache)
    assert await second.of_extension(catalog, "E", "1") == found
    kept = cache.stat()
    await second.close()
    assert cache.stat() == kept  # nothing new, nothing written


def test_verdicts_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_checks, "MAX_VERDICTS", 2)
    verdicts = Verdicts()
    for number in range(4):
        verdicts.check("extension_metainfo", "a", f"<metainfo><n{number}/></metainfo>".encode())
    assert len(verdicts.known) == 2
