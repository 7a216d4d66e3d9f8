"""Every value of a merged service tells which version it comes from."""

from __future__ import annotations

import json

from registry_service.catalog.origins import origins_of, origins_of_properties
from registry_service.catalog.stack_views import StackViews
from support.resources import Resources, component, config_property

E1, E2, E3 = (f"extensions/E/{number}" for number in "123")


def test_values_come_from_the_nearest_version_that_says_them(tree: Resources) -> None:
    tree.common("BASE/1", "<comment>base</comment><displayName>D</displayName>")
    tree.extension(
        "E/1",
        "",
        S="<extends>common-services/BASE/1</extends><maintainer>m</maintainer>"
        + component(
            "C",
            "<category>MASTER</category><recovery_enabled>true</recovery_enabled><logs><log><logId>l</logId></log></logs>",
        ),
    )
    tree.extension(
        "E/2",
        "<extends>1</extends>",
        S="<maintainer>m</maintainer><comment>two</comment>"
        + component("C", "<cardinality>1</cardinality><recovery_enabled>true</recovery_enabled>"),
    )
    tree.extension("E/3", "<extends>2</extends>", S="<version>3</version>")
    tree.configuration(
        "extensions/E/1/services/S",
        "site",
        config_property("a", "1") + config_property("b", "1"),
        "supports_final='true'",
    )
    tree.configuration("extensions/E/3/services/S", "site", config_property("b", "3"))
    tree.write("extensions/E/1/services/S/package/run.py", "")
    origins = origins_of(tree.read_service("E/3", "S"))
    assert origins == {
        "version": E3,
        "comment": E2,
        "maintainer": E2,
        "display_name": "common-services/BASE/1",
        "package": E1,
        "components/C": E2,
        "components/C/category": E1,
        "components/C/cardinality": E2,
        "components/C/recovery_enabled": E1,
        "components/C/logs/l": E1,
        "configurations/site/supports/final": E1,
        "configurations/site/properties/a": E1,
        "configurations/site/properties/b": E3,
    }


def test_joined_lists_are_told_item_by_item(tree: Resources) -> None:
    commands = "<customCommands>{}</customCommands>"
    command = "<customCommand><name>{}</name></customCommand>"
    types = "<configuration-dependencies><config-type>{}</config-type></configuration-dependencies>"
    tree.extension("E/1", "", S=commands.format(command.format("A") + command.format("B")) + types.format("x"))
    tree.extension("E/2", "<extends>1</extends>", S=commands.format(command.format("B")) + types.format("y"))
    assert origins_of(tree.read_service("E/2", "S")) == {
        "custom_commands/A": E1,
        "custom_commands/B": E2,
        "config_dependencies/x": E1,
        "config_dependencies/y": E2,
    }


def test_a_theme_merged_within_itself_is_the_childs(tree: Resources) -> None:
    declared = "<themes><theme><fileName>t.json</fileName></theme><theme><fileName>u.json</fileName></theme></themes>"
    tree.extension("E/1", "", S=declared)
    tree.extension("E/2", "<extends>1</extends>", S=declared.replace("<theme><fileName>u.json</fileName></theme>", ""))
    for version, name in (("1", "t"), ("1", "u"), ("2", "t")):
        tree.write(f"extensions/E/{version}/services/S/themes/{name}.json", json.dumps({f"k{version}": 1}))
    assert origins_of(tree.read_service("E/2", "S")) == {"themes/t.json": E2, "themes/u.json": E1}


def test_a_linked_service_tells_its_extension(tree: Resources) -> None:
    tree.stack("HDP/1", "", S="<displayName>D</displayName>")
    tree.stack("HDP/2", "<extends>1</extends>")
    tree.extension("E/1", "", S="<version>1</version>")
    view = StackViews(tree.read(), {("HDP", "2"): [("E", "1")]}).get("HDP", "2")
    assert view is not None
    assert origins_of(view.services["S"]) == {"version": E1, "display_name": "stacks/HDP/1"}


