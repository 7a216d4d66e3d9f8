"""Which engines there are, by name and by strength."""

from __future__ import annotations

import functools
from collections.abc import Callable

from dispatcher_service.engines.base import Engine
from dispatcher_service.engines.bubblewrap import BubblewrapEngine
from dispatcher_service.engines.confine import ConfineEngine
from dispatcher_service.engines.native.engine import NativeEngine
from dispatcher_service.engines.none import NoneEngine
from dispatcher_service.engines.oci.engine import OciEngine
from dispatcher_service.engines.options import DEFAULTS, EngineOptions

ENGINES: dict[str, Callable[[], Engine]] = {
    "native": NativeEngine,
    "bubblewrap": BubblewrapEngine,
    **{f"oci:{name}": functools.partial(OciEngine, name) for name in ("runc", "crun", "runsc")},
    "confine": ConfineEngine,
    "none": NoneEngine,
}
"""In the order in which people are told of them: the strongest of those that are chosen by themselves first."""
DEFAULT_ENGINE = "native"
BY_STRENGTH = tuple(name for name in ENGINES if name not in {"oci:runsc", "none"})
"""What `graft up --demo` tries in turn where nobody has chosen, the weaker `confine` last, of which it says so. gVisor,
whose kernel of its own costs a call 100 ms and more, is taken only when it is asked for, and so is having no walls."""


def create(name: str = DEFAULT_ENGINE, options: EngineOptions = DEFAULTS) -> Engine:
    """Make the engine of that name; `prepare` starts it.

    Args:
        name: one of `ENGINES`.
        options: what an administrator has chosen; engines without such choices leave them alone.

    Raises:
        ValueError: this version has no such engine.
    """
    make = ENGINES.get(name)
    if make is None:
        raise ValueError(f"no engine {name!r} in this version; there are: {', '.join(ENGINES)}")
    return NativeEngine(options) if make is NativeEngine else make()
