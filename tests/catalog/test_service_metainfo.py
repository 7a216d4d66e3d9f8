"""A service's files: every element, what makes it invalid, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from registry_service.catalog.definitions import (
    AutoDeploy,
    BulkCommands,
    ClientConfigFile,
    CommandScript,
    Condition,
    CredentialStore,
    CustomCommand,
    Dependency,
    Ldap,
    Log,
    OsPackage,
    OsRepository,
    OsSpecific,
    ServiceProperty,
    SingleSignOn,
)
from support.resources import Resources, component, service_file

SCRIPT = (
    "<commandScript><script>scripts/a.py</script><scriptType>PYTHON</scriptType><timeout>600</timeout></commandScript>"
)


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ("", "version", None),
        ("<version>1</version>", "version", "1"),
        ("<displayName>A b</displayName>", "display_name", "A b"),
        ("<comment>c</comment>", "comment", "c"),
        ("<serviceType>HCFS</serviceType>", "service_type", "HCFS"),
        ("<service_advisor_type>JAVA</service_advisor_type>", "service_advisor_type", "JAVA"),
        ("<service_advisor_type>PERL</service_advisor_type>", "service_advisor_type", None),
        ("<selection>MANDATORY</selection>", "selection", "MANDATORY"),
        ("<maintainer>me</maintainer>", "maintainer", "me"),
        ("<supportDeleteViaUI>false</supportDeleteViaUI>", "support_delete_via_ui", False),
        ("<supportDeleteViaUI/>", "support_delete_via_ui", None),
        (SCRIPT, "command_script", CommandScript("scripts/a.py", "PYTHON", 600)),
        ("<commandScript><timeout>x</timeout></commandScript>", "command_script", CommandScript(None, "PYTHON", 0)),
        ("<commandScript><timeout> +7 </timeout></commandScript>", "command_script", CommandScript(None, "PYTHON", 7)),
        ("<commandScript><timeout>1_0</timeout></commandScript>", "command_script", CommandScript(None, "PYTHON", 0)),
        *(
            (f"<commandScript><timeout>{number}</timeout></commandScript>", "command_script", CommandScript())
            for number in (2**31, -(2**31) - 1, 10**19, 10**30)
        ),
        (
            (
                f"<customCommands><customCommand><name>X</name>{SCRIPT}<background>true</background></customCommand>"
                "<customCommand><name>Y</name><hidden>true</hidden></customCommand></customCommands>"
            ),
            "custom_commands",
            (
                CustomCommand("X", None, CommandScript("scripts/a.py", "PYTHON", 600), background=True),
                CustomCommand("Y", hidden=True),
            ),
        ),
        ("<configuration-dependencies/>", "config_dependencies", ()),
        (
            (
                "<configuration-dependencies><config-type>a</config-type><x/><config-type>b</config-type>"
                "</configuration-dependencies>"
            ),
            "config_dependencies",
            ("a", "b"),
        ),
        ("<requiredServices><service>ZK</service></requiredServices>", "required_services", ("ZK",)),
        ("<restartRequiredAfterChange>1</restartRequiredAfterChange>", "restart_required_after_change", True),
        ("<monitoringService>true</monitoringService>", "monitoring_service", True),
        ("<rollingRestartSupported>true</rollingRestartSupported>", "rolling_restart_supported", True),
        (
            "<credential-store><supported>true</supported><enabled>false</enabled></credential-store>",
            "credential_store",
            CredentialStore(supported=True, enabled=False, required=None),
        ),
        (
            "<sso><supported>true</supported><ssoEnabledTest>t</ssoEnabledTest></sso>",
            "sso",
            SingleSignOn(supported=True, sso_enabled_test="t"),
        ),
        (
            "<ldap><supported>true</supported><ldapEnabledTest>t</ldapEnabledTest></ldap>",
            "ldap",
            Ldap(supported=True, ldap_enabled_test="t"),
        ),
        ("<kerberosEnabledTest>k</kerberosEnabledTest>", "kerberos_enabled_test", "k"),
        (
            "<properties><property><name>managed</name><value>false</value></property></properties>",
            "properties",
            (ServiceProperty("managed", "false"),),
        ),
        (
            (
                "<osSpecifics><osSpecific><osFamily>any</osFamily><repo><baseurl>u</baseurl><repoid>i</repoid></repo>"
                "<packages><package><name>p</name><condition>c</condition><skipUpgrade>true</skipUpgrade></package>"
                "</packages></osSpecific></osSpecifics>"
            ),
            "os_specifics",
            {
                "any": OsSpecific(
                    "any", OsRepository(base_url="u", repo_id="i"), (OsPackage("p", "c", skip_upgrade=True),)
                )
            },
        ),
    ],
)
def test_elements_of_a_service(tree: Resources, body: str, field: str, expected: Any) -> None:
    tree.extension("E/1", "", A=body)
    assert getattr(tree.read_service("E/1", "A").definition, field) == expected


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ("<category>MASTER</category>", "category", "MASTER"),
        ("", "cardinality", None),
        ("<cardinality>0-1</cardinality>", "cardinality", "0-1"),
        ("<versionAdvertised>true</versionAdvertised>", "version_advertised", True),
        ("<decommissionAllowed>true</decommissionAllowed>", "decommission_allowed", "true"),
        ("<recovery_enabled>true</recovery_enabled>", "recovery_enabled", True),
        ("<timelineAppid>T</timelineAppid>", "timeline_appid", "T"),
        ("<customFolder>f</customFolder>", "custom_folder", "f"),
        ("<logs><log><logId>l</logId><primary>true</primary></log></logs>", "logs", (Log("l", primary=True),)),
        ("<clientsToUpdateConfigs/>", "clients_to_update_configs", ()),
        ("", "clients_to_update_configs", None),
        (
            (
                "<configFiles><configFile><type>env</type><fileName>f.sh</fileName><dictionaryName>d</dictionaryName>"
                "<optional>true</optional></configFile></configFiles>"
            ),
            "client_config_files",
            (ClientConfigFile("env", "f.sh", "d", optional=True),),
        ),
        (
            "<bulkCommands><displayName>D</displayName><masterComponent>M</masterComponent></bulkCommands>",
            "bulk_commands",
            BulkCommands("D", "M"),
        ),
        (
            "<auto-deploy><enabled>true</enabled><co-locate>S/C</co-locate></auto-deploy>",
            "auto_deploy",
            AutoDeploy(enabled=True, co_locate="S/C"),
        ),
        (
            (
                "<dependencies><dependency><name>HDFS/CLIENT</name><scope>host</scope>"
                "<auto-deploy><enabled>true</enabled></auto-deploy>"
                '<conditions xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><condition xsi:type="propertyExists">'
                "<configType>core-site</configType><property>p</property></condition></conditions>"
                "</dependency></dependencies>"
            ),
            "dependencies",
            (
                Dependency(
                    "HDFS/CLIENT",
                    "host",
                    "inclusive",
                    AutoDeploy(enabled=True),
                    (Condition("propertyExists", {"configType": "core-site", "property": "p"}),),
                ),
            ),
        ),
    ],
)
def test_elements_of_a_component(tree: Resources, body: str, field: str, expected: Any) -> None:
    tree.extension("E/1", "", A=component("C", body))
    assert getattr(tree.read_service("E/1", "A").definition.components["C"], field) == expected


def test_a_dependency_knows_its_parts() -> None:
    dependency = Dependency("HDFS/HDFS_CLIENT")
    assert (dependency.service_name, dependency.component_name) == ("HDFS", "HDFS_CLIENT")


def test_of_repeated_wrappers_and_names_the_last_counts(tree: Resources) -> None:
    body = component("A") + component("B", "<category>MASTER</category>").replace(
        "</components>", "<component><name>B</name><category>SLAVE</category></component></components>"
    )
    tree.extension("E/1", "", S=body)
    components = tree.read_service("E/1", "S").definition.components
    assert {name: item.category for name, item in components.items()} == {"B": "SLAVE"}


def test_the_directory_is_not_the_name_and_one_file_may_hold_many(tree: Resources) -> None:
    tree.extension("E/1")
    services = "".join(f"<service><name>{name}</name></service>" for name in ("A", "B"))
    tree.write(
        "extensions/E/1/services/whatever/metainfo.xml",
        f"<metainfo><schemaVersion>1.0</schemaVersion><services>{services}<components/></services></metainfo>",
    )
    tree.write("extensions/E/1/services/whatever/package/run.py", "")
    extension = tree.read_extension("E/1")
    assert extension.valid
    packages = {name: node.definition.package for name, node in extension.services.items()}
    assert set(packages) == {"A", "B"}
    assert {package.path for package in packages.values() if package} == {"extensions/E/1/services/whatever/package"}


def test_service_properties_have_defaults(tree: Resources) -> None:
    body = "<properties><property><name>managed</name><value>false</value></property></properties>"
    tree.extension("E/1", "", A=body)
    properties = tree.read_service("E/1", "A").definition.service_properties()
    assert properties == {"installable": "true", "managed": "false", "monitored": "true"}


def two(name: str) -> str:
    return f"<property><name>{name}</name></property>" * 2


PRIMARY = "<logs>" + "".join(f"<log><logId>{n}</logId><primary>true</primary></log>" for n in "ab") + "</logs>"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (
            f"<version>1.0</version><properties>{two('X')}{two('Y')}</properties>",
            {
                "Duplicate service property with name 'X' found in SVC:1.0 service definition !",
                "Duplicate service property with name 'Y' found in SVC:1.0 service definition !",
            },
        ),
        (
            f"<properties>{two('X')}</properties>",
            {"Duplicate service property with name 'X' found in SVC:null service definition !"},
        ),
        (component("C", PRIMARY), {"More than one primary log exists for the component C"}),
        (
            "<credential-store><supported>false</supported><enabled>true</enabled></credential-store>",
            {"Credential store cannot be enabled for service SVC as it does not support it."},
        ),
        (
            "<credential-store/>",
            {
                "Credential store supported is not specified for service SVC",
                "Credential store enabled is not specified for service SVC",
            },
        ),
        (
            "<sso><supported>true</supported></sso>",
            {
                (
                    "Single Sign-on support is indicated for service SVC but no test configuration has been set"
                    " (enabledConfiguration or ssoEnabledTest)."
                )
            },
        ),
        (
            "<ldap><supported>true</supported><ldapEnabledTest> </ldapEnabledTest></ldap>",
            {"LDAP support is indicated for service SVC but no test configuration has been set by ldapEnabledTest."},
        ),
    ],
)
def test_what_makes_a_service_invalid(tree: Resources, body: str, errors: set[str]) -> None:
    tree.extension("E/1", "", SVC=body)
    tree.extension("E/2", "", OTHER="")
    extension = tree.read_extension("E/1")
    assert set(extension.errors) == errors
    assert not extension.valid
    assert tree.read_extension("E/2").valid


def test_a_folder_without_metainfo_is_passed_over_with_a_warning(tree: Resources) -> None:
    directory = tree.extension("E/1", "", A="")
    (directory / "services/EMPTY").mkdir()
    extension = tree.read_extension("E/1")
    assert extension.valid
    path = directory / "services/EMPTY/metainfo.xml"
    assert [finding.text for finding in extension.warnings] == [
        f"Stack Definition Service at '{path}' doesn't contain a metainfo.xml file"
    ]


@pytest.mark.parametrize("content", ["<metainfo>", "<x/>", "", '<metainfo xmlns="u"><services/></metainfo>'])
def test_a_broken_file_makes_the_version_invalid(tree: Resources, content: str) -> None:
    directory = tree.extension("E/1", "", GOOD="<version>1</version>")
    path = tree.write("extensions/E/1/services/BAD/metainfo.xml", content)
    extension = tree.read_extension("E/1")
    assert f"Unable to parse service metainfo.xml file '{path}' " in extension.errors
    assert extension.services["GOOD"].definition.version == "1"
    assert directory.exists()


def test_without_services_the_version_is_invalid(tree: Resources) -> None:
    tree.extension("EXT/1.0")
    tree.write("extensions/EXT/1.0/services/A/metainfo.xml", "<metainfo><service><name>A</name></service></metainfo>")
    tree.stack("HDP/1.0")
    assert tree.read_extension("EXT/1.0").errors == (
        "Exception caught while populating services for extension: EXT-1.0",
    )


def test_files_and_folders_beside_metainfo(tree: Resources) -> None:
    tree.extension("My-Ext/1.0", "", SVC="<metricsFileName>m.json</metricsFileName>")
    folder = "extensions/My-Ext/1.0/services/SVC"
    for name in ("m.json", "widgets.json", "alerts.json", "kerberos.json", "service_advisor.py"):
        tree.write(f"{folder}/{name}", "{}")
    tree.write(f"{folder}/role_command_order.json", '{"a": []}')
    tree.write(f"{folder}/package/scripts/a.py", "a")
    tree.write(f"{folder}/checks/c.jar", "c")
    (tree.root / folder / "upgrades").mkdir()
    service = tree.read_service("My-Ext/1.0", "SVC").definition
    for field, name in [
        ("metrics", "m.json"),
        ("widgets", "widgets.json"),
        ("alerts", "alerts.json"),
        ("kerberos", "kerberos.json"),
        ("role_command_order", "role_command_order.json"),
        ("advisor", "service_advisor.py"),
        ("package", "package"),
        ("checks", "checks"),
    ]:
        found = getattr(service, field)
        assert found.path == f"{folder}/{name}"
        assert len(found.digest) == 64
    assert service.advisor_name == "MyExt10SVCServiceAdvisor"
    assert service.upgrades is None
    assert service.server_actions is None
    assert service.directory == folder


def test_a_folder_is_known_by_names_contents_and_what_may_be_executed(tree: Resources) -> None:
    tree.extension("E/1", "", A="")
    script = tree.write("extensions/E/1/services/A/package/run", "one")

    def digest() -> str:
        package = tree.read_service("E/1", "A").definition.package
        assert package is not None
        return package.digest

    seen = [digest()]
    script.chmod(0o755)
    seen.append(digest())
    script.write_text("two")
    seen.append(digest())
    script.rename(script.with_name("go"))
    seen.append(digest())
    (script.parent / "link").symlink_to("nowhere")
    seen.append(digest())
    assert len(set(seen)) == len(seen)
    (script.parent / "link").unlink()
    assert digest() == seen[-2]


@pytest.mark.parametrize("content", ["{", "[]", "", "\x00"])
def test_a_broken_role_command_order_is_left_out_with_a_warning(tree: Resources, content: str) -> None:
    tree.extension("E/1", "", A="")
    tree.write("extensions/E/1/services/A/role_command_order.json", content)
    extension = tree.read_extension("E/1")
    assert extension.valid
    assert extension.services["A"].definition.role_command_order is None
    assert [finding.file for finding in extension.warnings] == ["extensions/E/1/services/A/role_command_order.json"]


@pytest.mark.parametrize("path", ["../other", "/etc", "a/../../b"])
def test_paths_do_not_lead_out_of_the_service(tree: Resources, path: str) -> None:
    body = (
        f"<configuration-dir>{path}</configuration-dir><metricsFileName>{path}/m.json</metricsFileName>"
        f"<themes><theme><fileName>../{path}/t.json</fileName></theme></themes>"
    )
    tree.extension("E/1", "", A=body)
    tree.write("extensions/E/1/services/other/site.xml", "<configuration/>")
    tree.write("extensions/E/1/services/other/m.json", "{}")
    extension = tree.read_extension("E/1")
    assert extension.valid
    service = extension.services["A"].definition
    assert (service.configurations, service.metrics, service.themes) == ({}, None, {})
    assert sum("leads out of the service's folder" in finding.text for finding in extension.warnings) >= 2


def test_a_service_without_a_name_is_left_out(tree: Resources) -> None:
    tree.extension("E/1")
    tree.write("extensions/E/1/services/A/metainfo.xml", service_file("", ""))
    extension = tree.read_extension("E/1")
    assert (extension.valid, dict(extension.services)) == (True, {})
    assert "without a <name>" in extension.warnings[0].text
