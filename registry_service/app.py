"""The registry as a process or `graft up` composes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Self

from alembic.util import CommandError
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from graft.registry.v1 import (
    cluster_pb2,
    cluster_pb2_grpc,
    grant_pb2,
    grant_pb2_grpc,
    group_pb2,
    group_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
    mpack_pb2,
    mpack_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    role_pb2,
    role_pb2_grpc,
)
from graft_common.errors import GraftError, StartupError
from graft_common.rpc.service import RpcService
from graft_common.service_token import service_token
from graft_common.settings import Settings
from graft_common.tls import connect
from registry_service.clusters.clusters import Clusters
from registry_service.grants.grants import Grants
from registry_service.hooks.runner import DispatcherHooks
from registry_service.identity.access import Access
from registry_service.identity.accounts import Accounts
from registry_service.identity.external.logins import ExternalLogins, open_issuer
from registry_service.identity.failed_logins import FailedLogins
from registry_service.identity.groups import Groups
from registry_service.identity.logins import Logins
from registry_service.identity.passwords import Passwords
from registry_service.identity.roles import Roles
from registry_service.identity.sessions import Sessions
from registry_service.library.findings import FindingSearch
from registry_service.library.library import Library
from registry_service.library.tree import Tree
from registry_service.links.links import Links
from registry_service.maintenance import Maintenance
from registry_service.mpacks.archives import Bounds
from registry_service.mpacks.mpacks import Mpacks
from registry_service.service.clusters import ClusterServicer
from registry_service.service.grants import GrantServicer
from registry_service.service.groups import GroupServicer
from registry_service.service.identity import IdentityServicer
from registry_service.service.mpacks import MpackServicer
from registry_service.service.registry import RegistryServicer
from registry_service.service.roles import RoleServicer
from registry_service.store.store import UNREACHABLE, Store
from registry_service.tuning import Tuning
from registry_service.uploads import Uploads
from registry_service.watch.clock import RevisionClock
from registry_service.watch.mirror import Mirror
from registry_service.watch.watches import Watches


class RegistryApp:
    """A registry that serves."""

    def __init__(
        self,
        store: Store,
        clock: RevisionClock,
        passwords: Passwords,
        sessions: Sessions,
        failures: FailedLogins,
        external: ExternalLogins,
        token: str,
        settings: Settings,
        uploads: Uploads,
        tuning: Tuning,
    ) -> None:
        self.generated_password: str | None = None
        """The first administrator's password, if it had to be made; to be shown once, on a terminal."""
        self.hooks = DispatcherHooks(settings.dispatcher, token, partial(connect, settings))
        """Runs the hooks of management packs; to be told of a dispatcher in the same process."""
        self._store = store
        self._passwords = passwords
        self._uploads = uploads
        self._external = external
        self._watches = Watches(store, clock, tuning)
        self._maintenance = Maintenance(store, sessions, failures, clock, tuning)
        self._accounts = Accounts(store, passwords, failures, tuning)
        logins = Logins(store, sessions, passwords, failures, tuning)
        links = Links(store, clock, tuning)
        cache = settings.data_dir / "cache"
        tree = Tree(settings.resources_path, cache / "catalog")
        self._findings = FindingSearch(cache / "verdicts")
        self._library = Library(tree, links, store, tuning)
        self._mpacks = Mpacks(
            settings.resources_path,
            settings.ambari_version,
            store,
            links,
            self._library,
            self.hooks,
            tuning,
            Bounds(archive=settings.mpack_max_archive),
        )
        roles = Roles(store, clock, tuning)
        access = Access(sessions, roles.book, token)
        self.services: Sequence[RpcService] = (
            RpcService(
                identity_pb2.DESCRIPTOR.services_by_name["IdentityService"],
                IdentityServicer(store, self._accounts, sessions, logins, external, access),
                identity_pb2_grpc.add_IdentityServiceServicer_to_server,
            ),
            RpcService(
                registry_pb2.DESCRIPTOR.services_by_name["RegistryService"],
                RegistryServicer(
                    store,
                    self._watches,
                    Mirror(store, clock),
                    sessions,
                    access,
                    links,
                    self._library,
                    self._findings,
                ),
                registry_pb2_grpc.add_RegistryServiceServicer_to_server,
            ),
            RpcService(
                cluster_pb2.DESCRIPTOR.services_by_name["ClusterService"],
                ClusterServicer(Clusters(links, tuning), access),
                cluster_pb2_grpc.add_ClusterServiceServicer_to_server,
            ),
            RpcService(
                mpack_pb2.DESCRIPTOR.services_by_name["MpackService"],
                MpackServicer(self._mpacks, uploads, access, store, tuning.now),
                mpack_pb2_grpc.add_MpackServiceServicer_to_server,
            ),
            RpcService(
                grant_pb2.DESCRIPTOR.services_by_name["GrantService"],
                GrantServicer(Grants(links, store, tuning), access),
                grant_pb2_grpc.add_GrantServiceServicer_to_server,
            ),
            RpcService(
                group_pb2.DESCRIPTOR.services_by_name["GroupService"],
                GroupServicer(Groups(store, tuning), access),
                group_pb2_grpc.add_GroupServiceServicer_to_server,
            ),
            RpcService(
                role_pb2.DESCRIPTOR.services_by_name["RoleService"],
                RoleServicer(roles, access),
                role_pb2_grpc.add_RoleServiceServicer_to_server,
            ),
        )

    @classmethod
    async def open(cls, settings: Settings, tuning: Tuning | None = None) -> Self:
        """Open the database, bring it up to date, and see that there is an administrator.

        Raises:
            StartupError: it cannot be done; the message says why.
        """
        tuning = tuning or Tuning(failed_login_delay_at_most=settings.login_delay)
        try:
            token = service_token(settings)
        except OSError as error:
            raise StartupError(
                f"The service token in {settings.data_dir / 'keys'} cannot be read or made: {error.strerror}. "
                "Let this user own the directory, or set GRAFT_DATA_DIR to another."
            ) from error
        store = await _open_store(settings, tuning)
        passwords = Passwords(tuning)
        try:
            return await cls._compose(settings, tuning, store, passwords, token)
        except BaseException:
            passwords.close()
            await store.close()
            raise

    @classmethod
    async def _compose(cls, settings: Settings, tuning: Tuning, store: Store, passwords: Passwords, token: str) -> Self:
        async with store.read() as view:
            clock = RevisionClock((await view.revisions()).current)
        store.on_commit = clock.advance
        sessions = Sessions(store, clock, timedelta(seconds=settings.session_idle), tuning)
        failures = FailedLogins(tuning)
        external = ExternalLogins(store, sessions, open_issuer(settings, tuning), settings.certificate_roles, tuning)
        sessions.open_token = external.session_of_token
        uploads = _open_uploads(settings)
        app = cls(store, clock, passwords, sessions, failures, external, token, settings, uploads, tuning)
        try:
            await app._begin(settings)
        except BaseException:
            app._uploads.close()
            raise
        return app

    async def _begin(self, settings: Settings) -> None:
        """See that there is an administrator, end what was begun, and read the directory."""
        password = settings.admin_password.get_secret_value() if settings.admin_password else None
        try:
            self.generated_password = await self._accounts.ensure_administrator(settings.admin_user, password)
        except GraftError as error:
            raise StartupError(
                f"The first administrator cannot be added: {error}. Set GRAFT_ADMIN_USER and GRAFT_ADMIN_PASSWORD anew."
            ) from error
        try:
            await self._mpacks.recover()
        except GraftError as error:
            # Where another registry is at it, it is the other's to end.
            if error.code != "MPACK_BUSY":
                raise StartupError(
                    f"What was begun with management packs in {settings.resources_path} cannot be ended: {error}"
                ) from error
        self._maintenance.start()
        self._library.start()

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109  (a bound, not an error)
        """End the watches, which go on for ever, and the waits for the directory; other calls end by themselves."""
        self._library.drain()
        await self._watches.drained(timeout)

    async def close(self) -> None:
        """Stop, and close the database."""
        await self._mpacks.close()
        await self.hooks.close()
        self._uploads.close()
        await self._library.stop()
        await self._findings.close()
        await self._maintenance.stop()
        await self._external.close()
        self._passwords.close()
        await self._store.close()


