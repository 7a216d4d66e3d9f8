"""Bearer tokens as all services meet them: credentials that somebody else has signed, in place of a session."""

from __future__ import annotations

import re

MAX_TOKEN = 8 << 10
"""Characters of a token; it must fit into the head of an HTTP request with everything else."""

# A JWT (RFC 7515, 7.1). References of sessions and service tokens that Graft makes have no dots.
_TOKEN = re.compile(rf"(?=.{{1,{MAX_TOKEN}}}\Z)ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def is_token(credential: str) -> bool:
    """Tell whether a credential looks like a signed token; nothing is proved by that."""
    return _TOKEN.fullmatch(credential) is not None
