"""What operations on packs mean for links and clusters: what is switched, and what must not be broken."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from graft_common.errors import GraftError
from graft_common.versions import newest_first
from registry_service.catalog.catalog import VersionKey
from registry_service.links.ground import Ground, spec_of
from registry_service.links.rules import check_creation, check_switch, fits, problem_of
from registry_service.mpacks.errors import refused
from registry_service.resources import Link

_REQUIREMENT = "REQUIRED_EXTENSION_NOT_LINKED"


def users(ground: Ground, extensions: Collection[VersionKey], stacks: Collection[VersionKey]) -> list[str]:
    """Return what uses extension versions or stack versions that are to go."""
    found = []
    for link in sorted(ground.all_links(), key=lambda link: link.id):
        spec = spec_of(link)
        if spec.extension in extensions or spec.stack in stacks:
            found.append(f"link {link.id} needs it ({spec}); remove the link first")
    on_them = (cluster for cluster in ground.clusters.values() if cluster.stack in stacks)
    return found + [f"cluster {cluster.name} is on stack {' '.join(cluster.stack)}" for cluster in on_them]


def settle_removal(text: str, leaving: Collection[VersionKey], before: Ground, after: Ground) -> Sequence[Link]:
    """Refuse to break anything; `leaving` are extension versions that go. Returns no links.

    Raises:
        GraftError: MPACK_IN_USE.
    """
    gone = {key for key in leaving if after.catalog.extension(*key) is None}
    reasons = list(dict.fromkeys([*users(before, gone, ()), *_losses(before, after, gone)]))
    if reasons:
        raise refused("MPACK_IN_USE", text, reasons)
    return ()


def settle_upgrade(
    text: str, old: Collection[VersionKey], new: Collection[VersionKey], before: Ground, after: Ground
) -> Sequence[Link]:
    """Switch every link to an old extension version that is gone to the newest of the new that fits its stack.

    Each switch follows the rules of links (`rules.check_switch`), in an order in which all of them hold. A link to a
    version that is still there stays as it is.

    Args:
        text: what a refusal begins with.
        old: extension versions of the older packs.
        new: those of the new one.
        before: the state with the old ones.
        after: the state on disk with the new ones.

    Returns:
        The links as they are to become.

    Raises:
        GraftError: MPACK_IN_USE.
    """
    gone = {key for key in old if after.catalog.extension(*key) is None}
    # The old versions stand in for themselves until no link needs them any more.
    standing = {key: extension for key in gone if (extension := before.effective(key)) is not None}
    in_force = {**after.in_force, **standing}
    ground = Ground.of(after.catalog, before.all_links(), in_force, after.clusters, after.lost)
    waiting, reasons = [], []
    for link in sorted(before.all_links(), key=lambda link: link.id):
        if spec_of(link).extension in gone:
            version = _successor(ground, link, new)
            if version is None:
                reasons.append(f"link {link.id} ({spec_of(link)}) fits none of the versions that the pack brings")
            else:
                waiting.append((link, version))
    if reasons:
        raise refused("MPACK_IN_USE", text, reasons)
    ground, switched = _switch_all(text, ground, waiting)
    final = Ground.of(after.catalog, ground.all_links(), after.in_force, after.clusters, after.lost)
    reasons = _losses(before, final, ()) + _lost_requirements(before, final, switched)
    if reasons:
        raise refused("MPACK_IN_USE", text, reasons)
    return switched


def _successor(ground: Ground, link: Link, new: Collection[VersionKey]) -> str | None:
    stack = spec_of(link).stack
    for version in newest_first([version for name, version in new if name == link.extension_name]):
        extension = ground.catalog.extension(link.extension_name, version)
        if extension is not None and fits(extension, stack):
            return version
    return None


def _switch_all(text: str, ground: Ground, waiting: list[tuple[Link, str]]) -> tuple[Ground, list[Link]]:
    """Switch links in rounds, as one may need another to be switched before it."""
    switched: list[Link] = []
    while waiting:
        later, reasons = [], []
        for link, version in waiting:
            try:
                check_switch(ground, link.id, link.extension_name, version)
            except GraftError as error:
                later.append((link, version))
                reasons.append(f"link {link.id} cannot be switched to {version}: {error.params[0]}")
                continue
            moved = replace(link, extension_version=version, problem="")
            ground = ground.with_link(moved)
            switched.append(moved)
        if len(later) == len(waiting):
            raise refused("MPACK_IN_USE", text, reasons)
        waiting = later
    return ground, switched


def _losses(before: Ground, after: Ground, told: Collection[VersionKey]) -> list[str]:
    """Return what worked before and does not after, but for links to extension versions that were told of."""
    found = []
    earlier = {link.id: link for link in before.all_links()}
    for link in sorted(after.all_links(), key=lambda link: link.id):
        known = earlier.get(link.id)
        if known is None or spec_of(known).extension in told or problem_of(before, known):
            continue
        problem = problem_of(after, link)
        if problem:
            found.append(f"link {link.id} ({spec_of(link)}) would have no effect: {problem}")
    for cluster in after.clusters.values():
        if cluster.stack in before.catalog.stacks and cluster.stack not in after.catalog.stacks:
            found.append(f"cluster {cluster.name} is on stack {' '.join(cluster.stack)}")
        else:
            found += _lost_services(before, after, cluster.stack, {service.name for service in cluster.services})
    return found


def _lost_services(before: Ground, after: Ground, stack: VersionKey, installed: set[str]) -> Iterator[str]:
    had, has = before.views.get(*stack), after.views.get(*stack)
    if had is None or has is None:
        return
    for service in sorted((installed & had.services.keys()) - has.services.keys()):
        yield f"service {service} is still installed on stack {' '.join(stack)}"


def _lost_requirements(before: Ground, after: Ground, switched: Sequence[Link]) -> list[str]:
    """Return the links that require a version of an extension that was switched to another."""
    found = []
    for stack in sorted({spec_of(link).stack for link in switched}):
        for link in after.of_stack(stack).by_version.values():
            known = before.find(link.id)
            if known is None or _requirement_problem(before, known):
                continue
            problem = _requirement_problem(after, link)
            if problem:
                found.append(f"link {link.id}: {problem}")
    return found


def _requirement_problem(ground: Ground, link: Link) -> str:
    try:
        check_creation(ground.without_link(link), spec_of(link))
    except GraftError as error:
        return error.params[0] if error.code == _REQUIREMENT else ""
    return ""
