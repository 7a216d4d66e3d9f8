"""What a message between services is at most; in a module of its own, so that a client loads no server for it."""

from __future__ import annotations

MAX_MESSAGE = 32 << 20
"""Bytes of a message."""

MAX_METADATA = 256 << 10
"""Bytes of a call's metadata; twice as many end the connection."""
