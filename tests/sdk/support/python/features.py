"""What the SDK does besides carrying values; each check is one function, with and without asyncio."""

import asyncio
import copy
import http.server
import math
import os
import pickle
import threading
import time
import warnings
from datetime import datetime, timedelta, timezone

from graft_client import (
    AnswerError,
    ApiError,
    AsyncClient,
    AuthenticationFailed,
    Client,
    Colour,
    FieldTypeError,
    GraftError,
    HandleInvalid,
    HttpTransport,
    MethodUnknown,
    Moment,
    PermissionDenied,
    Point,
    Response,
    SessionInvalid,
    TaskCancelled,
    TaskStatus,
    TransportError,
    VolumeInUse,
)

URL, USER, PASSWORD = os.environ["GRAFT_URL"], os.environ["GRAFT_USER"], os.environ["GRAFT_PASSWORD"]


def raises(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def values(client):
    echo = client.echo
    assert echo.string("a\nb") == "a\nb"
    for number in (0, 2**63 - 1, -(2**63)):
        assert echo.int_(number) == number
    assert math.isnan(echo.float_(math.nan)) and echo.float_(-math.inf) == -math.inf
    assert str(echo.float_(-0.0)) == "-0.0"
    assert echo.float_(0.1 + 0.2) == 0.1 + 0.2
    assert echo.bool_(True) is True
    berlin = timezone(timedelta(hours=1))
    assert echo.datetime_(datetime(2026, 1, 1, 12, 0, 0, 500, tzinfo=berlin)) == datetime(
        2026, 1, 1, 11, 0, 0, 500, tzinfo=timezone.utc
    )
    precise = Moment.of(datetime(2026, 1, 1, tzinfo=timezone.utc), 7)
    assert echo.datetime_(precise) == precise != datetime(2026, 1, 1, tzinfo=timezone.utc)
    raises(ValueError, echo.datetime_, datetime(2026, 1, 1))
    raises(TypeError, echo.strings, "text")
    assert echo.colour(Colour.DEEP_BLUE) is Colour.DEEP_BLUE
    assert echo.strings(("a", "")) == ["a", ""]
    assert echo.counts({"a": 1}) == {"a": 1}
    assert echo.maybe() is None and echo.maybe(None) is None and echo.maybe(0) == 0
    assert echo.maybe_maybe([]) == [] and echo.maybe_maybe([None]) == [None] and echo.maybe_maybe([5]) == [5]
    assert echo.anything({"a": [None, True, "x", b"\x00\xff", 0.5]}) == {"a": [None, True, "x", "AP8=", 0.5]}
    assert echo.nothing() is None
    assert echo.keep_secret("hush") == 4
    assert client.system.is_alive("\x00\x1f\ud7ff") == "\x00\x1f\ud7ff"
    assert client.call("Echo.int", 5) == 5


def arguments_left_out(client):
    assert client.echo.defaults("one") == "one|7|three"
    assert client.echo.defaults("one", third="3") == "one|7|3"
    assert client.echo.defaults("one", 2, "3", False) == "one|2|3|False"


def unknown_values(client):
    ultraviolet = Colour("ultraviolet")
    assert client.echo.colour(ultraviolet) == ultraviolet == "ultraviolet" and not ultraviolet.is_known
    assert f"{ultraviolet}" == "ultraviolet" and Colour.RED.is_known and ultraviolet in {Colour("ultraviolet")}
    for again in (
        copy.deepcopy(ultraviolet),
        pickle.loads(pickle.dumps(ultraviolet)),
        pickle.loads(pickle.dumps(Colour.RED)),
    ):
        assert isinstance(again, Colour) and again in (ultraviolet, Colour.RED)
    late = Moment.of(datetime(2026, 1, 1, tzinfo=timezone.utc), 7)
    assert pickle.loads(pickle.dumps(late)) == late > datetime(2026, 1, 1, tzinfo=timezone.utc)


def errors(client):
    error = raises(VolumeInUse, client.echo.fail, "VOLUME_IN_USE", ["root", "web"])
    assert (error.code, error.volume, error.guest, error.params) == ("VOLUME_IN_USE", "root", "web", ("root", "web"))
    assert isinstance(error, ApiError) and isinstance(error, GraftError) and error.status == 422
    assert raises(VolumeInUse, client.echo.fail, "VOLUME_IN_USE", []).guest == ""
    other = raises(ApiError, client.echo.fail, "SOMETHING_ELSE", ["1"])
    assert type(other) is ApiError and other.code == "SOMETHING_ELSE" and other.params == ("1",)
    wrong = raises(FieldTypeError, client.call, "Echo.int", "five")
    assert (wrong.place, wrong.expected) == ("value", "int") and "value" in str(wrong)
    assert raises(MethodUnknown, client.call, "Echo.no_such").method == "Echo.no_such"
    with Client(URL, "reader", os.environ["READER_PASSWORD"]) as reader:
        assert raises(PermissionDenied, reader.echo.admin_only).permission
    with Client(URL, USER, "wrong password") as stranger:
        raises(AuthenticationFailed, stranger.login)
    with Client("http://127.0.0.1:9", USER, PASSWORD) as nobody:
        raises(TransportError, nobody.login)
    raises(TransportError, client.echo.sleep, 20.0, timeout=0.3)


def sessions(client):
    own = Client(URL, USER, PASSWORD)
    assert own.session_ref is None
    first = own.login()
    with Client(URL, session_ref=first) as borrower:
        assert borrower.echo.string("x") == "x"
    assert own.echo.string("the session is open still") and own.session_ref == first
    with Client(URL, session_ref=first) as borrower:
        borrower.session.logout()
        raises(SessionInvalid, borrower.echo.string, "x")
    assert own.echo.string("y") == "y" and own.session_ref != first
    second = own.session_ref
    own.close()
    raises(TransportError, own.login)
    with Client(URL, session_ref=second) as borrower:
        raises(SessionInvalid, borrower.echo.string, "x")
    raises(ValueError, Client, URL, USER)
    raises(ValueError, Client, "ftp://x")
    assert PASSWORD not in repr(client) and PASSWORD not in repr(vars(client).get("_transport"))


def connections(client):
    transport = HttpTransport(URL)
    made = []
    new = transport._new
    transport._new = lambda timeout: made.append(timeout) or new(timeout)
    with Client(URL, USER, PASSWORD, transport=transport) as patient:
        for number in range(5):
            assert patient.echo.int_(number) == number
    assert len(made) == 1


class Rude(http.server.BaseHTTPRequestHandler):
    """Closes each connection after an answer, and does not say so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"true")
        self.close_connection = True

    def log_message(self, *_):
        pass


def rude_servers(client):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rude)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with Client(url, session_ref="OpaqueRef:1") as polite:
        assert all(polite.system.is_alive(n) for n in range(30))

    async def with_asyncio():
        async with AsyncClient(url, session_ref="OpaqueRef:1") as polite:
            for n in range(30):
                assert await polite.system.is_alive(n)

    asyncio.run(with_asyncio())
    server.shutdown()
    server.server_close()


def threads(client):
    with Client(URL, USER, PASSWORD) as shared:
        answers = []
        runners = [threading.Thread(target=lambda n=n: answers.append(shared.echo.int_(n))) for n in range(16)]
        for runner in runners:
            runner.start()
        for runner in runners:
            runner.join()
        assert sorted(answers) == list(range(16))


def tasks(client):
    task = client.echo.start_int(5)
    assert task.wait(30) == 5 and task.wait() == 5 and task.status is TaskStatus.SUCCESS
    info = task.info()
    assert info.ended and info.name == "Async.Echo.int" and info.created.tzinfo is not None and info.error is None
    task.destroy()
    raises(HandleInvalid, task.info)
    slow = client.echo.start_sleep(60.0)
    began = time.monotonic()
    raises(TimeoutError, slow.wait, 0.2)
    assert time.monotonic() - began < 10 and slow.status is TaskStatus.PENDING
    slow.cancel()
    raises(TaskCancelled, slow.wait, 30)
    assert slow.status is TaskStatus.CANCELLED
    failing = client.echo.start_fail("VOLUME_IN_USE", ["a", "b"])
    assert raises(VolumeInUse, failing.wait, 30).guest == "b"
    assert client.start("Echo.string", "x").wait(30) == "x"


def deprecated(client):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert client.echo.old() == "Echo.old"
    assert [str(warning.message) for warning in caught if warning.category is DeprecationWarning] == [
        "Echo.old is deprecated since 1.1: Use `Echo.string`."
    ]
    assert not hasattr(client.echo, "gone")


def transports(client):
    class Recorder:
        def __init__(self):
            self.sent = []
            self.answer = Response(200, {}, b'"x"')

        def send(self, request):
            self.sent.append(request)
            return self.answer

        def close(self):
            self.sent.append(None)

    recorder = Recorder()
    with Client("http://graft.example/base", session_ref="OpaqueRef:secret", transport=recorder) as other:
        assert other.echo.string("v") == "x"
        recorder.answer = Response(200, {}, b"5.5")
        raises(AnswerError, other.echo.string, "v")
        recorder.answer = Response(502, {}, b"<html>")
        raises(AnswerError, other.echo.string, "v")
        recorder.answer = Response(503, {"retry-after": "7"}, b'{"code": "SERVER_BUSY", "params": ["calls"]}')
        assert raises(ApiError, other.echo.string, "v").retry_after == 7
    request = recorder.sent[0]
    assert request.path == "/api/v1/methods/Echo.string" and request.body == b'{"value":"v"}'
    assert "secret" not in repr(request) and recorder.sent[-1] is None


async def with_asyncio():
    async with AsyncClient(URL, USER, PASSWORD) as client:
        assert await asyncio.gather(*(client.echo.int_(number) for number in range(32))) == list(range(32))
        assert await client.echo.point(Point(1.0, math.inf)) == Point(1.0, math.inf, "here")
        try:
            await client.echo.fail("VOLUME_IN_USE", ["root", "web"])
        except VolumeInUse as error:
            assert error.guest == "web"
        task = await client.echo.start_sleep(60.0)
        try:
            await task.wait(0.2)
        except TimeoutError:
            await task.cancel()
        try:
            await task
        except TaskCancelled:
            assert await task.status() is TaskStatus.CANCELLED
        await task.destroy()
        call = asyncio.ensure_future(client.echo.sleep(30.0))
        await asyncio.sleep(0.2)
        call.cancel()
        try:
            await call
        except asyncio.CancelledError:
            pass
        try:
            await client.echo.sleep(30.0, timeout=0.2)
        except TransportError:
            pass
        assert await client.call("Echo.string", "x") == "x"
        ref = client.session_ref
        async with AsyncClient(URL, session_ref=ref) as borrower:
            await borrower.session.logout()
        assert await client.echo.string("y") == "y" and client.session_ref != ref
        assert PASSWORD not in repr(client)


with Client(URL, USER, PASSWORD) as client:
    for check in (
        values,
        arguments_left_out,
        unknown_values,
        errors,
        sessions,
        connections,
        threads,
        tasks,
        deprecated,
        transports,
    ):
        check(client)
asyncio.run(with_asyncio())
print("ok")
