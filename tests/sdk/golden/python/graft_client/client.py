# Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
# Changes to it are lost when it is made again.
"""The clients, and the classes of methods that they offer."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ._runtime.async_client import BaseAsyncClient
from ._runtime.sync_client import BaseClient
from .errors import ERRORS

if TYPE_CHECKING:
    from .methods.vm import AsyncVmMethods, VmMethods
    from .methods.volume import AsyncVolumeMethods, VolumeMethods

API_DIGEST = "3a8b46cf8c18c4daaf004d6beb1b183876f84385cbdab2eceaf8aab059f7acbd"
"""Of the API that this package was made from."""


class Client(BaseClient):
    """A session on a Graft platform; several threads may use it at a time.

    The first call logs in, and so does one whose session has ended meanwhile; leaving the `with` block, or `close()`,
    logs out. In place of user and password, `session_ref` takes a session that is open already, and leaves it open.

    Args:
        url: where the platform is, such as `https://graft.example:8080`.
        user: who logs in.
        password: that user's.
        session_ref: a session's reference.
        originator: what the program calls itself; sessions are limited for each.
        timeout: seconds that a call waits for its answer; each call may have its own.
        tls: which certificates are trusted, and more; those of the system if not given.
        transport: what sends requests in place of the built-in HTTP client.
    """

    _errors = ERRORS
    _agent = "graft_client/0.1.0 (graft-sdk; python)"

    @cached_property
    def vm(self) -> VmMethods:
        """Guests."""
        from .methods.vm import VmMethods

        return VmMethods(self)

    @cached_property
    def volume(self) -> VolumeMethods:
        """Volumes of disks.

        A second paragraph, with a "quotation", a \\ backslash, a */ and <tags> & a long line
        that has to be filled to the width of the documentation.
        """
        from .methods.volume import VolumeMethods

        return VolumeMethods(self)


class AsyncClient(BaseAsyncClient):
    """A session on a Graft platform, for asyncio.

    The first call logs in, and so does one whose session has ended meanwhile; leaving the `async with` block, or `close()`,
    logs out. In place of user and password, `session_ref` takes a session that is open already, and leaves it open.

    Args:
        url: where the platform is, such as `https://graft.example:8080`.
        user: who logs in.
        password: that user's.
        session_ref: a session's reference.
        originator: what the program calls itself; sessions are limited for each.
        timeout: seconds that a call waits for its answer; each call may have its own.
        tls: which certificates are trusted, and more; those of the system if not given.
        transport: what sends requests in place of the built-in HTTP client.
    """

    _errors = ERRORS
    _agent = "graft_client/0.1.0 (graft-sdk; python)"

    @cached_property
    def vm(self) -> AsyncVmMethods:
        """Guests."""
        from .methods.vm import AsyncVmMethods

        return AsyncVmMethods(self)

    @cached_property
    def volume(self) -> AsyncVolumeMethods:
        """Volumes of disks.

        A second paragraph, with a "quotation", a \\ backslash, a */ and <tags> & a long line
        that has to be filled to the width of the documentation.
        """
        from .methods.volume import AsyncVolumeMethods

        return AsyncVolumeMethods(self)
