"""Stands in for a dispatcher: a process of its own, as any user, that prepares one engine and runs calls on it.

Started by `isolation.sandbox` with a socket's number, the engine's name and its options as JSON. Takes and gives pickled tuples. Standard
library and the engines only, because another Python than the project's may be what the other user can reach.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

from dispatcher_service.engines.base import EngineUnavailable
from dispatcher_service.engines.factory import create
from dispatcher_service.engines.options import EngineOptions

BY_PYTHON = "-python"
"""See `support.engines`, which needs pytest."""


class Server:
    def __init__(self, line, engine):
        self.line = line
        self.engine = engine
        self.victims = []
        self.running = set()

    def answer(self, number, value):
        data = pickle.dumps((number, value))
        self.writer.write(len(data).to_bytes(4, "little") + data)

    async def serve(self):
        reader, self.writer = await asyncio.open_connection(sock=self.line)
        try:
            await self.engine.prepare()
        except EngineUnavailable as error:
            self.answer(0, str(error))
            await self.writer.drain()
            return
        self.answer(0, "")
        try:
            while head := await reader.read(4):
                size = int.from_bytes(head + await reader.readexactly(4 - len(head)), "little")
                number, name, arguments = pickle.loads(await reader.readexactly(size))
                task = asyncio.create_task(self.do(number, name, arguments))
                self.running.add(task)
                task.add_done_callback(self.running.discard)
        finally:
            await self.engine.close()
            for victim in self.victims:
                victim.kill()

    async def do(self, number, name, arguments):
        try:
            value = getattr(self, name)(*arguments)
            if asyncio.iscoroutine(value):
                value = await value
            self.answer(number, value)
        except Exception as error:  # noqa: BLE001  (whatever it is, the test is told)
            self.answer(number, error)

    def run(self, command):
        return self.engine.run(command)

    def kill(self, call_id):
        return self.engine.kill(call_id)

    def pids(self):
        """This process, its launcher."""
        return os.getpid(), getattr(self.engine, "launcher_pid", 0) or os.getpid()

    def level(self):
        return self.engine.level

    def runtime_dir(self):
        launcher = getattr(self.engine, "_launcher", None)
        return str(launcher.runtime_dir) if launcher else ""

    def groups(self):
        """What the launcher uses control groups for."""
        launcher = getattr(self.engine, "_launcher", None)
        return launcher.groups if launcher else {}

    def start_victim(self, argv, folder, opened, environment):
        """A process of this user, with a file as its input, that nothing inside may touch."""
        with Path(opened).open("rb") as stdin:
            victim = subprocess.Popen(argv, cwd=folder, stdin=stdin, stdout=subprocess.DEVNULL, env=environment)
        self.victims.append(victim)
        return victim.pid

    def make_inotify(self):
        """Whether this process can still watch files, as a dispatcher does."""
        import ctypes

        fd = ctypes.CDLL(None, use_errno=True).inotify_init1(0)
        if fd >= 0:
            os.close(fd)
        return fd >= 0

    async def close(self):
        await self.engine.close()


if __name__ == "__main__":
    line, name = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    options = EngineOptions(**json.loads(sys.argv[3]))
    if name.endswith(BY_PYTHON):
        options = dataclasses.replace(options, accelerator="off")
    asyncio.run(Server(line, create(name.removesuffix(BY_PYTHON), options)).serve())
