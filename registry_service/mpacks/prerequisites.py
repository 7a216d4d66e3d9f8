"""What must hold before a pack is installed."""

from __future__ import annotations

from collections.abc import Callable

from graft_common.versions import version_key
from registry_service.mpacks.metadata import Metadata


def unmet(metadata: Metadata, ambari_version: str, has_stack: Callable[[str, str], bool]) -> list[str]:
    """Return which prerequisites fail, in Ambari's words.

    Both spellings of the keys count, and the maximum is enforced, which Ambari does not do. Of `min_stack_versions` it
    is enough, as in Ambari, that one is there in exactly the version that is named.

    Args:
        metadata: what the pack says.
        ambari_version: what is there.
        has_stack: tells whether a stack version is there.
    """
    needed = metadata.prerequisites
    found = []
    current = f"Prerequisite failure! Current Ambari Version = {ambari_version}"
    if needed.min_ambari_version and version_key(needed.min_ambari_version) > version_key(ambari_version):
        found.append(f"{current}, Min Ambari Version = {needed.min_ambari_version}")
    if needed.max_ambari_version and version_key(needed.max_ambari_version) < version_key(ambari_version):
        found.append(f"{current}, Max Ambari Version = {needed.max_ambari_version}")
    stacks = needed.min_stack_versions
    if stacks is not None and not any(has_stack(stack.stack_name, stack.stack_version) for stack in stacks):
        named = ", ".join(f"{stack.stack_name} {stack.stack_version}" for stack in stacks)
        found.append(f"Prerequisite failure! Min applicable stack not found (one of: {named or 'none is named'})")
    return found