def test_everything_that_can_be_said_has_an_origin(tree: Resources) -> None:
    script = "<commandScript><script>s.py</script></commandScript>"
    command = f"<customCommands><customCommand><name>RUN</name>{script}</customCommand></customCommands>"
    needed = "<dependencies><dependency><name>HDFS/CLIENT</name><scope>host</scope></dependency></dependencies>"
    types = "<configuration-dependencies><config-type>site</config-type></configuration-dependencies>"
    parent = (
        script
        + command
        + types
        + "<displayName>D</displayName><serviceType>T</serviceType><selection>DEPRECATED</selection>"
        "<service_advisor_type>JAVA</service_advisor_type><supportDeleteViaUI>false</supportDeleteViaUI>"
        "<restartRequiredAfterChange>false</restartRequiredAfterChange><monitoringService>false</monitoringService>"
        "<credential-store><supported>true</supported><enabled>true</enabled></credential-store><sso><supported>false</supported><kerberosRequired>true</kerberosRequired></sso>"
        "<requiredServices><service>HDFS</service></requiredServices>"
        "<properties><property><name>managed</name><value>false</value></property></properties>"
        "<osSpecifics><osSpecific><osFamily>any</osFamily></osSpecific></osSpecifics>"
        "<themes><theme><fileName>t.json</fileName></theme></themes>"
        "<quickLinksConfigurations><quickLinksConfiguration><fileName>q.json</fileName></quickLinksConfiguration>"
        "</quickLinksConfigurations>"
        + component(
            "C",
            script
            + command
            + needed
            + types
            + "<versionAdvertised>false</versionAdvertised><clientsToUpdateConfigs/>"
            + "<autoDeploy/><bulkCommands><displayName>B</displayName></bulkCommands>"
            + "<auto-deploy><enabled>true</enabled></auto-deploy><logs><log><logId>l</logId></log></logs>"
            + "<configFiles><configFile><fileName>f</fileName></configFile></configFiles>",
        )
    )
    tree.extension("E/1", "", S=parent)
    tree.extension("E/2", "<extends>1</extends>", S="<version>2</version>")
    folder = "extensions/E/1/services/S"
    attributes = "<value-attributes><type>int</type></value-attributes>"
    tree.configuration(folder, "site", config_property("a", "1", attributes))
    tree.write(f"{folder}/themes/t.json", "{}")
    tree.write(f"{folder}/quicklinks/q.json", "{}")
    for name in ("kerberos.json", "metrics.json", "alerts.json", "widgets.json", "service_advisor.py"):
        tree.write(f"{folder}/{name}", "")
    tree.write(f"{folder}/role_command_order.json", "{}")
    for name in ("package", "checks", "server_actions", "upgrades"):
        tree.write(f"{folder}/{name}/f", "")
    origins = origins_of(tree.read_service("E/2", "S"))
    assert origins.pop("version") == E2
    assert set(origins.values()) == {E1}
    parts = {
        "command_script",
        "custom_commands/RUN",
        "config_dependencies/site",
        "auto_deploy",
        "bulk_commands",
        "dependencies/HDFS/CLIENT",
        "clients_to_update_configs",
        "client_config_files",
        "version_advertised",
        "logs/l",
    }
    own_parts = {path.removeprefix("components/C/") for path in origins if path.startswith("components/C/")}
    assert own_parts == parts - {"config_dependencies/site"} | {"config_dependencies"}
    assert {path for path in origins if not path.startswith("components/C/")} == {
        *("command_script", "custom_commands/RUN", "config_dependencies/site", "display_name", "service_type"),
        *("selection", "service_advisor_type", "support_delete_via_ui", "restart_required_after_change"),
        *("monitoring_service", "credential_store", "sso", "required_services", "properties/managed", "os_specifics"),
        *("themes/t.json", "quick_links/q.json", "components/C", "configurations/site/properties/a"),
        *("kerberos", "metrics", "alerts", "widgets", "role_command_order", "advisor", "advisor_name"),
        *("package", "checks", "server_actions", "upgrades"),
    }


def test_a_stacks_own_configuration_tells_its_versions(tree: Resources) -> None:
    tree.stack("HDP/1")
    tree.stack("HDP/2", "<extends>1</extends>")
    tree.stack("HDP/3", "<extends>2</extends>")
    tree.configuration("stacks/HDP/1", "env", "".join(config_property(name, "1") for name in "abc"))
    tree.configuration("stacks/HDP/2", "env", config_property("b", "2"), "supports_final='true'")
    tree.configuration(
        "stacks/HDP/3", "env", config_property("c", "3") + "<property><name>a</name><deleted>true</deleted></property>"
    )
    catalog = tree.read()
    view = StackViews(catalog, {}).get("HDP", "3")
    assert view is not None
    assert origins_of_properties(view, catalog) == {
        "configurations/env/supports/final": "stacks/HDP/2",
        "configurations/env/properties/b": "stacks/HDP/2",
        "configurations/env/properties/c": "stacks/HDP/3",
    }
