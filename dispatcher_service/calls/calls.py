"""A call from its arrival to its end: checked in order, run, recorded."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import structlog

from dispatcher_service.audit.arguments import arguments_of, without
from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext
from dispatcher_service.calls import metrics
from dispatcher_service.calls.checks import check_params, check_role, check_target
from dispatcher_service.calls.record import AuditSink, CallRecord, action_of
from dispatcher_service.calls.request import CallRequest
from dispatcher_service.calls.result import CallResult, TaskStarter
from dispatcher_service.calls.result import Execution as TaskExecution
from dispatcher_service.calls.runner import NO_LIMITS, Channel, Execution, ExecutionMeter, Runner, as_it_is
from dispatcher_service.calls.slots import Turn
from dispatcher_service.declarations.declarations import Declarations
from dispatcher_service.declarations.in_force import InForce, Target
from dispatcher_service.dropins.view import DropIns
from dispatcher_service.grants.giving import AccessGiver
from dispatcher_service.sessions.authenticator import Authenticator
from dispatcher_service.sessions.session import Session
from graft_common.audit import Argument
from graft_common.declarations.api import Source
from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.model import ANYONE, Method, Residence, Types
from graft_common.errors import GraftError, method_unknown, service_unavailable, session_invalid
from graft_common.values import Value

_log = structlog.get_logger("graft.calls")

_DENIALS = frozenset({"SESSION_INVALID", "RBAC_PERMISSION_DENIED"})
_ECHO = "system.isAlive:"

Result = TypeVar("Result")
_Begin = Callable[[CallerContext, TaskExecution], Awaitable[Result]]
"""Lets a task begin what it is given."""


@dataclass(slots=True)
class _Call:
    """What becomes known of a call on its way."""

    request: CallRequest
    arrived: float
    caller: CallerContext
    builtin: Builtin | None = None
    target: Target | None = None
    """What an admitted call goes to, unless it is a built-in."""
    params: list[Value] = field(default_factory=list, repr=False)
    """What the method is to get, the session left out."""
    declared: tuple[Method, Types] | None = None
    admitted: bool = False
    """Whether all checks have let it through."""
    checks: MethodChecks | None = None
    source: str = "none"
    turn: Turn | None = None
    """What a call that becomes a task has reserved until it runs."""
    channel: Channel | None = None
    """Makes the FIFO by which a call of a task tells of itself."""
    meter: ExecutionMeter = field(default_factory=ExecutionMeter)


class Calls:
    """Takes calls. One object serves all of a dispatcher."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        declarations: Declarations,
        dropins: DropIns,
        runner: Runner,
        audit: AuditSink,
        access: AccessGiver,
    ) -> None:
        self.builtins: BuiltinTable = {}
        """Filled once the built-in methods, which may need this object, are made."""
        self._authenticator = authenticator
        self._declarations = declarations
        self._dropins = dropins
        self._runner = runner
        self._audit = audit
        self._access = access
        self._sessions: Counter[str] = Counter()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    async def invoke(self, request: CallRequest) -> CallResult:
        """Check a call and run it. Cancelling this kills what it runs.

        Raises:
            GraftError: what the caller is to be told.
        """
        return await self._carry_out(_arrived(request), admitted=False)

    async def invoke_async(self, request: CallRequest, tasks: TaskStarter) -> str:
        """Check a call, start it as a task, and return the task's reference.

        Raises:
            GraftError: what the checks have found; SERVER_BUSY when there are too many tasks.
        """
        return await self._hand_over(
            request, tasks, lambda caller, execution: tasks.start(request.method, caller, execution, request.origin)
        )

    async def invoke_for_task(self, request: CallRequest, tasks: TaskStarter) -> CallResult:
        """Check a call and run it for the task of a client that it names: it tells of itself there, and stops with it.

        Raises:
            GraftError: what the caller is to be told.
        """
        return await self._hand_over(
            request,
            tasks,
            lambda caller, execution: tasks.join(caller.require_session(), request.task, execution),
        )

    async def _hand_over(self, request: CallRequest, tasks: TaskStarter, begin: _Begin[Result]) -> Result:
        """Check a call and let tasks begin it."""
        call = _arrived(request)
        started = False

        async def execution(task_ref: str) -> CallResult:
            nonlocal started
            started = True
            call.caller = replace(call.caller, task_ref=task_ref)
            call.channel = partial(tasks.channel, task_ref)
            return await self._carry_out(call, admitted=True)

        try:
            await self._admit(call, needs_session=True)
            return await begin(call.caller, execution)
        except GraftError as error:
            if not started:
                self._release(call)
                self._record(call, error.code)
            raise

    def declaration_of(self, method: str) -> tuple[Method, Types] | None:
        """Return a method's declaration as it is now, built-ins' too, with all types that it names; None without one.

        A call that comes later may find another: what reads its arguments and writes its result is to go by
        `CallRequest.read` and `CallResult.declared`.
        """
        return _declaration(self._declarations.in_force, method)

    def version_of(self, target: Target) -> Hashable:
        """Return all that decides what a call runs that goes to a target, and what it may reach."""
        tree = self._dropins.tree if target.bundle is None else target.bundle.tree
        return tree, target.executable, target.method, self._access.standing(target).in_force

    def busy_sessions(self) -> frozenset[str]:
        """Name the digests of the sessions whose calls are running."""
        return frozenset(self._sessions)

    async def drain(self, seconds: float) -> bool:
        """Refuse new calls and let those under way end, within so many seconds; tell whether they have."""
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self, seconds: float = 5.0) -> None:
        """Refuse new calls, kill what is left of those under way, and wait shortly for them to be answered."""
        self._draining = True
        self._runner.stop(_draining())
        await self.drain(seconds)

    async def _admit(self, call: _Call, *, needs_session: bool = False) -> None:
        """Check a call: session, method, role, parameters, limits."""
        if self._draining:
            raise _draining()
        request = call.request
        session: Session | None = None
        if request.credential:
            session = await self._authenticator.session_of(request.credential, request.min_revision)
            call.caller = CallerContext(session, request.credential, request.request_id, request.peer)
        call.builtin = self._find_builtin(request.method)
        if call.builtin is not None:
            call.source = Source.BUILT_IN.value
            self._admit_builtin(call, call.builtin, needs_session=needs_session)
            return
        if session is None:
            target = self._declarations.in_force.target(request.method)
            # Without a session there is no undeclared extension for xapi either (gen_server.ml).
            raise method_unknown(request.method) if target is None or not target.method else session_invalid("")
        gone = await self._look(request.method)
        # From here to the end nothing is waited for: one version of the declaration decides all.
        in_force = self._declarations.in_force
        target = in_force.target(request.method)
        if target is None or target.origin.source is Source.BUILT_IN or (gone and not target.bundle):
            raise method_unknown(request.method)
        if not target.origin.available:
            raise GraftError("MESSAGE_METHOD_UNKNOWN", request.method, details={"message": target.missing()})
        call.source = target.origin.source.value
        call.declared = _declaration(in_force, request.method)
        check_target(session, target, request.method)
        params = _params(request, call.declared)
        call.checks = in_force.checks(request.method)
        call.params = params if call.checks is None else call.checks.arguments(params)
        if needs_session:
            # What waits in the background is not refused any more once its reference is given out.
            residence = None if call.checks is None else _residence(call.checks.method)
            call.turn = self._runner.reserve(request.method, call.caller.name, residence)
        call.target = target
        call.admitted = True
        if target.bundle is not None:
            self._declarations.holds.hold(target.bundle.tree)

    def _admit_builtin(self, call: _Call, builtin: Builtin, *, needs_session: bool) -> None:
        request, session = call.request, call.caller.session
        call.declared = self.declaration_of(request.method)
        if session is None and (builtin.role is not None or needs_session):
            raise session_invalid(request.credential)
        if session is not None and builtin.role not in (None, ANYONE):
            check_role(session, builtin.role, request.method.lower())
        call.params = _params(request, call.declared)
        check_params(request.method, builtin, call.params)
        call.admitted = True

    async def _look(self, method: str) -> bool:
        """Look at the file that makes a method a drop-in, so that what is in force is of this moment.

        Returns whether it has gone, though it may still be in force because the look takes too long.
        """
        await self._declarations.notice()
        target = self._declarations.in_force.target(method)
        if target is None or target.bundle is not None:
            # Nothing, or an extension: unless there is a drop-in now.
            if not await self._dropins.has(method) and target is None:
                await self._declarations.arrived()
            return False
        there = await self._dropins.has_executable(target.executable)
        return not there and target.origin.available

    def _release(self, call: _Call) -> None:
        """Let go of what an admitted call has held: the folder, and a turn that it has not taken."""
        if call.turn is not None:
            call.turn.drop()
        target, call.target = call.target, None
        if target is not None and target.bundle is not None:
            self._declarations.holds.release(target.bundle.tree)

    def _find_builtin(self, method: str) -> Builtin | None:
        if method.startswith(_ECHO):
            method = _ECHO
        return self.builtins.get(method)

    async def _carry_out(self, call: _Call, *, admitted: bool) -> CallResult:
        """Check a call unless it is admitted, and run it; it counts as under way, and how it ends is recorded."""
        self._under_way += 1
        self._idle.clear()
        outcome = "OK"
        try:
            try:
                if not admitted:
                    await self._admit(call)
                return await self._execute(call)
            finally:
                self._release(call)
        except GraftError as error:
            outcome = error.code
            raise
        except asyncio.CancelledError:
            outcome = "TASK_CANCELLED" if call.caller.task_ref else "CANCELLED"
            raise
        except Exception:
            outcome = "INTERNAL_ERROR"
            raise
        finally:
            self._record(call, outcome)
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _execute(self, call: _Call) -> CallResult:
        session = call.caller.session
        if session is None:
            return await self._run(call)
        # It counts as in use meanwhile.
        self._sessions[session.digest] += 1
        try:
            return await self._run(call)
        finally:
            self._sessions[session.digest] -= 1
            if not self._sessions[session.digest]:
                del self._sessions[session.digest]

    async def _run(self, call: _Call) -> CallResult:
        request, caller, target = call.request, call.caller, call.target
        if call.builtin is not None:
            return CallResult(await call.builtin.handler(caller, call.params), declared=call.declared)
        if target is None:
            raise method_unknown(request.method)
        left = None
        if request.seconds is not None and not caller.task_ref:
            left = max(call.arrived + request.seconds - time.monotonic(), 0.0)
        execution = Execution(
            request.method,
            target.executable,
            [caller.session_ref, *call.params],
            caller.name,
            target.bundle,
            limits=NO_LIMITS if call.checks is None else call.checks.method.limits,
            zygote=call.checks is None or call.checks.method.zygote,
            residence=None if call.checks is None else _residence(call.checks.method),
            version=partial(self.version_of, target),
            check=as_it_is if call.checks is None else call.checks.result,
            access=partial(self._access.give, target),
            seconds=left,
            channel=call.channel,
        )
        value = await self._runner.run(execution, call.meter, call.turn)
        return CallResult(value, call.meter.usage, call.declared)

    def _record(self, call: _Call, outcome: str) -> None:
        request, session = call.request, call.caller.session
        record = CallRecord(
            time=datetime.now(UTC),
            user=session.user if session else "",
            roles=session.roles if session else (),
            track_id=session.track_id if session else "",
            action=action_of(request.method),
            allowed=outcome not in _DENIALS,
            outcome=outcome,
            duration=time.monotonic() - call.arrived,
            usage=call.meter.usage,
            request_id=request.request_id,
            originator=session.originator if session else "",
            peer=request.peer,
            task=call.caller.task_ref,
            access=call.meter.access,
            user_uuid=session.user_uuid if session else "",
            arguments=_arguments(call),
        )
        if call.builtin is None or call.builtin.leaves_record(outcome):
            self._audit.record(record)
        metrics.count(record, call.source, call.meter.exceeded)
        if _log.is_enabled_for(logging.INFO):
            _tell(record, call.meter)


