"""What may be granted: the rules and their texts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graft_common.declarations import access
from graft_common.declarations.access import Asker
from graft_common.declarations.model import Access
from graft_common.errors import GraftError, value_not_supported
from registry_service.catalog.catalog import VersionKey
from registry_service.catalog.methods import read_declarations
from registry_service.links.ground import Ground

MAX_GRANTED = 1000
"""Requests that one call grants."""
_SHOWN = 255
"""Characters of a name that a message repeats."""


@dataclass(frozen=True, slots=True)
class AccessSpec:
    """Whose request is to be granted, and what it asks for, as the administrator was shown it."""

    asker: Asker
    request: Access


def check_specs(specs: Sequence[AccessSpec]) -> None:
    """Raise what is wrong with requests themselves, whatever is on disk.

    Raises:
        GraftError: VALUE_NOT_SUPPORTED; ACCESS_NOT_ASKED; ACCESS_INVALID [method, what is wrong].
    """
    if len(specs) > MAX_GRANTED:
        raise value_not_supported("grants", str(len(specs)), f"a request grants at most {MAX_GRANTED:,}")
    for spec in specs:
        method = spec.asker.method
        check_asker(spec.asker)
        if spec.request == access.NOTHING:
            raise GraftError("ACCESS_NOT_ASKED", f"{method} asks for nothing, so that there is nothing to grant")
        faults = [reason for _, _, reason in access.faults(spec.request)]
        if faults:
            raise GraftError("ACCESS_INVALID", method, "; ".join(faults))


def check_asker(asker: Asker) -> None:
    """Raise VALUE_NOT_SUPPORTED if there could be no such method, or half an extension version is named."""
    if not access.is_method_name(asker.method):
        raise value_not_supported("method", asker.method[:_SHOWN], "a method is called as in Volume.resize")
    named = f"{asker.extension[:_SHOWN]}/{asker.version[:_SHOWN]}"
    if bool(asker.extension) is not bool(asker.version):
        raise value_not_supported("extension_version", named, "an extension version has a name and a version")
    if not (asker.extension.isprintable() and asker.version.isprintable()):
        raise value_not_supported("extension_version", ascii(named), "all characters of a name can be shown")


async def requests_of(ground: Ground, key: VersionKey) -> Mapping[str, Access]:
    """Return what the methods of an extension version ask for, those that ask for nothing included, by name.

    Raises:
        GraftError: EXTENSION_NOT_FOUND.
    """
    effective = ground.effective(key)
    if effective is None:
        name, version = key[0][:_SHOWN], key[1][:_SHOWN]
        raise GraftError("EXTENSION_NOT_FOUND", f"There is no extension version {name}/{version}", name, version)
    if not effective.valid or effective.methods is None:
        return {}
    # Some thousand methods take a second.
    document = await asyncio.to_thread(read_declarations, effective.methods.declarations)
    return {method.name: method.access for method in document.methods}


async def check_asked(ground: Ground, specs: Sequence[AccessSpec]) -> None:
    """Raise unless each method of an extension asks for just what is to be granted; of drop-ins nothing is known.

    Raises:
        GraftError: EXTENSION_NOT_FOUND; EXTENSION_METHOD_NOT_FOUND; ACCESS_REQUEST_CHANGED.
    """
    asked: dict[VersionKey, Mapping[str, Access]] = {}
    for asker, request in ((spec.asker, spec.request) for spec in specs):
        if not asker.extension:
            continue
        key = (asker.extension, asker.version)
        if key not in asked:
            asked[key] = await requests_of(ground, key)
        if asker.method not in asked[key]:
            text = f"{asker.extension}/{asker.version} declares no method {asker.method}"
            raise GraftError("EXTENSION_METHOD_NOT_FOUND", text, asker.method)
        if access.digest(asked[key][asker.method]) != access.digest(request):
            text = f"{asker} does not ask for this, or no longer; look at what it asks for now"
            raise GraftError("ACCESS_REQUEST_CHANGED", text, asker.method)


def grant_not_found(asker: Asker) -> GraftError:
    """Nothing was granted."""
    return GraftError("GRANT_NOT_FOUND", f"Nothing is granted to {asker}", asker.method)
