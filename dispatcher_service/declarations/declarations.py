"""Keeps what is in force, and makes it anew when a source changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence

from dispatcher_service.builtins.names import builtin_names
from dispatcher_service.declarations.in_force import InForce
from dispatcher_service.declarations.sources import Holds, LinkedBundle
from dispatcher_service.dropins.rules import name_fault
from graft_common.declarations.api import Source
from graft_common.declarations.joining import Contribution, join, reserved
from graft_common.declarations.model import Document
from graft_common.declarations.reader import Finding
from graft_common.declarations.settling import Noted, Settled


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
        self.files: Callable[[], Settled] = Settled
        """Returns what is in force of the declarations of drop-ins."""
        self.notice: Callable[[], Awaitable[None]] = _nothing
        """Sees to it that files of declarations which have just come are in force."""
        self.look: Callable[[], Awaitable[None]] = _nothing
        """Looks at all files of drop-ins, so that what is in force is of this moment."""
        self.arrived: Callable[[], Awaitable[None]] = _nothing
        """Waits a moment for extension versions that have just been linked."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when what is in force may have changed."""
        self._platform = platform
        self._builtins = frozenset(name for name in builtin_names() if not name.endswith(":"))
        self._own = self._builtins | {method.name for method in platform.methods}
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

    def refused(self, method: str) -> str:
        """Tell why nobody but the platform can declare a method of that name; empty where others can."""
        return reserved(method) or ("a method of the platform itself has this name" if method in self._own else "")

    def named_executables(self) -> frozenset[str]:
        """Name the files that the declarations of drop-ins name."""
        files = self.files().files.values()
        return frozenset(method.file_name for file in files for method in file.document.methods)

    def changed(self) -> None:
        """Take note that a source has changed."""
        self._in_force = None
        self.on_change()

    def _joined(self) -> InForce:
        settled = self.files()
        joined = join(self._contributions(settled))
        return InForce(
            joined.api,
            joined.candidates,
            (*settled.notes, *self._bundle_notes, *self._losses()),
            {bundle.place: bundle for bundle in self._bundles},
        )

    def _contributions(self, settled: Settled) -> Iterator[Contribution]:
        yield Contribution(Source.BUILT_IN, self._platform, self._builtins, self._builtins)
        executables, methods = self._executables()
        yield Contribution(Source.DROP_IN, executables=executables, undeclared=methods)
        for name, file in settled.files.items():
            yield Contribution(Source.DROP_IN, file.document, executables, file=name, borrowed=file.borrowed)
        yield from map(_contribution, self._bundles)

    def _losses(self) -> Iterator[Noted]:
        """Tell which methods of extension versions can never count."""
        for bundle in self._bundles:
            for method in bundle.document.methods:
                if reason := self.refused(method.name):
                    yield Noted(Finding(bundle.place, 0, "", f"{method.name} is left out: {reason}"))


async def _nothing() -> None:
    return


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
