"""Methods of extension versions are typed while they are linked."""

from __future__ import annotations

import pytest

from dispatcher.test_call_path import Site, site  # noqa: F401  (a fixture)
from dispatcher.test_linked_methods import link, tree, unlink, until_from  # noqa: F401  (a fixture)
from graft_common.errors import GraftError
from graft_common.rpc.context import call_metadata
from graft_common.rpc.local import LocalContext
from support.resources import Resources

DISK = "graft.ext.Disk"


async def test_a_link_makes_a_service_and_its_removal_ends_it(site: Site, tree: Resources) -> None:  # noqa: F811
    assert tree
    dynamic = site.app.services[0].dynamic
    assert dynamic is not None
    assert (dynamic.has(DISK), dynamic.handler(DISK, "resize")) == (False, None)
    link_id = await link(site, "EXT/1.0")
    await until_from(site, "EXT/1.0")
    assert DISK in (await dynamic.described()).names
    resize = dynamic.handler(DISK, "resize")
    assert resize is not None
    context = LocalContext(call_metadata(site.refs["pool-admin"]), 10.0)
    answer = await resize(b"\x08\x07", context)
    assert answer.startswith(b"\x0a\x0bDisk.resize")
    assert answer.endswith(b"\x0a\x017")
    await unlink(site, link_id)
    await until_from(site, "")
    assert (dynamic.has(DISK), dynamic.handler(DISK, "resize")) == (False, None)
    assert DISK not in (await dynamic.described()).names
    with pytest.raises(GraftError) as caught:
        await resize(b"\x08\x07", context)
    assert caught.value.error_info() == ["MESSAGE_METHOD_UNKNOWN", "Disk.resize"]
