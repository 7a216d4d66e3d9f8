# Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
# Changes to it are lost when it is made again.
"""The methods of `VM`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from .. import _codecs as _c
from .. import types as _t
from .._runtime import codecs as _r
from .._runtime.async_client import AsyncTask, BaseAsyncClient
from .._runtime.calls import Method
from .._runtime.deprecation import deprecated
from .._runtime.sync_client import BaseClient, Task
from .._runtime.values import UNSET, Unset

_PING: Method[float] = Method(
    "VM.ping",
    [
        ("value", _r.FLOAT),
    ],
    _r.FLOAT,
    session=False,
    idempotent=True,
)


class VmMethods:
    """Guests."""

    def __init__(self, client: BaseClient) -> None:
        self._client = client

    def ping(
        self,
        value: Union[float, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> float:
        """Answer.

        Needs no session. Calling it twice is as good as once.

        Args:
            value: Default: `1.5`.
        """
        return self._client._call(
            _PING,
            [
                value,
            ],
            timeout,
        )

    def start_ping(
        self,
        value: Union[float, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> Task[float]:
        """Start `ping` as a task, and do not wait for it."""
        return self._client._start(
            _PING,
            [
                value,
            ],
            timeout,
        )


class AsyncVmMethods:
    """Guests."""

    def __init__(self, client: BaseAsyncClient) -> None:
        self._client = client

    async def ping(
        self,
        value: Union[float, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> float:
        """Answer.

        Needs no session. Calling it twice is as good as once.

        Args:
            value: Default: `1.5`.
        """
        return await self._client._call(
            _PING,
            [
                value,
            ],
            timeout,
        )

    async def start_ping(
        self,
        value: Union[float, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> AsyncTask[float]:
        """Start `ping` as a task, and do not wait for it."""
        return await self._client._start(
            _PING,
            [
                value,
            ],
            timeout,
        )
