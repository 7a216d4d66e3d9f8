from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from graft_common.errors import GraftError
from links.conftest import links_itself, needs
from registry_service.links.auto_linking import auto_link
from registry_service.links.ground import Ground, LinkSpec
from registry_service.links.rules import (
    CREATION,
    Outcome,
    check_creation,
    check_removal,
    check_switch,
    explain,
    problem_of,
)
from registry_service.resources import Cluster, InstalledService, Link
from support.resources import Resources

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def spec(text: str) -> LinkSpec:
    """Read `EXT/1.0 HDP/2.4`."""
    extension, stack = text.split(" ")
    return LinkSpec(*stack.split("/"), *extension.split("/"))


def link(number: int, of: LinkSpec) -> Link:
    return Link(number, *of.stack, *of.extension, NOW)


def ground_of(tree: Resources, *linked: str, installed: dict[tuple[str, str], frozenset[str]] | None = None) -> Ground:
    clusters = [
        Cluster(number, f"c{number}", *stack, NOW, tuple(InstalledService(name, "INIT", NOW) for name in services))
        for number, (stack, services) in enumerate((installed or {}).items(), 1)
    ]
    ground = Ground.of(tree.read(), clusters={cluster.name: cluster for cluster in clusters})
    for number, text in enumerate(linked, 1):
        ground = ground.with_link(link(number, spec(text)))
    return ground


def names(text: str) -> str:
    return str(spec(text))


@pytest.mark.parametrize(
    ("linked", "wanted", "code", "text"),
    [
        (
            [],
            "/1.0 HDP/2.4",
            "LINK_INCOMPLETE",
            "Stack name, stack version, extension name and extension version should be",
        ),
        ([], "EXT/1.0  /2.4", "LINK_INCOMPLETE", ""),
        ([], "EXT/1.0 HDP/9.9", "STACK_NOT_FOUND", "Stack data, Stack HDP 9.9 is not found in Ambari metainfo"),
        ([], "EXT/9.9 HDP/2.4", "EXTENSION_NOT_FOUND", "Stack data, Extension EXT 9.9 is not found in Ambari metainfo"),
        (
            ["EXT/1.0 HDP/2.4"],
            "EXT/1.0 HDP/2.4",
            "LINK_EXISTS",
            (
                "The stack and extension are already linked, stackName=HDP, stackVersion=2.4, extensionName=EXT, "
                "extensionVersion=1.0"
            ),
        ),
        ([], "BROKEN/1.0 HDP/2.4", "EXTENSION_NOT_VALID", "Extension is not valid, " + names("BROKEN/1.0 HDP/2.4")),
        (
            [],
            "LATE/1.0 HDP/2.5",
            "STACK_NOT_SUPPORTED",
            "Stack is not supported by extension, " + names("LATE/1.0 HDP/2.5"),
        ),
        (
            [],
            "CLASH/1.0 HDP/2.5",
            "SERVICE_EXISTS",
            (
                "Existing service is included in extension, stackName=HDP, stackVersion=2.5, service=HDFS, "
                "extensionName=CLASH, extensionVersion=1.0"
            ),
        ),
        (["EXT/1.0 HDP/2.4"], "EXT/2.0 HDP/2.4", "SERVICE_EXISTS", "service=OOZIE"),
        ([], "EXT/3.0 HDP/2.10", "SERVICE_EXISTS", "service=YARN"),
        (
            ["EXT/1.0 HDP/2.4"],
            "NEEDY/1.0 HDP/2.4",
            "REQUIRED_EXTENSION_NOT_LINKED",
            (
                f"Stack has not linked required extension, {names('NEEDY/1.0 HDP/2.4')}, "
                "requiredExtensionName=EXT, requiredExtensionVersion=2.*"
            ),
        ),
        ([], "NEEDY/1.0 HDP/2.4", "REQUIRED_EXTENSION_NOT_LINKED", ""),
        (["EXT/2.0 HDP/2.4"], "NEEDY/1.0 HDP/2.5", "REQUIRED_EXTENSION_NOT_LINKED", ""),
    ],
)
def test_what_may_not_be_linked(tree: Resources, linked: Sequence[str], wanted: str, code: str, text: str) -> None:
    asked = LinkSpec(" ", "2.4", "EXT", "1.0") if "  " in wanted else spec(wanted)
    with pytest.raises(GraftError) as raised:
        check_creation(ground_of(tree, *linked), asked)
    assert raised.value.code == code
    assert text in raised.value.params[0]


