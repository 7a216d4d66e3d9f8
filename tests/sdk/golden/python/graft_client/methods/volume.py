# Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
# Changes to it are lost when it is made again.
"""The methods of `Volume`."""

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

_RESIZE: Method[_t.ResizeState] = Method(
    "Volume.resize",
    [
        ("volume", _c.VolumeRef),
        ("disks", _r.SetCodec(_c.Disk)),
        ("force", _r.BOOL),
        ("passphrase", _r.OptionCodec(_r.STRING)),
        ("timeout", _r.INT),
    ],
    _c.ResizeState,
    session=True,
    idempotent=True,
)
_GET_VMS: Method[Dict[_t.VmRef, List[_t.Disk]]] = Method(
    "Volume.get_VMs",
    [
        ("self", _c.VolumeRef),
    ],
    _r.MapCodec(_c.VmRef, _r.SetCodec(_c.Disk)),
    session=True,
    idempotent=False,
)
_GET_VMS_2: Method[List[_t.VmRef]] = Method(
    "Volume.getVMs",
    [],
    _r.SetCodec(_c.VmRef),
    session=True,
    idempotent=False,
)
_GET_RECORD: Method[_t.VolumeRecord] = Method(
    "Volume.get_record",
    [
        ("self", _c.VolumeRef),
    ],
    _c.VolumeRecord,
    session=True,
    idempotent=False,
)
_DELETE: Method[None] = Method(
    "Volume.delete",
    [
        ("class", _r.STRING),
        ("from", _r.STRING),
    ],
    _r.VOID,
    session=True,
    idempotent=False,
)
_START_RESIZE: Method[None] = Method(
    "Volume.start_resize",
    [],
    _r.VOID,
    session=True,
    idempotent=False,
)
_OLD: Method[None] = Method(
    "Volume.old",
    [],
    _r.VOID,
    session=True,
    idempotent=False,
)
_DRAFT: Method[Optional[Dict[_t.Colour, Optional[int]]]] = Method(
    "Volume.draft",
    [
        ("everything", _r.ANYTHING),
        ("twice", _r.BoxCodec(_r.OptionCodec(_r.INT))),
        ("when", _r.OptionCodec(_r.SetCodec(_r.DATETIME))),
    ],
    _r.OptionCodec(_r.MapCodec(_c.Colour, _r.OptionCodec(_r.INT))),
    session=True,
    idempotent=False,
)


