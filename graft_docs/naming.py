"""What pages and the places in them are called; both stay the same from one version of a platform to the next."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final
from urllib.parse import quote

from graft_common.declarations.api import Api

INDEX: Final = "index"
METHODS: Final = "methods"
TYPES: Final = "types"
ERRORS: Final = "errors"
ROLES: Final = "roles"
COMMON_PAGES: Final = (INDEX, METHODS, TYPES, ERRORS, ROLES)


def enum_anchor(name: str) -> str:
    """Name the place of an enum."""
    return f"enum-{name}"


def record_anchor(name: str) -> str:
    """Name the place of a record."""
    return f"record-{name}"


def field_anchor(name: str) -> str:
    """Name the place of a class's field."""
    return f"field-{name}"


def error_anchor(code: str) -> str:
    """Name the place of an error."""
    return f"error-{code}"


def role_anchor(name: str) -> str:
    """Name the place of a role."""
    return f"role-{name}"


class Links:
    """Addresses of the places in one api's pages, relative to each other; None for what has no place."""

    def __init__(self, api: Api, suffix: str) -> None:
        self._api = api
        self._suffix = suffix

    @cached_property
    def class_pages(self) -> Mapping[str, str]:
        """The page of each class; names that differ in capitals only get numbers, for file systems that see no more."""
        pages: dict[str, str] = {}
        taken: dict[str, int] = {}
        for name in sorted(self._api.classes):
            count = taken[name.lower()] = taken.get(name.lower(), 0) + 1
            pages[name] = f"class-{name}" if count == 1 else f"class-{name}.{count}"
        return pages

    def page(self, name: str) -> str:
        """Lead to a page, by its name without the suffix."""
        return f"{quote(name)}{self._suffix}"

    def class_(self, name: str) -> str | None:
        """Lead to a class."""
        page = self.class_pages.get(name)
        return None if page is None else self.page(page)

    def method(self, name: str) -> str | None:
        """Lead to a declared method."""
        method = self._api.methods.get(name)
        return None if method is None else f"{self.class_(method.class_name)}#{quote(name)}"

    def enum(self, name: str) -> str | None:
        """Lead to an enum."""
        return self._at(TYPES, enum_anchor(name)) if name in self._api.types.enums else None

    def record(self, name: str) -> str | None:
        """Lead to a record, or to the class that has its fields."""
        if name in self._own_records:
            return self._at(TYPES, record_anchor(name))
        return self.class_(name) if name in self._api.types.records else None

    def error(self, code: str) -> str:
        """Lead to an error."""
        return self._at(ERRORS, error_anchor(code))

    def role(self, name: str) -> str:
        """Lead to a role."""
        return self._at(ROLES, role_anchor(name))

    def _at(self, page: str, anchor: str) -> str:
        return f"{self.page(page)}#{quote(anchor)}"

    @cached_property
    def _own_records(self) -> frozenset[str]:
        return frozenset(record.name for record in self._api.document.records)
