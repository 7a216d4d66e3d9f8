"""Which files of a directory of declarations are in force, in which version, and what is wrong with the others.

Files may name each other's enums and records. What two of them declare is the first one's by name. A file that breaks
the rules stays in force as it was when it last kept them, with the enums and records of others that it had then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from graft_common.declarations import rules
from graft_common.declarations.joined_types import Key, keys_of, named_by_method, named_types, types_of
from graft_common.declarations.model import Document, Types
from graft_common.declarations.reader import MAX_FINDINGS, DeclarationError, Finding, Form


@dataclass(frozen=True)
class GoodFile:
    """A file as it counts."""

    document: Document
    """All of it but enums, records and fields of classes that another file has. Methods that another one has are still
    in it, since it tells what else there would be."""
    borrowed: Types
    """What it names of others."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that is wrong, or was refused."""

    finding: Finding
    last_good: bool = False
    """Whether an earlier version of the file, which was good, is still in force."""


@dataclass(frozen=True)
class Settled:
    """A directory of declarations as it counts."""

    files: Mapping[str, GoodFile] = field(default_factory=dict)
    """By name, in order."""
    notes: tuple[Noted, ...] = ()


Refused = Callable[[str], str]
"""Tells why a method of that name cannot be declared in files; empty where it can."""


def settle(forms: Mapping[str, Form | DeclarationError], before: Mapping[str, GoodFile], refused: Refused) -> Settled:
    """Decide about each file.

    Args:
        forms: the files that are there, as they are now.
        before: the files as they were in force before.
        refused: tells which methods are the platform's.
    """
    states = {file: _State(file, forms[file], before.get(file)) for file in sorted(forms)}
    while True:
        kept = _divide([state for state in states.values() if state.document is not None])
        everything = Types.of(*(keeping.document for keeping in kept.values()))
        failed = [state for state in states.values() if state.form is not None and state.breaks(kept, everything)]
        if not failed:
            break
        # What a file that falls back had newly declared is no longer there for the others, so all are looked at again.
        for state in failed:
            state.fall_back()
    files = {file: states[file].good(keeping, everything) for file, keeping in kept.items()}
    return Settled(files, tuple(_notes(states.values(), kept, refused)))


@dataclass(slots=True)
class _Keeping:
    """What of one file's items is left to it."""

    document: Document
    places: dict[str, list[int]]
    """Where its enums and records stood in the file."""
    lost: list[tuple[str, int, str]]
    """Kind and place of the others, and who has them."""


class _State:
    """One file on its way to a decision."""

    def __init__(self, file: str, form: Form | DeclarationError, before: GoodFile | None) -> None:
        self.file = file
        self.form = form if isinstance(form, Form) else None
        """The file as it is now; None when it is not to be used."""
        self.findings: Sequence[Finding] = form.findings if isinstance(form, DeclarationError) else ()
        self.before = before

    @property
    def document(self) -> Document | None:
        if self.form is not None:
            return self.form.document
        return None if self.before is None else self.before.document

    def breaks(self, kept: Mapping[str, _Keeping], everything: Types) -> bool:
        """Tell whether the file breaks the rules, with what the others declare."""
        if self.form is None:
            return False
        keeping = kept[self.file]
        faults = list(islice(rules.faults(keeping.document, everything), MAX_FINDINGS))
        if faults:
            self.findings = self.form.findings(_moved(faults, keeping.places))
        return bool(faults)

    def fall_back(self) -> None:
        self.form = None

    def good(self, keeping: _Keeping, everything: Types) -> GoodFile:
        if self.form is None and self.before is not None:
            return replace(self.before, document=keeping.document, borrowed=_with_lost(self.before, keeping))
        named = frozenset(_named(keeping.document))
        own = Types.of(keeping.document)
        types = types_of(everything, named)
        return GoodFile(keeping.document, _without(types, own))


def _with_lost(before: GoodFile, keeping: _Keeping) -> Types:
    """Return what a file that stays as it was has to borrow, which may be what was its own."""
    own, now = Types.of(before.document), Types.of(keeping.document)
    return _without(
        Types({**before.borrowed.enums, **own.enums}, {**before.borrowed.records, **own.records}),
        now,
    )


def _without(types: Types, own: Types) -> Types:
    return Types(
        {name: enum for name, enum in types.enums.items() if name not in own.enums},
        {name: record for name, record in types.records.items() if name not in own.records},
    )


def _named(document: Document) -> Iterator[Key]:
    """Name every enum and record that a document's parts name."""
    yield from keys_of(Types.of(document))
    for told in document.classes:
        yield from (("enum", name) for name in told.enums)
        yield from (key for part in told.fields for key in named_types(part.type))
    for record in document.records:
        yield from (key for part in record.fields for key in named_types(part.type))
    for method in document.methods:
        yield from named_by_method(method)


def _divide(states: Sequence[_State]) -> dict[str, _Keeping]:
    """Leave each enum, record and class to the first file that declares it."""
    owners: dict[tuple[str, str], str] = {}
    kept: dict[str, _Keeping] = {}
    for state in states:
        document = state.document
        if document is None:
            continue
        keeping = _Keeping(document, {"enum": [], "record": []}, [])
        enums, records, classes = [], [], []
        for number, enum in enumerate(document.enums):
            if _owner(owners, "enum", enum.name, state.file, keeping, number):
                keeping.places["enum"].append(number)
                enums.append(enum)
        for number, record in enumerate(document.records):
            if _owner(owners, "record", record.name, state.file, keeping, number):
                keeping.places["record"].append(number)
                records.append(record)
        for number, told in enumerate(document.classes):
            _owner(owners, "class", told.name, state.file, keeping, number)
            if told.fields and owners.setdefault(("record", told.name), state.file) != state.file:
                classes.append(replace(told, fields=()))
            else:
                classes.append(told)
        for number, method in enumerate(document.methods):
            _owner(owners, "method", method.name, state.file, keeping, number)
        keeping.document = Document(tuple(classes), tuple(enums), tuple(records), document.methods)
        kept[state.file] = keeping
    return kept


def _owner(owners: dict[tuple[str, str], str], kind: str, name: str, file: str, keeping: _Keeping, number: int) -> bool:
    """Tell whether a file is the first one that declares something; note it where it is not."""
    owner = owners.setdefault((kind, name), file)
    if owner != file:
        keeping.lost.append((kind, number, f"{owner} declares the {kind} {name}, and comes first by name"))
    return owner == file


def _moved(faults: Sequence[rules.Fault], places: Mapping[str, Sequence[int]]) -> Iterator[rules.Fault]:
    """Yield faults with the places that things have in the file itself."""
    for place, reason in faults:
        if place and place[0][0] in places:
            kind, number = place[0]
            yield ((kind, places[kind][number]), *place[1:]), reason
        else:
            yield place, reason


def _notes(states: Iterable[_State], kept: Mapping[str, _Keeping], refused: Refused) -> Iterator[Noted]:
    for state in states:
        last_good = state.form is None and state.before is not None
        yield from (Noted(finding, last_good) for finding in state.findings)
        if state.form is not None:
            found = sorted(_losses(state.form, kept[state.file], refused), key=lambda finding: finding.line)
            yield from map(Noted, found[:MAX_FINDINGS])


def _losses(form: Form, keeping: _Keeping, refused: Refused) -> Iterator[Finding]:
    """Tell which items of a file do not count, though the file does."""
    for number, method in enumerate(form.document.methods):
        if reason := refused(method.name):
            yield form.finding("method", number, f"{method.name} is left out: {reason}")
    for kind, number, reason in keeping.lost:
        yield form.finding(kind, number, f"it is left out: {reason}")
