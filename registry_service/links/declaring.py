"""The declarations of linked extension versions that are in force, one for each method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graft_common.declarations.api import Source
from graft_common.declarations.joined_types import named_types
from graft_common.declarations.joining import Contribution, join
from graft_common.declarations.model import Document, EnumDeclaration, Method, Record, Types
from graft_common.declarations.platform import platform_document
from graft_common.declarations.writer import write_document
from registry_service.catalog.method_definitions import Methods
from registry_service.catalog.methods import read_declarations
from registry_service.resources import Declaration, MethodBundle


def declare(brought: Iterable[tuple[MethodBundle, Methods]]) -> Iterator[Declaration]:
    """Yield the declarations in force of all that is linked, by method.

    Who has a method that several bring is decided as dispatchers do; what their hosts have besides is not known here.
    """
    platform = platform_document()
    names = frozenset(method.name for method in platform.methods)
    contributions = [Contribution(Source.BUILT_IN, platform, names, names)]
    methods_of: dict[str, Methods] = {}
    for bundle, methods in brought:
        contribution = _contribution(bundle, methods)
        methods_of[contribution.place] = methods
        contributions.append(contribution)
    api = join(contributions).api
    for name, origin in sorted(api.origins.items()):
        if origin.source is not Source.EXTENSION:
            continue
        method = api.methods[name]
        file = methods_of[origin.place].declared[name]
        xml = write_document(_alone(method, api.types)).decode()
        yield Declaration(name, file.path, origin.place, file.digest, method.role, xml)


def _contribution(bundle: MethodBundle, methods: Methods) -> Contribution:
    return Contribution(
        Source.EXTENSION,
        read_declarations(methods.declarations),
        frozenset(path for path, file in methods.files.items() if file.executable and "/" not in path),
        extension=bundle.extension_name,
        version=bundle.extension_version,
        link_id=bundle.link_id,
    )


def _alone(method: Method, types: Types) -> Document:
    """Return a document with one method, and all that its types name."""
    enums: dict[str, EnumDeclaration] = {}
    records: dict[str, Record] = {}
    waiting = [param.type for param in method.params]
    if method.result is not None:
        waiting.append(method.result.type)
    while waiting:
        for kind, name in named_types(waiting.pop()):
            if kind == "enum":
                enums[name] = types.enums[name]
            elif name not in records:
                records[name] = types.records[name]
                waiting += [field.type for field in records[name].fields]
    return Document(
        enums=tuple(enums[name] for name in sorted(enums)),
        records=tuple(records[name] for name in sorted(records)),
        methods=(method,),
    )
