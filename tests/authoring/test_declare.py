"""`graft declare`: what it makes of Python, that calls go by it, and what it says of what cannot be declared."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.conftest import Graft
from graft_cli.authoring.docstrings import parse_docstring
from graft_cli.authoring.python_methods import is_python_of_methods, read_methods
from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.model import Change, Document, ErrorDeclaration, Residence, Types
from graft_common.declarations.reader import DeclarationError, read_document
from graft_common.errors import GraftError
from graft_common.xmlrpc import Failure, format_extension_call, parse_call
from support.authoring import ECHOES, ask
from support.declarations import untyped, values

IMPORTS = """\
import enum, dataclasses, typing, datetime
from dataclasses import dataclass, field
from typing import *
from typing import Any, ClassVar, Dict, List, Literal, NamedTuple, NotRequired, Optional, TypedDict, Union
from graft_extension import Failure, Ref, Session, method, run
"""


@pytest.fixture(scope="module")
def declared() -> Document:
    return read_methods(ECHOES)


def written(tmp_path: Path, text: str, name: str = "Class.name") -> Document:
    file = tmp_path / name
    file.write_text(IMPORTS + textwrap.dedent(text) + "\nrun()\n")
    return read_methods(file)


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        written(tmp_path, text)
    lines = len(IMPORTS.splitlines())
    return [f"{finding.line - lines}: {finding.reason}" for finding in caught.value.findings]


def test_what_is_written_is_what_is_read(graft: Graft, declared: Document) -> None:
    done = graft("declare", str(ECHOES))
    assert (done.returncode, done.stderr) == (0, "")
    assert read_document(done.stdout.encode(), "echoes.xml") == declared


def test_types(declared: Document) -> None:
    assert {method.short_name: str(method.params[0].type) for method in declared.methods if method.params} == {
        "string": "string",
        "int": "int",
        "float": "float",
        "bool": "bool",
        "datetime": "datetime",
        "enum": "enum State",
        "text_enum": "enum Mode",
        "literal": "enum Speed",
        "ref": "VM ref",
        "record": "Disk record",
        "named_tuple": "Point record",
        "typed_dict": "Options record",
        "loose": "Loose record",
        "set": "int set",
        "deep": "Disk record option set set",
        "map": "(string -> float) map",
        "keys": "(int -> bool) map",
        "option": "int option",
        "anything": '"anything"',
        "defaults": "string",
        "session": "string",
        "fail": "string",
        "crash": "string",
    }
    assert [str(field.type) for field in Types.of(declared).records["Loose"].fields] == [
        "int option",
        "datetime option",
    ]


def test_documentation_and_defaults(declared: Document) -> None:
    method = next(method for method in declared.methods if method.name == "Echo.defaults")
    assert method.doc == "Answer with everything.\n\nThe second paragraph\nhas two lines."
    assert method.params[0].doc == "what is said,\non two lines: so."
    assert [param.default for param in method.params] == [
        *[None, "ü", "-5", "1.0", "true", "queued", "[]", '{"a":"b"}', "[]"]
    ]
    assert method.result is not None
    assert (method.result.doc, method.result.secret) == ("All of it.", True)
    assert [param.name for param in method.params if param.secret] == ["word"]
    assert method.errors == (
        ErrorDeclaration("ECHO_LOST", ("text", "why"), "it was lost."),
        ErrorDeclaration("ECHO_DEAF", (), "nobody hears."),
    )
    assert (method.role, method.idempotent, method.zygote, method.limits.timeout) == ("vm-operator", True, False, 30.0)
    state = Types.of(declared).enums["State"]
    assert [(value.name, value.doc) for value in state.values] == [("done", "finished"), ("queued", "")]
    disk = Types.of(declared).records["Disk"]
    assert [(field.name, field.doc, field.default) for field in disk.fields] == [
        ("device", "such as `xvda`.", None),
        ("size", "bytes.", "5120"),
        ("label", "", None),
        ("tags", "", "[]"),
        ("parent", "", None),
        ("state", "", "done"),
    ]


def plain(value: Any) -> Any:
    """Leave out what differs in writing only: an option that is absent or empty, a float beyond xapi's 16 digits."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item != []}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(f"{value:.16g}") if isinstance(value, float) else value


