# Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
# Changes to it are lost when it is made again.
"""Enums, references and records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, List, NewType, Optional

from ._runtime.codecs import DATETIME
from ._runtime.values import OpenEnum

__all__ = [
    "Colour",
    "Disk",
    "DiskRecord",
    "ResizeState",
    "VmRef",
    "VolumeRecord",
    "VolumeRef",
]


class ResizeState(OpenEnum):
    """What has become of a volume."""

    DONE = "done"
    """finished"""
    QUEUED = "queued"
    """will finish later"""
    HALF_DONE = "half-done"
    HALF_DONE_2 = "half_done"
    """the same but for the dash"""
    _5_6 = "5.6"
    """begins with a digit"""
    CLASS = "class"
    """a reserved word"""


class Colour(OpenEnum):
    """The enum `colour`."""

    RED = "red"
    GREEN = "green"


VmRef = NewType("VmRef", str)
VolumeRef = NewType("VolumeRef", str)


@dataclass
class VolumeRecord:
    """Volumes of disks.

    A second paragraph, with a "quotation", a \\ backslash, a */ and <tags> & a long line
    that has to be filled to the width of the documentation.
    """

    uuid: str
    """The volume's UUID."""
    state: ResizeState
    vms: List[VmRef]
    name_label: str = ""
    """What people call it."""
    class_: str = 'plain "text"'
    """A word that languages keep for themselves."""
    parent: Optional[VolumeRef] = None
    passphrase: Optional[str] = field(default=None, repr=False)
    legacy: int = 0
    """Deprecated since 1.1: Nobody asks."""


@dataclass
class Disk:
    """One disk of a volume."""

    device: str
    """Such as `xvda`."""
    size: int
    """Bytes."""
    label: str = ""
    ratio: float = float("nan")
    bootable: bool = True
    made: datetime = DATETIME.decode("2026-01-01T00:00:00.25Z")
    colour: Colour = Colour.GREEN
    tags: List[str] = field(default_factory=lambda: ["a", "b"])
    sizes: Dict[int, float] = field(default_factory=lambda: {1: 0.5})
    parent: Optional[Disk] = None
    children: List[Disk] = field(default_factory=list)
    twice: List[Optional[str]] = field(default_factory=lambda: [None])
    other: Any = None
    a_dash_2: Optional[int] = None
    a_dash: Optional[int] = None


@dataclass
class DiskRecord:
    """Is called as another one."""

    x: int
