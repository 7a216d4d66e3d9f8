"""Build hook: generates the Python stubs from `protos/` beside their sources, and compiles the accelerator."""

from __future__ import annotations

import importlib.resources
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ACCELERATOR = "dispatcher_service/engines/launcher/accelerator"
PROGRAM, PROGRAM_SOURCES = "graft-maker", ("maker.c", "sandbox.c", "wire.c")
LIBRARY, LIBRARY_SOURCES = "graft-joining.so", ("joining.c", "sandbox.c", "wire.c")
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-fstack-protector-strong", "-s")
PROGRAM_FLAGS, LIBRARY_FLAGS = ("-static",), ("-shared", "-fPIC", "-fvisibility=hidden")
COMPILER_SECONDS = 120


class GraftBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs protoc, and a C compiler where there is one, before every build, editable installs included."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write what is git-ignored and packed into the wheel: `*_pb2*.py` with their type stubs, and the program.

        A wheel with the program is for this kind of machine only.
        """
        self._generate_stubs()
        if self.target_name != "wheel":
            return
        problem = compile_accelerator(Path(self.root) / ACCELERATOR)
        if problem:
            self.app.display_warning(f"without the accelerator, which is not needed: {problem}")
        elif version != "editable":
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"

    def _generate_stubs(self) -> None:
        from grpc_tools import protoc  # noqa: PLC0415  (only in the build environment)

        root = Path(self.root) / "protos"
        include = str(importlib.resources.files("grpc_tools") / "_proto")
        outputs = [f"--{kind}_out={root}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
        protos = sorted(str(path) for path in root.rglob("*.proto"))
        if protoc.main(["protoc", f"-I{root}", f"-I{include}", *outputs, *protos]) != 0:
            raise RuntimeError("protoc failed; its messages are above")


def compile_accelerator(folder: Path) -> str:
    """Compile the C sources in a folder to what is used of them, there; nothing of an earlier build stays.

    Returns:
        Why the program could not be made; empty when it was. The library, which warm interpreters do without, may be
        missing all the same.
    """
    for name in (PROGRAM, LIBRARY):
        (folder / name).unlink(missing_ok=True)
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), "")
    if not sysconfig.get_platform().startswith("linux") or not compiler:
        return "there is no C compiler, or this is not Linux"
    problem = compile_sources(compiler, PROGRAM_FLAGS, folder, PROGRAM, PROGRAM_SOURCES)
    if problem:
        return f"{problem} (a static C library is needed, too)"
    compile_sources(compiler, LIBRARY_FLAGS, folder, LIBRARY, LIBRARY_SOURCES)
    return ""


def compile_sources(compiler: str, flags: Sequence[str], folder: Path, name: str, sources: Sequence[str]) -> str:
    """Compile C sources in a folder to one file there, which appears whole or not at all.

    Returns:
        Why that was not possible; empty when it was.
    """
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / name
        command = [*compiler.split(), *FLAGS, *flags, "-o", str(made), *(str(folder / source) for source in sources)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=COMPILER_SECONDS)
        except subprocess.CalledProcessError as error:
            return f"{compiler} has failed: {error.stderr.strip()[-1000:]}"
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{compiler}: {error}"
        new = folder / f"{name}.new"
        shutil.copy(made, new)
        new.replace(folder / name)
    return ""
