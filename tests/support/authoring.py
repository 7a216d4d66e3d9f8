"""Files that authors write, and the calls that they are given."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import graft_extension
from graft_common.values import Value
from graft_common.xmlrpc import Failure, format_extension_call, parse_extension_output

REPOSITORY = Path(__file__).parent.parent.parent
MODULE = Path(graft_extension.__file__)
ECHOES = REPOSITORY / "tests/authoring/echoes.py"
SESSION = "OpaqueRef:11111111-2222-3333-4444-555555555555"


def load(file: Path) -> ModuleType:
    """Import a file of methods; `run()` does nothing in it then."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def ask(method: str, *params: Value) -> Value | Failure:
    """Let a method of this process answer: its value, or its failure."""
    answer = parse_extension_output(graft_extension.answer(format_extension_call(method, [SESSION, *params])))
    return answer if isinstance(answer, Failure) else answer.value
