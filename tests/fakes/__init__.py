"""Small stand-ins for the services, behind the same interface: for tests of what calls them."""

from __future__ import annotations

from fakes.platform import ADMIN, PASSWORD, FakePlatform

__all__ = ["ADMIN", "PASSWORD", "FakePlatform"]