NAMES = [
    *["string", "int", "float", "bool", "datetime", "enum", "text_enum", "literal", "ref", "record", "named_tuple"],
    *["typed_dict", "loose", "set", "deep", "map", "option"],
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_values_of_every_type_come_back(echoes: ModuleType, declared: Document, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    types = Types.of(declared)
    method = next(method for method in declared.methods if method.short_name == name)
    checks = MethodChecks(method, types)
    (given,) = checks.arguments([data.draw(values(method.params[0].type, types))])
    assert plain(checks.result(ask(method.name, given))) == plain(given)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(NAMES), untyped)
def test_what_the_platform_refuses_the_function_is_not_given(
    echoes: ModuleType, declared: Document, name: str, value: Any
) -> None:
    """A function that is not declared, as under xapi, is kept from what a declaration would have refused.

    Of what the wire changes, as it does integers into text, nothing can be said.
    """
    method = next(method for method in declared.methods if method.short_name == name)
    try:
        MethodChecks(method, Types.of(declared)).arguments([value])
    except GraftError as error:
        refusal = error
    else:
        return
    if parse_call(format_extension_call("Echo.any", [value])).params == [value]:
        answer = ask(method.name, value)
        assert isinstance(answer, Failure)
        assert answer.error[:2] == refusal.error_info()[:2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("@method('A.b')\ndef f(x) -> str: ...", "2: the parameter x of f has no annotation; write x: str"),
        ("@method('A.b')\ndef f(x: str): ...", "2: f does not say what it returns; write `-> None` where"),
        ("@method('A.b')\ndef f(\n  x: str,\n  y: complex) -> None: ...", "4: no declared type is complex; a method"),
        ("@method('A.b')\ndef f(x: bytes) -> None: ...", "2: no declared type is bytes;"),
        ("@method('A.b')\ndef f(x: list) -> None: ...", "2: list does not say of what; write List[str]"),
        ("@method('A.b')\ndef f(x: Union[str, int]) -> None: ...", "2: no declared type is Union[str, int]; of unions"),
        ("@method('A.b')\ndef f(x: 'List[') -> None: ...", "2: 'List[' is no annotation"),
        ("@method('A.b')\ndef f(*x: str) -> None: ...", "2: f takes any number of parameters"),
        ("@method('A.b')\ndef f(x: Literal[1]) -> None: ...", "2: Literal[1] has values that are no text"),
        ("class C: ...\n@method('A.b')\ndef f(x: C) -> None: ...", "1: the class C is no declared type"),
        ("class C(enum.Enum):\n  a = 1\n@method('A.b')\ndef f(x: C) -> None: ...", "2: the value of C.a is no text"),
        ("@method('A.b')\ndef f(x: int = len('a')) -> None: ...", "2: len('a') is worked out when the file runs"),
        ("@method('A.b')\ndef f(x: int = 'a') -> None: ...", "2: the default 'a' is no int"),
        ("@method('A.b')\ndef f(x: int = 1, *, y: int) -> None: ...", "2: y has no default, but x before it may be"),
        ("@method('A.b', role='boss')\ndef f() -> None: ...", "2: there is no role boss; the roles are"),
        ("@method('A.b', colour='red')\ndef f() -> None: ...", "1: @method has no colour; it has role,"),
        ("@method('A.b', timeout='soon')\ndef f() -> None: ...", "1: timeout: 'soon' is not a duration"),
        ("@method('A.b', secret='x')\ndef f(x: str) -> None: ...", '1: secret is a list: secret=["x"]'),
        ("@method('A.b', secret=['y'])\ndef f(x: str) -> None: ...", "1: f has no parameter y"),
        ("@method('A.b', public=['y'])\ndef f(x: str) -> None: ...", "1: f has no parameter y"),
        ("@method('A.b', public=['x'], secret=['x'])\ndef f(x: str) -> None: ...", "1: x is named as secret and as"),
        ("@method('A.b', lifecycle=['x'])\ndef f() -> None: ...", '1: write lifecycle=[("published", "1.0")]'),
        ("@method('Ab')\ndef f() -> None: ...", "2: "),
        ("@method\ndef f() -> None: ...", '1: write @method("Class.name")'),
        ("@method('A.b')\nasync def f() -> None: ...", "2: f is a coroutine"),
        (
            "@method('A.b')\ndef f() -> None: ...\n@method('A.b')\ndef g() -> None: ...",
            "4: there is a method A.b already",
        ),
        ("x = 1", "-5: no function in it has @method"),
        ("def f(:", "1: it is no Python: "),
    ],
)
def test_what_cannot_be_declared(tmp_path: Path, text: str, told: str) -> None:
    found = faults(tmp_path, text)
    assert [fault for fault in found if fault.startswith(told)], found


def test_run_must_be_called(tmp_path: Path) -> None:
    file = tmp_path / "A.b"
    file.write_text("import graft_extension\n@graft_extension.method('A.b')\ndef f() -> None: ...\n")
    with pytest.raises(DeclarationError, match=r"never calls run\(\)"):
        read_methods(file)
    file.write_text(file.read_text() + "graft_extension.run()\n")
    assert [method.name for method in read_methods(file).methods] == ["A.b"]


