"""What methods there are, and what they take and answer, as JSON."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

import orjson

from gateway.offer import Offer
from gateway.sessions import SESSION_METHODS
from gateway.xenapi import LIST_METHODS
from graft_common.declarations.api import Api
from graft_common.declarations.json_schema import DIALECT, Schemas, arguments_schema, is_deprecated, result_schema
from graft_common.declarations.model import Example, Method
from graft_common.declarations.openapi import document, example_arguments, is_callable
from graft_common.declarations.texts import first_sentence
from graft_common.errors import method_unknown
from graft_common.roles import POOL_ADMIN

SERVED = frozenset({*SESSION_METHODS, LIST_METHODS})
"""Methods that the gateway serves, and not the dispatcher."""
_PACKING = 6


@dataclass(frozen=True, slots=True)
class Document:
    """The OpenAPI document of one state of everything."""

    digest: str
    """Of what it describes."""
    tag: str
    """Of the document itself."""
    body: bytes
    packed: bytes


class Descriptions:
    """Writes descriptions; the one of everything is kept until something changes."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._document: Document | None = None
        self._lock = asyncio.Lock()

    async def listing(self) -> bytes:
        """List the methods that can be called now.

        Raises:
            GraftError: SERVICE_UNAVAILABLE.
        """
        return orjson.dumps(sorted(_listed((await self._offer.known()).api), key=lambda row: str(row["name"])))

    async def method(self, name: str) -> bytes:
        """Describe one method.

        Raises:
            GraftError: MESSAGE_METHOD_UNKNOWN; SERVICE_UNAVAILABLE.
        """
        api = (await self._offer.known()).api
        declared = api.methods.get(name)
        if declared is not None:
            return orjson.dumps(_described(api, declared))
        if name not in api.undeclared:
            raise method_unknown(name)
        return orjson.dumps(_undeclared(api, name))

    async def openapi(self) -> Document:
        """Return the OpenAPI document.

        Raises:
            GraftError: SERVICE_UNAVAILABLE.
        """
        api = (await self._offer.known()).api
        async with self._lock:
            if self._document is None or self._document.digest != api.digest:
                self._document = await asyncio.to_thread(_openapi, api)
            return self._document


def _openapi(api: Api) -> Document:
    body = orjson.dumps(document(api, version("graft-platform"), SERVED))
    return Document(api.digest, hashlib.sha256(body).hexdigest()[:32], body, gzip.compress(body, _PACKING, mtime=0))


def _listed(api: Api) -> Iterator[dict[str, object]]:
    for method in api.document.methods:
        if is_callable(api, method.name, SERVED):
            yield {
                "name": method.name,
                "doc": first_sentence(method.doc),
                "role": method.role,
                "declared": True,
                "deprecated": is_deprecated(method.lifecycle),
            }
    for name, origin in api.undeclared.items():
        if origin.available:
            yield {"name": name, "doc": "", "role": POOL_ADMIN, "declared": False, "deprecated": False}


def _described(api: Api, method: Method) -> dict[str, object]:
    schemas = Schemas(api.types)
    origin = api.origins.get(method.name)
    return {
        "name": method.name,
        "doc": method.doc,
        "role": method.role,
        "declared": True,
        "available": is_callable(api, method.name, SERVED),
        "deprecated": is_deprecated(method.lifecycle),
        "idempotent": method.idempotent,
        "session": method.session,
        "source": origin.source.value if origin else "builtin",
        "origin": origin.place if origin else "",
        "arguments": arguments_schema(method, api.types),
        "result": result_schema(method, api.types),
        "errors": [{"code": error.code, "params": error.params, "doc": error.doc} for error in method.errors],
        "lifecycle": [
            {"change": step.change.value, "release": step.release, "doc": step.doc}
            for step in method.lifecycle.transitions
        ],
        "examples": [_example(method, example, schemas) for example in method.examples],
    }


def _example(method: Method, example: Example, schemas: Schemas) -> dict[str, object]:
    shown: dict[str, object] = {"doc": example.doc, "arguments": example_arguments(method, example, schemas)}
    if example.error:
        shown["error"] = {"code": example.error[0], "params": example.error[1:]}
    elif example.result is not None and method.result is not None and not method.result.secret:
        shown["result"] = schemas.example(example.result, method.result.type)
    return shown


def _undeclared(api: Api, name: str) -> dict[str, object]:
    origin = api.undeclared[name]
    return {
        "name": name,
        "doc": "",
        "role": POOL_ADMIN,
        "declared": False,
        "available": origin.available,
        "deprecated": False,
        "idempotent": False,
        "session": True,
        "source": origin.source.value,
        "origin": origin.place,
        "arguments": {"$schema": DIALECT, "type": "array"},
        "result": {"$schema": DIALECT},
        "errors": [],
        "lifecycle": [],
        "examples": [],
    }