@pytest.mark.parametrize(
    ("linked", "wanted"),
    [
        ([], "EXT/1.0 HDP/2.4"),
        ([], "EXT/1.0 HDP/2.10"),
        ([], "LATE/1.0 HDP/2.10"),
        (["EXT/1.0 HDP/2.4"], "EXT/1.0 HDP/2.5"),
        (["EXT/1.0 HDP/2.4"], "EXT/2.0 HDP/2.5"),
        (["EXT/1.0 HDP/2.4"], "EXT/3.0 HDP/2.4"),
        (["EXT/2.0 HDP/2.4"], "NEEDY/1.0 HDP/2.4"),
    ],
)
def test_what_may_be_linked(tree: Resources, linked: Sequence[str], wanted: str) -> None:
    ground = ground_of(tree, *linked)
    check_creation(ground, spec(wanted))
    assert {check.outcome for check in explain(ground, spec(wanted))} == {Outcome.HOLDS}


def test_an_inherited_service_of_another_extension_clashes(tree: Resources) -> None:
    tree.extension("OTHER/1.0", needs("HDP", "2.4"), OOZIE="")
    with pytest.raises(GraftError, match="SERVICE_EXISTS"):
        check_creation(ground_of(tree, "EXT/1.0 HDP/2.4"), spec("OTHER/1.0 HDP/2.5"))


def test_everything_against_a_link_is_told(tree: Resources) -> None:
    checks = {check.code: check for check in explain(ground_of(tree, "EXT/1.0 HDP/2.4"), spec("CLASH/1.0 HDP/2.4"))}
    assert list(checks) == [rule.code for rule in CREATION]
    assert [problem.split("service=")[1].split(",")[0] for problem in checks["SERVICE_EXISTS"].problems] == [
        "HDFS",
        "OOZIE",
    ]
    assert checks["STACK_NOT_SUPPORTED"].outcome is Outcome.HOLDS
    unknown = {check.code: check.outcome for check in explain(ground_of(tree), spec("EXT/1.0 NO/1"))}
    assert unknown["STACK_NOT_FOUND"] is Outcome.FAILS
    assert unknown["SERVICE_EXISTS"] is Outcome.UNKNOWN


IN_USE = {("HDP", "2.5"): frozenset({"OOZIE"}), ("HDP", "2.10"): frozenset({"PIG"})}


@pytest.mark.parametrize(
    ("linked", "name", "version", "code", "text"),
    [
        ("EXT/1.0 HDP/2.4", "", "", "LINK_INCOMPLETE", "Invalid extension name or version: null/null"),
        (
            "EXT/1.0 HDP/2.4",
            "NEEDY",
            "1.0",
            "EXTENSION_NAME_FIXED",
            "Update is not allowed to switch the extension name, only the version.  Old name/new name: EXT/NEEDY",
        ),
        ("EXT/1.0 HDP/2.4", "EXT", "9", "EXTENSION_NOT_FOUND", "Stack data, Extension EXT 9 is not found"),
        ("EXT/1.0 HDP/2.10", "EXT", "3.0", "SERVICE_EXISTS", "service=YARN"),
        (
            "EXT/1.0 HDP/2.4",
            "EXT",
            "3.0",
            "SERVICE_INSTALLED",
            "Extension service is still installed, stackName=HDP, stackVersion=2.4, service=OOZIE, extensionName=EXT",
        ),
    ],
)
def test_what_may_not_be_switched(tree: Resources, linked: str, name: str, version: str, code: str, text: str) -> None:
    with pytest.raises(GraftError) as raised:
        check_switch(ground_of(tree, linked, installed=IN_USE), 1, name, version)
    assert raised.value.code == code
    assert raised.value.params[0].startswith(text) or text in raised.value.params[0]