def test_types_may_come_from_modules_beside(tmp_path: Path) -> None:
    (tmp_path / "shapes.py").write_text(
        "from dataclasses import dataclass\nfrom colours import Colour, BASE\n"
        "@dataclass\nclass Shape:\n    colour: Colour = Colour.RED\n    sides: int = BASE * 2\n"
    )
    (tmp_path / "colours.py").write_text(
        "import enum\nBASE = 2\nclass Colour(enum.StrEnum):\n    RED = enum.auto()\n    BLUE = 'Blue'\n"
    )
    document = written(
        tmp_path,
        """
        import shapes
        from shapes import Shape as Form
        Forms = List[Form]

        @dataclass
        class Named(Form):
            name: str = "none"
            hidden: int = field(default=0, init=False)
            kind: ClassVar[str] = "named"

        @method("Class.name", lifecycle=[("published", "1.0"), ("deprecated", "2.0", "use other")], since={"b": "1.5"},
                network="outbound", read=["/etc/shapes"], memory="64MiB")
        def f(a: Forms, b: Optional[shapes.Shape] = None, *, c: Optional[Named] = None) -> "dict[str, Form]":
            return {}
        """,
    )
    (method,) = document.methods
    assert [str(param.type) for param in method.params] == [
        "Shape record set",
        "Shape record option",
        "Named record option",
    ]
    assert method.executable == ""
    assert [step.change for step in method.lifecycle.transitions] == [Change.PUBLISHED, Change.DEPRECATED]
    assert (method.access.network, method.access.read, method.params[1].since) == ("outbound", ("/etc/shapes",), "1.5")
    records = Types.of(document).records
    assert [(field.name, field.default) for field in records["Named"].fields] == [
        ("colour", "red"),
        ("sides", "4"),
        ("name", "none"),
    ]
    assert [value.name for value in Types.of(document).enums["Colour"].values] == ["red", "Blue"]


def test_two_classes_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n")
    text = "import other\nclass P(NamedTuple):\n  y: int\n@method('A.b')\ndef f(a: P, b: other.P) -> None: ..."
    with pytest.raises(DeclarationError, match="another P"):
        written(tmp_path, text)


def test_docstrings_in_other_styles() -> None:
    told = parse_docstring("One line.")
    assert (told.doc, told.params, told.result, told.errors) == ("One line.", {}, "", ())
    told = parse_docstring(
        "Do.\n\nExample:\n    f(1)\n\nReturns:\n    the sum\n    of all\n\nRaises:\n    LOST(a, b): gone\n"
    )
    assert told.doc == "Do.\n\nExample:\nf(1)"
    assert told.result == "the sum\nof all"
    assert told.errors == (ErrorDeclaration("LOST", ("a", "b"), "gone"),)
    assert parse_docstring(None).doc == ""


@given(st.text(alphabet=" \n\tAargsRaisesFailure():\"',.x_CODE", max_size=120))
@settings(max_examples=100)
def test_any_docstring_is_read(text: str) -> None:
    parse_docstring(text)


def test_only_python_is_read(tmp_path: Path) -> None:
    for name, text in {
        "a.py": "x",
        "A.b": "#!/bin/sh\n# graft_extension",
        "A.c": "#!/usr/bin/python3\nimport os",
    }.items():
        (tmp_path / name).write_text(text)
        assert not is_python_of_methods(tmp_path / name)
    assert is_python_of_methods(ECHOES)
    assert not is_python_of_methods(tmp_path / "missing")


def test_the_command(graft: Graft, tmp_path: Path) -> None:
    file = tmp_path / "Class.name"
    file.write_text(IMPORTS + "@method('Class.name')\ndef f(x: int) -> None: ...\nrun()\n")
    (tmp_path / "declarations.d").mkdir()
    done = graft("declare", str(file), "--out", "declarations.d", "--json")
    assert json.loads(done.stdout) == {"file": "declarations.d/Class.name.xml", "methods": ["Class.name"]}
    assert read_document((tmp_path / "declarations.d/Class.name.xml").read_bytes(), "x").methods[0].name == "Class.name"
    again = graft("declare", str(file), "--out", "declarations.d/Class.name.xml")
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert graft("declare", str(file), "--out", "declarations.d", "--force").returncode == 0
    file.write_text(file.read_text().replace("int", "complex"))
    refused = graft("declare", str(file))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"{file}:7: no declared type is complex" in refused.stderr
    assert graft("declare", "missing").returncode == 1


@pytest.mark.parametrize(
    ("told", "resident", "residence"),
    [
        ("False", False, Residence()),
        ("True", True, Residence()),
        ('{"concurrency": 4, "age": "2h"}', True, Residence(concurrency=4, age=7200.0)),
    ],
)
def test_processes_that_stay(tmp_path: Path, told: str, resident: bool, residence: Residence) -> None:
    [method] = read_methods(_staying(tmp_path, told)).methods
    assert (method.resident, method.residence) == (resident, residence)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("4", "write resident=True or resident={…} with some of concurrency, processes, calls, age, idle"),
        ('{"threads": 4}', "write resident=True or"),
        ('{"concurrency": "many"}', "resident: invalid literal for int"),
        ('{"concurrency": 1000}', "concurrency is 1000; it lies between 1 and 256"),
    ],
)
def test_processes_that_cannot_stay(tmp_path: Path, told: str, says: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read_methods(_staying(tmp_path, told))
    [finding] = caught.value.findings
    assert says in finding.reason


def _staying(folder: Path, told: str) -> Path:
    file = folder / "Stay.say"
    file.write_text(
        "#!/usr/bin/env python3\nfrom graft_extension import method, run\n"
        f'@method("Stay.say", resident={told})\ndef say() -> None:\n    """Say it."""\nrun()\n'
    )
    return file
