"""What a language has to tell; `graft_sdk.languages` tells how one is added."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from graft_common.declarations.types import Type
from graft_common.values import Value
from graft_sdk.naming import Style
from graft_sdk.view import ApiView, MethodView


@dataclass(frozen=True)
class File:
    """One file of an SDK: a template and what it is given besides `api`.

    A template whose name ends with `.j2` is rendered; another is copied as it is.
    """

    path: str
    """Below the SDK's directory, with slashes."""
    template: str
    """Below the language's `templates/`."""
    context: Mapping[str, Any] = field(default_factory=dict)


class Language(abc.ABC):
    """A language that SDKs are made in."""

    title: ClassVar[str]
    """As people write it: `TypeScript`."""
    fence: ClassVar[str]
    """What Markdown calls it behind three backticks, for highlighting."""
    style: ClassVar[Style]

    @property
    def name(self) -> str:
        """The folder's name, which is what `--lang` takes."""
        return type(self).__module__.split(".")[-2]

    @property
    def templates(self) -> Path:
        """The folder with the templates."""
        return Path(__file__).parent / "languages" / self.name / "templates"

    def package_name(self, wanted: str) -> str:
        """Turn a wanted package name (`--package`) into one of this language, or return it as it is.

        Raises:
            ValueError: it can be none; the message says what would be right.
        """
        return wanted

    @property
    @abc.abstractmethod
    def default_package(self) -> str:
        """What the package is called where nobody says."""

    @abc.abstractmethod
    def files(self, api: ApiView) -> Iterator[File]:
        """Tell which templates make which files."""

    @abc.abstractmethod
    def type(self, kind: Type, api: ApiView) -> str:
        """Write a type."""

    @abc.abstractmethod
    def literal(self, value: Value, kind: Type, api: ApiView) -> str:
        """Write a value of a type (see `graft_common.declarations.literals`: an option is a list of none or one)."""

    @abc.abstractmethod
    def example(self, api: ApiView, method: MethodView) -> str:
        """Write a short call of a method, whole enough to be pasted: a client, the call, what it answers."""

    def filters(self, api: ApiView) -> Mapping[str, Callable[..., Any]]:
        """Return filters of the language's own; `type` and `literal` are there already."""
        _ = api
        return {}