class VolumeMethods:
    """Volumes of disks.

    A second paragraph, with a "quotation", a \\ backslash, a */ and <tags> & a long line
    that has to be filled to the width of the documentation.
    """

    def __init__(self, client: BaseClient) -> None:
        self._client = client

    def resize(
        self,
        volume: _t.VolumeRef,
        disks: Sequence[_t.Disk],
        force: Union[bool, Unset] = UNSET,
        passphrase: Union[Optional[str], Unset] = UNSET,
        timeout_: Union[int, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> _t.ResizeState:
        """Grow or shrink a volume.

        Shrinking needs a volume that nothing uses:

        - no guest,
        - no snapshot.

        Needs the role pool-operator or one above it. Since 1.0. Calling it twice is as good as
        once.

        Args:
            volume: The volume.
            disks: The disks as they shall be.
            force: Do it even if somebody uses it. Default: `false`.
            passphrase: It has a default. Since 1.2.
            timeout_: A name that clients use themselves. Default: `30`.

        Returns:
            What became of it.

        Raises:
            VolumeInUse: Some guest has it open.
            HandleInvalid: There is no such volume.
        """
        return self._client._call(
            _RESIZE,
            [
                volume,
                disks,
                force,
                passphrase,
                timeout_,
            ],
            timeout,
        )

    def start_resize_2(
        self,
        volume: _t.VolumeRef,
        disks: Sequence[_t.Disk],
        force: Union[bool, Unset] = UNSET,
        passphrase: Union[Optional[str], Unset] = UNSET,
        timeout_: Union[int, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> Task[_t.ResizeState]:
        """Start `resize` as a task, and do not wait for it."""
        return self._client._start(
            _RESIZE,
            [
                volume,
                disks,
                force,
                passphrase,
                timeout_,
            ],
            timeout,
        )

    def get_vms(
        self,
        self_: _t.VolumeRef,
        *,
        timeout: Optional[float] = None,
    ) -> Dict[_t.VmRef, List[_t.Disk]]:
        """Call `Volume.get_VMs`.

        Needs the role read-only or one above it.
        """
        return self._client._call(
            _GET_VMS,
            [
                self_,
            ],
            timeout,
        )

    def start_get_vms(
        self,
        self_: _t.VolumeRef,
        *,
        timeout: Optional[float] = None,
    ) -> Task[Dict[_t.VmRef, List[_t.Disk]]]:
        """Start `get_vms` as a task, and do not wait for it."""
        return self._client._start(
            _GET_VMS,
            [
                self_,
            ],
            timeout,
        )

    def get_vms_2(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> List[_t.VmRef]:
        """Is called as another one in some languages.

        Needs the role read-only or one above it.
        """
        return self._client._call(
            _GET_VMS_2,
            [],
            timeout,
        )

    def start_get_vms_2(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> Task[List[_t.VmRef]]:
        """Start `get_vms_2` as a task, and do not wait for it."""
        return self._client._start(
            _GET_VMS_2,
            [],
            timeout,
        )

    def get_record(
        self,
        self_: _t.VolumeRef,
        *,
        timeout: Optional[float] = None,
    ) -> _t.VolumeRecord:
        """Call `Volume.get_record`.

        Needs the role read-only or one above it.
        """
        return self._client._call(
            _GET_RECORD,
            [
                self_,
            ],
            timeout,
        )

    def start_get_record(
        self,
        self_: _t.VolumeRef,
        *,
        timeout: Optional[float] = None,
    ) -> Task[_t.VolumeRecord]:
        """Start `get_record` as a task, and do not wait for it."""
        return self._client._start(
            _GET_RECORD,
            [
                self_,
            ],
            timeout,
        )

    def delete(
        self,
        class_: str,
        from_: Union[str, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> None:
        """A reserved word.

        Needs the role pool-admin or one above it.

        Args:
            from_: It may be left out.
        """
        return self._client._call(
            _DELETE,
            [
                class_,
                from_,
            ],
            timeout,
        )

    def start_delete(
        self,
        class_: str,
        from_: Union[str, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> Task[None]:
        """Start `delete` as a task, and do not wait for it."""
        return self._client._start(
            _DELETE,
            [
                class_,
                from_,
            ],
            timeout,
        )

    def start_resize(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> None:
        """Is called as the task of another one.

        Needs the role pool-admin or one above it.
        """
        return self._client._call(
            _START_RESIZE,
            [],
            timeout,
        )

    def start_start_resize(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> Task[None]:
        """Start `start_resize` as a task, and do not wait for it."""
        return self._client._start(
            _START_RESIZE,
            [],
            timeout,
        )

    @deprecated("Volume.old is deprecated since 1.1: Use `Volume.resize`.")
    def old(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> None:
        """Do it as of old.

        Needs the role pool-admin or one above it. Since 1.0. Volume.old is deprecated since
        1.1: Use `Volume.resize`.
        """
        return self._client._call(
            _OLD,
            [],
            timeout,
        )

    @deprecated("Volume.old is deprecated since 1.1: Use `Volume.resize`.")
    def start_old(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> Task[None]:
        """Start `old` as a task, and do not wait for it."""
        return self._client._start(
            _OLD,
            [],
            timeout,
        )

    def draft(
        self,
        everything: Any,
        twice: Union[Sequence[Optional[int]], Unset] = UNSET,
        when: Union[Optional[Sequence[datetime]], Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> Optional[Dict[_t.Colour, Optional[int]]]:
        """Call `Volume.draft`.

        Needs a session, and no role. A prototype since 1.3: it may change without notice.

        Args:
            twice: Default: `[]`.
            when: Default: `[]`.

        Raises:
            Draft: `DRAFT_ERROR`
        """
        return self._client._call(
            _DRAFT,
            [
                everything,
                twice,
                when,
            ],
            timeout,
        )

    def start_draft(
        self,
        everything: Any,
        twice: Union[Sequence[Optional[int]], Unset] = UNSET,
        when: Union[Optional[Sequence[datetime]], Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> Task[Optional[Dict[_t.Colour, Optional[int]]]]:
        """Start `draft` as a task, and do not wait for it."""
        return self._client._start(
            _DRAFT,
            [
                everything,
                twice,
                when,
            ],
            timeout,
        )


class AsyncVolumeMethods:
    """Volumes of disks.

    A second paragraph, with a "quotation", a \\ backslash, a */ and <tags> & a long line
    that has to be filled to the width of the documentation.
    """

    def __init__(self, client: BaseAsyncClient) -> None:
        self._client = client

    async def resize(
        self,
        volume: _t.VolumeRef,
        disks: Sequence[_t.Disk],
        force: Union[bool, Unset] = UNSET,
        passphrase: Union[Optional[str], Unset] = UNSET,
        timeout_: Union[int, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> _t.ResizeState:
        """Grow or shrink a volume.

        Shrinking needs a volume that nothing uses:

        - no guest,
        - no snapshot.

        Needs the role pool-operator or one above it. Since 1.0. Calling it twice is as good as
        once.

        Args:
            volume: The volume.
            disks: The disks as they shall be.
            force: Do it even if somebody uses it. Default: `false`.
            passphrase: It has a default. Since 1.2.
            timeout_: A name that clients use themselves. Default: `30`.

        Returns:
            What became of it.

        Raises:
            VolumeInUse: Some guest has it open.
            HandleInvalid: There is no such volume.
        """
        return await self._client._call(
            _RESIZE,
            [
                volume,
                disks,
                force,
                passphrase,
                timeout_,
            ],
            timeout,
        )

    async def start_resize_2(
        self,
        volume: _t.VolumeRef,
        disks: Sequence[_t.Disk],
        force: Union[bool, Unset] = UNSET,
        passphrase: Union[Optional[str], Unset] = UNSET,
        timeout_: Union[int, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> AsyncTask[_t.ResizeState]:
        """Start `resize` as a task, and do not wait for it."""
        return await self._client._start(
            _RESIZE,
            [
                volume,
                disks,
                force,
                passphrase,
                timeout_,
            ],
            timeout,
        )

    async def get_vms(
        self,
        self_: _t.VolumeRef,
        *,
        timeout: Optional[float] = None,
    ) -> Dict[_t.VmRef, List[_t.Disk]]:
        """Call `Volume.get_VMs`.

        Needs the role read-only or one above it.
        """
        return await self._client._call(
            _GET_VMS,
            [
                self_,
            ],
            timeout,
        )

    async def start_get_vms(
        self,
        self_: _t.VolumeRef,
        *,
        timeout: Optional[float] = None,
    ) -> AsyncTask[Dict[_t.VmRef, List[_t.Disk]]]:
        """Start `get_vms` as a task, and do not wait for it."""
        return await self._client._start(
            _GET_VMS,
            [
                self_,
            ],
            timeout,
        )

    async def get_vms_2(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> List[_t.VmRef]:
        """Is called as another one in some languages.

        Needs the role read-only or one above it.
        """
        return await self._client._call(
            _GET_VMS_2,
            [],
            timeout,
        )

    async def start_get_vms_2(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> AsyncTask[List[_t.VmRef]]:
        """Start `get_vms_2` as a task, and do not wait for it."""
        return await self._client._start(
            _GET_VMS_2,
            [],
            timeout,
        )

    async def get_record(
        self,
        self_: _t.VolumeRef,
        *,
        timeout: Optional[float] = None,
    ) -> _t.VolumeRecord:
        """Call `Volume.get_record`.

        Needs the role read-only or one above it.
        """
        return await self._client._call(
            _GET_RECORD,
            [
                self_,
            ],
            timeout,
        )

    async def start_get_record(
        self,
        self_: _t.VolumeRef,
        *,
        timeout: Optional[float] = None,
    ) -> AsyncTask[_t.VolumeRecord]:
        """Start `get_record` as a task, and do not wait for it."""
        return await self._client._start(
            _GET_RECORD,
            [
                self_,
            ],
            timeout,
        )

    async def delete(
        self,
        class_: str,
        from_: Union[str, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> None:
        """A reserved word.

        Needs the role pool-admin or one above it.

        Args:
            from_: It may be left out.
        """
        return await self._client._call(
            _DELETE,
            [
                class_,
                from_,
            ],
            timeout,
        )

    async def start_delete(
        self,
        class_: str,
        from_: Union[str, Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> AsyncTask[None]:
        """Start `delete` as a task, and do not wait for it."""
        return await self._client._start(
            _DELETE,
            [
                class_,
                from_,
            ],
            timeout,
        )

    async def start_resize(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> None:
        """Is called as the task of another one.

        Needs the role pool-admin or one above it.
        """
        return await self._client._call(
            _START_RESIZE,
            [],
            timeout,
        )

    async def start_start_resize(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> AsyncTask[None]:
        """Start `start_resize` as a task, and do not wait for it."""
        return await self._client._start(
            _START_RESIZE,
            [],
            timeout,
        )

    @deprecated("Volume.old is deprecated since 1.1: Use `Volume.resize`.")
    async def old(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> None:
        """Do it as of old.

        Needs the role pool-admin or one above it. Since 1.0. Volume.old is deprecated since
        1.1: Use `Volume.resize`.
        """
        return await self._client._call(
            _OLD,
            [],
            timeout,
        )

    @deprecated("Volume.old is deprecated since 1.1: Use `Volume.resize`.")
    async def start_old(
        self,
        *,
        timeout: Optional[float] = None,
    ) -> AsyncTask[None]:
        """Start `old` as a task, and do not wait for it."""
        return await self._client._start(
            _OLD,
            [],
            timeout,
        )

    async def draft(
        self,
        everything: Any,
        twice: Union[Sequence[Optional[int]], Unset] = UNSET,
        when: Union[Optional[Sequence[datetime]], Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> Optional[Dict[_t.Colour, Optional[int]]]:
        """Call `Volume.draft`.

        Needs a session, and no role. A prototype since 1.3: it may change without notice.

        Args:
            twice: Default: `[]`.
            when: Default: `[]`.

        Raises:
            Draft: `DRAFT_ERROR`
        """
        return await self._client._call(
            _DRAFT,
            [
                everything,
                twice,
                when,
            ],
            timeout,
        )

    async def start_draft(
        self,
        everything: Any,
        twice: Union[Sequence[Optional[int]], Unset] = UNSET,
        when: Union[Optional[Sequence[datetime]], Unset] = UNSET,
        *,
        timeout: Optional[float] = None,
    ) -> AsyncTask[Optional[Dict[_t.Colour, Optional[int]]]]:
        """Start `draft` as a task, and do not wait for it."""
        return await self._client._start(
            _DRAFT,
            [
                everything,
                twice,
                when,
            ],
            timeout,
        )
