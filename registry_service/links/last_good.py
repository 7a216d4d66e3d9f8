"""What an extension version was like when it was last valid, in the form in which it outlives a restart.

An extension version is kept whole: with the services that it inherits and where each of their layers comes from, and
with the declarations of its methods, so that it needs nothing of what has become of its parents since.
"""

from __future__ import annotations

import hashlib
import typing
import zlib
from collections.abc import Iterator, Mapping

import msgspec

from registry_service.catalog.definitions import ExtensionDefinition, Service, ServiceEntry
from registry_service.catalog.method_definitions import Methods
from registry_service.catalog.resolved import ResolvedExtension, ResolvedService
from registry_service.resources import LastGood

_MAX_BYTES = 256 * 1024 * 1024
"""Of one version, when it is taken out."""
_FAST = 1

Digests = dict[int, bytes]
"""SHA-256 of entries by their `id`, for as long as these live: versions of one extension share most of theirs."""


class UnreadableError(ValueError):
    """A state that was kept and cannot be read; the message says why."""


class _Node(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A resolved service; numbers are places in `_Kept.nodes`, before its own, and in `_Kept.entries`."""

    name: str
    source: str
    own: int
    parent: int | None
    child: int | None


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A resolved extension version; what several places share stands once."""

    definition: ExtensionDefinition
    """Without its services, of which `own` has the places in `entries`, and without the files of its methods."""
    own: dict[str, int]
    nodes: list[_Node]
    services: dict[str, int]
    ancestors: int
    methods: Methods | None
    entries: list[ServiceEntry]


def keep(extension: ResolvedExtension) -> LastGood:
    """Put a valid extension version into the form in which it is kept; takes about a millisecond."""
    kept = _flatten(extension)
    body = zlib.compress(_encoder.encode(kept), _FAST)
    return LastGood(extension.name, extension.version, FORMAT, _digest(kept, {}), body)


def digest_of(extension: ResolvedExtension, known: Digests) -> str:
    """Return what `keep` would give as the digest, at a tenth of its cost."""
    return _digest(_flatten(extension), known)


def restore(kept: LastGood) -> ResolvedExtension:
    """Return the extension version that was kept.

    Raises:
        UnreadableError: it is damaged, or was kept by a release that writes it in another form.
    """
    if kept.format != FORMAT:
        raise UnreadableError("it was kept by another release of Graft")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(kept.body, _MAX_BYTES)
        if not unpacker.eof:
            raise UnreadableError("it is not whole")
        return _unflatten(_decoder.decode(content))
    except (zlib.error, msgspec.DecodeError, IndexError, RecursionError) as error:
        raise UnreadableError("it is damaged") from error


def _flatten(extension: ResolvedExtension) -> _Kept:
    entries: list[ServiceEntry] = []
    places: dict[int, int] = {}

    def entry(one: ServiceEntry) -> int:
        place = places.setdefault(id(one), len(entries))
        if place == len(entries):
            entries.append(one)
        return place

    nodes: list[_Node] = []
    numbers: dict[int, int] = {}

    def number_of(node: ResolvedService | None) -> int | None:
        return None if node is None else numbers[id(node)]

    for top in extension.services.values():
        waiting = [top]
        while waiting:
            node = waiting[-1]
            needed = [one for one in (node.parent, node.child) if one is not None and id(one) not in numbers]
            if not needed and id(waiting.pop()) not in numbers:
                numbers[id(node)] = len(nodes)
                nodes.append(
                    _Node(node.name, node.source, entry(node.own), number_of(node.parent), number_of(node.child))
                )
            waiting += needed
    definition = extension.definition
    return _Kept(
        msgspec.structs.replace(definition, services={}, methods=None),
        {name: entry(one) for name, one in definition.services.items()},
        nodes,
        {name: numbers[id(node)] for name, node in extension.services.items()},
        extension.ancestors,
        extension.methods,
        entries,
    )


def _unflatten(kept: _Kept) -> ResolvedExtension:
    nodes: list[ResolvedService] = []
    for node in kept.nodes:
        parent = None if node.parent is None else nodes[node.parent]
        child = None if node.child is None else nodes[node.child]
        nodes.append(ResolvedService(node.name, node.source, kept.entries[node.own], parent, child))
    services = {name: kept.entries[place] for name, place in kept.own.items()}
    return ResolvedExtension(
        msgspec.structs.replace(kept.definition, services=services),
        {name: nodes[number] for name, number in kept.services.items()},
        (),
        kept.ancestors,
        kept.methods,
    )


def _digest(kept: _Kept, known: Digests) -> str:
    digest = hashlib.sha256(_encoder.encode(msgspec.structs.replace(kept, entries=[])))
    for entry in kept.entries:
        found = known.get(id(entry))
        if found is None:
            found = known[id(entry)] = hashlib.sha256(_encoder.encode(entry)).digest()
        digest.update(found)
    return digest.hexdigest()


def _shapes(of: type[msgspec.Struct], seen: dict[type[msgspec.Struct], str]) -> Mapping[type[msgspec.Struct], str]:
    """Describe a structure and all that it is made of: the names, order and types of the fields."""
    if of not in seen:
        fields = msgspec.structs.fields(of)
        seen[of] = f"{of.__name__}({', '.join(f'{field.name}: {field.type}' for field in fields)})"
        for field in fields:
            for used in _structures(field.type):
                _shapes(used, seen)
    return seen


def _structures(annotation: object) -> Iterator[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _structures(argument)


def _format() -> str:
    """Name the form: fields are known by their order alone, so that any change of them makes another form."""
    shapes: dict[type[msgspec.Struct], str] = {}
    for of in (_Kept, Service):
        _shapes(of, shapes)
    return hashlib.sha256("\n".join(sorted(shapes.values())).encode()).hexdigest()[:16]


FORMAT = _format()
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Kept)
