"""How code of Graft's gets into an interpreter that cannot see its files: as one text. The standard library only."""

from __future__ import annotations

import os
from collections.abc import Sequence

PACKAGE = "dispatcher_service.engines.launcher"
PARTS = (
    "kernel",
    "landlock",
    "removal",
    "processes",
    "wire",
    "zygote.ending",
    "zygote.script",
    "zygote.joining",
    "zygote.waiting",
)
"""Modules below the package, in the order in which one imports another."""
BOOT = "exec(open({fd}, 'rb').read(), {{'__name__': 'graft'}})"
"""What an interpreter is to run; the text is in that descriptor, and nothing of it is in `__main__` then."""
LOADER = """
import sys
from types import ModuleType
for name, source in PARTS:
    parents = name.split('.')
    for count in range(1, len(parents)):
        parent = '.'.join(parents[:count])
        if parent not in sys.modules:
            sys.modules[parent] = ModuleType(parent)
            sys.modules[parent].__path__ = []
    module = sys.modules[name] = ModuleType(name)
    setattr(sys.modules[name.rpartition('.')[0]], name.rpartition('.')[2], module)
    exec(compile(source, '<graft ' + name + '>', 'exec'), vars(module))
vars(module)[ENTRY](LINE)
"""


def text(entry: str, line: int) -> bytes:
    """What makes an interpreter run a function of the last part.

    Args:
        entry: the function's name.
        line: its argument.
    """
    return b"PARTS = " + repr(sources()).encode() + f"\nENTRY, LINE = {entry!r}, {line}\n".encode() + LOADER.encode()


def sources() -> Sequence[tuple[str, str]]:
    """The parts and their texts."""
    here = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120  (pathlib would double this small process)
    found = []
    for part in PARTS:
        with open(f"{here}/{part.replace('.', '/')}.py", encoding="utf-8") as file:  # noqa: PTH123  (as above)
            found.append((f"{PACKAGE}.{part}", file.read()))
    return found
