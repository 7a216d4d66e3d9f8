"""GET at every level: forms, hrefs, fields, predicates, pages, and what is not found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.ambari.resource_types import Place, find, walk
from gateway.ambari.table import PREFIX, ROOTS
from support.resources import Resources, component
from support.rest import Rest, message
from tests.ambari_rest.conftest import Serve

REQUESTED = "The requested resource doesn't exist: "


def keys(answer: Any, category: str, name: str) -> list[Any]:
    return [item[category][name] for item in answer["items"]]


async def test_the_forms_of_answers(serve: Serve, conformance: Path) -> None:
    async with serve(conformance) as rest:
        versions = await rest.get("extensions/EXT/versions?Versions/extension_version=0.1")
        assert (
            versions.text
            == f"""{{
  "href" : "{rest.url}/extensions/EXT/versions?Versions/extension_version=0.1",
  "items" : [
    {{
      "href" : "{rest.url}/extensions/EXT/versions/0.1",
      "Versions" : {{
        "extension_name" : "EXT",
        "extension_version" : "0.1"
      }}
    }}
  ]
}}"""
        )
        assert (
            (await rest.get("extensions/EXT/versions/0.2")).text
            == f"""{{
  "href" : "{rest.url}/extensions/EXT/versions/0.2",
  "Versions" : {{
    "extension-errors" : [ ],
    "extension_name" : "EXT",
    "extension_version" : "0.2",
    "parent_extension_version" : "0.1",
    "valid" : true
  }}
}}"""
        )
        assert '"parent_extension_version" : null' in (await rest.get("extensions/EXT/versions/0.1")).text
        assert (
            (await rest.get("links?ExtensionLink/stack_version=0.4")).text
            == f"""{{
  "href" : "{rest.url}/links?ExtensionLink/stack_version=0.4",
  "items" : [
    {{
      "href" : "{rest.url}/links/1",
      "ExtensionLink" : {{
        "extension_name" : "EXT",
        "extension_version" : "0.4",
        "link_id" : 1,
        "stack_name" : "HDP",
        "stack_version" : "0.4"
      }}
    }}
  ]
}}"""
        )
        services = await rest.json("stacks/HDP/versions/0.4/services")
        assert "OOZIE2" in keys(services, "StackServices", "service_name")
        oozie = await rest.json("stacks/HDP/versions/0.4/services/OOZIE2")
        assert oozie["StackServices"]["service_version"] == "4.0.0"
        assert len(oozie["configurations"]) > 10
        assert await rest.json("stacks/HDP/versions/0.2/links") == {
            "href": f"{rest.url}/stacks/HDP/versions/0.2/links",
            "items": [],
        }


async def test_what_is_not_there(rest: Rest) -> None:
    service = "Stack data, stackName=HDP, stackVersion=2.4, serviceName=NOPE"
    theme = (
        "Theme not found where ThemeInfo/stack_name=HDP AND ThemeInfo/stack_version=2.4 AND "
        "ThemeInfo/service_name=HDFS AND ThemeInfo/file_name=x.json."
    )
    for path, text in [
        ("extensions/UNKNOWN", f"{REQUESTED}Stack data, extensionName=UNKNOWN"),
        ("extensions/EXT/versions/9.9", f"{REQUESTED}Stack data, Extension EXT 9.9 is not found in Ambari metainfo"),
        ("extensions/EXT/versions/9.9/links", "Stack data, Extension EXT 9.9 is not found in Ambari metainfo"),
        ("stacks/HDP/versions/9/links", "Stack data, Stack HDP 9 is not found in Ambari metainfo"),
        ("links/999", f"{REQUESTED}ExtensionLink not found where ExtensionLink/link_id=999."),
        ("stacks/NOPE", f"{REQUESTED}Stack data, stackName=NOPE"),
        ("stacks/HDP/versions/9", f"{REQUESTED}Stack data, Stack HDP 9 is not found in Ambari metainfo"),
        ("stacks/HDP/versions/9/services", f"{REQUESTED}Stack data, Stack HDP 9 is not found in Ambari metainfo"),
        ("stacks/HDP/versions/2.4/services/NOPE", REQUESTED + service),
        ("stacks/HDP/versions/2.4/services/NOPE/components", REQUESTED + service),
        (
            "stacks/HDP/versions/2.4/services/HDFS/components/NOPE",
            f"{REQUESTED}{service.replace('NOPE', 'HDFS')}, componentName=NOPE",
        ),
        (
            "stacks/HDP/versions/2.4/services/HDFS/configurations/NOPE",
            f"{REQUESTED}{service.replace('NOPE', 'HDFS')}, propertyName=NOPE",
        ),
        (
            "stacks/HDP/versions/9/services/HDFS/themes",
            "Parent stack resource doesn't exist: stackName='HDP', stackVersion='9'",
        ),
        (
            "stacks/HDP/versions/2.4/services/NOPE/themes",
            "Parent stack/service resource doesn't exist: stackName='HDP', stackVersion='2.4', serviceName='NOPE'",
        ),
        (
            "stacks/HDP/versions/2.4/services/HDFS/themes/x.json",
            f"{REQUESTED}{theme}",
        ),
    ]:
        response = await rest.get(path)
        assert (response.status_code, message(response)) == (404, text), path


async def test_what_is_empty(rest: Rest) -> None:
    for path in (
        "extensions/UNKNOWN/versions",
        "stacks/UNKNOWN/versions",
        "links?ExtensionLink/stack_name=NOPE",
        "extensions/EXT?Extensions/extension_name=OTHER",
        "extensions/NOPE?Extensions/extension_name=NOPE",
        "stacks/HDP/versions/9/services?StackServices/service_name=HDFS",
        "stacks/HDP/versions/2.4/services/HDFS/themes",
        "stacks/HDP/versions/2.4/configurations",
    ):
        assert await rest.json(path) == {"href": f"{rest.url}/{path}", "items": []}


async def test_queries_that_are_wrong(rest: Rest) -> None:
    unsupported = "specified in the request or predicate are not supported for the resource type ExtensionLink."
    for query, text in [
        ("fields=ExtensionLink/colour", f"The properties [ExtensionLink/colour] {unsupported}"),
        ("ExtensionLink/colour=red", f"The properties [ExtensionLink/colour] {unsupported}"),
        ("Foo/b=1&fields=Foo/a", f"The properties [Foo/a, Foo/b] {unsupported}"),
        ("sortBy=Foo/a.asc", f"The properties [Foo/a] {unsupported}"),
        ("ExtensionLink/link_id=(", "Unable to compile query predicate: "),
        ("ExtensionLink/link_id", "Unable to compile query predicate: "),
        ("page_size=x", "Invalid Request: 'page_size=x' is not a whole number"),
        ("sortBy=ExtensionLink/link_id.up", "Invalid Request: 'sortBy=ExtensionLink/link_id.up'"),
    ]:
        response = await rest.get(f"links?{query}")
        assert response.status_code == 400
        assert message(response).startswith(text)


async def test_predicates_pages_and_order(rest: Rest) -> None:
    by_name = "extensions?sortBy=Extensions/extension_name.desc"
    names = keys(await rest.json(by_name), "Extensions", "extension_name")
    assert names == ["SELF", "NEEDY", "LATE", "EXT", "CLASH", "BROKEN"]
    page = await rest.json(f"{by_name}&page_size=2&from=1")
    assert list(page) == ["href", "itemTotal", "items"]
    assert page["itemTotal"] == "6"
    assert keys(page, "Extensions", "extension_name") == ["NEEDY", "LATE"]
    last = await rest.json("extensions?page_size=2&to=end")
    assert keys(last, "Extensions", "extension_name") == ["NEEDY", "SELF"]
    equal = await rest.json("extensions/EXT/versions?Versions/extension_version=1")
    assert keys(equal, "Versions", "extension_version") == ["1.0"]
    either = await rest.json("extensions/EXT/versions?(Versions/extension_version.in(2.0,3.0)|Versions/valid=false)")
    assert keys(either, "Versions", "extension_version") == ["2.0", "3.0"]
    assert either["items"][0]["Versions"]["valid"] is True, "what a predicate looks at is shown"
    broken = await rest.json("extensions?versions/Versions/valid=false")
    assert keys(broken, "Extensions", "extension_name") == ["BROKEN"]
    assert broken["items"][0]["versions"][0]["Versions"]["extension_version"] == "1.0"


async def test_predicates_over_links(rest: Rest) -> None:
    await rest.link("EXT/1.0 HDP/2.4")
    await rest.link("EXT/2.0 HDP/2.5")
    name, stack = "ExtensionLink/extension_name", "ExtensionLink/stack_name"
    for query, found in [
        (f"{name}=EXT", ["1.0", "2.0"]),
        (f"{name}=EXT&ExtensionLink/stack_version=2.50", ["2.0"]),
        (f"{name}=SELF", ["1.0"]),
        (f"{name}=SELF|{name}=EXT", ["1.0", "1.0", "2.0"]),
        (f"{name}!=SELF", ["1.0", "2.0"]),
        (f"!({name}=EXT)", ["1.0"]),
        (f"{name}=EXT&{name}=SELF", []),
        (f"{name}.in(EXT)&{stack}=HDP", ["1.0", "2.0"]),
        (f"{name}=ext", []),
        (f"ExtensionLink/link_id<0&{stack}=HDP", []),
    ]:
        versions = keys(await rest.json(f"links?{query}"), "ExtensionLink", "extension_version")
        assert versions == found, query
    of_stack = await rest.json(f"stacks/HDP/versions/2.5/links?{name}=EXT")
    assert keys(of_stack, "ExtensionLink", "extension_version") == ["2.0"]
    assert of_stack["items"][0]["href"].startswith(f"{rest.url}/stacks/HDP/versions/2.5/links/")
    assert (await rest.http.get(of_stack["items"][0]["href"])).status_code == 200
    assert (await rest.json(f"stacks/HDP/versions/2.5/links?{name}=SELF"))["items"] == []


async def test_everything_below_many_stacks(rest: Rest, tree: Resources) -> None:
    """What is fetched for many at once belongs to the right ones."""
    for number in range(10):
        more = {f"S{service}": f"<version>{number}</version>{component(f'C{service}')}" for service in range(10)}
        tree.stack(f"MANY/{number}", **more)
    await rest.put("links")
    fields = "fields=versions/services/components/StackServiceComponents/cardinality"
    versions = (await rest.json(f"stacks/MANY?{fields}"))["versions"]
    assert [version["Versions"]["stack_version"] for version in versions] == [str(number) for number in range(10)]
    for version in versions:
        assert len(version["services"]) == 10
        for service in version["services"]:
            [found] = service["components"]
            assert found["StackServiceComponents"]["stack_version"] == version["Versions"]["stack_version"]
            assert (
                found["StackServiceComponents"]["component_name"] == "C" + service["StackServices"]["service_name"][1:]
            )
            assert found["href"] == f"{service['href']}/components/{found['StackServiceComponents']['component_name']}"


async def test_fields(rest: Rest) -> None:
    named = await rest.json("extensions/EXT?fields=versions/Versions/parent_extension_version")
    assert list(named) == ["href", "Extensions", "versions"]
    assert [version["Versions"]["parent_extension_version"] for version in named["versions"]] == [None, "1.0", None]
    own = await rest.json("extensions/EXT?fields=Extensions/extension_name")
    assert list(own) == ["href", "Extensions"]
    everything = await rest.json("extensions?fields=*")
    assert [len(item["versions"]) for item in everything["items"]] == [1, 1, 3, 1, 1, 1]
    minimal = await rest.json("stacks?fields=versions/Versions/active&minimal_response=true")
    assert minimal["items"][0] == {
        "Stacks": {"stack_name": "HDP"},
        "versions": [
            {"Versions": {"active": True, "stack_version": "2.4"}},
            {"Versions": {"active": False, "stack_version": "2.5"}},
        ],
    }
    instance = await rest.json("extensions/EXT/versions/1.0?minimal_response=true")
    assert list(instance["Versions"]) == [
        "extension-errors",
        "extension_name",
        "extension_version",
        "parent_extension_version",
        "valid",
    ]
    assert "href" not in instance


async def test_sub_resources_of_many_are_fetched_at_once(rest: Rest, tree: Resources) -> None:
    for number in range(30):
        tree.extension(f"MANY{number}/1.0")
        tree.extension(f"MANY{number}/2.0")
    await rest.put("links")
    found = await rest.json("extensions?fields=versions&Extensions/extension_name.matches(MANY.*)")
    assert len(found["items"]) == 30
    for item in found["items"]:
        assert [version["Versions"]["extension_version"] for version in item["versions"]] == ["1.0", "2.0"]
        assert item["versions"][0]["href"] == f"{item['href']}/versions/1.0"


async def test_errors_and_warnings_of_a_version(rest: Rest, tree: Resources) -> None:
    broken = (await rest.json("extensions/BROKEN/versions/1.0"))["Versions"]
    assert broken["valid"] is False
    assert broken["extension-errors"] == ["Extension 'BROKEN:1.0' specifies a parent that doesn't exist"]
    assert "warnings" not in broken
    tree.write("extensions/EXT/1.0/services/OOZIE/themes/theme.json", "{broken")
    await rest.put("links")
    for path in ("extensions/EXT/versions/1.0", "extensions/EXT/versions"):
        shown = await rest.json(f"{path}?fields=Versions/warnings")
        warnings = shown.get("Versions", shown.get("items", [{}])[0].get("Versions"))["warnings"]
        assert any("theme.json" in warning["file"] for warning in warnings)
        assert set(warnings[0]) == {"file", "line", "path", "text"}
    assert "warnings" not in (await rest.get("extensions/EXT/versions/1.0?fields=*")).text


async def test_a_linked_service(rest: Rest) -> None:
    await rest.link("EXT/2.0 HDP/2.4")
    base = "stacks/HDP/versions/2.4/services/OOZIE"
    service = await rest.json(base)
    assert list(service) == ["href", "StackServices", "components", "configurations", "quicklinks", "themes"]
    shown = service["StackServices"]
    assert shown["display_name"] == "Oozie"
    assert shown["service_version"] == "2"
    assert shown["required_services"] == ["HDFS"]
    assert shown["config_types"]["oozie-site"]["supports"]["final"] == "true"
    assert list(shown) == sorted(shown)
    server = await rest.json(f"{base}/components/OOZIE_SERVER")
    assert server["StackServiceComponents"]["custom_commands"] == ["CLEAN"]
    assert server["StackServiceComponents"]["is_master"] is True
    assert server["auto_deploy"] == {"enabled": True, "location": "HDFS/NAMENODE"}
    [dependency] = (await rest.json(f"{base}/components/OOZIE_SERVER/dependencies?fields=*"))["items"]
    assert dependency["Dependencies"] == {
        "component_name": "NAMENODE",
        "conditions": [],
        "dependent_component_name": "OOZIE_SERVER",
        "dependent_service_name": "OOZIE",
        "scope": "host",
        "service_name": "HDFS",
        "stack_name": "HDP",
        "stack_version": "2.4",
        "type": "inclusive",
    }
    port = await rest.json(f"{base}/configurations/oozie.port")
    assert port["StackConfigurations"]["property_value"] == "11000"
    assert port["StackConfigurations"]["property_value_attributes"] == {"type": "int"}
    assert port["StackConfigurations"]["type"] == "oozie-site.xml"
    assert port["StackConfigurations"]["final"] == "true"
    assert port["StackConfigurations"]["colour"] == "red"
    assert "property_display_name" not in port["StackConfigurations"]
    coloured = await rest.json(f"{base}/configurations?StackConfigurations/colour=red")
    assert keys(coloured, "StackConfigurations", "property_name") == ["oozie.port"]
    assert coloured["items"][0]["StackConfigurations"]["colour"] == "red"
    named = await rest.json(
        f"{base}/configurations?fields=StackConfigurations/colour&sortBy=StackConfigurations/colour.asc"
    )
    assert [item["StackConfigurations"].get("colour") for item in named["items"]] == ["red", None]
    minimal = await rest.json(f"{base}/configurations?fields=StackConfigurations/property_value&minimal_response=true")
    assert minimal["items"][0] == {"StackConfigurations": {"property_name": "oozie.port", "property_value": "11000"}}
    theme = await rest.json(f"{base}/themes/theme.json")
    assert theme["ThemeInfo"]["default"] is True
    assert theme["ThemeInfo"]["theme_data"]["name"] == "x"
    assert (await rest.json("stacks/HDP/versions/2.4/services"))["items"][1]["href"] == f"{rest.url}/{base}"


async def test_origins_only_on_request(rest: Rest) -> None:
    await rest.link("EXT/2.0 HDP/2.4")
    base = "stacks/HDP/versions/2.4/services/OOZIE"
    assert "origin" not in (await rest.get(f"{base}?fields=*")).text
    service = (await rest.json(f"{base}?fields=StackServices/origin"))["StackServices"]["origin"]
    assert service["version"] == "extensions/EXT/2.0"
    assert service["comment"] == "extensions/EXT/1.0"
    server = await rest.json(f"{base}/components/OOZIE_SERVER?fields=StackServiceComponents/origin")
    assert server["StackServiceComponents"]["origin"]["category"] == "extensions/EXT/1.0"
    port = await rest.json(f"{base}/configurations/oozie.port?fields=StackConfigurations/origin")
    assert port["StackConfigurations"]["origin"] == "extensions/EXT/1.0"


async def test_hrefs(rest: Rest, tree: Resources) -> None:
    tree.extension("WITH BLANK/1.0")
    await rest.put("links")
    listed = await rest.json("extensions/?Extensions/extension_name=WITH%20BLANK")
    assert listed["href"] == f"{rest.url}/extensions/?Extensions/extension_name=WITH BLANK"
    [item] = listed["items"]
    assert item["href"] == f"{rest.url}/extensions/WITH%20BLANK"
    followed = (await rest.http.get(item["href"])).json()
    assert followed["versions"][0]["href"] == f"{rest.url}/extensions/WITH%20BLANK/versions/1.0"
    named = await rest.get("extensions", headers={"host": "graft.example:81"})
    assert named.json()["href"] == "http://graft.example:81/api/v1/extensions"
    odd = await rest.get("extensions", headers={"host": 'x"<script>', "x-forwarded-host": "evil.example"})
    assert odd.json()["href"] == f"{rest.url}/extensions"


def test_the_table_is_whole() -> None:
    """Every type has its keys among its properties, each id once, and every pattern leads back to its place."""
    for pattern, place, is_instance in walk(ROOTS, PREFIX):
        ids = [one.id for one in place.type.properties]
        assert len(ids) == len(set(ids))
        assert set(place.type.keys.values()) <= set(ids)
        segments = pattern.removeprefix(f"{PREFIX}/").split("/")
        target = find(ROOTS, segments, PREFIX)
        assert target is not None
        assert (target.place, target.is_instance, target.pattern) == (place, is_instance, pattern)


def _variables(roots: Sequence[Place], above: frozenset[str] = frozenset()) -> Iterator[tuple[Place, frozenset[str]]]:
    for place in roots:
        yield place, above
        yield from _variables(place.children, above | {place.type.variable})


def test_resources_know_what_they_belong_to() -> None:
    for place, above in _variables(ROOTS):
        assert above <= set(place.type.keys), place


@pytest.mark.parametrize(
    "path", ["", "nothing", "link/1", "links/1/2", "extensions//versions", "extensions/EXT/services"]
)
def test_paths_that_lead_nowhere(path: str) -> None:
    assert find(ROOTS, path.split("/") if path else [], PREFIX) is None
