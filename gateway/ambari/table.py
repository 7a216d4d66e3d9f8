"""All resources below `/api/v1`, and where they stand. To add a kind of resource, add its place here."""

from __future__ import annotations

from gateway.ambari.resource_types import Place
from gateway.ambari.resources import clusters, links, mpacks
from gateway.ambari.resources.components import STACK_SERVICE_COMPONENT, STACK_SERVICE_COMPONENT_DEPENDENCY
from gateway.ambari.resources.documents import QUICK_LINK, THEME
from gateway.ambari.resources.extensions import EXTENSION, EXTENSION_VERSION
from gateway.ambari.resources.root_services import ROOT_SERVICE, ROOT_SERVICE_COMPONENT
from gateway.ambari.resources.services import STACK_SERVICE, STACK_SERVICE_CONFIGURATION
from gateway.ambari.resources.stacks import STACK, STACK_CONFIGURATION, STACK_VERSION

PREFIX = "/api/v1"

_LINKS_OF = Place("links", links.EXTENSION_LINK, "Links of this version.", shown=False)

_EXTENSIONS = Place(
    "extensions",
    EXTENSION,
    "Extensions: bundles of services that are linked to stacks.",
    children=(Place("versions", EXTENSION_VERSION, "Versions of an extension.", children=(_LINKS_OF,)),),
)

_LINKS = Place(
    "links",
    links.EXTENSION_LINK,
    "Links between extension versions and stack versions.",
    on_collection=(links.CREATE, links.UPDATE_ALL),
    on_instance=(links.UPDATE, links.DELETE),
)

_COMPONENTS = Place(
    "components",
    STACK_SERVICE_COMPONENT,
    "Components of a service.",
    children=(Place("dependencies", STACK_SERVICE_COMPONENT_DEPENDENCY, "What a component depends on."),),
)

_SERVICES = Place(
    "services",
    STACK_SERVICE,
    "Services of a stack version: its own, inherited ones, and those of linked extensions.",
    children=(
        _COMPONENTS,
        Place("configurations", STACK_SERVICE_CONFIGURATION, "Properties of a service's configurations."),
        Place("quicklinks", QUICK_LINK, "Quick links of a service."),
        Place("themes", THEME, "Themes of a service."),
    ),
)

_STACKS = Place(
    "stacks",
    STACK,
    "Stacks: what extensions are linked to.",
    children=(
        Place(
            "versions",
            STACK_VERSION,
            "Versions of a stack.",
            children=(
                Place("configurations", STACK_CONFIGURATION, "Properties of the stack's own configurations."),
                _LINKS_OF,
                _SERVICES,
            ),
        ),
    ),
)

_CLUSTERS = Place(
    "clusters",
    clusters.CLUSTER,
    "Clusters: where services of a stack version are installed.",
    children=(
        Place(
            "services",
            clusters.SERVICE,
            "Services of a cluster.",
            on_collection=(clusters.CREATE_SERVICES, clusters.UPDATE_SERVICES),
            on_instance=(clusters.CREATE_SERVICE, clusters.UPDATE_SERVICES, clusters.DELETE_SERVICE),
        ),
    ),
    on_collection=(clusters.CREATE_CLUSTERS,),
    on_instance=(clusters.CREATE_CLUSTER, clusters.UPDATE_CLUSTER, clusters.DELETE_CLUSTER),
)

_MPACKS = Place(
    "mpacks",
    mpacks.MPACK,
    "Management packs: archives that install extensions, stacks and services.",
    on_collection=(mpacks.INSTALL,),
    on_instance=(mpacks.UNINSTALL,),
)

_ROOT_SERVICES = Place(
    "services",
    ROOT_SERVICE,
    "The server itself.",
    children=(Place("components", ROOT_SERVICE_COMPONENT, "Its components, with their version."),),
)

ROOTS: tuple[Place, ...] = (_CLUSTERS, _EXTENSIONS, _LINKS, _MPACKS, _ROOT_SERVICES, _STACKS)
"""The collections at the top."""
