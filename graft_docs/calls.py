"""How a method is called: over HTTP and gRPC, from the command line, and in each language that SDKs are made in.

The texts go by names that a reader sets once, as `PREPARATION` has it.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import structlog

from graft_common.declarations.api import Api
from graft_common.declarations.json_form import JsonWriters
from graft_common.declarations.model import Method
from graft_common.values import DateTime, Value
from graft_docs.grpc_requests import Requests
from graft_docs.samples import Sample, sample_arguments
from graft_sdk.examples import LANGUAGES, example
from graft_sdk.languages import find

_log = structlog.get_logger("graft.reference")

PREPARATION: Final = """\
export GRAFT_URL=http://127.0.0.1:8080 GRAFT_DISPATCHER=127.0.0.1:50052
export GRAFT_SESSION=$(curl -s "$GRAFT_URL/api/v1/methods/session.login_with_password" \\
  -H 'Content-Type: application/json' \\
  -d '{"uname": "user", "pwd": "password"}' | tr -d '"')"""
"""What a shell needs before the calls."""

_INT32: Final = 2**31
_TYPED: Final = re.compile(r"@|(?:str|int|float|bool|nil|json|date|base64):")
_WIDTH: Final = 76
_WITHOUT_SESSION: Final = "system"
"""The class that `graft call` calls without one."""


@dataclass(frozen=True, slots=True)
class Call:
    """One way to call a method."""

    key: str
    """A short name for addresses and styles."""
    title: str
    language: str
    """What Markdown calls it behind three backticks."""
    text: str


class Calls:
    """Writes examples for the methods of one api."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._json = JsonWriters(api.types)

    def of(self, method: Method) -> Sequence[Call]:
        """Return a call in each language, the plainest first.

        Some ways do not lead to every method: `graft call` brings a session of its own, typed gRPC has no built-in
        methods of sessions, SDKs have no removed methods.
        """
        samples = sample_arguments(method, self._api.types)
        calls = [
            Call("curl", "curl", "sh", self._curl(method, samples)),
            Call("graft", "graft", "sh", _graft(method, samples)),
            Call("grpcurl", "grpcurl", "sh", self._requests.grpcurl(method, samples)),
            Call("xenapi", "Python (XenAPI)", "python", _xenapi(method, samples)),
        ]
        for name in LANGUAGES:
            language = find(name)
            calls.append(Call(name, f"{language.title} SDK", language.fence, self._sdk(method, name)))
        return [call for call in calls if call.text]

    def _sdk(self, method: Method, language: str) -> str:
        try:
            return example(self._api, method, language).rstrip()
        except Exception:  # noqa: BLE001  (languages are folders that anybody may add; one must not take the pages away)
            _log.exception("reference.example_failed", language=language, method=method.name)
            return ""

    @cached_property
    def _requests(self) -> Requests:
        return Requests(self._api)

    def _curl(self, method: Method, samples: Sequence[Sample]) -> str:
        body = {sample.param.name: self._json.of(sample.param.type)(sample.value) for sample in samples}
        lines = [f'curl "$GRAFT_URL/api/v1/methods/{method.name}"']
        if method.session:
            lines.append('-H "Authorization: Bearer $GRAFT_SESSION"')
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(_json(body))}"]
        return " \\\n  ".join(lines)


def _graft(method: Method, samples: Sequence[Sample]) -> str:
    if not method.session and method.class_name != _WITHOUT_SESSION:
        return ""
    arguments = [shlex.quote(_argument(sample.value)) for sample in samples]
    dashes = ["--"] if any(argument.startswith(("-", "'-")) for argument in arguments) else []
    return " ".join(["graft", "call", method.name, *dashes, *arguments])


def _argument(value: Value) -> str:
    match value:
        case str():
            return f"str:{value}" if _TYPED.match(value) else value
        case bool():
            return f"bool:{_json(value)}"
        case int() | float():
            return f"{type(value).__name__}:{value}"
        case DateTime(text=text):
            return f"date:{text}"
        case None:
            return "nil:"
        case _:
            return f"json:{_json(_untyped(value))}"


def _xenapi(method: Method, samples: Sequence[Sample]) -> str:
    arguments = [_python(sample.value) for sample in samples]
    if not method.session:
        return "\n".join(
            [
                "import os, xmlrpc.client",
                "",
                'server = xmlrpc.client.ServerProxy(os.environ["GRAFT_URL"])',
                _call(f"server.{method.name}", arguments),
            ]
        )
    return "\n".join(
        [
            "import os, XenAPI",
            "",
            'session = XenAPI.Session(os.environ["GRAFT_URL"])',
            'session.login_with_password("user", "password")',
            _call(f"session.xenapi.{method.name}", arguments),
        ]
    )


def _call(name: str, arguments: Sequence[str]) -> str:
    line = f"print({name}({', '.join(arguments)}))"
    if len(line) <= _WIDTH or not arguments:
        return line
    return "\n".join([f"print({name}(", *(f"    {argument}," for argument in arguments), "))"])


def _python(value: Value) -> str:
    match value:
        case str() | DateTime():
            return json.dumps(value if isinstance(value, str) else value.text, ensure_ascii=False)
        case bool() | None:
            return repr(value)
        case int():
            # Python's XML-RPC client refuses more than 32 bits; Graft reads an integer from text too, as xapi does.
            return str(value) if -_INT32 <= value < _INT32 else f'"{value}"'
        case float():
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        case list():
            return f"[{', '.join(_python(item) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{_python(key)}: {_python(item)}' for key, item in value.items())}}}"
        case _:
            return repr(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _untyped(value: Value) -> object:
    """Return what JSON can hold of a value as XML-RPC has it."""
    match value:
        case DateTime(text=text):
            return text
        case float() if not math.isfinite(value):
            return str(value)
        case list():
            return [_untyped(item) for item in value]
        case dict():
            return {key: _untyped(item) for key, item in value.items()}
        case _:
            return value