def _arguments(call: _Call) -> tuple[Argument, ...]:
    """Tell what the call was given, or of one that was refused would have been, unless that had to be read first."""
    method = None if call.declared is None else call.declared[0]
    given = call.params if call.admitted or call.request.read is not None else call.request.params
    told = arguments_of(method, given, checked=call.admitted)
    if call.admitted and call.builtin is not None and call.builtin.told is not None:
        told = (*told, *call.builtin.told(given))
    return without(call.caller.session_ref, told)


def _tell(record: CallRecord, meter: ExecutionMeter) -> None:
    _log.info(
        "call.finished",
        method=record.action,
        user=record.user,
        track_id=record.track_id,
        outcome=record.outcome,
        duration=round(record.duration, 6),
        task=record.task,
        request_id=record.request_id,
        **({"exceeded": meter.exceeded} if meter.exceeded else {}),
        **({"access": asdict(record.access)} if record.access else {}),
    )


def _arrived(request: CallRequest) -> _Call:
    caller = CallerContext(session_ref=request.credential, request_id=request.request_id, peer=request.peer)
    return _Call(request, time.monotonic(), caller)


def _declaration(in_force: InForce, method: str) -> tuple[Method, Types] | None:
    declared = in_force.api.methods.get(method)
    return None if declared is None else (declared, in_force.api.types)


def _residence(method: Method) -> Residence | None:
    return method.residence if method.resident else None


def _params(request: CallRequest, declared: tuple[Method, Types] | None) -> list[Value]:
    if request.read is None:
        return request.params
    return request.read(*declared) if declared is not None else request.read(None, Types())


def _draining() -> GraftError:
    return service_unavailable("dispatcher", "it is shutting down; try again in a moment")
