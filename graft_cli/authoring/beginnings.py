"""The beginning of a method: executable, declaration and test, made from `templates/method/`."""

from __future__ import annotations

import keyword
import os
import re
import shlex
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dispatcher_service.dropins.rules import name_fault
from graft_cli.authoring.languages import (
    GO,
    LANGUAGES,
    PYTHON,
    SHELL,
    go_reader,
    names_of,
    parse_default,
    quoted,
    result_sample,
    sample,
    wire,
)
from graft_cli.exits import USAGE, CliError
from graft_common.declarations.literals import LiteralError, read_literal, write_literal
from graft_common.declarations.model import Document, ErrorDeclaration, Method, Param, Result
from graft_common.declarations.reader import DeclarationError, read_document
from graft_common.declarations.scalars import utc_time
from graft_common.declarations.types import STRING, Scalar, Type, TypeSyntaxError, parse_type
from graft_common.declarations.writer import write_document
from graft_common.values import DateTime, Value

MODULE = "graft_extension.py"
_REPOSITORY_MODULE = Path(__file__).parents[2] / "packages/graft_extension/src/graft_extension/__init__.py"
_SOURCES = "src"
_TESTS = "tests"
_NO_RESULT = ("none", "void")


@dataclass(frozen=True, slots=True)
class File:
    """One file to be written, and how."""

    path: Path
    content: str
    executable: bool = False
    shared: bool = False
    """Other methods use it, too: where it is there already, it stays."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of a method go."""

    executables: Path
    declarations: Path


def blueprint(name: str, role: str, params: list[str], result: str) -> Method:
    """Make a method's declaration of what the command line says.

    Args:
        name: `Class.method`.
        role: the least role.
        params: each `name:type` or `name:type=default`.
        result: a type, or `none`.

    Raises:
        CliError: one of them is not what it must be.
    """
    if fault := name_fault(name):
        raise CliError(f"{name}: {fault}", USAGE)
    taken = tuple(_param(text) for text in params)
    kind = None if result in _NO_RESULT else _type(result, "--result")
    first = next((param.name for param in taken if param.type == STRING and param.required), None)
    errors: tuple[ErrorDeclaration, ...] = ()
    if first is not None:
        code = f"{re.sub(r'[^A-Za-z0-9]+', '_', name).upper()}_REFUSED"
        errors = (ErrorDeclaration(code, ("reason",), "Say here when it cannot be done."),)
    method = Method(
        name,
        doc=f"Say here what {name} does.",
        role=role,
        params=taken,
        result=None if kind is None else Result(kind, "Say here what became of it."),
        errors=errors,
    )
    try:
        read_document(write_document(Document(methods=(method,))), name)
    except DeclarationError as error:
        reasons = "; ".join(finding.reason for finding in error.findings)
        raise CliError(f"{name}: {reasons}", USAGE) from None
    return method


def begin(method: Method, language: str, places: Places) -> list[File]:
    """Make the files of a method.

    Raises:
        CliError: the language has no such parameters.
    """
    values: dict[str, Any] = _common(method, language)
    tests = places.executables / _TESTS
    declaration = places.declarations / f"{method.name}.xml"
    test = f"test_{method.name.replace('.', '_')}"
    executable = places.executables / method.name
    if language == PYTHON.name:
        values |= _python(method) | {"test_name": f"{_TESTS}/{test}.py"}
        # In the wheel it lies among the templates.
        module = (files("graft_cli") / "templates/method" / MODULE, _REPOSITORY_MODULE)
        text = next(path for path in module if path.is_file()).read_text(encoding="utf-8")
        made = [
            File(places.executables / MODULE, text, shared=True),
            File(tests / f"{test}.py", _render("test.py", values)),
            File(executable, _render("executable.py", values), executable=True),
        ]
    elif language == SHELL.name:
        values |= _shell(method) | {"test_name": f"{_TESTS}/{test}.sh"}
        made = [
            File(tests / f"{test}.sh", _render("test.sh", values)),
            File(executable, _render("executable.sh", values), executable=True),
        ]
    else:
        folder = places.executables / _SOURCES / method.name
        target = os.path.relpath(executable, folder)
        values |= _go(method) | {"target": target, "module": method.name.replace(".", "_").lower()}
        made = [
            File(folder / name, _render(name, values)) for name in ("go.mod", "Makefile", "main_test.go", "main.go")
        ]
    # What can be called is written last, when all that belongs to it is there.
    return [File(declaration, write_document(Document(methods=(method,))).decode()), *made]


