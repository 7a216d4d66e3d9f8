"""Whom somebody else vouches for, and the roles that the settings give to them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

EVERYBODY = "*"
"""Stands in settings for whoever is vouched for, whatever is said of them."""


class UnfitCredentialError(Exception):
    """A token or a certificate is not taken; the text says why, in words that its holder may read."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody whom a token or a certificate speaks of."""

    identifier: str
    """What tells it from all others, for ever: who vouches for it, and how that calls it."""
    user: str
    """The name that records show and tasks are owned by; a prefix tells it from the names of the registry's users."""
    groups: tuple[str, ...]
    """What is said of it that may have a role."""
    ends: datetime
    """When what was shown is no longer valid."""

    @property
    def uuid(self) -> str:
        """A UUID that is the same at every login."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.identifier))


def roles_of(groups: Iterable[str], mapping: Mapping[str, str]) -> set[str]:
    """Return the roles that a mapping gives to the groups, those of `EVERYBODY` included."""
    return {mapping[group] for group in (*groups, EVERYBODY) if group in mapping}
