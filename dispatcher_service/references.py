"""References as XenAPI writes them: `OpaqueRef:` and a UUID."""

from __future__ import annotations

import uuid

NULL_REF = "OpaqueRef:NULL"
"""Stands where no object is referred to."""

_PREFIX = "OpaqueRef:"


def new_ref() -> str:
    """Make a reference that nothing else has."""
    return ref_of(str(uuid.uuid4()))


def ref_of(uuid_text: str) -> str:
    """Return the reference of the object with that UUID."""
    return f"{_PREFIX}{uuid_text}"


def uuid_of(ref: str) -> str:
    """Return the UUID that a reference is made of."""
    return ref.removeprefix(_PREFIX)
