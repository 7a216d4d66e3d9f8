"""What is on disk and what is linked, as messages."""

from __future__ import annotations

from collections.abc import Iterable

from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError
from registry_service.catalog.definitions import Prerequisite as Needed
from registry_service.catalog.resolved import ResolvedExtension, ResolvedService
from registry_service.catalog.stack_views import StackView
from registry_service.catalog.value_types import Finding
from registry_service.links.ground import LinkSpec
from registry_service.links.rules import MAX_NAME, Check, Outcome
from registry_service.service.configuration_messages import configuration_types
from registry_service.service.service_messages import file
from registry_service.watch.mirror import LinkFilter

_OUTCOMES = {
    Outcome.HOLDS: pb.RULE_OUTCOME_HOLDS,
    Outcome.FAILS: pb.RULE_OUTCOME_FAILS,
    Outcome.UNKNOWN: pb.RULE_OUTCOME_UNKNOWN,
}


def link_spec(message: pb.LinkSpec) -> LinkSpec:
    """Read what is to be linked to what."""
    return LinkSpec(message.stack_name, message.stack_version, message.extension_name, message.extension_version)


def link_filter(request: pb.ListLinksRequest) -> LinkFilter:
    """Read which links are asked for."""
    return LinkFilter(request.stack_name, request.stack_version, request.extension_name, request.extension_version)


def check(value: Check) -> pb.RuleCheck:
    """Write whether a rule holds."""
    return pb.RuleCheck(code=value.code, rule=value.rule, outcome=_OUTCOMES[value.outcome], problems=value.problems)


def warning(value: Finding) -> pb.Warning:
    """Write what is odd."""
    return pb.Warning(file=value.file, line=value.line, path=value.path, text=value.text)


def prerequisites(needed: Iterable[Needed]) -> list[pb.Prerequisite]:
    """Write what an extension needs."""
    return [pb.Prerequisite(name=item.name, version=item.version) for item in needed]


def stack_version(view: StackView) -> pb.StackVersion:
    """Write a stack version."""
    definition = view.definition
    return pb.StackVersion(
        name=view.name,
        version=view.version,
        valid=view.valid,
        errors=view.errors,
        parent_version=view.parent_version or "",
        active=definition.active,
        services=sorted(view.services),
        extensions=[f"{extension.name}/{extension.version}" for extension in view.extensions],
        min_jdk=definition.min_jdk,
        max_jdk=definition.max_jdk,
        min_upgrade_version=definition.upgrade,
        upgrade_packs=sorted(definition.upgrade_packs),
        configuration_types=configuration_types(view.configurations),
        role_command_order_file=file(definition.role_command_order),
        removed_services=sorted(view.removed_services),
    )


def stack_not_found(name: str, version: str) -> GraftError:
    """Say, in Ambari's words, that there is no such stack version (AmbariMetaInfo.getStack)."""
    text = f"Stack data, Stack {name[:MAX_NAME]} {version[:MAX_NAME]} is not found in Ambari metainfo"
    return GraftError("STACK_NOT_FOUND", text, name[:MAX_NAME], version[:MAX_NAME])


def extension_not_found(name: str, version: str) -> GraftError:
    """Say, in Ambari's words, that there is no such extension version (AmbariMetaInfo.getExtension)."""
    text = f"Stack data, Extension {name[:MAX_NAME]} {version[:MAX_NAME]} is not found in Ambari metainfo"
    return GraftError("EXTENSION_NOT_FOUND", text, name[:MAX_NAME], version[:MAX_NAME])


def link_not_found(link_id: int) -> GraftError:
    """Say, in Ambari's words, that there is no such link (QueryImpl.java)."""
    return GraftError("LINK_NOT_FOUND", f"ExtensionLink not found where ExtensionLink/link_id={link_id}.", str(link_id))


def service_nodes(owner: StackView | ResolvedExtension, wanted: str) -> list[ResolvedService]:
    """Return the services of a stack or an extension version by name, or only the one that is wanted.

    Raises:
        GraftError: SERVICE_NOT_FOUND if there is none of the name (AmbariMetaInfo.getService).
    """
    found = owner.services
    if not wanted:
        return [found[name] for name in sorted(found)]
    if wanted not in found:
        what = "stack" if isinstance(owner, StackView) else "extension"
        name = wanted[:MAX_NAME]
        text = f"Stack data, {what}Name={owner.name}, {what}Version={owner.version}, serviceName={name}"
        raise GraftError("SERVICE_NOT_FOUND", text, owner.name, owner.version, name)
    return [found[wanted]]
