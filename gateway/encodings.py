"""In which encodings a client takes an answer."""

from __future__ import annotations

import re

_NONE = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")


def takes_gzip(accept_encoding: str) -> bool:
    """Tell whether the answer to a request with this `Accept-Encoding` may be packed."""
    for part in accept_encoding.split(","):
        name, _, weight = part.strip().lower().partition(";")
        if name.strip() == "gzip":
            return not _NONE.fullmatch(weight)
    return False
