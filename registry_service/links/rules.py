"""What may be linked, switched and removed: the rules, their order and their texts.

They are Ambari's (ExtensionHelper.java, AmbariManagementHelper.java), but for these: an invalid version cannot be
linked, a required extension must be linked, a switch may not drop an installed service, only clusters on the stack
version or its children hold a link, and a link to what has vanished can be removed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from graft_common.errors import GraftError
from graft_common.versions import version_key
from registry_service.catalog.catalog import VersionKey
from registry_service.catalog.definitions import Prerequisite
from registry_service.catalog.resolved import ResolvedExtension
from registry_service.links.ground import Ground, LinkSpec, spec_of
from registry_service.resources import Link

MAX_NAME = 255
_MAX_ERRORS = 10


class Outcome(Enum):
    """Whether a rule holds; UNKNOWN where a rule before it fails, without which it cannot be looked at."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule, and what is against it."""

    code: str
    rule: str
    outcome: Outcome
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of creation: `problems` yields what is against it; with `needs_both` stack and extension must exist."""

    code: str
    statement: str
    problems: Callable[[Ground, LinkSpec, Collection[str]], Iterator[str]]
    needs_both: bool = True


def check_creation(ground: Ground, spec: LinkSpec, had: Collection[str] = ()) -> None:
    """Raise the first problem of a link that is to be made.

    Args:
        ground: the state without the link.
        spec: what it links.
        had: services that the link brought before, where it is switched; they clash with nothing new.

    Raises:
        GraftError: one of the codes of `CREATION`, with Ambari's text.
    """
    for rule in CREATION:
        for problem in rule.problems(ground, spec, had):
            raise GraftError(rule.code, problem)


def explain(ground: Ground, spec: LinkSpec) -> list[Check]:
    """Tell for every rule of creation whether it holds."""
    both = spec.stack in ground.catalog.stacks and ground.catalog.extension(*spec.extension) is not None
    checks = []
    for rule in CREATION:
        if rule.needs_both and not both:
            checks.append(Check(rule.code, rule.statement, Outcome.UNKNOWN))
            continue
        problems = tuple(rule.problems(ground, spec, ()))
        checks.append(Check(rule.code, rule.statement, Outcome.FAILS if problems else Outcome.HOLDS, problems))
    return checks


def check_switch(ground: Ground, link_id: int, name: str, version: str) -> Link:
    """Return the link, which may be switched to the version.

    Raises:
        GraftError: LINK_NOT_FOUND, LINK_INCOMPLETE, EXTENSION_NAME_FIXED, SERVICE_INSTALLED, or a code of `CREATION`.
    """
    link = _existing(ground, link_id)
    if not (name.strip() and version.strip()):
        raise GraftError("LINK_INCOMPLETE", f"Invalid extension name or version: {name or 'null'}/{version or 'null'}")
    old = spec_of(link)
    if name != old.extension_name:
        # Two blanks, as in Ambari.
        raise GraftError(
            "EXTENSION_NAME_FIXED",
            "Update is not allowed to switch the extension name, only the version.  "
            f"Old name/new name: {old.extension_name}/{name}",
        )
    if version == old.extension_version:
        return link
    had = _services(ground.effective(old.extension))
    check_creation(ground.without_link(link), LinkSpec(*old.stack, name, version), had)
    _refuse_installed(ground, old, had - _services(ground.catalog.extension(name, version)))
    return link


def check_removal(ground: Ground, link_id: int) -> Link:
    """Return the link, which may be removed.

    Raises:
        GraftError: LINK_NOT_FOUND, EXTENSION_REQUIRED, SERVICE_INSTALLED.
    """
    link = _existing(ground, link_id)
    spec = spec_of(link)
    extension = ground.effective(spec.extension)
    if extension is None:
        return link
    for _, other in sorted(ground.of_stack(spec.stack).by_need.get(spec.extension_name, {}).items()):
        if other.id != link.id:
            raise GraftError(
                "EXTENSION_REQUIRED",
                f"Stack extension is required by extension, {spec}, "
                f"dependentExtensionName={other.extension_name}, dependentExtensionVersion={other.extension_version}",
            )
    _refuse_installed(ground, spec, extension.services)
    return link


def fits(extension: ResolvedExtension, stack: VersionKey) -> bool:
    """Tell whether one of the stacks that an extension names is this one, of that version or a later one."""
    return any(needed.name == stack[0] and _reaches(stack[1], needed.version) for needed in extension.stacks)


def problem_of(ground: Ground, link: Link) -> str:
    """Say why a link has no effect, or not the effect that the files would have; empty when all is well."""
    spec = spec_of(link)
    on_disk = ground.catalog.extension(*spec.extension)
    if on_disk is None:
        return f"Extension {spec.extension_name} {spec.extension_version} is not in the resources directory"
    if spec.stack not in ground.catalog.stacks:
        return f"Stack {spec.stack_name} {spec.stack_version} is not in the resources directory"
    if on_disk.valid:
        return ""
    state = "its services are not offered"
    if spec.extension in ground.in_force:
        state = "its last valid state stays in force"
    elif spec.extension in ground.lost:
        state = f"{state}, for its last valid state is lost: {ground.lost[spec.extension]}"
    return f"Extension {spec.extension_name} {spec.extension_version} is not valid; {state}: {_errors(on_disk)}"


def _existing(ground: Ground, link_id: int) -> Link:
    link = ground.find(link_id)
    if link is None:
        raise GraftError(
            "LINK_NOT_FOUND", f"The specified resource doesn't exist: Extension link {link_id} is not found"
        )
    return link


def _refuse_installed(ground: Ground, spec: LinkSpec, services: Iterable[str]) -> None:
    for service in sorted(ground.installed(spec.stack).intersection(services)):
        raise GraftError(
            "SERVICE_INSTALLED",
            f"Extension service is still installed, {_with_service(spec, service)}",
        )


def _incomplete(_ground: Ground, spec: LinkSpec, _had: Collection[str]) -> Iterator[str]:
    if not all(part.strip() for part in (*spec.stack, *spec.extension)):
        yield "Stack name, stack version, extension name and extension version should be provided"


def _unknown_stack(ground: Ground, spec: LinkSpec, _had: Collection[str]) -> Iterator[str]:
    if spec.stack not in ground.catalog.stacks:
        yield f"Stack data, Stack {_shown(*spec.stack)} is not found in Ambari metainfo"


def _unknown_extension(ground: Ground, spec: LinkSpec, _had: Collection[str]) -> Iterator[str]:
    if ground.catalog.extension(*spec.extension) is None:
        yield f"Stack data, Extension {_shown(*spec.extension)} is not found in Ambari metainfo"


def _linked_already(ground: Ground, spec: LinkSpec, _had: Collection[str]) -> Iterator[str]:
    if spec.extension in ground.of_stack(spec.stack).by_version:
        yield f"The stack and extension are already linked, {spec}"


def _invalid(ground: Ground, spec: LinkSpec, _had: Collection[str]) -> Iterator[str]:
    extension = ground.catalog.extension(*spec.extension)
    if extension is not None and not extension.valid:
        yield f"Extension is not valid, {spec}, errors: {_errors(extension)}"


def _not_supported(ground: Ground, spec: LinkSpec, _had: Collection[str]) -> Iterator[str]:
    extension = ground.catalog.extension(*spec.extension)
    if extension is not None and not fits(extension, spec.stack):
        yield f"Stack is not supported by extension, {spec}"


def _clashes(ground: Ground, spec: LinkSpec, had: Collection[str]) -> Iterator[str]:
    extension = ground.catalog.extension(*spec.extension)
    for service in sorted(extension.services.keys() - set(had)) if extension is not None else ():
        if ground.has_service(spec.stack, service) and not _comes_from_parents_link(ground, spec, service):
            yield f"Existing service is included in extension, {_with_service(spec, service)}"


def _comes_from_parents_link(ground: Ground, spec: LinkSpec, service: str) -> bool:
    """Tell whether a stack version has a service only because an older one is linked to the same extension."""
    own, seen = spec.stack, set[VersionKey]()
    while own in ground.catalog.stacks and own not in seen:
        seen.add(own)
        definition = ground.catalog.stacks[own]
        bringing = {link.extension_name for link in ground.of_stack(own).by_service.get(service, {}).values()}
        if bringing or service in definition.services or definition.extends is None:
            return own != spec.stack and bringing == {spec.extension_name} and service not in definition.services
        own = (own[0], definition.extends)
    return False


def _not_linked(ground: Ground, spec: LinkSpec, _had: Collection[str]) -> Iterator[str]:
    extension = ground.catalog.extension(*spec.extension)
    linked = ground.of_stack(spec.stack).by_name
    for needed in extension.required_extensions if extension is not None else ():
        if not any(_matches(link.extension_version, needed) for link in linked.get(needed.name, {}).values()):
            yield (
                f"Stack has not linked required extension, {spec}, "
                f"requiredExtensionName={needed.name}, requiredExtensionVersion={needed.version}"
            )


CREATION = (
    Rule("LINK_INCOMPLETE", "stack name, stack version, extension name and version are given", _incomplete, False),
    Rule("STACK_NOT_FOUND", "the stack version is in the resources directory", _unknown_stack, False),
    Rule("EXTENSION_NOT_FOUND", "the extension version is in the resources directory", _unknown_extension, False),
    Rule("LINK_EXISTS", "the two are not linked yet", _linked_already, False),
    Rule("EXTENSION_NOT_VALID", "the extension version is valid", _invalid),
    Rule("STACK_NOT_SUPPORTED", "the extension names the stack, in this version or an earlier one", _not_supported),
    Rule("SERVICE_EXISTS", "the stack version has no service of a name that the extension brings", _clashes),
    Rule(
        "REQUIRED_EXTENSION_NOT_LINKED", "the extensions that it requires are linked to the stack version", _not_linked
    ),
)
"""The rules, in the order in which they are looked at."""


def _reaches(version: str, minimum: str) -> bool:
    return version_key(version) >= version_key(minimum)


def _matches(version: str, needed: Prerequisite) -> bool:
    if needed.version.endswith("*"):
        return version.startswith(needed.version[:-1])
    return version == needed.version


def _services(extension: ResolvedExtension | None) -> set[str]:
    return set(extension.services) if extension is not None and extension.valid else set()


def _with_service(spec: LinkSpec, service: str) -> str:
    return (
        f"stackName={spec.stack_name}, stackVersion={spec.stack_version}, service={service}, "
        f"extensionName={spec.extension_name}, extensionVersion={spec.extension_version}"
    )


def _shown(name: str, version: str) -> str:
    return f"{name[:MAX_NAME]} {version[:MAX_NAME]}"


def _errors(extension: ResolvedExtension) -> str:
    return "; ".join(extension.errors[:_MAX_ERRORS])
