from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.errors import GraftError
from links.conftest import links_itself, needs
from registry_service.links.auto_linking import Refusal, auto_link, touched_by
from registry_service.links.ground import Ground, LinkSpec, spec_of
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


ALL_SPECS = [
    LinkSpec("HDP", stack, name, version)
    for stack in ("2.4", "2.5", "2.10")
    for name, version in (("EXT", "1.0"), ("EXT", "2.0"), ("EXT", "3.0"), ("CLASH", "1.0"), ("NEEDY", "1.0"))
]


@pytest.fixture(scope="module")
def catalog_ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    resources = Resources(tmp_path_factory.mktemp("tree") / "resources")
    resources.stack("HDP/2.4", HDFS="")
    resources.stack("HDP/2.5", "<extends>2.4</extends>")
    resources.stack("HDP/2.10", YARN="")
    resources.extension("EXT/1.0", needs("HDP", "2.4"), OOZIE="")
    resources.extension("EXT/2.0", needs("HDP", "2.4"), OOZIE="", PIG="")
    resources.extension("EXT/3.0", needs("HDP", "2.4"), YARN="")
    resources.extension("CLASH/1.0", needs("HDP", "2.4"), PIG="")
    resources.extension("NEEDY/1.0", needs("HDP", "2.4", "EXT", "2.*"), NEEDY="")
    return Ground.of(resources.read())


