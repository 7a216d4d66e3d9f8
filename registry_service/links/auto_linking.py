"""Extensions that link themselves (AmbariManagementHelper.createExtensionLinks)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graft_common.errors import GraftError
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.links.ground import Ground, LinkSpec
from registry_service.links.rules import check_creation, fits
from registry_service.resources import Link


@dataclass(frozen=True, slots=True)
class AutoLinks:
    """What was linked, the state with it, and for each extension that was refused the reason."""

    ground: Ground
    specs: tuple[LinkSpec, ...]
    refused: dict[str, str]


def auto_link(ground: Ground, stand_in: Callable[[LinkSpec, int], Link]) -> AutoLinks:
    """Find the links that are to be made by themselves.

    Of each extension, the newest version that links itself is linked to every stack version that it fits and that is
    linked to no version of it. The first refusal ends the search for that extension, as in Ambari.

    Args:
        ground: the state so far.
        stand_in: makes a link, for later rules to look at, of what is linked and of a number below 0.
    """
    specs: list[LinkSpec] = []
    refused: dict[str, str] = {}
    for name, versions in ground.catalog.extensions.items():
        if not any(extension.auto_links for extension in versions.values()):
            continue
        try:
            for extension in ground.catalog.extension_versions(name):
                for spec in _wanted(ground, extension):
                    check_creation(ground, spec)
                    specs.append(spec)
                    ground = ground.with_link(stand_in(spec, -len(specs)))
        except GraftError as error:
            refused[name] = error.params[0]
    return AutoLinks(ground, tuple(specs), refused)


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
        and all(linked.extension_name != extension.name for linked in ground.linked_to((stack.name, stack.version)))
    ]
