"""What sessions have registered for with `event.register`, and how far each was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher_service.store import schema
from dispatcher_service.store.access import Access
from dispatcher_service.store.schema import store_now

_columns = schema.registration.c


@dataclass(frozen=True, slots=True)
class Registration:
    """What one session is to be told of."""

    classes: Sequence[str]
    token: str
    """What it was told up to."""


class RegistrationTable:
    """Keeps registrations, so that any host serves a session."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def get(self, session: str) -> Registration | None:
        """Return that of a session, by its digest."""
        query = select(_columns.classes, _columns.token).where(_columns.session == session)
        async with self._access.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Registration(row.classes, row.token)

    async def put(self, session: str, registration: Registration) -> None:
        """Keep one, in place of that of the same session."""
        said = {"classes": list(registration.classes), "token": registration.token, "used": store_now()}
        async with self._access.writing() as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            upsert = dialect.insert(schema.registration).values(session=session, **said)
            await connection.execute(upsert.on_conflict_do_update(index_elements=[_columns.session], set_=said))

    async def move(self, session: str, token: str) -> None:
        """Note how far a session was told."""
        moved = update(schema.registration).where(_columns.session == session)
        async with self._access.writing() as connection:
            await connection.execute(moved.values(token=token, used=store_now()))

    async def trim(self, age: float, keep: int) -> None:
        """Forget those that were not used for `age` seconds, and of the others all but the last `keep`."""
        old = delete(schema.registration).where(_columns.used < store_now() - age)
        last = select(_columns.used).order_by(_columns.used.desc()).offset(keep).limit(1).scalar_subquery()
        surplus = delete(schema.registration).where(_columns.used <= func.coalesce(last, 0.0))
        async with self._access.writing() as connection:
            await connection.execute(old)
            await connection.execute(surplus)