@pytest.mark.parametrize(("old", "new"), [("1.0", "2.0"), ("2.0", "1.0"), ("1.0", "1.0")])
def test_a_link_may_be_switched_up_and_down(tree: Resources, old: str, new: str) -> None:
    assert check_switch(ground_of(tree, f"EXT/{old} HDP/2.4", installed=IN_USE), 1, "EXT", new).id == 1


def test_what_may_not_be_removed(tree: Resources) -> None:
    with pytest.raises(GraftError, match="LINK_NOT_FOUND"):
        check_removal(ground_of(tree), 1)
    with pytest.raises(GraftError) as raised:
        check_removal(ground_of(tree, "EXT/2.0 HDP/2.4", "NEEDY/1.0 HDP/2.4"), 1)
    assert raised.value.code == "EXTENSION_REQUIRED"
    assert raised.value.params[0] == (
        f"Stack extension is required by extension, {names('EXT/2.0 HDP/2.4')}, "
        "dependentExtensionName=NEEDY, dependentExtensionVersion=1.0"
    )
    with pytest.raises(GraftError, match="SERVICE_INSTALLED"):
        check_removal(ground_of(tree, "EXT/1.0 HDP/2.4", installed=IN_USE), 1)


def test_clusters_of_other_stacks_hold_no_link(tree: Resources) -> None:
    assert check_removal(ground_of(tree, "EXT/2.0 HDP/2.4", installed={("HDP", "2.10"): frozenset({"PIG"})}), 1).id == 1
    assert (
        check_removal(ground_of(tree, "EXT/1.0 HDP/2.10", installed={("HDP", "2.4"): frozenset({"OOZIE"})}), 1).id == 1
    )


def test_links_to_what_has_vanished_can_be_removed(tree: Resources) -> None:
    ground = ground_of(tree, "GONE/1.0 HDP/2.4", "EXT/1.0 GONE/1.0", installed=IN_USE)
    assert [problem_of(ground, item) for item in ground.all_links()] == [
        "Extension GONE 1.0 is not in the resources directory",
        "Stack GONE 1.0 is not in the resources directory",
    ]
    assert [check_removal(ground, number).id for number in (1, 2)] == [1, 2]


def test_a_cluster_holds_its_links_while_its_stack_is_away(tree: Resources) -> None:
    with pytest.raises(GraftError, match="SERVICE_INSTALLED"):
        check_removal(ground_of(tree, "EXT/1.0 GONE/1.0", installed={("GONE", "1.0"): frozenset({"OOZIE"})}), 1)


def test_extensions_that_link_themselves(tree: Resources) -> None:
    for version in ("1.0", "2.0"):
        tree.extension(f"AUTO/{version}", links_itself("HDP", "2.5"), AUTO="")
    tree.extension("AUTO/3.0", needs("HDP", "2.5"), AUTO="")
    tree.extension("NOSTACK/1.0", links_itself("NONE", "1.0"))
    found = auto_link(ground_of(tree), lambda of, number: link(number, of))
    assert [str(item) for item in found.specs] == [names("AUTO/2.0 HDP/2.10"), names("AUTO/2.0 HDP/2.5")]
    assert found.refused == {}
    again = auto_link(found.ground, lambda of, number: link(number, of))
    assert again.specs == ()
    kept = auto_link(ground_of(tree, "AUTO/1.0 HDP/2.10"), lambda of, number: link(number, of))
    assert [str(item) for item in kept.specs] == [names("AUTO/2.0 HDP/2.5")]


def test_a_refusal_ends_the_search_for_that_extension_only(tree: Resources) -> None:
    tree.extension("AUTO/2.0", links_itself("HDP", "2.4"), YARN="")
    tree.extension("AUTO/1.0", links_itself("HDP", "2.4"), FINE="")
    tree.extension("BEST/1.0", links_itself("HDP", "2.10"), BEST="")
    found = auto_link(ground_of(tree), lambda of, number: link(number, of))
    assert [str(item) for item in found.specs] == [names("BEST/1.0 HDP/2.10")]
    assert "service=YARN" in found.refused["AUTO"].reason