@given(wanted=st.lists(st.sampled_from(ALL_SPECS), max_size=12), removed=st.lists(st.integers(1, 12), max_size=6))
def test_whatever_is_done_a_changed_state_is_as_one_made_anew(
    catalog_ground: Ground, wanted: list[LinkSpec], removed: list[int]
) -> None:
    ground = catalog_ground
    for number, of in enumerate(wanted, 1):
        allowed = all(check.outcome is Outcome.HOLDS for check in explain(ground, of))
        try:
            check_creation(ground, of)
        except GraftError:
            assert not allowed
            continue
        assert allowed
        ground = ground.with_link(link(number, of))
    for number in removed:
        try:
            ground = ground.without_link(check_removal(ground, number))
        except GraftError:
            continue
    anew = Ground.of(ground.catalog, ground.all_links())
    for key in ground.catalog.stacks:
        views = [view for state in (ground, anew) if (view := state.views.get(*key)) is not None]
        assert set(views[0].services) == set(views[1].services)
        # No two extensions of one stack version ever bring the same service.
        brought = [name for item in views[0].extensions for name in item.services]
        assert len(brought) == len(set(brought))
    assert ground.index == anew.index
    linked = {spec_of(item) for item in ground.all_links()}
    assert len(linked) == len(list(ground.all_links()))
    needy = {of.stack for of in linked if of.extension_name == "NEEDY"}
    assert all(LinkSpec(*stack, "EXT", "2.0") in linked for stack in needy)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Stacks that inherit, delete, go in circles and take services from others, and extensions that link themselves."""
    resources = Resources(tmp_path_factory.mktemp("family") / "resources")
    resources.stack("HDP/1.0", HDFS="", PIG="")
    resources.stack("HDP/2.0", "<extends>1.0</extends>", PIG="<deleted>true</deleted>", HIVE="")
    resources.stack("HDP/3.0", "<extends>2.0</extends>")
    resources.stack("HDP/4.0", "<extends>3.0</extends>", PIG="")
    resources.stack("HDP/5.0", "<extends>6.0</extends>", ROUND="")
    resources.stack("HDP/6.0", "<extends>5.0</extends>")
    resources.stack("HDP/7.0", "<extends>6.0</extends>")
    resources.stack("HDP/8.0", "<extends>none</extends>", HDFS="<extends>HDP/1.0/HDFS</extends>")
    resources.extension("A/1.0", needs("HDP", "1.0"), ROUND="", OWN="")
    resources.extension("A/2.0", needs("HDP", "1.0"), HIVE="")
    resources.extension("B/1.0", needs("HDP", "2.0"), PIG="")
    resources.extension("C/1.0", links_itself("HDP", "2.0"), OWN="")
    resources.extension("D/1.0", links_itself("HDP", "3.0").replace("</prerequisites>", REQUIRES_B), D="")
    resources.extension("E/1.0", links_itself("HDP", "4.0"), ROUND="")
    resources.extension("F/1.0", needs("HDP", "1.0", "D", "1.0"), F="")
    return Ground.of(resources.read())


REQUIRES_B = (
    "<min-extension-versions><extension><name>B</name><version>1.0</version></extension></min-extension-versions>"
    "</prerequisites>"
)
FAMILY_SPECS = [
    LinkSpec("HDP", f"{stack}.0", name, version)
    for stack in range(1, 9)
    for name, version in (("A", "1.0"), ("A", "2.0"), ("B", "1.0"), ("C", "1.0"), ("D", "1.0"), ("F", "1.0"))
]
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 10), st.sampled_from(FAMILY_SPECS)), min_size=1, max_size=15)


@given(steps=STEPS)
def test_what_is_looked_up_is_what_would_be_found_by_looking_through_everything(
    family: Ground, steps: list[tuple[bool, int, LinkSpec]]
) -> None:
    ground, number = family, 0
    refused: dict[str, Refusal] = {}
    due: set[str] | None = None
    for creates, nth, of in steps:
        before = sorted(item.id for item in ground.all_links())
        number += 1
        try:
            if creates or not before:
                check_creation(ground, of)
                touched = link(number, of)
                ground = ground.with_link(touched)
            else:
                touched = check_removal(ground, before[nth % len(before)])
                ground = ground.without_link(touched)
        except GraftError:
            continue
        looked_at = None if due is None else due | touched_by(ground, [touched], refused)
        found = auto_link(ground, lambda of, number: link(number, of), looked_at)
        everywhere = auto_link(ground, lambda of, number: link(number, of))
        assert found.specs == everywhere.specs
        refused = {name: why for name, why in refused.items() if looked_at is not None and name not in looked_at}
        refused |= found.refused
        assert refused == everywhere.refused
        made = [link(number + nth, of) for nth, of in enumerate(found.specs, 1)]
        number += len(made)
        for item in made:
            ground = ground.with_link(item)
        due = touched_by(ground, made, refused)

        anew = Ground.of(ground.catalog, ground.all_links())
        assert ground.index == anew.index
        for stack in ground.catalog.stacks:
            views = [state.views.get(*stack) for state in (ground, anew)]
            services = [set(view.services) for view in views if view is not None]
            assert services[0] == services[1]
            had = {
                service
                for service in ("HDFS", "PIG", "HIVE", "ROUND", "OWN", "D", "F")
                if ground.has_service(stack, service)
            }
            assert had == services[0], stack


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.extension("EXT/2.0", needs("HDP", "2.4"), OOZIE="<version>9</version>"),
        lambda tree: tree.extension("EXT/2.0", "<extends>none</extends>", OOZIE=""),
        lambda tree: shutil.rmtree(tree.root / "extensions/EXT"),
        lambda tree: tree.stack("HDP/2.4", HIVE="", OOZIE="<comment>own</comment>"),
        lambda tree: tree.stack("HDP/2.6", "<extends>2.5</extends>"),
        lambda tree: shutil.rmtree(tree.root / "stacks/HDP/2.4"),
        lambda tree: tree.common("SHARED/1.0", "<comment>other</comment>"),
        lambda tree: tree.extension("FAR/1.0", "<extends>none</extends>", FAR=""),
    ],
)
def test_a_state_on_another_catalog_is_as_one_made_anew(tree: Resources, change: Callable[[Resources], object]) -> None:
    tree.common("SHARED/1.0", "<comment>one</comment>")
    tree.extension("USER/1.0", needs("HDP", "2.4"), SHARED="<extends>common-services/SHARED/1.0</extends>")
    tree.extension("FAR/1.0", needs("HDP", "2.4"), FAR="")
    tree.stack("OTHER/1.0", FAR="<extends>extensions/FAR/1.0/FAR</extends>")
    links = ("EXT/2.0 HDP/2.4", "EXT/1.0 HDP/2.10", "USER/1.0 HDP/2.10", "NEEDY/1.0 HDP/2.4")
    before = ground_of(tree, *links)
    shown(before)
    change(tree)
    catalog = tree.read(before.catalog)
    told = [item for key in catalog.changed(before.catalog) for item in before.of_extension(key)]
    ground = before.on(catalog, {}, {}, told)
    anew = Ground.of(catalog, ground.all_links())
    assert ground.index == anew.index
    assert shown(ground) == shown(anew)


def shown(ground: Ground) -> object:
    views = [view for key in ground.catalog.stacks if (view := ground.views.get(*key)) is not None]
    return [
        (view.name, view.version, view.errors, {name: node.definition for name, node in view.services.items()})
        for view in views
    ]
