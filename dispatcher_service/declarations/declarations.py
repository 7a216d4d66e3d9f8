"""Keeps what is in force, and makes it anew when a source changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dispatcher_service.declarations.in_force import InForce, Noted
from dispatcher_service.declarations.sources import Holds, LinkedBundle
from dispatcher_service.dropins.rules import name_fault
from graft_common.declarations.api import Source
from graft_common.declarations.joining import Contribution, join
from graft_common.declarations.model import Document


class Declarations:
    """What is in force. It is made when somebody asks for it after a change, and swapped as a whole."""

    def __init__(self, platform: Document, executables: Callable[[], tuple[frozenset[str], frozenset[str]]]) -> None:
        """Begin with the built-ins and the drop-ins.

        Args:
            platform: the declarations of built-ins.
            executables: names the executables among the drop-ins that are there now: all, and those that are methods.
        """
        self.holds = Holds()
        """Whoever keeps the folders of bundles asks here whether calls use them."""
        self.builtins: frozenset[str] = frozenset()
        """The built-in methods that are served."""
        self._platform = platform
        self._executables = executables
        self._bundles: tuple[LinkedBundle, ...] = ()
        self._bundle_notes: tuple[Noted, ...] = ()
        self._in_force: InForce | None = None

    @property
    def in_force(self) -> InForce:
        """What is in force now."""
        if self._in_force is None:
            self._in_force = self._joined()
        return self._in_force

    def take(self, bundles: Sequence[LinkedBundle], notes: Sequence[Noted] = ()) -> None:
        """Let these, and no others, be the extension versions that bring methods; `notes` tell of those that do not."""
        self._bundles, self._bundle_notes = tuple(bundles), tuple(notes)
        self.changed()

    def changed(self) -> None:
        """Take note that a source has changed."""
        self._in_force = None

    def _joined(self) -> InForce:
        joined = join(self._contributions())
        return InForce(
            joined.api,
            joined.candidates,
            self._bundle_notes,
            {bundle.place: bundle for bundle in self._bundles},
        )

    def _contributions(self) -> Iterator[Contribution]:
        yield Contribution(Source.BUILT_IN, self._platform, self.builtins, self.builtins)
        executables, methods = self._executables()
        yield Contribution(Source.DROP_IN, executables=executables, undeclared=methods)
        yield from map(_contribution, self._bundles)


def _contribution(bundle: LinkedBundle) -> Contribution:
    return Contribution(
        Source.EXTENSION,
        bundle.document,
        bundle.executables,
        frozenset(name for name in bundle.executables if not name_fault(name)),
        extension=bundle.name,
        version=bundle.version,
        link_id=bundle.link_id,
    )
