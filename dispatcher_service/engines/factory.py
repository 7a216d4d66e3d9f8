"""Which engines there are, by name."""

from __future__ import annotations

from dispatcher_service.engines.base import Engine
from dispatcher_service.engines.bubblewrap import BubblewrapEngine
from dispatcher_service.engines.native.engine import NativeEngine
from dispatcher_service.engines.none import NoneEngine

ENGINES: dict[str, type[BubblewrapEngine | NativeEngine | NoneEngine]] = {
    "bubblewrap": BubblewrapEngine,
    "native": NativeEngine,
    "none": NoneEngine,
}
DEFAULT_ENGINE = "bubblewrap"


def create(name: str = DEFAULT_ENGINE) -> Engine:
    """Make the engine of that name; `prepare` starts it.

    Raises:
        ValueError: this version has no such engine.
    """
    try:
        return ENGINES[name]()
    except KeyError:
        raise ValueError(f"no engine {name!r} in this version; there are: {', '.join(sorted(ENGINES))}") from None
