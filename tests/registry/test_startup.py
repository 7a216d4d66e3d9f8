from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from structlog.testing import capture_logs

from graft_common.database import open_database
from graft_common.errors import GraftError, StartupError
from graft_common.settings import Settings
from registry_service.app import RegistryApp
from registry_service.tuning import Tuning
from tests.registry.conftest import ADMIN, PASSWORD, StartRegistry


def changed(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update=values)


async def test_a_missing_password_is_made_once(start_registry: StartRegistry, settings: Settings) -> None:
    given = changed(settings, admin_password=None)
    with capture_logs() as logs:
        first = await start_registry(given)
        made = first.app.generated_password
        assert made is not None
        assert len(made) >= 20
        assert (await first.login(password=made)).session.user == ADMIN
        await first.stop()
        second = await start_registry(given)
    assert second.app.generated_password is None
    assert (await second.login(password=made)).session.user == ADMIN
    assert made not in repr(logs)


async def test_the_stored_password_outlives_the_setting(start_registry: StartRegistry, settings: Settings) -> None:
    await (await start_registry()).stop()
    with capture_logs() as logs:
        registry = await start_registry(changed(settings, admin_password=SecretStr("another one")))
    assert [log["event"] for log in logs] == ["administrator.password_differs"]
    assert "another one" not in repr(logs)
    assert (await registry.login(password=PASSWORD)).session.user == ADMIN
    with pytest.raises(GraftError):
        await registry.login(password="another one")


async def test_another_name_adds_no_second_administrator(start_registry: StartRegistry, settings: Settings) -> None:
    await (await start_registry()).stop()
    with capture_logs() as logs:
        registry = await start_registry(changed(settings, admin_user="eve"))
    assert [log["event"] for log in logs] == ["administrator.missing"]
    with pytest.raises(GraftError):
        await registry.login("eve")


async def test_replicas_that_start_together_make_one_administrator(
    settings: Settings, tuning: Tuning, postgres_url: str
) -> None:
    given = changed(settings, admin_password=None, database_url=SecretStr(postgres_url))
    apps = await asyncio.gather(*(RegistryApp.open(given, tuning) for _ in range(3)))
    assert len([app for app in apps if app.generated_password]) == 1
    for app in apps:
        await app.close()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"database_url": SecretStr("mysql://me:hidden@host/db")}, "sqlite:/// or postgresql://"),
        ({"database_url": SecretStr("hidden")}, "GRAFT_DATABASE_URL is no URL of a database"),
        ({"database_url": SecretStr("postgresql://me:hidden@127.0.0.1:1/db")}, "cannot be opened"),
        ({"admin_user": "a\nb"}, "GRAFT_ADMIN_USER"),
        ({"admin_password": SecretStr("hidden" * 1000)}, "GRAFT_ADMIN_PASSWORD"),
    ],
)
async def test_what_keeps_it_from_starting_is_said(
    settings: Settings, tuning: Tuning, values: dict[str, object], said: str
) -> None:
    with pytest.raises(StartupError, match=said) as raised:
        await RegistryApp.open(changed(settings, **values), tuning)
    assert "hidden" not in str(raised.value)


async def test_files_that_stand_in_the_way(settings: Settings, tuning: Tuning, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError):
        await RegistryApp.open(changed(settings, data_dir=tmp_path / "file"), tuning)
    (tmp_path / "data" / "registry.db").write_bytes(b"no database " * 1000)
    with pytest.raises(StartupError, match=r"registry\.db.*cannot be opened"):
        await RegistryApp.open(settings, tuning)


async def test_tables_of_a_later_release(settings: Settings, tuning: Tuning) -> None:
    await (await RegistryApp.open(settings, tuning)).close()
    engine = open_database(settings.database("registry"))
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE registry_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(StartupError, match="of a version that this release does not know"):
        await RegistryApp.open(settings, tuning)


async def test_the_registry_goes_on_after_a_round_that_fails(settings: Settings, tuning: Tuning) -> None:
    app = await RegistryApp.open(settings, replace(tuning, poll_every=0.01))
    failed = asyncio.Event()
    again = asyncio.Event()

    async def fail() -> None:
        if failed.is_set():
            again.set()
        failed.set()
        raise RuntimeError

    with capture_logs() as logs:
        app._maintenance.poll = fail  # type: ignore[method-assign]
        await app._maintenance.stop()
        app._maintenance.start()
        await asyncio.wait_for(again.wait(), 5)
    assert "maintenance.crashed" in {log["event"] for log in logs}
    await app.close()
