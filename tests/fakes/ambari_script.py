"""Runs a service's script as an Ambari agent does, with a stand-in for Ambari's `resource_management`.

`python ambari_script.py SCRIPT COMMAND COMMAND_JSON` keeps to what `Script.execute` promises: the method of the
command's name is called, and an exception of it, ComponentIsNotRunning too, ends the process with 1.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import types
from pathlib import Path
from typing import Any


class ComponentIsNotRunning(Exception):  # noqa: N818  (Ambari's name)
    pass


class Script:
    @staticmethod
    def get_config() -> Any:
        return json.loads(Path(sys.argv[2]).read_text())

    def install_packages(self, env: object) -> None:
        pass

    def execute(self) -> None:
        getattr(self, sys.argv[1].lower())(object())


def directory(path: str, create_parents: bool = False) -> None:
    Path(path).mkdir(parents=create_parents, exist_ok=True)


def file(path: str, content: str = "", mode: int = 0o644, action: str = "create") -> None:
    if action == "delete":
        Path(path).unlink(missing_ok=True)
    else:
        Path(path).write_text(content)
        Path(path).chmod(mode)


def execute(command: str, not_if: str = "false", only_if: str = "true") -> None:
    if subprocess.call(not_if, shell=True) != 0 and subprocess.call(only_if, shell=True) == 0:
        subprocess.run(["/bin/bash", "-c", command], check=True)


def check_process_status(pid_file: str) -> None:
    if not Path(pid_file).is_file():
        raise ComponentIsNotRunning
    try:
        os.kill(int(Path(pid_file).read_text()), 0)
    except OSError:
        raise ComponentIsNotRunning from None


MODULES = {
    "core.resources.system": {"Directory": directory, "Execute": execute, "File": file},
    "libraries.functions.check_process_status": {"check_process_status": check_process_status},
    "libraries.script.script": {"Script": Script},
}


if __name__ == "__main__":
    for name, content in MODULES.items():
        module = types.ModuleType(f"resource_management.{name}")
        vars(module).update(content)
        for path in (f"resource_management.{name}".rsplit(".", up)[0] for up in range(1, name.count(".") + 2)):
            sys.modules.setdefault(path, types.ModuleType(path)).__path__ = []
        sys.modules[module.__name__] = module
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
