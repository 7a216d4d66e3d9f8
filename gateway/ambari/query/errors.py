"""The one error of this package."""

from __future__ import annotations


class QueryError(ValueError):
    """A query or a body cannot be understood; the text is for the client, whole, and its status is 400."""
