"""OpenAPI 3.1 for the methods of an `Api` as the gateway serves them over REST."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graft_common.declarations.api import Api
from graft_common.declarations.conversion import MisfitError
from graft_common.declarations.json_schema import Schema, Schemas, is_deprecated
from graft_common.declarations.literals import LiteralError
from graft_common.declarations.model import ANYONE, ErrorDeclaration, Example, Method
from graft_common.declarations.texts import first_sentence
from graft_common.roles import POOL_ADMIN

OPENAPI = "3.1.0"
PREFIX = "/api/v1"
COMPONENTS = "#/components/schemas/"

_JSON = "application/json"
_ERROR, _TASK, _METHOD = "graft.Error", "graft.Task", "graft.Method"
"""Names with a dot, which no enum and no record has."""
_PLATFORM = "platform"
"""The tag of what is not a declared method."""
_ABOUT = """\
The methods of this platform, as they are declared: JSON in and out.

**Calls.** `POST /methods/{Class.method}` with the arguments as an object by the names of parameters, or as an array by
their places; the answer is the bare value. The `Content-Type` is `application/json`, also without a body.

**Asynchronous calls.** `POST /methods/Async.{Class.method}` starts the call and answers with the reference of its task.

**Credentials.** A user's name and password (Basic), a session (Bearer) from
`session.login_with_password`, or a token (Bearer) of the OpenID Connect issuer that is set.

