"""Sandboxes that wait for their one call: built when nobody waits for them, each used once.

A waiting sandbox is complete: walls, limits, pipes, and in it a small shell that reads from a pipe what it is to
become. So a call costs a write and an exec. Nothing of a call is in a sandbox before it begins; for calls that were
granted something of their own none are kept waiting at all.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import termios
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import replace

from dispatcher_service.engines.base import Command, Limits, Outcome, Verdict
from dispatcher_service.engines.exec_failure import exec_failure
from dispatcher_service.engines.executables import interpreter_hint
from dispatcher_service.engines.launcher.client import Launcher, Request
from dispatcher_service.engines.limiting import bounds
from dispatcher_service.engines.started import Started
from dispatcher_service.engines.stdio import close_quietly, fill, new_input

IDLE_SECONDS = 5.0
"""How long a sandbox waits before it is let go."""
MAX_WAITING = 2 * (os.cpu_count() or 1)
"""Waiting sandboxes of one engine. They are built no quicker than they can be used, so more would only take memory."""
MAX_WORDS = 8 * 1024
"""Characters of a command line for a waiting shell; its bytes must fit into a pipe."""
SHELL = "/bin/sh"
SCRIPT = (
    "unset OLDPWD SHLVL; shopt -s execfail 2>/dev/null; IFS= read -r token <&3 || exit; "
    'while IFS= read -r line <&3; do set -- "$@" "$line"; done; trap \'echo "$token" >&2\' 0; exec "$@" 3<&-; exit'
)
"""What a waiting shell does. The first line it reads is the token, which it writes when the command, the other lines,
cannot be executed. bash needs `execfail` to get that far; dash does not know it."""


def is_poolable(command: Command) -> bool:
    """Whether a command can be run in a sandbox that was built before the command was known."""
    access = command.access
    if access.read or access.write or access.environment or access.secrets or access.task:
        return False
    words = (command.path, *command.arguments)
    return not any("\n" in word for word in words) and sum(map(len, words)) < MAX_WORDS


class Waiting(Started):
    """A sandbox that waits, and then the call in it.

    Args:
        launcher: whose it is.
        limits: what the call may use.
        stdin: its input, still to be given.
        go_r: the end of a pipe that the shell reads from; kept, to find out later whether it has.
        go_w: the other end.
    """

    def __init__(self, launcher: Launcher, limits: Limits, stdin: int, go_r: int, go_w: int) -> None:
        super().__init__(launcher, limits)
        self._stdin, self._go_r, self._go_w = stdin, go_r, go_w
        self.token = secrets.token_hex(16)
        self.timer: asyncio.TimerHandle | None = None

    def begin(self, command: Command) -> bool:
        """Let it become the command; False when it could not be told so, and is of no use."""
        message = os.fsencode("\n".join((self.token, command.path, *command.arguments, "")))
        try:
            fill(self._stdin, command.stdin)
            self.launcher.begin(self.number, command.limits.wall)
            return os.write(self._go_w, message) == len(message)
        except OSError:
            return False
        finally:
            close_quietly([self._stdin, self._go_w])
            self._stdin = self._go_w = -1

    def was_run(self) -> bool:
        """Whether the shell has read all that it is to become; before that it executes nothing."""
        unread = fcntl.ioctl(self._go_r, termios.FIONREAD, bytes(4))
        return not any(unread)

    def judge(self, command: Command, head: bytes, outcome: Outcome) -> Outcome:
        """Tell a command that has failed from a shell that could not execute it."""
        problem = exec_failure(outcome.stderr, self.token) if outcome.verdict is Verdict.EXITED else ""
        if not problem:
            return outcome
        reason = f"cannot run {command.path}: {problem}{interpreter_hint(head, problem)}"
        return Outcome(Verdict.NOT_STARTED, reason=reason)

    def close(self) -> None:
        """Let go of what is left of it."""
        close_quietly([fd for fd in (self._stdin, self._go_r, self._go_w) if fd != -1])
        self._stdin = self._go_r = self._go_w = -1
        if self.timer is not None:
            self.timer.cancel()


class Pool:
    """The waiting sandboxes of one launcher.

    How many wait for a kind of call is how many of that kind have run at once, within the pool's bounds. A call never
    waits for the pool: when nothing is ready, it starts cold.
    """

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher
        self._ready: OrderedDict[Hashable, deque[Waiting]] = OrderedDict()
        self._running: Counter[Hashable] = Counter()
        self._closed = False

    @property
    def waiting(self) -> list[Waiting]:
        """All that wait, those first that would be let go first."""
        return [one for ready in self._ready.values() for one in ready]

    def enter(self, kind: Hashable) -> Waiting | None:
        """Begin a call: a sandbox that is ready for it, or None; `leave` has to follow."""
        self._running[kind] += 1
        ready = self._ready.get(kind)
        while ready:
            waiting = ready.popleft()
            if waiting.timer is not None:
                waiting.timer.cancel()
            if not waiting.end.done():
                return waiting
            self._drop(waiting)
        return None

    def leave(self, kind: Hashable, build: Callable[[Pool], None]) -> None:
        """End a call, and soon after build what the next ones of its kind may need.

        Args:
            kind: what `enter` was called with.
            build: builds one sandbox of that kind, with `start`.
        """
        at_once = self._running[kind]
        self._running[kind] -= 1
        if not self._running[kind]:
            del self._running[kind]
        asyncio.get_running_loop().call_soon(self._refill, kind, at_once, build)

    def _refill(self, kind: Hashable, wanted: int, build: Callable[[Pool], None]) -> None:
        ready = self._ready.setdefault(kind, deque())
        self._ready.move_to_end(kind)
        missing = min(wanted, MAX_WAITING) - len(ready)
        if missing > 0 and self.launcher.alive and not self._closed:
            build(self)
        while len(self.waiting) > MAX_WAITING:
            self.discard(self.waiting[0])
        if not ready:
            self._ready.pop(kind, None)

    def start(self, kind: Hashable, limits: Limits, make: Callable[[int], tuple[Request, list[int]]]) -> None:
        """Have a sandbox built and keep it.

        Args:
            kind: for which calls.
            limits: what such a call may use.
            make: gives what the launcher is to run, and the descriptors for it, of which the first is a copy of the
                one that it is given; raises what prevents that.

        Raises:
            OSError: a descriptor too many.
        """
        held: list[int] = []
        try:
            held += [new_input(), *os.pipe2(os.O_CLOEXEC)]
            stdin, go_r, go_w = held
            os.set_blocking(go_w, False)
            held.append(os.dup(stdin))
            request, passed = make(go_r)
            held += passed
            waiting = Waiting(self.launcher, limits, stdin, go_r, go_w)
        except BaseException:
            close_quietly(held)
            raise
        waiting.start(replace(request, waits=True), [held[3], *waiting.reader.write_ends, *passed], bounds(limits))
        waiting.timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.discard, waiting)
        waiting.end.add_done_callback(lambda _end: self.discard(waiting))
        self._ready.setdefault(kind, deque()).append(waiting)

    def begin(self, waiting: Waiting, command: Command) -> bool:
        """Let a sandbox that does not wait any more become a command; False when it cannot, and is gone."""
        if waiting.begin(command):
            return True
        self._drop(waiting)
        return False

    def discard(self, waiting: Waiting) -> None:
        """Let go of a sandbox, if it waits."""
        for kind, ready in list(self._ready.items()):
            if waiting in ready:
                ready.remove(waiting)
                if not ready:
                    del self._ready[kind]
                self._drop(waiting)

    def _drop(self, waiting: Waiting) -> None:
        self.launcher.kill(waiting.number)
        waiting.reader.finish()
        waiting.close()

    def close(self) -> None:
        """Let go of all."""
        self._closed = True
        for waiting in self.waiting:
            self.discard(waiting)
