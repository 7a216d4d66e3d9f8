"""What is on disk and what is linked, as messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graft.registry.v1 import registry_pb2 as pb
from graft_common.errors import GraftError
from registry_service.catalog.definitions import Component
from registry_service.catalog.definitions import Prerequisite as Needed
from registry_service.catalog.origins import origins_of
from registry_service.catalog.resolved import ResolvedExtension, ResolvedService
from registry_service.catalog.stack_views import StackView
from registry_service.catalog.value_types import Finding, Folder
from registry_service.links.ground import LinkSpec
from registry_service.links.rules import Check, Outcome

_OUTCOMES = {
    Outcome.HOLDS: pb.RULE_OUTCOME_HOLDS,
    Outcome.FAILS: pb.RULE_OUTCOME_FAILS,
    Outcome.UNKNOWN: pb.RULE_OUTCOME_UNKNOWN,
}


def link_spec(message: pb.LinkSpec) -> LinkSpec:
    """Read what is to be linked to what."""
    return LinkSpec(message.stack_name, message.stack_version, message.extension_name, message.extension_version)


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
    return pb.StackVersion(
        name=view.name,
        version=view.version,
        valid=view.valid,
        errors=view.errors,
        parent_version=view.parent_version or "",
        active=view.definition.active,
        services=sorted(view.services),
        extensions=[f"{extension.name}/{extension.version}" for extension in view.extensions],
    )


def services(owner: StackView | ResolvedExtension, wanted: str, *, with_origins: bool) -> list[pb.Service]:
    """Write the services of a stack or an extension version, or only the one that is wanted.

    Raises:
        GraftError: SERVICE_NOT_FOUND if there is none of the name.
    """
    found: Mapping[str, ResolvedService] = owner.services
    if wanted and wanted not in found:
        text = f"Service {wanted[:255]} is not found in {owner.name} {owner.version}"
        raise GraftError("SERVICE_NOT_FOUND", text)
    names = [wanted] if wanted else sorted(found)
    return [_service(found[name], with_origins=with_origins) for name in names]


def _service(node: ResolvedService, *, with_origins: bool) -> pb.Service:
    value = node.definition
    return pb.Service(
        name=value.name,
        display_name=value.display_name or "",
        version=value.version or "",
        comment=value.comment or "",
        source=node.source,
        valid=node.valid,
        errors=node.own.errors,
        required_services=value.required_services,
        components=[_component(item) for item in value.components.values()],
        properties=[
            pb.ConfigurationProperty(type=name, name=item.name, value=item.value)
            for name, configuration in sorted(value.configurations.items())
            for item in configuration.properties.values()
        ],
        themes=sorted(value.themes),
        quick_links=sorted(value.quick_links),
        package=_path(value.package),
        checks=_path(value.checks),
        server_actions=_path(value.server_actions),
        origins=origins_of(node) if with_origins else {},
    )


def _component(value: Component) -> pb.Component:
    return pb.Component(
        name=value.name,
        display_name=value.display_name or "",
        category=value.category or "",
        cardinality=value.cardinality or "",
        script=(value.command_script.script or "") if value.command_script else "",
        custom_commands=[item.name or "" for item in value.custom_commands],
        dependencies=[item.name or "" for item in value.dependencies],
    )


def _path(folder: Folder | None) -> str:
    return folder.path if folder is not None else ""