def next_steps(method: Method, language: str, places: Places) -> list[str]:
    """Return the commands that an author wants next."""
    executable = shlex.quote(str(places.executables / method.name))
    test = f"test_{method.name.replace('.', '_')}"
    given = [shlex.quote(_argument(param)) for param in method.params if param.required]
    attempt = " ".join(["graft try", executable, *given])
    if language == GO.name:
        folder = shlex.quote(str(places.executables / _SOURCES / method.name))
        return [f"make -C {folder} test", f"make -C {folder}", attempt]
    suffix, program = (".py", "python3") if language == PYTHON.name else (".sh", "sh")
    return [f"{program} {shlex.quote(str(places.executables / _TESTS / (test + suffix)))}", attempt]


def write(made: list[File]) -> list[Path]:
    """Write files, unless one of them is there already; return those that were written.

    Raises:
        CliError: one is there, or cannot be written.
    """
    for file in made:
        if os.path.lexists(file.path) and not file.shared:
            raise CliError(f"{file.path} exists already, and is left as it is; nothing is written")
    written = []
    for file in made:
        if file.shared and file.path.exists():
            continue
        draft = file.path.with_name(f".{file.path.name}.new")
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(file.content, encoding="utf-8")
            draft.chmod(0o755 if file.executable else 0o644)
            draft.replace(file.path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise CliError(f"cannot write {file.path}: {error.strerror}") from None
        written.append(file.path)
    return written


def _param(text: str) -> Param:
    name, colon, rest = text.partition(":")
    kind, equals, default = rest.partition("=")
    if not (name and colon):
        raise CliError(f"--param {text}: write name:type or name:type=default, such as size:int=5", USAGE)
    found = _type(kind.strip(), f"--param {name}")
    literal = None
    if equals:
        try:
            literal = write_literal(_in_utc(read_literal(default, found)), found)
        except LiteralError as error:
            raise CliError(f"--param {text}: {error}", USAGE) from None
    return Param(name.strip(), found, "Say here what it is.", literal)


def _in_utc(value: Value) -> Value:
    """Write a date as declarations have it; one that is none is told by the reader."""
    return DateTime(utc_time(value.text) or value.text) if isinstance(value, DateTime) else value


def _type(text: str, where: str) -> Type:
    try:
        return parse_type(text)
    except TypeSyntaxError as error:
        raise CliError(f"{where}: {error}", USAGE) from None


def _common(method: Method, language: str) -> dict[str, Any]:
    chosen = LANGUAGES[language]
    names = names_of(method.params, chosen)
    for param in method.params:
        chosen.annotation(param.type)
    if method.result is not None:
        chosen.annotation(method.result.type)
    first = next((number for number, param in enumerate(method.params) if _may_be_empty(param)), None)
    return {
        "method": method,
        "refuses": None if first is None else names[first],
        "required": sum(param.required for param in method.params),
    }


def _may_be_empty(param: Param) -> bool:
    return param.type == STRING and param.required


def _python(method: Method) -> dict[str, Any]:
    annotation = PYTHON.annotation
    params = [
        f"{param.name}: {annotation(param.type)}"
        + ("" if param.default is None else f" = {PYTHON.literal(parse_default(param), param.type)}")
        for param in method.params
    ]
    result = "None" if method.result is None else annotation(method.result.type)
    value = None if method.result is None else PYTHON.literal(result_sample(method.result.type), method.result.type)
    used = " ".join([*params, result, value or ""])
    typing = [name for name in ("Any", "Dict", "List", "Optional") if re.search(rf"\b{name}\b", used)]
    times = [name for name in ("datetime", "timezone") if re.search(rf"\b{name}\b", used)]
    imports = [f"from datetime import {', '.join(times)}"] if times else []
    imports += [f"from typing import {', '.join(typing)}"] if typing else []
    own = (["Failure"] if method.errors else []) + (["Ref"] if "Ref" in used else []) + ["method", "run"]
    answered = result_sample(method.result.type) if method.result else ""
    return {
        "imports": imports,
        "names": ", ".join(own),
        "function": _function(method),
        "params": ", ".join(params),
        "result": result,
        "value": value,
        "given": ", ".join(_python_argument(param) for param in method.params if param.required),
        "given_refused": ", ".join(
            '""' if _may_be_empty(param) else _python_argument(param) for param in method.params if param.required
        ),
        "answered": _python_value(answered),
    }


def _function(method: Method) -> str:
    name = re.sub(r"\W", "_", method.short_name)
    return f"{name}_" if keyword.iskeyword(name) or name in ("method", "run", "Failure", "Ref") else name


def _python_argument(param: Param) -> str:
    return _python_value(sample(param.type))


def _python_value(value: Any) -> str:
    """Write what Python's own XML-RPC sends or reads."""
    if isinstance(value, DateTime):
        return f'xmlrpc.client.DateTime("{value.text}")'
    return quoted(value) if isinstance(value, str) else repr(value)


def _shell(method: Method) -> dict[str, Any]:
    kind = STRING if method.result is None else method.result.type
    value = "" if method.result is None else SHELL.literal(result_sample(kind), kind)
    words = {"int": "int", "float": "double", "bool": "boolean", "datetime": "dateTime.iso8601"}
    wired = words.get(kind.name, "string") if isinstance(kind, Scalar) else "string"
    required = [param for param in method.params if param.required]
    return {
        "param_names": " ".join(param.name for param in method.params),
        "param_types": " ".join(SHELL.annotation(param.type) for param in method.params),
        "wire": wired,
        "value": value,
        "answered": {"true": "1", "false": "0"}.get(value, value) if wired == "boolean" else value,
        "given": "".join(f" '{wire(sample(param.type))}'" for param in required),
        "given_refused": "".join(
            " ''" if _may_be_empty(param) else f" '{wire(sample(param.type))}'" for param in required
        ),
    }


def _go(method: Method) -> dict[str, Any]:
    names = names_of(method.params, GO)
    kind = STRING if method.result is None else method.result.type
    answer = "" if method.result is None else result_sample(kind)
    go_params = [
        {
            "name": param.name,
            "variable": name,
            "reader": go_reader(param.type),
            "default": None if param.default is None else GO.literal(parse_default(param), param.type),
        }
        for name, param in zip(names, method.params, strict=True)
    ]
    required = [param for param in method.params if param.required]
    function = re.sub(r"\W", "", method.short_name)
    result = GO.annotation(kind)
    return {
        "function": f"answer{function[:1].upper()}{function[1:]}",
        "params": ", ".join(
            f"{name} {GO.annotation(param.type)}" for name, param in zip(names, method.params, strict=True)
        ),
        "result": result,
        "value": GO.literal(answer, kind) if answer not in ([], {}) else "nil",
        "zero": {"string": '""', "bool": "false", "int64": "0", "float64": "0", "time.Time": "time.Time{}"}.get(
            result, "nil"
        ),
        "go_params": go_params,
        "given": ", ".join(quoted(wire(sample(param.type))) for param in required),
        "given_refused": ", ".join(
            '""' if _may_be_empty(param) else quoted(wire(sample(param.type))) for param in required
        ),
        "too_many": ", ".join(['"x"'] * (len(method.params) + 1)),
        "answered": "<name>Status</name><value>Success</value>",
    }


def _argument(param: Param) -> str:
    """Write a sample as `graft try` reads it."""
    value = sample(param.type)
    match value:
        case bool():
            return f"bool:{str(value).lower()}"
        case list() | dict():
            return f"json:{value}"
        case DateTime(text):
            return text
    return str(value)


def _render(name: str, values: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("graft_cli", "templates/method"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - programs, not pages; each value is quoted by its language
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = quoted
    environment.filters["shell_quoted"] = lambda text: shlex.quote(str(text))
    return environment.get_template(f"{name}.j2").render(values)
