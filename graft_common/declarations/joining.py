"""What a platform offers, out of all that built-ins, drop-ins and linked extension versions bring.

Who has a method that several bring:

- A built-in comes before all others, and some classes are the platform's own whoever serves them.
- What can be called comes before what cannot, because its executable is missing.
- A drop-in comes before extensions.
- Of one extension, the highest version that brings it.
- Of different extensions, the one that was linked first: a newcomer never takes over what works.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from graft_common.declarations.api import Api, Origin, Source
from graft_common.declarations.joined_types import Declarer, join_types, keys_of
from graft_common.declarations.model import Document, Method, Types
from graft_common.versions import version_key

PLATFORM_CLASSES = frozenset({"session", "system"})
"""Classes that are the platform's own; sessions are the registry's, and `system.*` is called without one."""
ASYNC_CLASSES = frozenset({"Async", "InternalAsync"})
"""What stands before the name of another method."""
_RANKS = {source: rank for rank, source in enumerate(Source)}


@dataclass(frozen=True, eq=False)
class Contribution:
    """What one source brings.

    That is the built-ins, one file of declarations of drop-ins, all drop-ins without one, or an extension version.
    """

    source: Source
    document: Document = field(default_factory=Document, repr=False)
    executables: frozenset[str] = frozenset()
    """Files that are there and may be run. Of built-ins, the names of methods that are served."""
    undeclared: frozenset[str] = frozenset()
    """Those of them that can be called by their own names, where no declaration of this source has the name."""
    file: str = ""
    """Of a file of declarations: its name."""
    extension: str = ""
    version: str = ""
    link_id: int = 0
    """Of an extension version: the lowest of its links."""
    borrowed: Types = field(default_factory=Types, repr=False)
    """Enums and records that its own types name and others declare."""

    @property
    def place(self) -> str:
        """What origins call it."""
        return f"{self.extension}/{self.version}" if self.source is Source.EXTENSION else self.file

    @cached_property
    def methods(self) -> Mapping[str, Method]:
        """The methods that it declares, by name."""
        return {method.name: method for method in self.document.methods}


@dataclass(frozen=True)
class Candidate:
    """One thing that would bring a method."""

    contribution: Contribution
    method: Method | None
    """None: it is not declared."""
    executable: str
    """The file's name; empty for built-ins."""
    available: bool
    """Whether the executable is there."""
    refused: str = ""
    """Why it could never be in force."""
    in_force: bool = False
    reason: str = ""
    """Why it is in force or is not, in one sentence."""

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return Origin(self.contribution.source, self.contribution.place, self.available)


@dataclass(frozen=True)
class Joined:
    """What is in force, and what else there was."""

    api: Api
    candidates: Mapping[str, tuple[Candidate, ...]]
    """By name of the method, in order; the one in force comes first, unless none is."""


def reserved(method: str) -> str:
    """Tell why nothing but the platform may bring a method of that name; empty where others may."""
    first = method.partition(".")[0]
    if first in PLATFORM_CLASSES:
        return f"{first}.* are methods of the platform itself"
    if first in ASYNC_CLASSES:
        return f"{first}.* is how other methods are called asynchronously"
    return ""


def join(contributions: Iterable[Contribution]) -> Joined:
    """Decide who has each method, and put the declarations together.

    Args:
        contributions: the sources: built-ins first, then files by name. Of one source no file may declare an enum,
            record or class that another one has; of methods the first has it.
    """
    ordered = sorted(contributions, key=_standing)
    bringers: dict[str, list[Candidate]] = {}
    for contribution in ordered:
        for name, candidate in _candidates(contribution):
            bringers.setdefault(name, []).append(candidate)
    decided = {name: _decide(_drop_in_once(bringers[name])) for name in sorted(bringers)}
    return Joined(_api(ordered, decided), decided)


def _candidates(contribution: Contribution) -> Iterator[tuple[str, Candidate]]:
    built_in = contribution.source is Source.BUILT_IN
    for name, method in contribution.methods.items():
        executable = "" if built_in else method.file_name
        available = built_in or executable in contribution.executables
        refused = "" if built_in else reserved(name)
        yield name, Candidate(contribution, method, executable, available, refused)
    for name in sorted(contribution.undeclared - contribution.methods.keys()):
        refused = "" if built_in else reserved(name)
        yield name, Candidate(contribution, None, "" if built_in else name, available=True, refused=refused)


def _drop_in_once(candidates: list[Candidate]) -> list[Candidate]:
    """Leave out a drop-in's bare file where a declaration of drop-ins has the name: it describes that file."""
    if len(candidates) > 1 and any(
        candidate.method and candidate.contribution.source is Source.DROP_IN for candidate in candidates
    ):
        return [
            candidate
            for candidate in candidates
            if candidate.method is not None or candidate.contribution.source is not Source.DROP_IN
        ]
    return candidates


