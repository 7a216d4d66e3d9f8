"""The permissions that there are, and who has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from dispatcher_service.calls.checks import UNDECLARED_PERMISSION
from dispatcher_service.calls.listing import MethodInfo
from dispatcher_service.references import ref_of
from dispatcher_service.sessions.objects import made_uuid
from graft_common.declarations.model import ANYONE
from graft_common.declarations.platform import platform_document
from graft_common.roles import RoleBook


@dataclass(frozen=True)
class Permission:
    """What somebody may do: call one method."""

    name: str
    """The method's in lower case."""
    needed: str
    """The least built-in role that has it by its rank, or `ANYONE`."""
    declared: bool = True
    """Whether the method has a declaration; one without it may be called by whoever may run any executable, too."""

    @cached_property
    def uuid(self) -> str:
        """Made of the name."""
        return made_uuid("permission", self.name)

    @property
    def ref(self) -> str:
        """The reference."""
        return ref_of(self.uuid)

    def is_held(self, book: RoleBook, roles: Iterable[str]) -> bool:
        """Tell whether one of these roles has it."""
        if self.needed == ANYONE or book.permits(roles, self.name, self.needed):
            return True
        return not self.declared and book.permits(roles, UNDECLARED_PERMISSION, self.needed)


class Permissions:
    """The permissions of the methods that can be called now."""

    def __init__(self, methods: Callable[[], Iterable[MethodInfo]], version: Callable[[], object]) -> None:
        """Keep what is asked when needed.

        Args:
            methods: lists the methods.
            version: an object that is another one whenever there are other methods.
        """
        self._methods = methods
        self._version = version
        self._of: object = None
        self._all: Mapping[str, Permission] = {}
        self._by_ref: Mapping[str, Permission] = {}

    @property
    def all(self) -> Mapping[str, Permission]:
        """All of them by name, sorted."""
        version = self._version()
        if self._of is not version or not self._all:
            # Methods that the registry serves are declared, and not listed here: whoever has a session may call them.
            names = [method.name.lower() for method in platform_document().methods if method.role == ANYONE]
            found = {name: Permission(name, ANYONE) for name in names}
            for method in self._methods():
                name = method.name.lower()
                found[name] = Permission(name, method.role or ANYONE, method.declared)
            self._all = {name: found[name] for name in sorted(found)}
            self._by_ref = {permission.ref: permission for permission in self._all.values()}
            self._of = version
        return self._all

    def get(self, ref: str) -> Permission | None:
        """Find a permission by reference."""
        return self._by_ref.get(ref) if self.all else None

    def held(self, book: RoleBook, roles: Iterable[str]) -> list[Permission]:
        """Return what one of these roles has, by name."""
        names = tuple(roles)
        return [permission for permission in self.all.values() if permission.is_held(book, names)]
