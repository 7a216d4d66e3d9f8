"""The gateway as commands reach it: XML-RPC over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from graft_cli.exits import NOT_LOGGED_IN, UNREACHABLE, CliError
from graft_common import xmlrpc
from graft_common.errors import GraftError
from graft_common.values import Value

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    import httpx

ORIGINATOR = "graft"
LOCAL = "unix:"
"""Begins the URL of a local socket; its path follows."""
CONNECT_TIMEOUT = 10.0
CALL_TIMEOUT = 3600.0
MAX_ANSWER = 64 << 20
_POLL_FIRST, _POLL_LAST = 0.05, 1.0
QUIET_TIMEOUT = 60.0
"""Seconds of silence after which a stream counts as dead; the gateway sends something every 15."""
_STATUS_OK = 200


class GatewayClient:
    """Makes XML-RPC calls of one URL.

    Commands that only need the session that `graft login` has kept make no call; for them HTTP is not even loaded.
    """

    def __init__(self, url: str, timeout: float = CALL_TIMEOUT, pair: tuple[Path, Path] | None = None) -> None:
        """Take the gateway's URL, how long calls may take, and the files of a client certificate and its key."""
        self.url = url
        self._pair = pair
        self._timeout = timeout
        self._connect_timeout = CONNECT_TIMEOUT
        self._http: httpx.Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._http is not None:
            self._http.close()

    def call(self, method: str, *params: Value) -> Value:
        """Call a method with all its parameters, the session among them.

        Raises:
            GraftError: the method has failed.
            CliError: there is no answer, or none that is XML-RPC.
        """
        import httpx

        try:
            status, body = self._post(xmlrpc.format_call(method, params))
        except httpx.InvalidURL as error:
            raise CliError(f"{self.url} is no URL: {error}", UNREACHABLE) from None
        except httpx.TimeoutException:
            raise CliError(f"{self.url} has not answered in time", UNREACHABLE) from None
        except httpx.HTTPError as error:
            raise CliError(f"cannot reach {self.url}: {error}", UNREACHABLE) from None
        if status != _STATUS_OK:
            text = body[:200].decode("utf-8", "replace").strip()
            raise CliError(f"{self.url} answered HTTP {status}: {text}")
        try:
            answer = xmlrpc.parse_response(body)
        except xmlrpc.XmlRpcSyntaxError as error:
            raise CliError(f"{self.url} does not speak XML-RPC: {error}") from None
        if isinstance(answer, xmlrpc.Failure):
            raise GraftError(*answer.error)
        return answer.value

    def limit(self, timeout: float) -> None:
        """Wait at most this many seconds for the answer of each call that follows."""
        self._timeout, self._connect_timeout = timeout, min(timeout, CONNECT_TIMEOUT)

    def follow(self, path: str, session: str) -> Iterator[dict[str, Any]]:
        """Follow the server-sent events of a path below `/`: each is an object in JSON.

        Raises:
            GraftError: what is followed is refused, at once or later.
            CliError: there is no answer, or none that is such.
        """
        import httpx

        headers = {"Authorization": f"Bearer {session}", "Accept": "text/event-stream"}
        timeout = httpx.Timeout(QUIET_TIMEOUT, connect=self._connect_timeout)
        try:
            url = httpx.URL(self._target).copy_with(path=path, query=None)
            with self._opened().stream("GET", url, headers=headers, timeout=timeout) as response:
                if response.status_code != _STATUS_OK:
                    raise _refusal(self.url, response.status_code, response.read())
                refused = False
                for line in response.iter_lines():
                    if line.startswith("event:"):
                        refused = True
                    elif line.startswith("data:") and refused:
                        raise _refusal(self.url, _STATUS_OK, line[5:].encode())
                    elif line.startswith("data:"):
                        yield orjson.loads(line[5:])
        except httpx.TimeoutException:
            raise CliError(f"{self.url} has told nothing for {QUIET_TIMEOUT:g} s", UNREACHABLE) from None
        except httpx.HTTPError as error:
            raise CliError(f"cannot reach {self.url}: {error}", UNREACHABLE) from None

    def _post(self, content: bytes) -> tuple[int, bytes]:
        import httpx

        body = bytearray()
        timeout = httpx.Timeout(self._timeout, connect=self._connect_timeout)
        headers = {"Content-Type": "text/xml"}
        with self._opened().stream("POST", self._target, content=content, headers=headers, timeout=timeout) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise CliError(f"the answer of {self.url} is larger than {MAX_ANSWER >> 20} MiB")
            return response.status_code, bytes(body)

    def _opened(self) -> httpx.Client:
        import httpx

        if self._http is None:
            # Certificates take a while to load, and plain HTTP has none.
            verify = self._context() if self.url.lower().startswith("https://") else False
            transport = httpx.HTTPTransport(uds=self.url.removeprefix(LOCAL)) if self.is_local else None
            self._http = httpx.Client(verify=verify, transport=transport)
        return self._http

    @property
    def _target(self) -> str:
        return "http://localhost/" if self.is_local else self.url

    def _context(self) -> ssl.SSLContext:
        import httpx

        context = httpx.create_ssl_context()
        if self._pair is not None:
            try:
                context.load_cert_chain(*self._pair, password="")
            except (OSError, ValueError) as error:
                certificate, key = self._pair
                raise CliError(f"{certificate} and {key} are no certificate and its key in PEM: {error}") from None
        return context

    @property
    def is_local(self) -> bool:
        """Whether it is a local socket, where nobody needs a password."""
        return self.url.startswith(LOCAL)

    def log_in(self, user: str, password: str) -> str:
        """Open a session and return its reference.

        Raises:
            CliError: user or password are wrong.
        """
        try:
            return self._text("session.login_with_password", user, password, "1.0", ORIGINATOR)
        except GraftError as error:
            if error.code == "SESSION_AUTHENTICATION_FAILED":
                raise CliError(f"login as {user} failed: user or password are wrong", NOT_LOGGED_IN) from None
            raise

    def log_in_with_token(self, token: str) -> str:
        """Open a session for a token of an OpenID Connect issuer, and return its reference.

        Raises:
            CliError: the token is not taken.
        """
        return self._log_in_as_somebody("session.login_with_token", token, "1.0", ORIGINATOR)

    def log_in_with_certificate(self) -> str:
        """Open a session for the owner of the client certificate, and return its reference.

        Raises:
            CliError: the certificate is not taken.
        """
        return self._log_in_as_somebody("session.login_with_password", "", "", "1.0", ORIGINATOR)

    def user_of(self, ref: str) -> str:
        """Return the name of a session's user."""
        return self._text("session.get_auth_user_name", ref, ref)

    def _log_in_as_somebody(self, method: str, *params: Value) -> str:
        try:
            return self._text(method, *params)
        except GraftError as error:
            if error.code in {"SESSION_AUTHENTICATION_FAILED", "RBAC_PERMISSION_DENIED"}:
                raise CliError(f"login failed: {error.params[-1]}", NOT_LOGGED_IN) from None
            raise

    def _text(self, method: str, *params: Value) -> str:
        text = self.call(method, *params)
        if not isinstance(text, str):
            raise CliError(f"{self.url} answered {method} with no text")
        return text

    def log_out(self, ref: str) -> None:
        """Close a session; one that has ended already is fine."""
        try:
            self.call("session.logout", ref)
        except GraftError as error:
            if error.code != "SESSION_INVALID":
                raise

    def start(self, method: str, session: str, *params: Value) -> str:
        """Start a method as a task and return the task's reference.

        Raises:
            GraftError: the call was refused.
            CliError: the answer is no reference.
        """
        task = self.call(f"Async.{method}", session, *params)
        if not isinstance(task, str):
            raise CliError(f"{self.url} answered Async.{method} with no task")
        return task

    def wait_for_task(self, session: str, task: str, timeout: float) -> dict[str, Value]:
        """Wait until a task has ended and return its record.

        Raises:
            CliError: it has not ended in time.
        """
        deadline = time.monotonic() + timeout
        pause = _POLL_FIRST
        while True:
            record = self.call("task.get_record", session, task)
            if not isinstance(record, dict):
                raise CliError(f"{self.url} answered task.get_record with no record")
            if record.get("status") not in {"pending", "cancelling"}:
                return record
            if time.monotonic() + pause > deadline:
                raise CliError(f"task {task} has not ended within {timeout:g} s; it goes on")
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_LAST)


def _refusal(url: str, status: int, body: bytes) -> Exception:
    """Read what REST says of an error."""
    try:
        told = orjson.loads(body)
        return GraftError(told["code"], *told["params"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        text = body[:200].decode("utf-8", "replace").strip()
        return CliError(f"{url} answered HTTP {status}: {text}")


@contextmanager
def logged_in(url: str, user: str | None, password: str | None) -> Iterator[tuple[GatewayClient, str]]:
    """Give a client and a session: the one that `graft login` has kept, or one for this command only.

    Raises:
        CliError: there is no session and no password to open one with.
    """
    from graft_cli import sessions

    kept = sessions.find(url, user)
    with GatewayClient(url) as client:
        if kept is not None:
            yield client, kept[1]
        elif client.is_local or (user is not None and password is not None):
            ref = client.log_in(user or "", password or "")
            try:
                yield client, ref
            finally:
                client.log_out(ref)
        else:
            who = f" --user {user}" if user else ""
            raise CliError(f"not logged in at {url}; log in with `graft login --url {url}{who}`", NOT_LOGGED_IN)
