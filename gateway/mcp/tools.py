"""Declared methods as tools, in plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from graft_common import roles
from graft_common.declarations.api import Api
from graft_common.declarations.json_schema import Schema, arguments_schema, is_deprecated, result_schema
from graft_common.declarations.model import ANYONE, Method
from graft_common.declarations.openapi import description_of, is_callable
from graft_common.declarations.texts import first_sentence
from graft_common.roles import Holding

RESULT = "result"
"""The one member of what a tool answers: MCP wants an object, and methods answer anything."""
_SESSION = "session"
"""The class whose methods are no tools: a client has its session by its credentials."""


@dataclass(frozen=True)
class Tool:
    """A declared method that can be called."""

    name: str
    method: str
    title: str
    role: str
    description: str
    takes: Schema = field(repr=False)
    gives: Schema = field(repr=False)
    read_only: bool
    """Whether it is known to change nothing."""
    idempotent: bool

    @property
    def class_name(self) -> str:
        """The class of the method."""
        return self.method.partition(".")[0]


class Toolbox:
    """The tools of one state of what is offered."""

    def __init__(self, api: Api) -> None:
        self.api = api
        methods = [method for method in api.document.methods if _is_tool(api, method)]
        names = tool_names([method.name for method in methods])
        self._tools = {names[method.name]: _tool(names[method.name], method, api) for method in methods}
        # A method may be called by its own name, too.
        self._by_method = {tool.method: tool for tool in self._tools.values()}

    def find(self, name: str) -> Tool | None:
        """Return the tool of a name, or of a method's."""
        return self._tools.get(name) or self._by_method.get(name)

    def offered(self, held: Holding, classes: Collection[str] = ()) -> list[Tool]:
        """Return the tools that a session may call, by name; where classes are named, only theirs."""
        found = [
            tool for tool in self._tools.values() if _may(held, tool) and (not classes or tool.class_name in classes)
        ]
        return sorted(found, key=lambda tool: tool.name)


def tool_names(methods: Sequence[str]) -> Mapping[str, str]:
    """Return the names of tools by those of methods: `Volume.resize` is `Volume_resize`.

    MCP takes a dot, but many of those who call tools take none. Where two methods would have the same name, both keep
    their dots.
    """
    plain = {method: method.replace(".", "_") for method in methods}
    count = Counter(plain.values())
    return {method: name if count[name] == 1 else method for method, name in plain.items()}


def _is_tool(api: Api, method: Method) -> bool:
    return method.class_name != _SESSION and is_callable(api, method.name)


def _may(held: Holding, tool: Tool) -> bool:
    return tool.role == ANYONE or (roles.exists(tool.role) and held.permits(tool.method.lower(), tool.role))


def _tool(name: str, method: Method, api: Api) -> Tool:
    gives = result_schema(method, api.types)
    outer: Schema = {key: gives.pop(key) for key in ("$schema", "$defs") if key in gives}
    deprecated = "This method is deprecated.\n\n" if is_deprecated(method.lifecycle) else ""
    return Tool(
        name=name,
        method=method.name,
        title=first_sentence(method.doc) or method.name,
        role=method.role,
        description=deprecated + description_of(method),
        takes=arguments_schema(method, api.types),
        gives={"type": "object", "properties": {RESULT: gives}, "required": [RESULT], **outer},
        read_only=method.implicit and method.short_name.startswith("get_"),
        idempotent=method.idempotent,
    )
