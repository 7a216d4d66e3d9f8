"""Whether what a pack purges can be spared (setupMpacks.py, validate_purge; MpackInstallChecker.java)."""

from __future__ import annotations

from collections.abc import Sequence

from graft_common.errors import GraftError
from registry_service.links.ground import Ground
from registry_service.mpacks.errors import refused
from registry_service.mpacks.loading import Loaded
from registry_service.mpacks.settling import users
from registry_service.mpacks.values import EXTENSION_DEFINITIONS, STACK_DEFINITIONS


def check(loaded: Loaded, purge: Sequence[str], ground: Ground) -> None:
    """Raise what is against a purge.

    Raises:
        GraftError: MPACK_PURGE_REFUSED; MPACK_IN_USE where links would lead to nothing.
    """
    if STACK_DEFINITIONS in purge:
        _check_stacks(loaded, purge, ground)
    extensions, stacks = set(loaded.layout.extensions), set(loaded.stack_versions())
    gone = {
        (name, version)
        for name, versions in (ground.catalog.extensions.items() if EXTENSION_DEFINITIONS in purge else ())
        for version in versions
        if (name, version) not in extensions
    }
    found = users(ground, gone, set(ground.catalog.stacks) - stacks if STACK_DEFINITIONS in purge else ())
    if found:
        raise refused("MPACK_IN_USE", "The purge would remove what is in use:", found)


def _check_stacks(loaded: Loaded, purge: Sequence[str], ground: Ground) -> None:
    stacks = loaded.stack_names()
    if not stacks:
        raise GraftError(
            "MPACK_PURGE_REFUSED",
            "The management pack you are attempting to install does not contain stack definitions. Since this "
            f"management pack does not contain a stack, the --purge option with --purge-list={list(purge)} would cause "
            "your existing Ambari installation to be unusable. Due to that we cannot install this management pack.",
        )
    for cluster in ground.clusters.values():
        if cluster.stack_name not in stacks:
            raise GraftError(
                "MPACK_PURGE_REFUSED",
                f"This Ambari instance is already managing the cluster {cluster.name} that has the "
                f"{cluster.stack_name}-{cluster.stack_version} stack installed on it. The management pack you are "
                f"attempting to install only contains stack definitions for {stacks}. Since this management pack does "
                "not contain a stack that has already being deployed by Ambari, the --purge option would cause your "
                "existing Ambari installation to be unusable. Due to that we cannot install this management pack.",
            )
