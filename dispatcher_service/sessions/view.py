"""The part of the registry's state that calls are checked against and objects are read from, as of one revision."""

from __future__ import annotations

from dataclasses import dataclass, field

from dispatcher_service.bundles.marks import BundleMark
from dispatcher_service.sessions.objects import Extension, Link, Objects, Role, User
from dispatcher_service.sessions.session import Session
from graft_common.declarations.access import Grant
from graft_common.roles import RoleBook


@dataclass(slots=True)
class RegistryView:
    """What the registry has told so far. It only changes between two steps of the event loop, as a whole."""

    revision: int = 0
    """0 until a snapshot is complete."""
    sessions: dict[str, Session] = field(default_factory=dict)
    """By digest."""
    bundles: dict[str, BundleMark] = field(default_factory=dict)
    """The methods of linked extension versions, by place."""
    grants: dict[str, Grant] = field(default_factory=dict)
    """What administrators have granted, by `Asker.key`."""
    book: RoleBook = field(default_factory=RoleBook)
    """What each role may; the sessions of this view hold it."""
    roles: Objects[Role] = field(default_factory=Objects)
    """By name."""
    users: Objects[User] = field(default_factory=Objects)
    """By name."""
    extensions: Objects[Extension] = field(default_factory=Objects)
    """By `name/version`."""
    links: Objects[Link] = field(default_factory=Objects)
    """By id in decimal."""
