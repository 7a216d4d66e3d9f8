"""The state that rules look at: what is looked up, and what is shared with the state before, is what all would give."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft_common.errors import GraftError
from links.conftest import links_itself, needs
from links.test_link_rules import ground_of, link
from registry_service.links.auto_linking import Refusal, auto_link, touched_by
from registry_service.links.ground import Ground, LinkSpec, spec_of
from registry_service.links.rules import Outcome, check_creation, check_removal, explain
from support.resources import Resources

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
