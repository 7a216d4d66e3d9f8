"""Documents made to hurt: each ends at once with an error, and none reaches outside."""

from __future__ import annotations

import gc
import socket
import threading
import time

import psutil
import pytest

from graft_common.values import MAX_DEPTH
from graft_common.xmlrpc import XmlRpcSyntaxError, format_call, format_success, parse_call, parse_response
from graft_common.xmlrpc._calls import MAX_CALL_TAGS, MAX_PARAMS

GOOD = format_call("m", [["x" * 10] * 5000])
BODY = "<methodCall><methodName>m</methodName><params><param><value>{}</value></param></params></methodCall>"
AT_MOST = 150
"""Times what a good call of 200 kB takes, which is far from what grows faster than the body."""


def refuse(body: bytes, message: str) -> None:
    gc.disable()  # what it costs depends on all else that this process holds
    try:
        began = time.thread_time()
        with pytest.raises(XmlRpcSyntaxError) as error:
            parse_call(body)
        refused = time.thread_time()
        parse_call(GOOD)
        assert refused - began < AT_MOST * (time.thread_time() - refused)
    finally:
        gc.enable()
    assert message in str(error.value)
    assert len(str(error.value)) < 1000


def billion_laughs() -> str:
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return f'<!DOCTYPE m [<!ENTITY l0 "lol">{entities}]>' + BODY.format("&l9;")


def quadratic() -> str:
    return f'<!DOCTYPE m [<!ENTITY a "{"x" * 1_000_000}">]>' + BODY.format("&a;" * 300_000)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("document", [billion_laughs(), quadratic(), "<!DOCTYPE m>" + BODY.format("x")])
def test_definitions_are_refused_where_they_begin(document, encoding):
    refuse(document.encode(encoding), "has a document type definition at line 1; XML-RPC needs none, and none is read")


@pytest.mark.parametrize("entity", ['<!ENTITY x SYSTEM "{}">', '<!ENTITY % x SYSTEM "{}"> %x;'])
def test_no_file_is_read(tmp_path, entity):
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    before = secret.stat().st_atime_ns
    document = f"<!DOCTYPE m [{entity.format(secret.as_uri())}]>" + BODY.format("&x;")
    refuse(document.encode(), "has a document type definition")
    document = f'<!DOCTYPE m SYSTEM "{secret.as_uri()}">' + BODY.format("&x;")
    refuse(document.encode(), "has a document type definition")
    assert secret.stat().st_atime_ns == before


def test_no_connection_is_made():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/m.dtd"
        refuse(f'<!DOCTYPE m SYSTEM "{url}">{BODY.format("")}'.encode(), "has a document type definition")
        refuse(f'<!DOCTYPE m [<!ENTITY x SYSTEM "{url}">]>{BODY.format("&x;")}'.encode(), "document type definition")
        with pytest.raises(TimeoutError):
            server.accept()


def nested(depth: int) -> bytes:
    return BODY.format("<array><data><value>" * depth + "</value></data></array>" * depth).encode()


def test_nesting_up_to_the_limit():
    assert parse_call(nested(MAX_DEPTH)).params
    value: list = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert parse_response(format_success(value)).value == value


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 20_000])
def test_nesting_beyond_the_limit(depth):
    refuse(nested(depth), "arrays and structs are nested more than 64 deep")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<a>" * 130_000 + b"</a>" * 130_000, "<a> stands where <methodCall> is expected"),
        (b"<a>" * 300_000 + b"</a>" * 300_000, f"has more than {MAX_CALL_TAGS} tags"),
        (b"<methodCall>" * 80_000, "is not well-formed XML at line 1"),
        (b"<" * 1_000_000, f"has more than {MAX_CALL_TAGS} tags"),
        (b"&" * 1_000_000, "is not well-formed XML at line 1, column 1"),
        (b"<methodCall " + b"".join(b"a%d='' " % i for i in range(90_000)) + b"/>", "it holds 0 elements"),
        (b"<" + b"x" * 1_000_000 + b"/>", "xxx…> stands where <methodCall> is expected"),
    ],
)
def test_large_nonsense(body, message):
    refuse(body, message)


@pytest.mark.parametrize("param", ["<param/>", "<param><value/></param>", "<param><value></value></param>"])
def test_a_megabyte_of_empty_params(param):
    count = 1_000_000 // len(param)
    body = f"<methodCall><methodName>m</methodName><params>{param * count}</params></methodCall>"
    refuse(body.encode(), f"the call has {count} parameters; at most {MAX_PARAMS} are read")


def test_parameters_up_to_the_limit():
    assert len(parse_call(format_call("m", [""] * MAX_PARAMS)).params) == MAX_PARAMS


def test_made_up_names_do_not_stay_in_memory():
    """As they would with libxml2 in lxml, whose dictionary lives as long as the thread."""

    def send(first: int) -> None:
        names = b"".join(
            b"<n%dxxxxxxxxxxxxxxxxxxxx a%dxxxxxxxxxxxxxxxxx=''/>" % (i, i) for i in range(first, first + 9000)
        )
        with pytest.raises(XmlRpcSyntaxError):
            parse_call(b"<m>" + names + b"</m>")

    process = psutil.Process()
    for round_number in range(5):
        send(round_number * 9000)
    before = process.memory_info().rss
    for round_number in range(5, 45):
        send(round_number * 9000)
    assert process.memory_info().rss - before < 8 * 1024 * 1024


def test_threads_do_not_share_anything():
    """Every thread gets its own answers back while the others parse theirs."""
    wrong: list[object] = []

    def work(number: int) -> None:
        value = [f"{number}-{i}" for i in range(50)]
        answers = [parse_call(format_call(f"m{number}", [value])) for _ in range(50)]
        wrong.extend(answer for answer in answers if answer.params != [value])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
