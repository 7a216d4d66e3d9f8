"""From a Python file of methods to its declarations, by reading it: nothing in it is run."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from graft_cli.authoring.docstrings import Docstring, parse_docstring
from graft_cli.authoring.python_source import External, Source, SourceError
from graft_cli.authoring.python_types import Annotations, Placed
from graft_common import units
from graft_common.declarations import rules
from graft_common.declarations.model import (
    Access,
    Change,
    Document,
    EnumDeclaration,
    Lifecycle,
    Method,
    MethodLimits,
    Network,
    Param,
    Record,
    Residence,
    Result,
    Transition,
)
from graft_common.declarations.reader import DeclarationError, Finding, read_document
from graft_common.declarations.rules import Place
from graft_common.declarations.writer import write_document
from graft_common.roles import POOL_ADMIN

MODULE = "graft_extension"
_METHOD = External(MODULE, "method")
_LIMITS: dict[str, Callable[[Any], Any]] = {
    "timeout": lambda given: round(units.seconds(given), 3),
    "cpu": lambda given: round(units.seconds(given), 3),
    "memory": units.size,
    "processes": int,
    "output": units.size,
    "stderr": units.size,
    "open_files": int,
    "file_size": units.size,
    "tmp": units.size,
}
_RESIDENT: dict[str, Callable[[Any], Any]] = {
    "concurrency": int,
    "processes": int,
    "calls": int,
    "age": lambda given: round(units.seconds(given), 3),
    "idle": lambda given: round(units.seconds(given), 3),
}
_PATHS = ("read", "write", "environment", "secrets")
_PLAIN = (
    "role",
    "idempotent",
    "zygote",
    "resident",
    "tag",
    "lifecycle",
    "since",
    "secret",
    "public",
    "network",
    *_PATHS,
    *_LIMITS,
)
RESULT = "return"
"""What the result is called among the secrets of `@method`."""


@dataclass(slots=True)
class _Reading:
    """What has been read so far, and what was wrong with it."""

    source: Source
    annotations: Annotations = field(default_factory=Annotations)
    methods: list[tuple[Method, ast.FunctionDef, dict[str, int]]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def fault(self, error: SourceError) -> None:
        self.findings.append(Finding(error.file, error.line, "", error.reason))


def is_python_of_methods(path: Path) -> bool:
    """Tell whether a file is Python and takes `method` from `graft_extension`."""
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError:
        return False
    first = head.split(b"\n", 1)[0]
    return MODULE.encode() in head and (path.suffix == ".py" or (first.startswith(b"#!") and b"python" in first))


def read_methods(path: Path) -> Document:
    """Read the declarations that a file's annotations and docstrings make.

    Raises:
        DeclarationError: something in it has no declared type, breaks the rules of declarations, or is no Python; each
            finding has the line of the Python file.
        OSError: it cannot be read.
    """
    try:
        reading = _Reading(Source.read(path))
    except SourceError as error:
        raise DeclarationError((Finding(error.file, error.line, "", error.reason),)) from None
    for function, decorator in _decorated(reading):
        _take_method(reading, function, decorator)
    if not reading.methods and not reading.findings:
        _complain(reading, 0, f'no function in it has @method("Class.name") of {MODULE} above it')
    if not any(_is_run(reading.source, node) for node in ast.walk(reading.source.tree)):
        _complain(reading, 0, "it never calls run(), so that it would answer nothing; put run() at its end")
    document = _document(reading)
    if not reading.findings:
        _check(reading, document)
    if reading.findings:
        raise DeclarationError(tuple(sorted(reading.findings, key=lambda finding: (finding.file, finding.line))))
    return document


def _complain(reading: _Reading, line: int, reason: str) -> None:
    reading.findings.append(Finding(str(reading.source.path), line, "", reason))


def _is_run(source: Source, node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and source.meaning(node.func) == External(MODULE, "run")


def _decorated(reading: _Reading) -> Iterator[tuple[ast.FunctionDef, ast.Call]]:
    source = reading.source
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            if source.meaning(decorator) == _METHOD:
                _complain(reading, decorator.lineno, 'write @method("Class.name"): a method needs a name')
            if not (isinstance(decorator, ast.Call) and source.meaning(decorator.func) == _METHOD):
                continue
            if isinstance(node, ast.AsyncFunctionDef):
                _complain(reading, node.lineno, f"{node.name} is a coroutine; a method is a plain function")
            else:
                yield node, decorator


def _take_method(reading: _Reading, function: ast.FunctionDef, decorator: ast.Call) -> None:
    try:
        name, words = _words(reading.source, decorator)
        doc = parse_docstring(ast.get_docstring(function))
        lines: dict[str, int] = {}
        params = tuple(_params(reading, function, name, doc, words, lines))
        result = _result(reading, function, name, doc, words)
        method = _method(reading.source, decorator, name, words)
    except SourceError as error:
        reading.fault(error)
        return
    unknown = [item for item in words.get("secret", ()) if item not in lines and item != RESULT]
    unknown += [item for word in ("public", "since") for item in words.get(word, ()) if item not in lines]
    for item in unknown:
        _complain(reading, decorator.lineno, f"{function.name} has no parameter {item}")
    for item in set(words.get("public", ())).intersection(words.get("secret", ())):
        _complain(reading, decorator.lineno, f"{item} is named as secret and as public")
    executable = "" if reading.source.path.name == name else reading.source.path.name
    method = dataclasses.replace(
        method, doc=doc.doc, executable=executable, params=params, result=result, errors=doc.errors
    )
    reading.methods.append((method, function, lines))


def _words(source: Source, decorator: ast.Call) -> tuple[str, dict[str, Any]]:
    """Read what stands between the parentheses of `@method(…)`."""
    words = {}
    for word in decorator.keywords:
        if word.arg not in (*_PLAIN, "name"):
            raise SourceError(source, word.value, f"@method has no {word.arg}; it has {', '.join(_PLAIN)}")
        words[str(word.arg)] = source.constant(word.value)
    name = source.constant(decorator.args[0]) if decorator.args else words.pop("name", None)
    if not isinstance(name, str):
        raise SourceError(source, decorator, 'write the name of the method as text: @method("Class.name")')
    for listed in ("secret", "public", *_PATHS):
        if isinstance(words.get(listed), str):
            raise SourceError(source, decorator, f'{listed} is a list: {listed}=["{words[listed]}"]')
    return name, words


def _method(source: Source, decorator: ast.Call, name: str, words: dict[str, Any]) -> Method:
    limits = {}
    for word, read in _LIMITS.items():
        if words.get(word) is not None:
            try:
                limits[word] = read(words[word])
            except (TypeError, ValueError) as error:
                raise SourceError(source, decorator, f"{word}: {error}") from None
    try:
        steps = [Transition(Change(change), str(release), *doc) for change, release, *doc in words.get("lifecycle", ())]
    except (TypeError, ValueError):
        changes = ", ".join(change.value for change in Change)
        reason = f'write lifecycle=[("published", "1.0")]; the first word is one of {changes}'
        raise SourceError(source, decorator, reason) from None
    resident = words.get("resident", False)
    return Method(
        name,
        role=words.get("role", POOL_ADMIN),
        idempotent=words.get("idempotent", False),
        zygote=words.get("zygote", True),
        resident=resident is not False,
        residence=_residence(source, decorator, resident),
        tag=words.get("tag", ""),
        lifecycle=Lifecycle(tuple(steps)),
        limits=MethodLimits(**limits),
        access=Access(cast("Network", words.get("network", "none")), *(tuple(words.get(word, ())) for word in _PATHS)),
    )


def _residence(source: Source, decorator: ast.Call, told: Any) -> Residence:
    if isinstance(told, bool):
        return Residence()
    if not isinstance(told, dict) or not told.keys() <= _RESIDENT.keys():
        reason = f"write resident=True or resident={{…}} with some of {', '.join(_RESIDENT)}"
        raise SourceError(source, decorator, reason)
    try:
        return Residence(**{word: _RESIDENT[word](given) for word, given in told.items()})
    except (TypeError, ValueError) as error:
        raise SourceError(source, decorator, f"resident: {error}") from None


def _params(
    reading: _Reading,
    function: ast.FunctionDef,
    method: str,
    doc: Docstring,
    words: dict[str, Any],
    lines: dict[str, int],
) -> Iterator[Param]:
    source, arguments = reading.source, function.args
    if surplus := arguments.vararg or arguments.kwarg:
        raise SourceError(source, surplus, f"{function.name} takes any number of parameters; a method names each")
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults, *arguments.kw_defaults]
    for argument, default in zip([*positional, *arguments.kwonlyargs], defaults, strict=True):
        if argument.annotation is None:
            reason = f"the parameter {argument.arg} of {function.name} has no annotation; write {argument.arg}: str"
            raise SourceError(source, argument, reason)
        if source.meaning(argument.annotation) == External(MODULE, "Session"):
            continue
        lines[argument.arg] = argument.lineno
        unnamed = f"{method.replace('.', '_')}_{argument.arg}"
        kind = reading.annotations.type_of(source, argument.annotation, unnamed)
        yield Param(
            argument.arg,
            kind,
            doc.params.get(argument.arg, ""),
            None if default is None else reading.annotations.default(source, default, kind),
            since=str(words.get("since", {}).get(argument.arg, "")),
            secret=argument.arg in words.get("secret", ()),
            public=argument.arg in words.get("public", ()),
        )


def _result(
    reading: _Reading, function: ast.FunctionDef, method: str, doc: Docstring, words: dict[str, Any]
) -> Result | None:
    returns = function.returns
    if returns is None:
        reason = f"{function.name} does not say what it returns; write `-> None` where that is nothing"
        raise SourceError(reading.source, function, reason)
    if isinstance(returns, ast.Constant) and returns.value is None:
        return None
    kind = reading.annotations.type_of(reading.source, returns, f"{method.replace('.', '_')}_result")
    return Result(kind, doc.result, RESULT in words.get("secret", ()))


def _document(reading: _Reading) -> Document:
    enums = [placed.declared for placed in reading.annotations.needed.values()]
    return Document(
        enums=tuple(item for item in enums if isinstance(item, EnumDeclaration)),
        records=tuple(item for item in enums if isinstance(item, Record)),
        methods=tuple(method for method, _, _ in reading.methods),
    )


def _check(reading: _Reading, document: Document) -> None:
    """Hold a document to the rules, and at last to the reader; what is wrong is told of the Python file's lines."""
    for place, reason in rules.faults(document):
        file, line = _where(reading, document, place)
        reading.findings.append(Finding(file, line, "", reason))
    if reading.findings:
        return
    name = str(reading.source.path)
    try:
        read_document(write_document(document), name)
    except DeclarationError as error:
        for finding in error.findings:
            file, line = _where(reading, document, _place(finding.path))
            reading.findings.append(Finding(file, line, finding.path, finding.reason))
    except ValueError as error:
        _complain(reading, 0, str(error))


def _place(path: str) -> Place:
    """Turn `/methods/method[2]/param[1]` back into a place."""
    steps = []
    for step in path.split("/")[2:]:
        tag, _, number = step.rstrip("]").partition("[")
        steps.append((tag, int(number) - 1 if number.isdigit() else 0))
    return tuple(steps)


def _where(reading: _Reading, document: Document, place: Place) -> tuple[str, int]:
    file = str(reading.source.path)
    if not place:
        return file, 0
    (kind, number), *rest = place
    inner = rest[0] if rest else None
    if kind == "method" and number < len(reading.methods):
        method, function, lines = reading.methods[number]
        if inner and inner[0] == "param" and inner[1] < len(method.params):
            return file, lines[method.params[inner[1]].name]
        return file, function.lineno
    declared = [item.name for item in (document.enums if kind == "enum" else document.records)]
    if kind in ("enum", "record") and number < len(declared):
        placed: Placed = reading.annotations.needed[declared[number]]
        file = str(placed.source.path)
        return file, placed.lines[inner[1]] if inner and inner[1] < len(placed.lines) else placed.line
    return file, 0
