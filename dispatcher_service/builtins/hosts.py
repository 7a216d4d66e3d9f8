"""`pool.*` and `host.*`: the hosts as XenAPI shows them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from dispatcher_service.builtins.base import Builtin, BuiltinTable, CallerContext, Param
from dispatcher_service.builtins.labels import label_setters
from dispatcher_service.builtins.records import ObjectClass, date_time, readers
from dispatcher_service.hosts.host import Host, Pool
from dispatcher_service.hosts.membership import Membership
from dispatcher_service.references import NULL_REF
from dispatcher_service.sessions.session import Session
from graft_common.errors import handle_invalid
from graft_common.roles import READ_ONLY
from graft_common.settings import split_address
from graft_common.values import DateTime, Value

API_VERSION_MAJOR = 2
API_VERSION_MINOR = 21
"""The line of XenAPI that is spoken (xapi's own numbers), by which clients choose what to call."""
XAPI_VERSION = "26.21"
"""The xapi whose calls are served, for clients that read `software_version["xapi"]`."""
VENDOR = "Graft"

POOL_FIELDS: Mapping[str, Callable[[Pool], Value]] = {
    "uuid": lambda pool: pool.uuid,
    "name_label": lambda pool: pool.name_label,
    "name_description": lambda pool: pool.labels.description,
    "master": lambda pool: pool.master,
    "default_SR": lambda _: NULL_REF,
    "suspend_image_SR": lambda _: NULL_REF,
    "crash_dump_SR": lambda _: NULL_REF,
    "allowed_operations": lambda _: [],
    "current_operations": lambda _: {},
    "ha_enabled": lambda _: False,
    "other_config": lambda pool: dict(pool.labels.other_config),
    "tags": lambda pool: list(pool.labels.tags),
}
"""The record of the pool: what xapi's has and clients read (xapi, datamodel_pool.ml)."""

HOST_FIELDS: Mapping[str, Callable[[Host], Value]] = {
    "uuid": lambda host: host.facts.uuid,
    "name_label": lambda host: host.name_label,
    "name_description": lambda host: host.labels.description,
    "allowed_operations": lambda _: [],
    "current_operations": lambda _: {},
    "API_version_major": lambda _: API_VERSION_MAJOR,
    "API_version_minor": lambda _: API_VERSION_MINOR,
    "API_version_vendor": lambda _: VENDOR,
    "API_version_vendor_implementation": lambda _: {},
    "enabled": lambda host: host.live,
    "software_version": lambda host: {
        "product_brand": VENDOR,
        "product_version": host.facts.version,
        "product_version_text": host.facts.version,
        "xapi": XAPI_VERSION,
        "engine": host.facts.engine,
    },
    "other_config": lambda host: dict(host.labels.other_config),
    "hostname": lambda host: host.facts.name_label,
    "address": lambda host: _machine(host.facts.address),
    "metrics": lambda _: NULL_REF,
    "resident_VMs": lambda _: [],
    "tags": lambda host: list(host.labels.tags),
}
"""The record of a host: what xapi's has and clients read (xapi, datamodel_host.ml)."""


def host_builtins(hosts: Membership) -> BuiltinTable:
    """Make the readers of the pool and of hosts, and the setters of what administrators say of them."""

    async def pool(_session: Session, ref: str) -> Pool:
        found = await hosts.pool()
        if found.ref != ref:
            raise handle_invalid("pool", ref)
        return found

    async def pools(_session: Session) -> Sequence[Pool]:
        return [await hosts.pool()]

    async def host(_session: Session, ref: str) -> Host:
        for found in await hosts.list():
            if found.ref == ref:
                return found
        raise handle_invalid("host", ref)

    async def all_hosts(_session: Session) -> Sequence[Host]:
        return await hosts.list()

    async def server_time(caller: CallerContext, params: Sequence[Value]) -> Value:
        await host(caller.require_session(), str(params[0]))
        return date_time(time.time())

    async def server_local_time(caller: CallerContext, params: Sequence[Value]) -> Value:
        await host(caller.require_session(), str(params[0]))
        # Without a zone, which is how clients tell it from the other (xapi, xapi_host.ml).
        return DateTime(time.strftime("%Y%m%dT%H:%M:%S"))

    this = (Param("host"),)
    return {
        "host.get_servertime": Builtin(server_time, READ_ONLY, this, "Return the server's time."),
        "host.get_server_localtime": Builtin(server_local_time, READ_ONLY, this, "Return the server's local time."),
        **readers(ObjectClass("pool", POOL_FIELDS, pool, pools, has_name=False)),
        **readers(ObjectClass("host", HOST_FIELDS, host, all_hosts)),
        **label_setters("pool", hosts.relabel_pool),
        **label_setters("host", hosts.relabel_host),
    }


def _machine(address: str) -> str:
    try:
        return split_address(address)[0]
    except ValueError:
        return address
