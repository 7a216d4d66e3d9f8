"""Which engines there are, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable

from dispatcher_service.engines.base import Engine
from dispatcher_service.engines.bubblewrap import BubblewrapEngine
from dispatcher_service.engines.native.engine import NativeEngine
from dispatcher_service.engines.none import NoneEngine
from dispatcher_service.engines.oci.engine import OciEngine

ENGINES: dict[str, Callable[[], Engine]] = {
    "bubblewrap": BubblewrapEngine,
    "native": NativeEngine,
    "none": NoneEngine,
    **{f"oci:{name}": functools.partial(OciEngine, name) for name in ("crun", "runc", "runsc")},
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
