"""Python functions as methods: what they are given, what they answer, on the wire that xapi and Graft speak."""

from __future__ import annotations

import ast
import select
import subprocess
import sys
import xmlrpc.client
from pathlib import Path
from typing import Any

import pytest

import graft_extension
from dispatcher_service.tasks.lines import LineReader, Told
from graft_common.values import DateTime, Value
from graft_common.xmlrpc import Failure, Success, format_extension_call, parse_extension_output
from support.authoring import ECHOES, MODULE, SESSION, ask

pytestmark = pytest.mark.usefixtures("echoes")


@pytest.mark.parametrize(
    ("method", "given", "answered"),
    [
        ("string", "ü <&>\"' \t\n\r", "ü <&>\"' \t\n\r"),
        ("string", "  ", "  "),
        ("string", "", ""),
        ("string", "5", "5"),
        ("int", 5, 5),
        ("int", "-5", -5),
        ("int", "1_000", 1000),
        ("int", "0x1f", 31),
        ("int", "007", 7),
        ("int", str(2**63 - 1), 2**63 - 1),
        ("int", -(2**63), -(2**63)),
        ("float", 5, 5.0),
        ("float", "1.5", 1.5),
        ("float", float("inf"), float("inf")),
        ("bool", True, True),
        ("bool", False, False),
        ("datetime", DateTime("20260101T00:00:00Z"), DateTime("20260101T00:00:00Z")),
        ("datetime", DateTime("2026-02-28T23:30:00.5-01:00"), DateTime("20260301T00:30:00.5Z")),
        ("datetime", "20260101T00:00:00", DateTime("20260101T00:00:00Z")),
        ("enum", "DONE", "done"),
        ("text_enum", "slow-ONE", "Slow-one"),
        ("literal", "LOW", "low"),
        ("ref", "OpaqueRef:NULL", "OpaqueRef:NULL"),
        (
            "record",
            {"device": "xvda", "surplus": 1},
            {"device": "xvda", "size": 5120, "tags": [], "state": "done"},
        ),
        (
            "record",
            {"device": "a", "size": "1", "label": ["x"], "parent": [{"device": "b"}], "state": "QUEUED"},
            {
                "device": "a",
                "size": 1,
                "label": ["x"],
                "tags": [],
                "parent": [{"device": "b", "size": 5120, "tags": [], "state": "done"}],
                "state": "queued",
            },
        ),
        ("named_tuple", {"x": 1}, {"x": 1.0, "y": 0.0}),
        ("typed_dict", {"name": "n"}, {"name": "n"}),
        ("typed_dict", {"name": "n", "size": ["7"]}, {"name": "n", "size": [7]}),
        ("loose", {}, {}),
        ("loose", {"count": ["3"], "when": []}, {"count": [3]}),
        ("set", ["1", 2], [1, 2]),
        ("deep", [[[]], []], [[[]], []]),
        ("map", {"a&<b": "1"}, {"a&<b": 1.0}),
        ("option", [], []),
        ("option", ["5"], [5]),
        ("anything", {"a": [1, None, b"\0\xff", 1.5, True]}, {"a": ["1", None, b"\0\xff", 1.5, True]}),
        ("anything", [DateTime("2026-01-01T00:00:00Z")], [DateTime("20260101T00:00:00Z")]),
    ],
)
def test_values(method: str, given: Any, answered: Any) -> None:
    got = ask(f"Echo.{method}", given)
    assert got == answered
    assert type(got) is type(answered)


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("int", ["five"], ["FIELD_TYPE_ERROR", "value", "int", "string"]),
        ("int", ["\u0665"], ["FIELD_TYPE_ERROR", "value", "int", "string"]),
        ("int", [""], ["FIELD_TYPE_ERROR", "value", "int", "string"]),
        ("int", [" 5"], ["FIELD_TYPE_ERROR", "value", "int", "string"]),
        ("int", [str(2**63)], ["FIELD_TYPE_ERROR", "value", "int", "string"]),
        ("int", [True], ["FIELD_TYPE_ERROR", "value", "int", "boolean"]),
        ("bool", ["true"], ["FIELD_TYPE_ERROR", "value", "bool", "string"]),
        ("bool", [1], ["FIELD_TYPE_ERROR", "value", "bool", "string"]),
        ("string", [{}], ["FIELD_TYPE_ERROR", "value", "string", "struct"]),
        ("string", [None], ["FIELD_TYPE_ERROR", "value", "string", "nil"]),
        ("string", [DateTime("20260101T00:00:00Z")], ["FIELD_TYPE_ERROR", "value", "string", "dateTime.iso8601"]),
        ("ref", [1.5], ["FIELD_TYPE_ERROR", "value", "VM ref", "double"]),
        ("set", [["1", "x"]], ["FIELD_TYPE_ERROR", "value[1]", "int", "string"]),
        ("set", ["1"], ["FIELD_TYPE_ERROR", "value", "int set", "string"]),
        ("map", [{"k": []}], ["FIELD_TYPE_ERROR", 'value["k"]', "float", "array"]),
        ("option", [["1", "2"]], ["FIELD_TYPE_ERROR", "value", "int option", "array of 2"]),
        ("record", [{}], ["FIELD_TYPE_ERROR", "value.device", "string", "nothing"]),
        (
            "record",
            [{"device": "a", "parent": [{"device": b"x"}]}],
            ["FIELD_TYPE_ERROR", "value.parent[0].device", "string", "base64"],
        ),
        ("enum", ["lost"], ["INVALID_VALUE", "value", "lost", "enum State has the values done, queued"]),
        (
            "datetime",
            ["20261301T00:00:00Z"],
            [
                "INVALID_VALUE",
                "value",
                "20261301T00:00:00Z",
                "no date and time in ISO 8601, such as 20260101T00:00:00Z",
            ],
        ),
        ("int", [], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Echo.int", "1", "0"]),
        ("nothing", ["x"], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Echo.nothing", "0", "1"]),
        ("session", [], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Echo.session", "1", "0"]),
        ("missing", [], ["MESSAGE_METHOD_UNKNOWN", "Echo.missing"]),
        ("fail", ["VOLUME_IN_USE"], ["VOLUME_IN_USE", "5", "<&>"]),
    ],
)
def test_failures(method: str, params: list[Any], error: list[str]) -> None:
    assert ask(f"Echo.{method}", *params) == Failure(error)


def test_keys_of_maps() -> None:
    maps = ({"1": True, "2": False}, {"DONE": "1"}, {"true": "x"}, {"20260101T00:00:00Z": "1"}, {"r": []}, {"1.5": "1"})
    assert ask("Echo.keys", *maps) == {"numbers": 3, "all": 5}
    assert ask("Echo.keys", {"x": True}, *maps[1:]) == Failure(["FIELD_TYPE_ERROR", 'numbers["x"]', "int", "string"])


def test_what_is_left_out_has_its_default() -> None:
    assert ask("Echo.defaults", "t") == ["t", "ü", -5, 1, True, "queued", [], {"a": "b"}, None]
    assert ask("Echo.defaults", "t", "w", "1", "2", False, "done", ["3"], {}, ["x"]) == [
        *["t", "w", 1, 2.0, False, "done", [3], {}, "x"]
    ]
    assert ask("Echo.option") == []


def test_the_session_is_that_of_the_call() -> None:
    assert ask("Echo.session", "!") == f"{SESSION}!"
    assert graft_extension.session() == ""


def start(*arguments: str, stdin: bytes, file: Path = ECHOES, python: str = sys.executable) -> Any:
    return subprocess.run(
        [python, str(file), *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        env={"PYTHONPATH": str(MODULE.parent.parent), "PATH": "/usr/bin:/bin"},
    )


def call(method: str, *params: Any) -> bytes:
    return xmlrpc.client.dumps((SESSION, *params), method).encode()


@pytest.mark.parametrize("arguments", [["--xmlrpc"], []])
def test_as_a_process(arguments: list[str]) -> None:
    done = start(*arguments, stdin=call("Echo.nothing"))
    assert done.returncode == 0
    assert parse_extension_output(done.stdout) == Success("")
    assert done.stderr == b"this goes to standard error\n"


@pytest.mark.parametrize(
    ("how", "code", "told"),
    [("exit", 3, b""), ("result", 1, b"TypeError: the result is 'five'"), ("x", 1, b"KeyError")],
)
def test_other_exceptions_are_no_answers(how: str, code: int, told: bytes) -> None:
    done = start("--xmlrpc", stdin=call("Echo.crash", how))
    assert done.returncode == code
    assert done.stdout == b""
    assert told in done.stderr


@pytest.mark.parametrize("stdin", [b"", b"<x/>", b"<methodCall/>", b"<!DOCTYPE a><methodCall/>", b"\xff"])
def test_what_is_no_call(stdin: bytes) -> None:
    done = start("--xmlrpc", stdin=stdin)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"ValueError" in done.stderr


def test_what_children_print_goes_to_standard_error(tmp_path: Path) -> None:
    file = tmp_path / "Child.print"
    file.write_text(
        "import subprocess\n"
        "from graft_extension import method, run\n"
        "@method('Child.print')\n"
        "def child() -> str:\n"
        "    subprocess.run(['echo', 'noise'])\n"
        "    return 'quiet'\n"
        "print('before')\n"
        "run()\n"
    )
    done = start("--xmlrpc", stdin=call("Child.print"), file=file)
    assert parse_extension_output(done.stdout) == Success("quiet")
    assert sorted(done.stderr.split()) == [b"before", b"noise"]


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ("(x) -> str", "no annotation"),
        ("(*x: str) -> str", "any number"),
        ("(x: complex) -> str", "complex"),
        ("(x: list) -> str", "list"),
        ("(x: bytes) -> str", "bytes"),
    ],
)
def test_annotations_that_no_method_has(definition: str, told: str) -> None:
    names: dict[str, Any] = {}
    exec(f"def f{definition}: ...", names)
    graft_extension.method(f"No.method{definition}")(names["f"])
    with pytest.raises(TypeError, match=told):
        ask(f"No.method{definition}", "x")


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9", "3.10", "3.12", "3.13", "3.14"])
def test_other_pythons(version: str) -> None:
    """Those of them that are here."""
    versions = Path("~/.pyenv/versions").expanduser()
    found = [*versions.glob(f"{version}.*/bin/python3"), Path(f"/usr/bin/python{version}")]
    python = next((path for path in found if path.exists()), None)
    if python is None:
        pytest.skip(f"there is no Python {version}")
    params: list[Value] = [
        *[["1", "2"], {"k": {"x": "7"}}, ["DONE"], "OpaqueRef:NULL", DateTime("20260101T00:00:00Z")],
        *[{"x": [1.5, None]}, [{"1": True}]],
    ]
    stdin = format_extension_call("Older.python", ["OpaqueRef:session", *params])
    done = start("--xmlrpc", stdin=stdin, file=ECHOES.with_name("older_python.py"), python=str(python))
    assert done.returncode == 0, done.stderr
    assert parse_extension_output(done.stdout) == Success(
        {"points": [{"x": 7}, {"x": 1, "y": [1.0], "states": [["done"]]}]}
    )


