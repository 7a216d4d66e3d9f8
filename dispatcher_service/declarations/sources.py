"""What linked extension versions bring, as the dispatcher has it on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from graft_common.declarations.model import Document


@dataclass(frozen=True)
class LinkedBundle:
    """The methods of one extension version that is linked: its declarations, and a folder with its executables."""

    name: str
    """The extension's."""
    version: str
    link_id: int
    """The lowest of the links by which it is linked: who was linked first keeps a method that others bring, too."""
    document: Document = field(repr=False)
    executables: frozenset[str]
    """Files in the folder itself that may be run, by their names."""
    tree: Path
    """The folder on this machine, which is never changed while it is in force or `Holds` has it."""
    mount_at: str
    """The absolute path that the folder has for its executables."""

    @property
    def place(self) -> str:
        """What origins call it."""
        return f"{self.name}/{self.version}"


def _nothing(_tree: Path) -> None:
    return


class Holds:
    """Counts the calls that use a folder of executables, so that none is removed under one of them.

    Whoever owns the folders removes one when it is no longer in force and `held` says no, or else when
    `on_release` tells that the last call has let go of it. All of it happens on the event loop.
    """

    def __init__(self) -> None:
        self.on_release: Callable[[Path], None] = _nothing
        self._counts: Counter[Path] = Counter()

    def held(self, tree: Path) -> bool:
        """Tell whether a call uses the folder."""
        return tree in self._counts

    def hold(self, tree: Path) -> None:
        """Keep the folder until `release` is called as often as this."""
        self._counts[tree] += 1

    @contextmanager
    def using(self, bundle: LinkedBundle | None) -> Iterator[None]:
        """Keep the folder of a bundle, if there is one, until the block ends."""
        if bundle is None:
            yield
            return
        self.hold(bundle.tree)
        try:
            yield
        finally:
            self.release(bundle.tree)

    def release(self, tree: Path) -> None:
        """Let go of the folder once."""
        self._counts[tree] -= 1
        if not self._counts[tree]:
            del self._counts[tree]
            self.on_release(tree)
