"""Why a call cannot be given what was granted."""

from __future__ import annotations


class AccessError(Exception):
    """Something that is granted cannot be given; the message names it, and is fit for the caller."""