def _standing(contribution: Contribution) -> tuple[object, ...]:
    """Return what sources sort by where they stand for all that they bring."""
    if contribution.source is not Source.EXTENSION:
        return _RANKS[contribution.source], 0, contribution.file
    version = tuple(-number for number in version_key(contribution.version))
    return _RANKS[Source.EXTENSION], contribution.link_id, contribution.extension, version


def precedence(contributions: Sequence[Contribution]) -> list[Contribution]:
    """Put the sources that bring one thing in the order in which they come.

    An extension counts as linked when the first of those versions was that bring it.
    """
    if len(contributions) == 1:
        return list(contributions)
    linked: dict[str, int] = {}
    for contribution in contributions:
        first = linked.get(contribution.extension, contribution.link_id)
        linked[contribution.extension] = min(first, contribution.link_id)

    def key(contribution: Contribution) -> tuple[object, ...]:
        return (
            _RANKS[contribution.source],
            linked[contribution.extension],
            contribution.extension,
            tuple(-number for number in version_key(contribution.version)),
            contribution.version,
            contribution.file,
        )

    return sorted(contributions, key=key)


def _decide(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    if len(candidates) > 1:
        places = {found: place for place, found in enumerate(precedence([one.contribution for one in candidates]))}
        candidates.sort(key=lambda one: (bool(one.refused), not one.available, places[one.contribution]))
    first, *others = candidates
    told = [_told(one, in_force=False, reason=_lost(one, first)) for one in others]
    if first.refused:
        return (_told(first, in_force=False, reason=first.refused), *told)
    return (_told(first, in_force=True, reason=_won(first, others)), *told)


def _told(candidate: Candidate, *, in_force: bool, reason: str) -> Candidate:
    return Candidate(
        candidate.contribution,
        candidate.method,
        candidate.executable,
        candidate.available,
        candidate.refused,
        in_force,
        reason,
    )


def _won(first: Candidate, others: Sequence[Candidate]) -> str:
    rival = next((other for other in others if not other.refused), None)
    missing = f"; its executable {first.executable} is missing, so that calls are refused"
    return _why(first, rival) + ("" if first.available else missing)


def _why(first: Candidate, rival: Candidate | None) -> str:
    ours = first.contribution
    if ours.source is Source.BUILT_IN:
        return "it is a part of the platform"
    if rival is None:
        return "nothing else brings it"
    theirs = rival.contribution
    if first.available and not rival.available:
        return "its executable is there; others' are missing"
    if ours.source is not theirs.source:
        return "drop-ins come before extensions"
    if ours.source is Source.DROP_IN:
        return "its file comes first by name"
    if ours.extension == theirs.extension:
        return f"it is the highest version of {ours.extension} that is linked and brings it"
    return f"{ours.extension} was linked before the other extensions that bring it"


def _lost(candidate: Candidate, first: Candidate) -> str:
    ours, theirs = candidate.contribution, first.contribution
    if candidate.refused:
        return candidate.refused
    if theirs.source is Source.BUILT_IN:
        return "a method of the platform itself has this name"
    if first.available and not candidate.available:
        return f"its executable {candidate.executable} is missing"
    if ours.source is not theirs.source:
        return "drop-ins come before extensions"
    if ours.source is Source.DROP_IN:
        return f"{theirs.file} declares it, too, and comes first by name"
    if ours.extension == theirs.extension:
        return f"{ours.extension} {theirs.version} is linked, too, and is the higher version"
    return f"{theirs.extension} was linked before {ours.extension}"


def _api(ordered: Sequence[Contribution], decided: Mapping[str, tuple[Candidate, ...]]) -> Api:
    in_force = {name: candidates[0] for name, candidates in decided.items() if candidates[0].in_force}
    declarers: dict[Contribution, Declarer] = {}
    for contribution in ordered:
        own = Types.of(contribution.document)
        types = Types(
            {**contribution.borrowed.enums, **own.enums},
            {**contribution.borrowed.records, **own.records},
        )
        methods = tuple(
            method
            for method in contribution.document.methods
            if method.name in in_force and in_force[method.name].contribution is contribution
        )
        declarers[contribution] = Declarer(
            contribution.extension or contribution.file.removesuffix(".xml"),
            types,
            frozenset(keys_of(own)),
            contribution.document.classes,
            methods,
        )
    contributions = {declarer: contribution for contribution, declarer in declarers.items()}

    def order(holders: Sequence[Declarer]) -> list[Declarer]:
        return [declarers[found] for found in precedence([contributions[holder] for holder in holders])]

    joined = join_types(list(declarers.values()), order)
    document = Document(
        tuple(joined.classes), tuple(joined.enums), tuple(joined.records), tuple(joined.methods.values())
    )
    return Api(
        document,
        {name: in_force[name].origin for name in joined.methods},
        {name: candidate.origin for name, candidate in in_force.items() if candidate.method is None},
    )
