"""The catalog over real gRPC: that it carries everything that the files say, as full as it is asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from graft.registry.v1 import registry_pb2 as pb
from graft_cli.validation import check_tree
from graft_common.errors import GraftError
from graft_common.rpc.client import call
from graft_common.settings import Settings
from registry_service.catalog.catalog import read_catalog
from registry_service.service import registry as servicer
from support.resources import Resources, config_property
from tests.registry.conftest import Registry, StartRegistry

CONFORMANCE = Path(__file__).parents[2].parent / "shared" / "conformance" / "ambari"

NEEDS = (
    "<prerequisites><min-stack-versions><stack><name>HDP</name><version>1</version></stack></min-stack-versions>"
    "</prerequisites>"
)
EVERYTHING = """
<displayName>Shown</displayName><version>2.1</version><comment>What it is.</comment><serviceType>HCFS</serviceType>
<service_advisor_type>JAVA</service_advisor_type><selection>TECH_PREVIEW</selection><maintainer>Somebody</maintainer>
<supportDeleteViaUI>false</supportDeleteViaUI><rollingRestartSupported>true</rollingRestartSupported>
<restartRequiredAfterChange>true</restartRequiredAfterChange>
<restartRequiredAfterRackChange>false</restartRequiredAfterRackChange><monitoringService>true</monitoringService>
<kerberosEnabledTest>{"k": 1}</kerberosEnabledTest>
<credential-store><supported>true</supported><enabled>false</enabled></credential-store>
<sso><supported>true</supported><enabledConfiguration>a/b</enabledConfiguration><ssoEnabledTest>{}</ssoEnabledTest>
<kerberosRequired>true</kerberosRequired></sso>
<ldap><supported>true</supported><ldapEnabledTest>[]</ldapEnabledTest></ldap>
<commandScript><script>scripts/check.py</script><scriptType>PYTHON</scriptType><timeout>300</timeout></commandScript>
<customCommands><customCommand><name>REBALANCE</name><opsDisplayName>Rebalance</opsDisplayName>
<commandScript><script>scripts/r.py</script><timeout>7</timeout></commandScript>
<background>true</background><hidden>true</hidden></customCommand></customCommands>
<configuration-dependencies><config-type>core-site</config-type></configuration-dependencies>
<excluded-config-types><config-type>old-site</config-type></excluded-config-types>
<requiredServices><service>HDFS</service><service>YARN</service></requiredServices>
<properties><property><name>managed</name><value>false</value></property>
<property><name>own</name><value>v</value></property></properties>
<osSpecifics><osSpecific><osFamily>redhat7,any</osFamily>
<repo><baseurl>http://r</baseurl><repoid>R</repoid><reponame>r</reponame><unique>true</unique></repo>
<packages><package><name>p</name><condition>should_install</condition><skipUpgrade>true</skipUpgrade></package></packages>
</osSpecific></osSpecifics>
<themes><theme><fileName>theme.json</fileName><default>true</default></theme></themes>
<quickLinksConfigurations><quickLinksConfiguration><fileName>links.json</fileName></quickLinksConfiguration>
</quickLinksConfigurations>
<components>
<component><name>SERVER</name><displayName>Server</displayName><category>MASTER</category><cardinality>1+</cardinality>
<versionAdvertised>true</versionAdvertised><decommissionAllowed>true</decommissionAllowed>
<unlimitedKeyJCERequired>ALWAYS</unlimitedKeyJCERequired><rollingRestartSupported>true</rollingRestartSupported>
<reassignAllowed>false</reassignAllowed><recovery_enabled>true</recovery_enabled><timelineAppid>app</timelineAppid>
<customFolder>folder</customFolder><componentType>kind</componentType>
<commandScript><script>scripts/server.py</script><timeout>600</timeout></commandScript>
<logs><log><logId>main</logId><primary>true</primary></log><log><logId>audit</logId></log></logs>
<clientsToUpdateConfigs><client>CLIENT</client></clientsToUpdateConfigs>
<configFiles><configFile><type>xml</type><fileName>f.xml</fileName><dictionaryName>d</dictionaryName>
<optional>true</optional></configFile></configFiles>
<customCommands><customCommand><name>CLEAN</name></customCommand></customCommands>
<bulkCommands><displayName>Servers</displayName><masterComponent>SERVER</masterComponent></bulkCommands>
<configuration-dependencies><config-type>site</config-type></configuration-dependencies>
<auto-deploy><enabled>true</enabled><co-locate>HDFS/NAMENODE</co-locate></auto-deploy>
<dependencies><dependency><name>HDFS/HDFS_CLIENT</name><scope>host</scope><type>exclusive</type>
<auto-deploy><enabled>false</enabled></auto-deploy>
<conditions><condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="propertyValueEquals">
<configType>site</configType><property>p</property><propertyValue>v</propertyValue></condition></conditions>
</dependency></dependencies></component>
<component><name>CLIENT</name></component>
</components>
"""
PROPERTY = """
<property require-input="true"><name>full</name><value>1</value><description>What for.</description>
<display-name>Full</display-name><property-type>PASSWORD USER</property-type><final>true</final>
<on-ambari-upgrade add="false" update="true" delete="true"/><on-stack-upgrade merge="false"/>
<value-attributes><type>int</type><maximum>9</maximum><minimum>0</minimum><unit>MB</unit><delete>true</delete>
<visible>true</visible><overridable>false</overridable><copy>c</copy><empty-value-valid>true</empty-value-valid>
<ui-only-property>true</ui-only-property><read-only>true</read-only>
<editable-only-at-install>true</editable-only-at-install><show-property-name>false</show-property-name>
<increment-step>2</increment-step><entries><entry><value>1</value><label>one</label><description>the first</description>
</entry><entry><value>2</value></entry></entries><hidden>HIVE</hidden><entries_editable>false</entries_editable>
<selection-cardinality>1</selection-cardinality><property-file-name>f</property-file-name>
<property-file-type>text</property-file-type>
<user-groups><property><type>t</type><name>n</name></property></user-groups><keystore>true</keystore></value-attributes>
<depends-on><property><type>other</type><name>o</name></property><property><name>alone</name></property></depends-on>
<used-by><property><type>user</type><name>u</name></property></used-by>
<supported-refresh-commands><refresh-command componentName="SERVER" command="reload"/></supported-refresh-commands>
</property>
<property><name>empty</name></property>
<property><name>chosen</name><value/><value-attributes><entries/></value-attributes></property>
"""
FOLDER = "extensions/EXT/1/services/FULL"


@dataclass
class Client:
    """Calls of one user."""

    registry: Registry
    metadata: list[tuple[str, str]]

    async def __call__(self, name: str, request: Any) -> Any:
        return await call(getattr(self.registry.clients.registry, name), request, timeout=30, metadata=self.metadata)

    async def extension(self, key: str, **more: Any) -> pb.GetExtensionVersionResponse:
        name, _, version = key.partition("/")
        answer: pb.GetExtensionVersionResponse = await self(
            "GetExtensionVersion", pb.GetExtensionVersionRequest(name=name, version=version, **more)
        )
        return answer

    async def stack(self, key: str, **more: Any) -> pb.GetStackVersionResponse:
        name, _, version = key.partition("/")
        answer: pb.GetStackVersionResponse = await self(
            "GetStackVersion", pb.GetStackVersionRequest(name=name, version=version, **more)
        )
        return answer

    async def pages(self, name: str, request: Any, field: str) -> list[Any]:
        found: list[Any] = []
        while True:
            answer = await self(name, request)
            found += getattr(answer, field)
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token


Start = Callable[[Path], Awaitable[Client]]


@pytest.fixture
def start(start_registry: StartRegistry, settings: Settings) -> Start:
    async def begin(root: Path) -> Client:
        registry = await start_registry(settings.model_copy(update={"resources_dir": root}))
        return Client(registry, await registry.as_admin())

    return begin


@pytest.fixture
def tree(tmp_path: Path) -> Resources:
    resources = Resources(tmp_path / "resources")
    stack = "<versions><active>true</active><upgrade>0.9</upgrade></versions><minJdk>1.8</minJdk><maxJdk>17</maxJdk>"
    resources.stack("HDP/1", stack, HDFS="")
    resources.stack("HDP/2", "<extends>1</extends>", HDFS="<deleted>true</deleted>")
    resources.configuration("stacks/HDP/1", "cluster-env", config_property("a", "1", "<final>true</final>"))
    resources.write("stacks/HDP/1/upgrades/upgrade-2.0.xml", "<upgrade/>")
    resources.write("stacks/HDP/1/role_command_order.json", "{}")
    resources.extension("EXT/1", f"<versions><upgrade>0.5</upgrade></versions>{NEEDS}", FULL=EVERYTHING, BARE="")
    resources.configuration(FOLDER, "site", PROPERTY, 'supports_final="true"')
    resources.configuration(FOLDER, "old-site", "")
    resources.write(f"{FOLDER}/themes/theme.json", '{"name": "default"}')
    resources.write(f"{FOLDER}/quicklinks/links.json", '{"name": "links"}')
    for name in ("kerberos", "metrics", "alerts", "widgets", "role_command_order"):
        resources.write(f"{FOLDER}/{name}.json", "{}")
    resources.write(f"{FOLDER}/service_advisor.py", "")
    for name in ("package/scripts/server.py", "checks/c.py", "server_actions/a.py", "upgrades/u.xml"):
        resources.write(f"{FOLDER}/{name}", "")
    return resources


@asynccontextmanager
async def refused(*error: str) -> AsyncIterator[None]:
    with pytest.raises(GraftError) as raised:
        yield
    assert tuple(raised.value.error_info()) == error


def said(message: Any) -> Any:
    """Return what a message says, by the names of its fields."""
    return MessageToDict(message, preserving_proto_field_name=True)


async def test_a_service_carries_all_that_its_files_say(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    answer = await client.extension("EXT/1", service="FULL", view=pb.SERVICE_VIEW_FULL)
    assert answer.upgrade == "0.5"
    assert answer.extension_version.revision > 0
    (service,) = answer.services
    shown = said(service)
    folders = {name: shown.pop(f"{name}_folder") for name in ("package", "checks", "server_actions", "upgrades")}
    assert {name: item["path"] for name, item in folders.items()} == {name: f"{FOLDER}/{name}" for name in folders}
    files = ("kerberos", "metrics", "alerts", "widgets", "role_command_order")
    digests = {name: shown.pop(f"{name}_file") for name in files}
    assert {name: item["path"] for name, item in digests.items()} == {name: f"{FOLDER}/{name}.json" for name in files}
    assert shown.pop("advisor_file")["path"] == f"{FOLDER}/service_advisor.py"
    assert all(len(item["digest"]) == 64 for item in (*folders.values(), *digests.values()))
    (server, bare), properties = shown.pop("components"), shown.pop("properties")
    script = {"script": "scripts/check.py", "script_type": "PYTHON", "timeout": 300}
    assert shown == {
        "name": "FULL",
        "display_name": "Shown",
        "version": "2.1",
        "comment": "What it is.",
        "source": "extensions/EXT/1",
        "directory": FOLDER,
        "valid": True,
        "service_type": "HCFS",
        "selection": "TECH_PREVIEW",
        "maintainer": "Somebody",
        "service_advisor_type": "JAVA",
        "advisor_name": "EXT1FULLServiceAdvisor",
        "configuration_types": [{"type": "site", "supports_final": True}],
        "excluded_config_types": ["old-site"],
        "config_dependencies": ["core-site"],
        "required_services": ["HDFS", "YARN"],
        "service_check": script,
        "custom_commands": [
            {
                "name": "REBALANCE",
                "ops_display_name": "Rebalance",
                "command_script": {"script": "scripts/r.py", "script_type": "PYTHON", "timeout": 7},
                "background": True,
                "hidden": True,
            }
        ],
        "credential_store": {"supported": True, "enabled": False},
        "single_sign_on": {
            "supported": True,
            "enabled_configuration": "a/b",
            "sso_enabled_test": "{}",
            "kerberos_required": True,
        },
        "ldap": {"supported": True, "ldap_enabled_test": "[]"},
        "rolling_restart_supported": True,
        "restart_required_after_change": True,
        "restart_required_after_rack_change": False,
        "monitoring_service": True,
        "kerberos_enabled_test": '{"k": 1}',
        "service_properties": {"installable": "true", "managed": "false", "monitored": "true", "own": "v"},
        "os_specifics": [
            {
                "os_family": "redhat7,any",
                "repo": {"base_url": "http://r", "repo_id": "R", "repo_name": "r", "unique": True},
                "packages": [{"name": "p", "condition": "should_install", "skip_upgrade": True}],
            }
        ],
        "themes": ["theme.json"],
        "quick_links": ["links.json"],
        "theme_documents": [{"file_name": "theme.json", "default": True, "content": "eyJuYW1lIjogImRlZmF1bHQifQ=="}],
        "quick_link_documents": [{"file_name": "links.json", "content": "eyJuYW1lIjogImxpbmtzIn0="}],
        "package": f"{FOLDER}/package",
        "checks": f"{FOLDER}/checks",
        "server_actions": f"{FOLDER}/server_actions",
    }
    assert server == {
        "name": "SERVER",
        "display_name": "Server",
        "category": "MASTER",
        "cardinality": "1+",
        "script": "scripts/server.py",
        "command_script": {"script": "scripts/server.py", "script_type": "PYTHON", "timeout": 600},
        "custom_commands": ["CLEAN"],
        "custom_command_definitions": [{"name": "CLEAN"}],
        "dependencies": ["HDFS/HDFS_CLIENT"],
        "dependency_definitions": [
            {
                "name": "HDFS/HDFS_CLIENT",
                "service_name": "HDFS",
                "component_name": "HDFS_CLIENT",
                "scope": "host",
                "type": "exclusive",
                "auto_deploy": {},
                "conditions": [
                    {
                        "kind": "propertyValueEquals",
                        "values": {"configType": "site", "property": "p", "propertyValue": "v"},
                    }
                ],
            }
        ],
        "auto_deploy": {"enabled": True, "co_locate": "HDFS/NAMENODE"},
        "bulk_commands": {"display_name": "Servers", "master_component": "SERVER"},
        "logs": [{"log_id": "main", "primary": True}, {"log_id": "audit"}],
        "client_config_files": [{"type": "xml", "file_name": "f.xml", "dictionary_name": "d", "optional": True}],
        "clients_to_update_configs": ["CLIENT"],
        "config_dependencies": ["site"],
        "version_advertised": True,
        "decommission_allowed": "true",
        "reassign_allowed": "false",
        "unlimited_key_jce_required": "ALWAYS",
        "rolling_restart_supported": True,
        "recovery_enabled": True,
        "timeline_appid": "app",
        "custom_folder": "folder",
        "component_type": "kind",
    }
    assert bare == {"name": "CLIENT", "all_clients_update_configs": True}
    assert [item["name"] for item in properties] == ["full", "empty", "chosen"]


async def test_a_property_carries_all_that_its_file_says(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    answer = await client.extension("EXT/1", service="FULL", view=pb.SERVICE_VIEW_FULL)
    full, empty, chosen = answer.services[0].properties
    assert said(full) == {
        "type": "site",
        "file_name": "site.xml",
        "name": "full",
        "value": "1",
        "description": "What for.",
        "display_name": "Full",
        "property_types": ["PASSWORD", "USER"],
        "require_input": True,
        "on_ambari_upgrade": {"update": True, "delete": True},
        "attributes": {"final": "true"},
        "depends_on": [{"type": "other", "name": "o"}, {"name": "alone"}],
        "used_by": [{"type": "user", "name": "u"}],
        "refresh_commands": [{"component_name": "SERVER", "command": "reload"}],
        "value_attributes": {
            "type": "int",
            "maximum": "9",
            "minimum": "0",
            "unit": "MB",
            "delete": "true",
            "visible": True,
            "overridable": False,
            "copy": "c",
            "empty_value_valid": True,
            "ui_only_property": True,
            "read_only": True,
            "editable_only_at_install": True,
            "show_property_name": False,
            "increment_step": "2",
            "entries": {"entries": [{"value": "1", "label": "one", "description": "the first"}, {"value": "2"}]},
            "hidden": "HIVE",
            "entries_editable": False,
            "selection_cardinality": "1",
            "property_file_name": "f",
            "property_file_type": "text",
            "user_groups": {"properties": [{"type": "t", "name": "n"}]},
            "keystore": True,
        },
    }
    assert not empty.HasField("value")
    assert not empty.HasField("value_attributes")
    assert (empty.on_ambari_upgrade.add, empty.merge_on_stack_upgrade) == (True, True)
    assert (chosen.HasField("value"), chosen.value) == (True, "")
    assert chosen.value_attributes.HasField("entries")
    assert not chosen.value_attributes.HasField("user_groups")


async def test_a_service_is_as_full_as_it_is_asked_for(start: Start, tree: Resources) -> None:
    client = await start(tree.root)

    async def read(view: int) -> pb.Service:
        return (await client.extension("EXT/1", service="FULL", view=view)).services[0]

    names, summary = await read(pb.SERVICE_VIEW_NAMES), await read(pb.SERVICE_VIEW_SUMMARY)
    plain, full = await read(pb.SERVICE_VIEW_UNSPECIFIED), await read(pb.SERVICE_VIEW_FULL)
    assert said(names) == {"name": "FULL", "source": "extensions/EXT/1", "valid": True}
    assert [said(item) for item in plain.properties] == [
        {"type": "site", "file_name": "site.xml", "name": "full", "value": "1", "require_input": True},
        {"type": "site", "file_name": "site.xml", "name": "empty", "merge_on_stack_upgrade": True},
        {"type": "site", "file_name": "site.xml", "name": "chosen", "value": "", "merge_on_stack_upgrade": True},
    ]
    assert not any(document.content for document in (*plain.theme_documents, *plain.quick_link_documents))
    del plain.properties[:]
    assert plain == summary
    for message in (full, summary):
        message.ClearField("properties")
        message.ClearField("theme_documents")
        message.ClearField("quick_link_documents")
    assert full == summary
    assert [item.name for item in (await client.extension("EXT/1", view=pb.SERVICE_VIEW_NAMES)).services] == [
        "BARE",
        "FULL",
    ]
    async with refused("VALUE_NOT_SUPPORTED", "view", "9", "there is no such view of a service"):
        await read(9)


async def test_a_stack_version_carries_all_that_its_files_say(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    answer = await client.stack("HDP/1", view=pb.SERVICE_VIEW_NAMES, with_properties=True)
    version = said(answer.stack_version)
    assert version.pop("role_command_order_file")["path"] == "stacks/HDP/1/role_command_order.json"
    assert version == {
        "name": "HDP",
        "version": "1",
        "valid": True,
        "active": True,
        "services": ["HDFS"],
        "min_jdk": "1.8",
        "max_jdk": "17",
        "min_upgrade_version": "0.9",
        "upgrade_packs": ["upgrade-2.0"],
        "configuration_types": [{"type": "cluster-env"}],
    }
    assert [said(item) for item in answer.properties] == [
        {
            "type": "cluster-env",
            "file_name": "cluster-env.xml",
            "name": "a",
            "value": "1",
            "attributes": {"final": "true"},
            "on_ambari_upgrade": {"add": True},
            "merge_on_stack_upgrade": True,
        }
    ]
    child = await client.stack("HDP/2")
    assert not child.stack_version.HasField("min_jdk")
    assert (list(child.properties), list(child.stack_version.removed_services)) == ([], ["HDFS"])
    assert [item.type for item in child.stack_version.configuration_types] == ["cluster-env"]
    assert not child.origins
    explained = await client.stack("HDP/2", with_properties=True, with_origins=True)
    assert dict(explained.origins) == {"configurations/cluster-env/properties/a": "stacks/HDP/1"}


async def test_what_is_not_there_is_said_in_ambaris_words(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    unknown = "Stack data, Stack HDP 9 is not found in Ambari metainfo"
    async with refused("STACK_NOT_FOUND", unknown, "HDP", "9"):
        await client.stack("HDP/9")
    unknown = "Stack data, Extension EXT 9.9 is not found in Ambari metainfo"
    async with refused("EXTENSION_NOT_FOUND", unknown, "EXT", "9.9"):
        await client.extension("EXT/9.9")
    unknown = "Stack data, stackName=HDP, stackVersion=1, serviceName=NOPE"
    async with refused("SERVICE_NOT_FOUND", unknown, "HDP", "1", "NOPE"):
        await client.stack("HDP/1", service="NOPE")
    unknown = "Stack data, extensionName=EXT, extensionVersion=1, serviceName=NOPE"
    async with refused("SERVICE_NOT_FOUND", unknown, "EXT", "1", "NOPE"):
        await client.extension("EXT/1", service="NOPE")
    for link_id in (7, 0, -1, 2**63 - 1):
        unknown = f"ExtensionLink not found where ExtensionLink/link_id={link_id}."
        async with refused("LINK_NOT_FOUND", unknown, str(link_id)):
            await client("GetLink", pb.GetLinkRequest(id=link_id))


async def test_names_and_versions_are_listed(start: Start, tmp_path: Path) -> None:
    tree = Resources(tmp_path / "many")
    keys = [f"{name}/{version}" for name in ("A", "A-B", "AB", "a") for version in ("1", "1.0", "10", "2")]
    for key in keys:
        tree.extension(key)
        tree.stack(f"S{key}")
    client = await start(tree.root)
    await client("Reload", pb.ReloadRequest())
    for size in (1, 3, 1000):
        names = await client.pages("ListExtensions", pb.ListExtensionsRequest(page_size=size), "names")
        assert names == ["A", "A-B", "AB", "a"]
        names = await client.pages("ListStacks", pb.ListStacksRequest(page_size=size), "names")
        assert names == ["SA", "SA-B", "SAB", "Sa"]
        request: Any = pb.ListExtensionVersionsRequest(page_size=size)
        found = await client.pages("ListExtensionVersions", request, "extension_versions")
        assert [f"{item.name}/{item.version}" for item in found] == keys
        request = pb.ListExtensionVersionsRequest(page_size=size, name="A")
        found = await client.pages("ListExtensionVersions", request, "extension_versions")
        assert [f"{item.name}/{item.version}" for item in found] == keys[:4]
        request = pb.ListStackVersionsRequest(page_size=size, name="SAB")
        found = await client.pages("ListStackVersions", request, "stack_versions")
        assert [f"{item.name}/{item.version}" for item in found] == [f"S{key}" for key in keys[8:12]]
    for rpc, request in (
        ("ListExtensionVersions", pb.ListExtensionVersionsRequest(name="NONE")),
        ("ListStackVersions", pb.ListStackVersionsRequest(name="NONE")),
        ("ListLinks", pb.ListLinksRequest(stack_name="NONE")),
    ):
        answer = await client(rpc, request)
        assert answer == type(answer)()


async def test_links_are_filtered_and_seen_at_once(start: Start, tree: Resources) -> None:
    for version in ("2", "3"):
        tree.extension(f"EXT/{version}", NEEDS)
    tree.extension("OTHER/2", NEEDS)
    client = await start(tree.root)
    pairs = [("1", "EXT", "1"), ("2", "EXT", "2"), ("1", "EXT", "3"), ("1", "OTHER", "2")]
    made = []
    for stack_version, name, version in pairs:
        spec = pb.LinkSpec(
            stack_name="HDP", stack_version=stack_version, extension_name=name, extension_version=version
        )
        answer = await client("CreateLinks", pb.CreateLinksRequest(links=[spec]))
        made += answer.links
        listed = await client("ListLinks", pb.ListLinksRequest())
        assert list(listed.links) == made
        assert listed.links[-1].revision == answer.revision
        assert (await client("GetLink", pb.GetLinkRequest(id=made[-1].id))).link == made[-1]

    async def ids(**wanted: str) -> list[int]:
        found = await client.pages("ListLinks", pb.ListLinksRequest(page_size=1, **wanted), "links")
        return [made.index(link) for link in found]

    assert await ids(stack_name="HDP", stack_version="1") == [0, 2, 3]
    assert await ids(stack_version="2") == [1]
    assert await ids(extension_name="EXT") == [0, 1, 2]
    assert await ids(extension_version="2") == [1, 3]
    assert await ids(extension_name="OTHER", extension_version="2", stack_name="HDP") == [3]
    assert await ids(extension_name="OTHER", extension_version="1") == []
    switch = pb.UpdateLinkRequest(id=made[2].id, extension_name="EXT", extension_version="2")
    made[2] = (await client("UpdateLink", switch)).link
    assert await ids(extension_name="EXT", extension_version="2") == [1, 2]
    assert await ids(extension_name="EXT", extension_version="3") == []
    await client("DeleteLink", pb.DeleteLinkRequest(id=made[0].id))
    assert await ids(stack_version="1") == [2, 3]


async def test_revisions_are_those_of_the_last_changes(start: Start, tree: Resources) -> None:
    client = await start(tree.root)
    await client("Reload", pb.ReloadRequest())
    before = (await client("ListExtensionVersions", pb.ListExtensionVersionsRequest())).extension_versions
    tree.extension("NEW/1", NEEDS)
    reloaded = await client("Reload", pb.ReloadRequest())
    after = (await client("ListExtensionVersions", pb.ListExtensionVersionsRequest())).extension_versions
    assert [item.name for item in after] == ["EXT", "NEW"]
    assert after[0] == before[0]
    assert 0 < before[0].revision < after[1].revision <= reloaded.revision
    assert (await client.extension("NEW/1")).extension_version == after[1]


async def test_warnings_are_the_same_everywhere(start: Start, tree: Resources) -> None:
    tree.extension("EXT/2", "<stacks/>", ODD="<selection>NONE</selection>")
    tree.write("extensions/EXT/2/services/EMPTY/README", "")
    client = await start(tree.root)
    plain = (await client.extension("EXT/2")).warnings
    assert [item.file for item in plain] == ["extensions/EXT/2/services/EMPTY/metainfo.xml"]
    own = [said(item) for item in (await client.extension("EXT/2", with_warnings=True)).warnings]
    assert len(own) > len(plain)
    every = [said(item) for item in await client.pages("ListWarnings", pb.ListWarningsRequest(page_size=2), "warnings")]
    assert own == [item for item in every if item["file"].startswith("extensions/EXT/2/")]
    validated = check_tree(tree.root).warnings
    assert every == [{key: value for key, value in item.items() if value} for item in validated]


async def test_all_of_a_large_stack_can_be_read(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Resources(tmp_path / "large")
    names = [f"S{number:02}" for number in range(60)]
    tree.stack("HDP/1", "", **dict.fromkeys(names, EVERYTHING))
    for name in names:
        body = "".join(config_property(f"p{number}", "v" * 900) for number in range(50))
        tree.configuration(f"stacks/HDP/1/services/{name}", "site", body)
        tree.write(f"stacks/HDP/1/services/{name}/themes/theme.json", json.dumps({"description": "d" * 20_000}))
    client = await start(tree.root)
    whole = await client.stack("HDP/1", view=pb.SERVICE_VIEW_FULL)
    assert [service.name for service in whole.services] == names
    assert whole.ByteSize() > 3 << 20
    one = await client.stack("HDP/1", service="S07", view=pb.SERVICE_VIEW_FULL)
    assert list(one.services) == [whole.services[7]]
    monkeypatch.setattr(servicer, "MAX_SERVICES_SIZE", 1 << 20)
    async with refused(
        "ANSWER_TOO_LARGE",
        "The services of HDP 1 are more than 1 MiB; ask for them one by one, or for less of each",
    ):
        await client.stack("HDP/1", view=pb.SERVICE_VIEW_FULL)
    assert len((await client.stack("HDP/1", view=pb.SERVICE_VIEW_SUMMARY)).services) == 60
    assert list((await client.stack("HDP/1", service="S07", view=pb.SERVICE_VIEW_FULL)).services) == list(one.services)


async def test_everything_of_ambaris_own_fixtures_can_be_read(start: Start, tmp_path: Path) -> None:
    if not CONFORMANCE.is_dir():
        pytest.skip(f"the conformance data is not at {CONFORMANCE}")
    root = tmp_path / "ambari"
    shutil.copytree(CONFORMANCE, root)
    client = await start(root)
    catalog = read_catalog(root)
    for name, versions in catalog.extensions.items():
        for version, extension in versions.items():
            found = await client.extension(f"{name}/{version}", view=pb.SERVICE_VIEW_FULL, with_origins=True)
            assert [service.name for service in found.services] == sorted(extension.services)
            for service in found.services:
                defined = extension.services[service.name].definition
                assert [item.name for item in service.components] == list(defined.components)
                assert {item.type for item in service.properties} <= {item.type for item in service.configuration_types}
                assert all(json.loads(item.content) for item in service.theme_documents)
                assert all(service.origins[f"components/{item.name}"] for item in service.components)
    for name, version in catalog.stacks:
        found_stack = await client.stack(f"{name}/{version}", view=pb.SERVICE_VIEW_FULL, with_properties=True)
        assert [service.name for service in found_stack.services] == list(found_stack.stack_version.services)
    first = (await client.extension("EXT/0.1", service="OOZIE2", view=pb.SERVICE_VIEW_FULL)).services[0]
    server = next(item for item in first.components if item.name == "OOZIE2_SERVER")
    assert (server.category, server.cardinality, server.command_script.timeout) == ("MASTER", "1", 600)
    needed = {item.name: item for item in server.dependency_definitions}
    assert (needed["HDFS/HDFS_CLIENT"].scope, needed["HDFS/HDFS_CLIENT"].auto_deploy.enabled) == ("host", True)
    assert "oozie2-site.xml" in {item.file_name for item in first.properties}
