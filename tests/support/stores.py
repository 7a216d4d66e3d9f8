"""Stores whose tables are made already: hundreds of tests open one, and only those of migrations need them to run."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from dispatcher_service.store.store import DispatcherStore
from registry_service.store.store import Store
from registry_service.tuning import PasswordCost, Tuning

Service = Literal["registry", "dispatcher"]
QUICK = Tuning(password_cost=PasswordCost(1, 8, 1))
"""A registry as it is, but for what each password costs: some fixtures make and log in a user for every role."""


def make_tables(url: str, service: Service) -> None:
    """Run the migrations of a service, beside whatever loop runs here."""

    async def make() -> None:
        store = await (Store if service == "registry" else DispatcherStore).open(url)
        await store.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result(60)


def with_tables(folder: Path, *services: Service) -> Path:
    """Put the files of SQLite into a data directory that has none yet, as a start would leave them; return it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for service in services or ("registry", "dispatcher"):
        file = folder / f"{service}.db"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_bytes(_tables_of(service))
    return folder


@functools.cache
def _tables_of(service: Service) -> bytes:
    with tempfile.TemporaryDirectory(prefix="graft-tables-") as folder:
        file = Path(folder) / "store.db"
        make_tables(f"sqlite:///{file}", service)
        return file.read_bytes()