**Errors** have a code, parameters and a sentence. A status of 422 is a failure that the method itself tells of.
"""
_FAILURES: Mapping[str, str] = {
    "400": "The arguments are wrong; the parameters of the error name the place.",
    "401": "There are no credentials, or they are wrong.",
    "403": "The session's role does not allow it.",
    "404": "There is no such method, or an object that an argument names does not exist.",
    "415": "The body is not marked as JSON.",
    "422": "The method has failed, and says why.",
    "500": "The method has failed without saying why, or the server has made a mistake.",
    "503": "There is too much to do, or a part of the platform is away: try again.",
}
_ALSO: Mapping[str, str] = {
    "405": "The path does not answer this method; `Allow` tells which ones it does.",
    "408": "The request's body did not come in time.",
    "410": "The method has been removed.",
    "413": "The request's body is too large.",
}

_UNAVAILABLE = "It cannot be called now: its executable is not there."


def document(api: Api, version: str, served: frozenset[str] = frozenset()) -> Schema:
    """Describe all methods: those that are declared, and those that can be called without a declaration.

    Args:
        api: what the platform offers.
        version: the platform's.
        served: methods that can be called though the dispatcher, which has made `api`, does not serve them.
    """
    schemas = Schemas(api.types, COMPONENTS)
    methods = api.document.methods
    paths = {
        f"/methods/{method.name}": {"post": _operation(method, schemas, is_callable(api, method.name, served))}
        for method in methods
    }
    paths |= {f"/methods/{name}": {"post": _undeclared(name)} for name in sorted(_bare(api))}
    tags = {method.class_name: None for method in methods} | {name.partition(".")[0]: None for name in _bare(api)}
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Graft: methods",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{"basic": []}, {"session": []}],
        "tags": [*(_tag(api, name) for name in tags), {"name": _PLATFORM, "description": "Tasks, and what there is."}],
        "paths": {**dict(sorted(paths.items())), **_platform_paths()},
        "components": {
            "schemas": {**schemas.definitions(), _ERROR: _ERROR_SCHEMA, _TASK: _TASK_SCHEMA, _METHOD: _METHOD_SCHEMA},
            "responses": {status: _failure(text) for status, text in {**_FAILURES, **_ALSO}.items()},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "A user's name and password."},
                "session": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The reference of a session, or a token.",
                },
            },
        },
    }


def is_callable(api: Api, name: str, served: frozenset[str] = frozenset()) -> bool:
    """Tell whether a declared method can be called now."""
    origin = api.origins.get(name)
    return name in served or (origin is not None and origin.available)


def _bare(api: Api) -> Sequence[str]:
    """Name the methods that can be called without a declaration."""
    return [name for name, origin in api.undeclared.items() if origin.available]


def _operation(method: Method, schemas: Schemas, available: bool) -> Schema:
    examples = dict(_examples(method, schemas))
    content: Schema = {"schema": {"anyOf": [schemas.arguments(method), schemas.places(method)]}}
    if examples:
        content["examples"] = examples
    needed = any(param.required for param in method.params)
    value: Schema = {"schema": schemas.result(method)}
    return {
        "operationId": method.name,
        "summary": first_sentence(method.doc) or method.name,
        "description": description_of(method) if available else f"{description_of(method)}\n\n{_UNAVAILABLE}",
        "tags": [method.class_name],
        **({"deprecated": True} if is_deprecated(method.lifecycle) else {}),
        **({} if method.session else {"security": []}),
        "x-graft-role": method.role,
        "x-graft-idempotent": method.idempotent,
        "x-graft-available": available,
        "requestBody": {"required": needed, "content": {_JSON: content}},
        "responses": {
            "200": {"description": "The value." if method.result else "Done.", "content": {_JSON: value}},
            **_failures(*_FAILURES, *_ALSO),
        },
    }


def description_of(method: Method) -> str:
    """Say all that a caller of a method needs to know besides its types."""
    return "\n\n".join(_told(method))


def _told(method: Method) -> Iterator[str]:
    if method.doc:
        yield method.doc
    yield "Needs no role." if method.role == ANYONE else f"Needs the role {method.role}."
    if method.errors:
        yield "\n".join(["Errors:", *map(_error_line, method.errors)])


def _error_line(error: ErrorDeclaration) -> str:
    params = f" [{', '.join(error.params)}]" if error.params else ""
    return f"- `{error.code}`{params}{f': {error.doc}' if error.doc else ''}"


def _examples(method: Method, schemas: Schemas) -> Iterator[tuple[str, Schema]]:
    for number, example in enumerate(method.examples, 1):
        if example.error:
            continue
        try:
            value = example_arguments(method, example, schemas)
        except (LookupError, LiteralError, MisfitError):
            continue
        yield str(number), {"summary": first_sentence(example.doc) or f"Example {number}", "value": value}


def example_arguments(method: Method, example: Example, schemas: Schemas) -> dict[str, object]:
    """Return the arguments of an example by name, secret ones left out.

    Raises:
        LookupError, LiteralError, MisfitError: they fit no parameters, which `rules` keeps from happening.
    """
    params = {param.name: param for param in method.params}
    return {
        argument.name: schemas.example(argument.value, params[argument.name].type)
        for argument in example.arguments
        if not params[argument.name].secret
    }


def _undeclared(name: str) -> Schema:
    return {
        "operationId": name,
        "summary": name,
        "description": f"No declaration tells its types. Needs the role {POOL_ADMIN}.",
        "tags": [name.partition(".")[0]],
        "x-graft-role": POOL_ADMIN,
        "requestBody": {"required": False, "content": {_JSON: {"schema": {"type": "array"}}}},
        "responses": {
            "200": {"description": "The value.", "content": {_JSON: {"schema": {}}}},
            **_failures(*_FAILURES, *_ALSO),
        },
    }


def _tag(api: Api, name: str) -> Schema:
    declared = api.classes.get(name)
    return {"name": name, **({"description": declared.doc} if declared is not None and declared.doc else {})}


def _failures(*statuses: str) -> Schema:
    return {status: {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}


def _failure(text: str) -> Schema:
    return {"description": text, "content": {_JSON: {"schema": {"$ref": COMPONENTS + _ERROR}}}}


def _platform_paths() -> Schema:
    task = {
        "name": "ref",
        "in": "path",
        "required": True,
        "description": "The task's reference.",
        "schema": {"type": "string", "minLength": 1, "pattern": "^OpaqueRef:"},
    }
    name = {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "The method, `Class.method`.",
        "schema": {"type": "string", "pattern": "^[A-Za-z_]+[.][A-Za-z_]+$"},
    }
    wait = {
        "name": "wait",
        "in": "query",
        "description": "Answer when the task has ended, but no later than after so many seconds.",
        "schema": {"type": "number", "minimum": 0, "maximum": 60},
    }
    plain = ("400", "401", "403", "404", "405", "408", "413", "415", "500", "503")
    public = ("404", "405", "408", "413", "415", "500", "503")
    found = {"description": "Found.", "content": {_JSON: {"schema": {"$ref": COMPONENTS + _TASK}}}}
    return {
        "/methods": {
            "get": {
                "operationId": "list_methods",
                "summary": "List the methods that can be called.",
                "tags": [_PLATFORM],
                "security": [],
                "responses": {
                    "200": {
                        "description": "By name.",
                        "content": {
                            _JSON: {"schema": {"type": "array", "items": {"$ref": COMPONENTS + _METHOD}}},
                        },
                    },
                    **_failures(*public),
                },
            }
        },
        "/methods/{name}": {
            "parameters": [name],
            "get": {
                "operationId": "describe_method",
                "summary": "Describe a method: what it takes and answers as JSON Schema, errors, lifecycle, examples.",
                "tags": [_PLATFORM],
                "security": [],
                "responses": {
                    "200": {"description": "Found.", "content": {_JSON: {"schema": {"type": "object"}}}},
                    **_failures(*public),
                },
            },
        },
        "/methods/Async.{name}": {
            "parameters": [name],
            "post": {
                "operationId": "start_method",
                "summary": "Start a method as a task.",
                "tags": [_PLATFORM],
                "requestBody": {"required": False, "content": {_JSON: {"schema": {"type": ["object", "array"]}}}},
                "responses": {
                    "202": {
                        "description": "The task's reference.",
                        "headers": {"Location": {"schema": {"type": "string"}, "description": "The task."}},
                        "content": {_JSON: {"schema": {"type": "string"}}},
                    },
                    **_failures(*_FAILURES, *_ALSO),
                },
            },
        },
        "/tasks/{ref}": {
            "parameters": [task],
            "get": {
                "operationId": "get_task",
                "summary": "Look at a task, or wait for its end.",
                "tags": [_PLATFORM],
                "parameters": [wait],
                "responses": {"200": found, **_failures(*plain)},
            },
            "delete": {
                "operationId": "forget_task",
                "summary": "Forget a task; one that is pending is forgotten at its end.",
                "tags": [_PLATFORM],
                "responses": {"204": {"description": "Done."}, **_failures(*plain)},
            },
        },
        "/tasks/{ref}/events": {
            "parameters": [task],
            "get": {
                "operationId": "watch_task",
                "summary": "Follow a task until it ends: server-sent events, each with the task as it has become.",
                "tags": [_PLATFORM],
                "responses": {
                    "200": {
                        "description": "Found; `data` of each event is a task, of an event named `error` an error.",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    },
                    **_failures(*plain),
                },
            },
        },
        "/tasks/{ref}/cancel": {
            "parameters": [task],
            "post": {
                "operationId": "cancel_task",
                "summary": "Stop a task; one that has ended stays as it is.",
                "tags": [_PLATFORM],
                "responses": {"204": {"description": "It will stop."}, **_failures(*plain)},
            },
        },
    }


_FAULT: Schema = {
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "params": {"type": "array", "items": {"type": "string"}},
        "message": {"type": "string", "description": "A sentence for a person."},
    },
    "required": ["code", "params", "message"],
}
_ERROR_SCHEMA: Schema = {
    **_FAULT,
    "properties": {"status": {"type": "integer"}, **_FAULT["properties"]},
    "required": ["status", *_FAULT["required"]],
}
_TASK_SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "ref": {"type": "string"},
        "name": {"type": "string", "description": "The method as it was called: `Async.Volume.resize`."},
        "status": {"enum": ["pending", "success", "failure", "cancelling", "cancelled"]},
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "result": {"description": "The value; null until there is one."},
        "error": {"anyOf": [_FAULT, {"type": "null"}]},
        "created": {"type": "string", "format": "date-time"},
        "finished": {"type": ["string", "null"], "format": "date-time"},
        "description": {"type": "string"},
        "other_config": {"type": "object", "additionalProperties": {"type": "string"}},
        "subtask_of": {"type": ["string", "null"], "description": "The task that it is a part of."},
        "subtasks": {"type": "array", "items": {"type": "string"}},
        "log": {
            "type": "array",
            "description": "The last lines that its call has told.",
            "items": {
                "type": "object",
                "properties": {"time": {"type": "string", "format": "date-time"}, "text": {"type": "string"}},
                "required": ["time", "text"],
            },
        },
        "log_total": {"type": "integer", "description": "How many lines its call has told in all."},
    },
    "required": ["ref", "name", "status", "progress", "result", "error", "created", "finished"],
}
_METHOD_SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "doc": {"type": "string", "description": "One sentence."},
        "role": {"type": "string", "description": "The least role that may call it; `anyone` needs none."},
        "declared": {"type": "boolean"},
        "deprecated": {"type": "boolean"},
    },
    "required": ["name", "doc", "role", "declared", "deprecated"],
}
