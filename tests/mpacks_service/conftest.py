from __future__ import annotations

from tests.registry.conftest import (  # noqa: F401  (fixtures)
    clock,
    settings,
    start_registry,
    tuning,
)
