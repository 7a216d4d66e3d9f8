"""Extensions that link themselves (AmbariManagementHelper.createExtensionLinks).

Ambari looks through all extensions and stacks after every change. What an extension would link depends only on itself,
on its links, and, where it is refused, on the stack version that refuses it; so only these are looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from graft_common.errors import GraftError
from registry_service.catalog.catalog import VersionKey
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.links.ground import Ground, LinkSpec
from registry_service.links.rules import check_creation, fits
from registry_service.resources import Link


@dataclass(frozen=True, slots=True)
class Refusal:
    """A link that an extension did not get, and why."""

    stack: VersionKey
    reason: str


@dataclass(frozen=True, slots=True)
class AutoLinks:
    """What was linked, the state with it, and for each extension that was refused the reason."""

    ground: Ground
    specs: tuple[LinkSpec, ...]
    refused: dict[str, Refusal]


def auto_link(
    ground: Ground, stand_in: Callable[[LinkSpec, int], Link], names: Collection[str] | None = None
) -> AutoLinks:
    """Find the links that are to be made by themselves.

    Of each extension, the newest version that links itself is linked to every stack version that it fits and that is
    linked to no version of it. The first refusal ends the search for that extension, as in Ambari.

    Args:
        ground: the state so far.
        stand_in: makes a link, for later rules to look at, of what is linked and of a number below 0.
        names: the extensions that are looked at; None for all.
    """
    specs: list[LinkSpec] = []
    refused: dict[str, Refusal] = {}
    extensions = ground.catalog.extensions
    for name in extensions if names is None else sorted(name for name in names if name in extensions):
        if not any(extension.auto_links for extension in extensions[name].values()):
            continue
        for extension in ground.catalog.extension_versions(name):
            for spec in _wanted(ground, extension):
                try:
                    check_creation(ground, spec)
                except GraftError as error:
                    refused[name] = Refusal(spec.stack, error.params[0])
                    break
                specs.append(spec)
                ground = ground.with_link(stand_in(spec, -len(specs)))
            if name in refused:
                break
    return AutoLinks(ground, tuple(specs), refused)


def touched_by(ground: Ground, links: Iterable[Link], refused: Mapping[str, Refusal]) -> set[str]:
    """Return the extensions that may want or get other links since some links have come, changed or gone."""
    links = list(links)
    stacks = set[VersionKey]().union(
        *(ground.unlinked.dependents((link.stack_name, link.stack_version)) for link in links)
    )
    tried_again = {name for name, refusal in refused.items() if refusal.stack in stacks}
    return tried_again | {link.extension_name for link in links}


def _wanted(ground: Ground, extension: ResolvedExtension) -> list[LinkSpec]:
    """Return the links that an extension version makes by itself, to the newest stack versions first."""
    if not (extension.auto_links and extension.valid):
        return []
    names = dict.fromkeys(needed.name for needed in extension.stacks)
    return [
        LinkSpec(stack.name, stack.version, extension.name, extension.version)
        for name in names
        for stack in ground.catalog.stack_versions(name)
        if fits(extension, (stack.name, stack.version))
        and extension.name not in ground.of_stack((stack.name, stack.version)).by_name
    ]
