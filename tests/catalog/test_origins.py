"""Every value of a merged service tells which version it comes from."""

from __future__ import annotations

import json

from registry_service.catalog.origins import origins_of
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
