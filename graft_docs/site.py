"""What the pages of an api are made from, whatever their form."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from jinja2 import Environment

from graft_common.declarations.api import Api
from graft_common.declarations.model import ClassDeclaration, Lifecycle, Method, State
from graft_common.declarations.secrets import without_secrets
from graft_common.roles import ROLES
from graft_docs import naming, words
from graft_docs.calls import PREPARATION, Call, Calls
from graft_docs.naming import Links
from graft_docs.uses import Uses
from graft_sdk.platform_errors import PLATFORM_ERRORS


class Site(abc.ABC):
    """An api without its secrets, its pages, each made when asked for, and what their templates ask for."""

    suffix: ClassVar[str]
    """What the names of pages end with."""

    def __init__(self, api: Api) -> None:
        self.api = without_secrets(api)
        self.links = Links(self.api, self.suffix)
        self.uses = Uses(self.api)
        self.words = words
        self.naming = naming
        self.roles = ROLES
        self.platform_errors = PLATFORM_ERRORS
        self.preparation = PREPARATION
        self._calls = Calls(self.api)
        self._class_pages = {f"{page}{self.suffix}": name for name, page in self.links.class_pages.items()}

    @property
    def files(self) -> Sequence[str]:
        """The names of all files."""
        return (*(f"{page}{self.suffix}" for page in naming.COMMON_PAGES), *self._class_pages)

    def file(self, name: str) -> bytes:
        """Make a file.

        Raises:
            KeyError: the site has none of that name.
        """
        if name in self._class_pages:
            told = self.api.classes[self._class_pages[name]]
            return self.render("class", told.name, told=told)
        page = name.removesuffix(self.suffix)
        if page == name or page not in naming.COMMON_PAGES:
            raise KeyError(name)
        return self.render(page, page)

    def render(self, template: str, page: str, **values: object) -> bytes:
        """Render a template.

        Args:
            template: its name without endings.
            page: what is shown: a common page, or the name of a class.
            values: what the template gets besides `site`, `api`, `links` and `page`.
        """
        made = self.environment().get_template(f"{template}{self.suffix}.j2")
        return self.tidied(made.render(site=self, api=self.api, links=self.links, page=page, **values)).encode()

    @staticmethod
    @abc.abstractmethod
    def environment() -> Environment:
        """Return the environment of the templates."""

    def tidied(self, text: str) -> str:
        """Return a page as it is kept."""
        return text

    @cached_property
    def by_letter(self) -> Sequence[tuple[str, list[str]]]:
        """All methods by the first letters of their names, declared or not."""
        found: dict[str, list[str]] = {}
        for name in sorted({*self.api.methods, *self.api.undeclared}, key=lambda name: (name.lower(), name)):
            found.setdefault(name[0].upper(), []).append(name)
        return list(found.items())

    @cached_property
    def deprecated(self) -> Sequence[tuple[str, str, Lifecycle]]:
        """What is deprecated or removed: its name, where it is told, its lifecycle."""
        classes = ((told.name, self.links.class_(told.name), told.lifecycle) for told in self.api.classes.values())
        methods = ((told.name, self.links.method(told.name), told.lifecycle) for told in self.api.document.methods)
        return [
            (name, href or "", lifecycle)
            for name, href, lifecycle in (*classes, *methods)
            if lifecycle.state in (State.DEPRECATED, State.REMOVED)
        ]

    def enums_of(self, told: ClassDeclaration) -> list[str]:
        """Name the enums that are shown with a class."""
        return [name for name in told.enums if name in self.api.types.enums]

    def signature(self, method: Method) -> str:
        """Write what a method takes and answers as plain text."""
        params = [f"{param.name}: {param.type}" for param in method.params]
        answer = method.result.type if method.result else "void"
        return f"{method.name}({', '.join(params)}) → {answer}"

    def calls(self, method: Method) -> Sequence[Call]:
        """Return how a method is called in each language."""
        return self._calls.of(method)
