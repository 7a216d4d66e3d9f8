"""The readers that every class of XenAPI has: made of one table of fields per class."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from dispatcher_service.builtins.base import Builtin, CallerContext, Handler, Param
from dispatcher_service.references import ref_of
from dispatcher_service.sessions.session import Session
from graft_common.errors import GraftError
from graft_common.roles import READ_ONLY
from graft_common.values import DateTime, Value


class Referable(Protocol):
    """An object that has a reference."""

    @property
    def ref(self) -> str:
        """The reference."""


Object = TypeVar("Object", bound=Referable)

_AT_ONCE = 200
"""Records that are written before others have their turn."""


@dataclass(frozen=True, slots=True)
class ObjectClass(Generic[Object]):
    """A class of XenAPI, and how its objects are found."""

    name: str
    """As XenAPI writes it: `task`. References are made of UUIDs (`ref_of`) in all classes."""
    fields: Mapping[str, Callable[[Object], Value]]
    """The record: each field, and how it is read from an object; `uuid` is one of them."""
    get: Callable[[Session, str], Awaitable[Object]]
    """Finds an object by reference; raises HANDLE_INVALID [class, reference]."""
    list: Callable[[Session], Awaitable[Sequence[Object]]]
    """Lists the objects that a session sees."""
    has_name: bool = True
    """Whether objects are looked for by name; xapi has no such message for the pool."""
    unlisted: frozenset[str] = frozenset()
    """Sets that are too large for lists and events, and are empty there."""

    def record(self, found: Object) -> Value:
        """Return the record of an object."""
        return {field: read(found) for field, read in self.fields.items()}

    def listed(self, found: Object) -> Value:
        """Return the record of an object as it stands in lists and events."""
        return {field: [] if field in self.unlisted else read(found) for field, read in self.fields.items()}

    async def all_records(self, session: Session) -> Value:
        """List the records that a session sees, by reference."""
        records: dict[str, Value] = {}
        for place, found in enumerate(await self.list(session), 1):
            records[found.ref] = self.listed(found)
            if place % _AT_ONCE == 0:
                # Others have their turn between the parts of a long list.
                await asyncio.sleep(0)
        return records


def readers(kind: ObjectClass[Object], role: str = READ_ONLY) -> dict[str, Builtin]:
    """Make `get_all`, `get_all_records`, `get_record`, `get_by_…` and one getter per field.

    They are for `role` and those above it, or with `ANYONE` for whoever has a session.
    """

    async def get_all(caller: CallerContext, _params: Sequence[Value]) -> Value:
        return [found.ref for found in await kind.list(caller.require_session())]

    async def get_all_records(caller: CallerContext, _params: Sequence[Value]) -> Value:
        return await kind.all_records(caller.require_session())

    async def get_record(caller: CallerContext, params: Sequence[Value]) -> Value:
        return kind.record(await kind.get(caller.require_session(), str(params[0])))

    async def get_by_uuid(caller: CallerContext, params: Sequence[Value]) -> Value:
        uuid = str(params[0])
        try:
            return (await kind.get(caller.require_session(), ref_of(uuid))).ref
        except GraftError as error:
            if error.code != "HANDLE_INVALID":
                raise
            raise GraftError("UUID_INVALID", kind.name, uuid) from None

    async def get_by_name_label(caller: CallerContext, params: Sequence[Value]) -> Value:
        every = await kind.list(caller.require_session())
        return [found.ref for found in every if kind.fields["name_label"](found) == params[0]]

    this = (Param("self"),)
    made = {
        "get_all": Builtin(get_all, role, (), f"List the references of all {kind.name} objects."),
        "get_all_records": Builtin(get_all_records, role, (), f"List all {kind.name} records by reference."),
        "get_record": Builtin(get_record, role, this, f"Return one {kind.name} record."),
        "get_by_uuid": Builtin(get_by_uuid, role, (Param("uuid"),), f"Find a {kind.name} by its UUID."),
        **{
            f"get_{field}": Builtin(_getter(kind, read), role, this, f"Return a {kind.name}'s {field}.")
            for field, read in kind.fields.items()
        },
    }
    if kind.has_name:
        made["get_by_name_label"] = Builtin(
            get_by_name_label, role, (Param("label"),), f"Find every {kind.name} of that name."
        )
    return {f"{kind.name}.{method}": builtin for method, builtin in made.items()}


def _getter(kind: ObjectClass[Object], read: Callable[[Object], Value]) -> Handler:
    async def get_field(caller: CallerContext, params: Sequence[Value]) -> Value:
        return read(await kind.get(caller.require_session(), str(params[0])))

    return get_field


def date_time(seconds: float | None) -> DateTime:
    """Write a time as XenAPI does; the epoch stands for what has not happened yet."""
    return DateTime(time.strftime("%Y%m%dT%H:%M:%SZ", time.gmtime(seconds or 0.0)))