def test_the_module_is_read_by_python_3_6() -> None:
    ast.parse(MODULE.read_text(), feature_version=(3, 6))


def test_a_name_is_taken_once() -> None:
    with pytest.raises(TypeError, match=r"Echo\.int already"):
        graft_extension.method("Echo.int")(lambda: None)


def test_nothing_heavy_is_imported() -> None:
    script = "import os; before = set(sys.modules); import graft_extension; print(sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(MODULE.parent.parent)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['graft_extension']"


def test_what_a_call_tells_is_read_as_it_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graft_extension.progress(0.5)  # nobody listens
    fifo = tmp_path / "task"
    fifo.touch()
    monkeypatch.setenv("GRAFT_TASK", str(fifo))
    reader, told = LineReader(), []
    for tell in (
        lambda: graft_extension.progress(1 / 3),
        lambda: graft_extension.progress(1),
        lambda: graft_extension.log("two\nlines"),
        lambda: graft_extension.log("\N{SNOWMAN}" * 2000),
        lambda: graft_extension.log(""),
    ):
        tell()
        written = fifo.read_bytes()
        assert len(written) <= select.PIPE_BUF
        told.append(reader.feed(written))
        fifo.write_bytes(b"")
    assert told == [
        Told(1 / 3, []), Told(1.0, []), Told(None, ["two lines"]), Told(None, ["\N{SNOWMAN}" * 1000]), Told(None, [""])
    ]  # fmt: skip
    fifo.unlink()
    graft_extension.log("gone")
    assert not fifo.exists()
