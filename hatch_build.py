"""Build hook: generates the Python stubs from `protos/` beside their sources."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProtoBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs protoc before every build, editable installs included."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Write `*_pb2*.py` and their type stubs into `protos/`; they are git-ignored and packed into the wheel."""
        from grpc_tools import protoc  # noqa: PLC0415  (only in the build environment)

        root = Path(self.root) / "protos"
        include = str(importlib.resources.files("grpc_tools") / "_proto")
        outputs = [f"--{kind}_out={root}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
        protos = sorted(str(path) for path in root.rglob("*.proto"))
        if protoc.main(["protoc", f"-I{root}", f"-I{include}", *outputs, *protos]) != 0:
            raise RuntimeError("protoc failed; its messages are above")
