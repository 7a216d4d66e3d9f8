"""The client without asyncio: sessions, calls and tasks."""

from __future__ import annotations

import ssl
import threading
import time
from types import TracebackType
from typing import Any, Callable, Generic, Optional, Sequence, Type, TypeVar

from .calls import DEFAULT_TIMEOUT, SESSION_INVALID, WAIT_STEP, Calls, Method, TaskInfo, TaskStatus
from .codecs import ANYTHING, Codec
from .errors import AnswerError, ApiError, Errors, GraftError, make_error
from .transport import HttpTransport, Request, Response, Transport

T = TypeVar("T")
_C = TypeVar("_C", bound="BaseClient")


class BaseClient:
    """A session on a platform; it may be used by several threads at a time."""

    _errors: Errors = {}
    _agent: str = "graft-sdk"

    def __init__(
        self,
        url: str,
        user: Optional[str] = None,
        password: Optional[str] = None,
        *,
        session_ref: Optional[str] = None,
        originator: str = "",
        timeout: float = DEFAULT_TIMEOUT,
        tls: Optional[ssl.SSLContext] = None,
        transport: Optional[Transport] = None,
    ) -> None:
        if (user is None) != (password is None):
            raise ValueError("a user needs a password, and a password a user")
        self._url = url
        self._user = user
        self._password = password
        self._originator = originator or self._agent
        self._timeout = timeout
        self._transport: Transport = transport or HttpTransport(url, tls)
        self._calls = Calls(self._errors, self._agent)
        self._ref = session_ref
        self._own = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url!r}, user={self._user!r})"

    def __enter__(self: _C) -> _C:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    @property
    def session_ref(self) -> Optional[str]:
        """The session's reference, which is as good as the password; None before the first call."""
        return self._ref

    def login(self) -> str:
        """Log in, unless that is done, and return the session's reference; the first call does it by itself.

        Raises:
            ApiError: user and password do not fit.
            TransportError: there is no answer.
        """
        return self._session(None)

    def close(self) -> None:
        """Log out of the session that this client has opened, and let go of connections; one given to it stays open."""
        with self._lock:
            ref, own = self._ref, self._own
            self._ref, self._own = None, False
        try:
            if ref is not None and own:
                self._calls.value(self._transport.send(self._calls.logout(ref, self._timeout)))
        except GraftError:
            # The session ends by itself in time.
            pass
        finally:
            self._transport.close()

    def call(self, method: str, *params: Any, timeout: Optional[float] = None) -> Any:
        """Call a method by its name with parameters as they are; for methods that nobody has declared.

        Raises:
            ApiError: the platform refuses the call, or the method fails.
            TransportError: there is no answer.
        """
        arguments = [ANYTHING.encode(param) for param in params]
        return self._calls.value(self._send(method, arguments, True, timeout))

    def start(self, method: str, *params: Any, timeout: Optional[float] = None) -> Task[Any]:
        """Start a method by its name as a task; as `call`."""
        arguments = [ANYTHING.encode(param) for param in params]
        ref = self._calls.text(self._send(f"Async.{method}", arguments, True, timeout))
        return Task(self, ref, ANYTHING)

    def _call(self, method: Method[T], values: Sequence[Any], timeout: Optional[float]) -> T:
        response = self._send(method.name, method.arguments(values), method.session, timeout, method.idempotent)
        return method.result.decode(self._calls.value(response))

    def _start(self, method: Method[T], values: Sequence[Any], timeout: Optional[float]) -> Task[T]:
        response = self._send(f"Async.{method.name}", method.arguments(values), True, timeout)
        return Task(self, self._calls.text(response), method.result)

    def _send(
        self, name: str, arguments: Any, session: bool, timeout: Optional[float], repeatable: bool = False
    ) -> Response:
        limit = self._timeout if timeout is None else timeout
        return self._with_session(lambda ref: self._calls.call(name, arguments, ref, limit, repeatable), session)

    def _with_session(self, make: Callable[[Optional[str]], Request], needed: bool = True) -> Response:
        """Send a request; where the session has ended, log in anew and send it once more.

        One that needs no session is sent with that which is open, if there is one.
        """
        ref = self._session(None) if needed else self._ref
        response = self._transport.send(make(ref))
        if response.status != 401 or self._user is None:
            return response
        try:
            self._calls.value(response)
        except ApiError as error:
            if error.code != SESSION_INVALID:
                raise
        return self._transport.send(make(self._session(ref)))

    def _session(self, ended: Optional[str]) -> str:
        """Return a session that is not the one that has ended."""
        with self._lock:
            if self._ref is not None and self._ref != ended:
                return self._ref
            if self._user is None or self._password is None:
                raise make_error(self._errors, SESSION_INVALID, [""], "the client has neither a session nor a user")
            request = self._calls.login(self._user, self._password, self._originator, self._timeout)
            self._ref = self._calls.text(self._transport.send(request))
            self._own = True
            return self._ref


class Task(Generic[T]):
    """A call that runs on the platform; nobody has to wait for it."""

    def __init__(self, client: BaseClient, ref: str, result: Codec[T]) -> None:
        self._client = client
        self._result = result
        self.ref = ref
        """The task's reference."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.ref!r})"

    def info(self, wait: float = 0.0) -> TaskInfo:
        """Ask how the task stands; the answer comes when it has ended, at the latest after so many seconds (at most 60).

        Raises:
            ApiError: there is no such task, or it is another user's.
            TransportError: there is no answer.
        """
        client = self._client
        response = client._with_session(lambda ref: client._calls.task(self.ref, min(wait, 60.0), ref, client._timeout))
        return client._calls.task_info(response)

    @property
    def status(self) -> TaskStatus:
        """How the task stands now; raises as `info`."""
        return self.info().status

    def wait(self, timeout: Optional[float] = None) -> T:
        """Wait until the task has ended, and return what the method answers.

        Raises:
            ApiError: the method has failed, or the task was cancelled (TASK_CANCELLED).
            TimeoutError: it has not ended after so many seconds; it goes on, and may be waited for again.
            TransportError: there is no answer.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = WAIT_STEP if deadline is None else deadline - time.monotonic()
            info = self.info(max(0.0, min(left, WAIT_STEP)))
            if info.ended:
                return result_of(info, self._result)
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"the task {self.ref} has not ended after {timeout:g} seconds")

    def cancel(self) -> None:
        """Ask the task to stop; what it runs is killed. One that has ended stays as it is. Raises as `info`."""
        client = self._client
        client._calls.value(client._with_session(lambda ref: client._calls.cancel(self.ref, ref, client._timeout)))

    def destroy(self) -> None:
        """Let the platform forget the task. Raises as `info`."""
        client = self._client
        client._calls.value(client._with_session(lambda ref: client._calls.destroy(self.ref, ref, client._timeout)))


def result_of(info: TaskInfo, codec: Codec[T]) -> T:
    """Return the result of a task that has ended, or raise its error."""
    if info.error is not None:
        raise info.error
    if info.status is not TaskStatus.SUCCESS:
        raise AnswerError(f"the task has ended with {info.status}, and without an error")
    return codec.decode(info.result)
