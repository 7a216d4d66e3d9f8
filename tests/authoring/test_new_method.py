"""`graft new method`: what it writes works as it stands, in each language."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import GRAFT, Graft
from graft_cli.authoring.beginnings import Places, begin, blueprint, write
from graft_cli.authoring.python_methods import read_methods
from graft_cli.exits import USAGE, CliError
from graft_common.declarations.reader import read_document
from graft_common.values import Value
from graft_common.xmlrpc import Failure, Success, format_extension_call, parse_extension_output
from support.authoring import MODULE, SESSION

USUAL = ["volume:string", "size:int", "force:bool=false"]
SCALARS = [
    *["s:string", "i:int", "f:float", "b:bool", "d:datetime", "r:VM ref", "ds:string=a'b\"c $x", "di:int=-5"],
    *["df:float=1.5", "db:bool=true", "dd:datetime=2026-02-03T05:05:06+01:00", "dr:VM ref=OpaqueRef:NULL"],
]
DEEP = [
    *["l:string set", "m:(string -> int) map", "o:int option", "x:VM ref set set", 'any:"anything"'],
    *["dl:int set=[]", "dm:(string -> string set) map={}", "do:datetime option=[]"],
]
DEFAULTS = [
    *["a:int set=[1,2]", 'b:(int -> float) map={"1":2.5}', 'c:(string -> string set) map={"x":["y"]}'],
    *["d:float=inf", "e:int option=[5]", "f:VM ref set=[]", "g:datetime option=[]"],
]
RESULTS = ["string", "int", "float", "bool", "datetime", "VM ref", "none"]
DEEP_RESULTS = ["string set", "(string -> float) map", "int option", '"anything"']
SHELLS = ["sh", *(shell for shell in ("bash", "busybox") if shutil.which(shell))]
AWKS = ["awk", *(awk for awk in ("gawk", "original-awk", "busybox") if shutil.which(awk))]
"""Those that are here; none is like another."""


def made(folder: Path, lang: str, params: list[str], result: str, name: str = "Volume.resize") -> Path:
    method = blueprint(name, "vm-operator", params, result)
    write(begin(method, lang, Places(folder, folder)))
    assert read_document((folder / f"{name}.xml").read_bytes(), "x").methods == (method,)
    return folder / name


def run(*command: str, cwd: Path | None = None, **variables: str) -> None:
    done = subprocess.run(command, cwd=cwd, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def ask(executable: Path, *params: Value, **variables: str) -> Value | Failure:
    done = subprocess.run(
        [str(executable), "--xmlrpc"],
        input=format_extension_call(executable.name, [SESSION, *params]),
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"]} | variables,
    )
    assert done.returncode == 0, done.stderr
    answer = parse_extension_output(done.stdout)
    return answer.value if isinstance(answer, Success) else answer


@pytest.mark.parametrize(
    ("params", "result"),
    [
        ([], "string"),
        (USUAL, "string"),
        (SCALARS, "bool"),
        (DEEP, '"anything"'),
        (DEFAULTS, "none"),
        *((["n:int"], item) for item in DEEP_RESULTS),
    ],
)
def test_python(tmp_path: Path, params: list[str], result: str) -> None:
    executable = made(tmp_path, "python", params, result)
    assert read_methods(executable) == read_document((tmp_path / "Volume.resize.xml").read_bytes(), "x")
    assert (tmp_path / "graft_extension.py").read_text() == MODULE.read_text()
    run(sys.executable, str(tmp_path / "tests/test_Volume_resize.py"))


@pytest.mark.parametrize(
    ("params", "result"), [([], "string"), (USUAL, "string"), *((SCALARS, item) for item in RESULTS)]
)
@pytest.mark.parametrize("shell", SHELLS)
def test_shell(tmp_path: Path, params: list[str], result: str, shell: str) -> None:
    program = str(shutil.which(shell))
    executable = made(tmp_path, "shell", params, result)
    shells = [program, "sh"] if shell == "busybox" else [program]
    executable.write_text(executable.read_text().replace("#!/bin/sh", f"#!{' '.join(shells)}", 1))
    run(*shells, str(tmp_path / "tests/test_Volume_resize.sh"))


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    executable = made(tmp_path_factory.mktemp("echo"), "shell", ["text:string", "number:int=3"], "string", "Echo.text")
    text = executable.read_text().replace("success string 'done'", 'echo noise; success string "$text:$((number + 1))"')
    executable.write_text(text)
    return executable


@pytest.mark.parametrize(
    "text",
    [
        "'; touch stolen; echo '",
        "$(touch stolen)`touch stolen`${HOME}",
        '"\\"\\\\n\\t%s %d \\',
        "<a>&amp;&lt;&#13;</value></param>",
        "lines\n\nand more\n\n",
        "  \t white \r\n",
        "ü€😀",
        "-n",
        "*",
        "&",
        "\\&\\0\\1",
        "x" * 20_000 + "\n" * 20_000,
    ],
)
@pytest.mark.parametrize("awk", AWKS)
def test_any_text_passes_through_shell(echo: Path, tmp_path: Path, text: str, awk: str) -> None:
    program = str(shutil.which(awk))
    (tmp_path / "awk").symlink_to(program)
    assert ask(echo, text, "007", PATH=f"{tmp_path}:{os.environ['PATH']}") == f"{text}:8"
    assert not list(Path().glob("stolen"))


@pytest.mark.parametrize(
    ("params", "error"),
    [
        (["t", "5; touch stolen"], ["FIELD_TYPE_ERROR", "number", "int", "string"]),
        (["t", "x[$(touch stolen)]"], ["FIELD_TYPE_ERROR", "number", "int", "string"]),
        (["t", True], ["FIELD_TYPE_ERROR", "number", "int", "boolean"]),
        (["t", 1.5], ["FIELD_TYPE_ERROR", "number", "int", "double"]),
        ([["a", ["b"]]], ["FIELD_TYPE_ERROR", "text", "string", "array"]),
        ([{"a": {}}, "5"], ["FIELD_TYPE_ERROR", "text", "string", "struct"]),
        ([None], ["FIELD_TYPE_ERROR", "text", "string", "nil"]),
        ([b"\0"], ["FIELD_TYPE_ERROR", "text", "string", "base64"]),
        (["t", "5", "6"], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Echo.text", "1", "2"]),
        ([], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "Echo.text", "1", "0"]),
        ([""], ["ECHO_TEXT_REFUSED", "text is empty"]),
    ],
)
def test_what_shell_is_not_given(echo: Path, params: list[Any], error: list[str]) -> None:
    if error[0].startswith("MESSAGE"):
        error[3] = str(len(params))
    assert ask(echo, *params) == Failure(error)


@pytest.mark.parametrize(
    "stdin",
    [
        *[
            b"",
            b"<x/>",
            b"text",
            b"<methodCall><methodName>x</methodName>",
            b"<methodCall><methodName>x</methodName><params>",
        ],
        b"<methodCall><methodName>x</methodName><params><param><value>a<!-- b --></value></param></params></methodCall>",
        b"<methodCall><methodName>x</methodName><params><param><value><int>5</i4></value></param></params></methodCall>",
    ],
)
def test_what_is_no_call(echo: Path, stdin: bytes) -> None:
    done = subprocess.run([str(echo), "--xmlrpc"], input=stdin, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no go")
def test_go(tmp_path: Path) -> None:
    """Each is checked by the compiler; one is tested, built and run in the sandbox."""
    go = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off"}
    (tmp_path / "all").mkdir()
    rows = [
        ([], "string"),
        (SCALARS, "bool"),
        *((DEEP if number == 0 else USUAL, item) for number, item in enumerate(DEEP_RESULTS)),
    ]
    for number, (params, result) in enumerate(rows):
        made(tmp_path / str(number), "go", params, result)
        source = tmp_path / str(number) / "src/Volume.resize"
        formatted = subprocess.run(["gofmt", "-l", str(source)], capture_output=True, text=True, check=True)
        assert formatted.stdout == ""
        # Programs of one folder share a run of the compiler.
        shutil.copytree(source, tmp_path / "all" / f"p{number}")
        (tmp_path / "all" / f"p{number}" / "go.mod").rename(tmp_path / "all/go.mod")
    run("nice", "go", "test", "./...", cwd=tmp_path / "all", **go)
    executable = made(tmp_path / "built", "go", USUAL, "datetime")
    run("nice", "make", "-s", "-C", str(tmp_path / "built/src/Volume.resize"), **go)
    done = subprocess.run(
        [str(GRAFT), "try", str(executable), "data", "5", "--json"], capture_output=True, text=True, check=False
    )
    if "cannot run calls on this host" in done.stderr:
        pytest.skip(done.stderr)
    assert json.loads(done.stdout)["value"] == "20260101T00:00:00Z", done.stdout
    assert json.loads(done.stdout)["declaration"] == str(tmp_path / "built/Volume.resize.xml")


@pytest.mark.parametrize("lang", ["python", "shell", "go"])
def test_the_command(graft: Graft, tmp_path: Path, lang: str) -> None:
    done = graft("new", "method", "Volume.resize", "--lang", lang, "--param", "a:string", "--json")
    written = json.loads(done.stdout)
    data = tmp_path / "home/.local/share/graft"
    assert str(data / "declarations.d/Volume.resize.xml") in written["files"]
    assert all(Path(file).is_file() for file in written["files"])
    again = graft("new", "method", "Volume.resize", "--lang", lang)
    assert again.returncode == 1
    assert "exists already, and is left as it is; nothing is written" in again.stderr
    other = graft("new", "method", "Volume.list", "--lang", lang)
    assert other.returncode == 0
    assert "graft_extension.py" not in other.stdout
    doctor = graft("doctor", "--json")
    told = [row["name"] for row in json.loads(doctor.stdout) if row["area"] == "extensions"]
    assert told == ([str(data / "extensions.d")] if lang == "go" else ["Volume.list", "Volume.resize"])


@pytest.mark.parametrize(
    ("name", "lang", "params", "result", "told"),
    [
        ("Volume", "python", [], "string", "its name is no method name"),
        ("session.x", "python", [], "string", "session.* are methods of the platform itself"),
        ("A.b", "python", ["x"], "string", "write name:type or name:type=default"),
        ("A.b", "python", ["x:strong"], "string", "--param x: "),
        ("A.b", "python", ["x:int=five"], "string", "'five' is no int"),
        ("A.b", "python", ["x:int=5", "y:int"], "string", "y has no default, but x before it"),
        ("A.b", "python", ["x:int", "x:int"], "string", "there is a parameter x already"),
        ("A.b", "python", ["class:int"], "string", "it is no name in Python"),
        ("A.b", "python", ["a-b:int"], "string", "it is no name in Python"),
        ("A.b", "python", ["x:enum colour"], "string", "no enum colour is declared"),
        ("A.b", "shell", ["x:int set"], "string", "shell has text alone"),
        ("A.b", "shell", ["PATH:string"], "string", "begin with a small letter"),
        ("A.b", "go", ["x:(int -> int) map"], "string", "maps with strings as keys"),
        ("A.b", "go", ["x:int set=[1]"], "string", "in Go such a default is written in the file"),
        ("A.b", "go", [], "text", "--result: "),
        ("A.b", "go", ["x:float=inf"], "string", "in Go such a default is written in the file"),
        ("A.b", "python", ["x:datetime=soon"], "string", "no date and time"),
    ],
)
def test_refusals(tmp_path: Path, name: str, lang: str, params: list[str], result: str, told: str) -> None:
    with pytest.raises(CliError) as caught:
        made(tmp_path / "made", lang, params, result, name)
    assert caught.value.exit_code == USAGE
    assert told in str(caught.value)
    assert not (tmp_path / "made").exists()


def test_roles_are_known() -> None:
    with pytest.raises(CliError, match="there is no role boss"):
        blueprint("A.b", "boss", [], "string")