def _open_uploads(settings: Settings) -> Uploads:
    place = settings.data_dir / "uploads"
    try:
        return Uploads.open(place, settings.mpack_max_archive)
    except OSError as error:
        raise StartupError(
            f"{place} cannot be written: {error.strerror}. "
            "Let this user own the directory, or set GRAFT_DATA_DIR to another."
        ) from error


async def _open_store(settings: Settings, tuning: Tuning) -> Store:
    where = "GRAFT_DATABASE_URL" if settings.database_url else str(settings.data_dir / "registry.db")
    try:
        return await Store.open(settings.database("registry"), tuning.now)
    except ArgumentError:
        # Its text may hold the URL, and that a password.
        raise StartupError(
            f"{where} is no URL of a database. It must be postgresql://user:password@host/name or sqlite:///path."
        ) from None
    except ValueError as error:
        raise StartupError(str(error)) from error
    except CommandError as error:
        raise StartupError(
            f"The registry's tables in {where} are of a version that this release does not know ({error}). "
            "Start the release that made them, or a later one."
        ) from error
    except (SQLAlchemyError, *UNREACHABLE) as error:
        raise StartupError(
            f"The registry's database, {where}, cannot be opened: {getattr(error, 'orig', None) or error}. "
            "See that it is there, that the name and password are right, and that this user may write to it."
        ) from error
