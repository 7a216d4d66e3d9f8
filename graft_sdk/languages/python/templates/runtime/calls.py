"""What calls look like as requests, and answers as values; nothing here sends anything."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, Generic, Mapping, Optional, Sequence, Tuple, TypeVar
from urllib.parse import quote

from .codecs import DATETIME, Codec
from .errors import AnswerError, ApiError, Errors, make_error
from .transport import Request, Response
from .values import UNSET, OpenEnum

T = TypeVar("T")

DEFAULT_TIMEOUT = 120.0
"""Seconds that a call waits for an answer."""
WAIT_STEP = 30.0
"""Seconds that one request waits for a task to end."""
SESSION_INVALID = "SESSION_INVALID"


@dataclass(frozen=True)
class Method(Generic[T]):
    """How a method is called."""

    name: str
    params: Sequence[Tuple[str, Codec[Any]]]
    result: Codec[T]
    session: bool = True
    idempotent: bool = False

    def arguments(self, values: Sequence[Any]) -> Dict[str, Any]:
        """Return the arguments as JSON by their names; those that are `UNSET` are left out."""
        return {name: codec.encode(value) for (name, codec), value in zip(self.params, values) if value is not UNSET}


class TaskStatus(OpenEnum):
    """How a task stands."""

    PENDING = "pending"
    """It waits or runs."""
    SUCCESS = "success"
    """It has ended with a result."""
    FAILURE = "failure"
    """It has ended with an error."""
    CANCELLING = "cancelling"
    """It was asked to stop, and has not ended yet."""
    CANCELLED = "cancelled"
    """It was stopped."""


@dataclass(frozen=True)
class TaskInfo:
    """What is known of a task."""

    ref: str
    name: str
    status: TaskStatus
    progress: float
    """From 0 to 1."""
    created: Optional[datetime]
    finished: Optional[datetime]
    error: Optional[ApiError]
    result: Any = field(repr=False, default=None)
    """In JSON; a task's `wait` returns it as the method's result."""

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status in (TaskStatus.SUCCESS, TaskStatus.FAILURE, TaskStatus.CANCELLED)


class Calls:
    """Makes requests and reads answers."""

    def __init__(self, errors: Errors, user_agent: str) -> None:
        self._errors = errors
        self._agent = user_agent

    def login(self, user: str, password: str, originator: str, timeout: float) -> Request:
        """Ask for a session."""
        arguments = {"uname": user, "pwd": password, "version": "1.0", "originator": originator}
        return self.call("session.login_with_password", arguments, None, timeout, repeatable=True)

    def logout(self, session: str, timeout: float) -> Request:
        """End a session."""
        return self.call("session.logout", {}, session, timeout)

    def call(
        self, method: str, arguments: Any, session: Optional[str], timeout: float, repeatable: bool = False
    ) -> Request:
        """Call a method; `Async.` before its name makes a task of it."""
        try:
            body = json.dumps(arguments, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError) as error:
            raise ValueError(f"the arguments of {method} cannot be written: {error}") from None
        return self._request("POST", f"/api/v1/methods/{quote(method, safe='')}", session, timeout, body, repeatable)

    def task(self, ref: str, wait: float, session: Optional[str], timeout: float) -> Request:
        """Ask for a task, at the latest when so many seconds have passed."""
        query = f"?wait={wait:g}" if wait > 0 else ""
        return self._request(
            "GET", f"/api/v1/tasks/{quote(ref, safe='')}{query}", session, timeout + wait, repeatable=True
        )

    def cancel(self, ref: str, session: Optional[str], timeout: float) -> Request:
        """Ask a task to stop."""
        return self._request("POST", f"/api/v1/tasks/{quote(ref, safe='')}/cancel", session, timeout, repeatable=True)

    def destroy(self, ref: str, session: Optional[str], timeout: float) -> Request:
        """Forget a task."""
        return self._request("DELETE", f"/api/v1/tasks/{quote(ref, safe='')}", session, timeout)

    def value(self, response: Response) -> Any:
        """Return the JSON of an answer.

        Raises:
            ApiError: it is an error.
            AnswerError: it cannot be read.
        """
        if 200 <= response.status < 300:
            return _read(response.body) if response.body else None
        raise self._error(response)

    def text(self, response: Response) -> str:
        """Return the JSON of an answer that is text, such as a reference.

        Raises:
            ApiError, AnswerError: as for `value`.
        """
        value = self.value(response)
        if not isinstance(value, str):
            raise AnswerError("text was expected, but the platform has answered with something else")
        return value

    def task_info(self, response: Response) -> TaskInfo:
        """Read what is told of a task.

        Raises:
            ApiError, AnswerError: as for `value`.
        """
        value = self.value(response)
        try:
            error = value["error"]
            return TaskInfo(
                ref=value["ref"],
                name=value["name"],
                status=TaskStatus(value["status"]),
                progress=float(value["progress"]),
                created=_time(value.get("created")),
                finished=_time(value.get("finished")),
                error=None if error is None else self._made(error, 0, None),
                result=value["result"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AnswerError(f"what is told of a task cannot be read: {error!r}") from None

    def _request(
        self,
        method: str,
        path: str,
        session: Optional[str],
        timeout: float,
        body: bytes = b"",
        repeatable: bool = False,
    ) -> Request:
        headers = {"Accept": "application/json", "User-Agent": self._agent}
        if body:
            headers["Content-Type"] = "application/json"
        if session is not None:
            headers["Authorization"] = f"Bearer {session}"
        return Request(method, path, headers, body, timeout, repeatable)

    def _error(self, response: Response) -> Exception:
        try:
            told = _read(response.body)
            return self._made(told, response.status, _seconds(response.headers))
        except (AnswerError, KeyError, TypeError, AttributeError):
            return AnswerError(f"HTTP {response.status}, and nothing that tells an error of this interface")

    def _made(self, told: Mapping[str, Any], status: int, retry_after: Optional[float]) -> ApiError:
        params = [str(param) for param in told.get("params") or ()]
        return make_error(self._errors, str(told["code"]), params, str(told.get("message") or ""), status, retry_after)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"the answer is no JSON: {error}") from None


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _time(json_value: Any) -> Optional[datetime]:
    return None if json_value is None else DATETIME.decode(json_value)


def _seconds(headers: Mapping[str, str]) -> Optional[float]:
    try:
        return float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
