"""What the commands that write stubs, pages and contracts start from: the running platform, or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft_cli.exits import CliError

if TYPE_CHECKING:
    from graft_common.declarations.api import Api
    from graft_common.declarations.model import Document

From = Annotated[
    list[Path] | None,
    typer.Option(
        "--from",
        metavar="FILE|DIR",
        help="Declarations, or an xenapi.json, to start from; the running platform at GRAFT_DISPATCHER if not given.",
    ),
]


def load_api(sources: Sequence[Path] | None) -> Api:
    """Return what the platform offers, or what files declare.

    Raises:
        CliError: the dispatcher does not answer, or a file cannot be read or is not valid.
    """
    from graft_cli.datamodels import check_together, read_declarations
    from graft_common.declarations.api import Api

    if not sources:
        return _running()
    datamodels = [path for path in sources if path.suffix == ".json"]
    declared = [path for path in sources if path.suffix != ".json"]
    documents = read_declarations(declared) if declared else {}
    for path in datamodels:
        documents |= {f"{path} ({name})": document for name, document in _datamodel(path).items()}
    check_together(documents)
    return Api.of(*documents.values())


def _datamodel(path: Path) -> Mapping[str, Document]:
    from graft_cli.datamodels import read_file
    from graft_common.declarations.xenapi_import import import_datamodel
    from graft_common.declarations.xenapi_json import DatamodelError, read_datamodel

    try:
        imported = import_datamodel(read_datamodel(read_file(path)), ())
    except DatamodelError as error:
        raise CliError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None
    return imported.documents


def _running() -> Api:
    import grpc

    from graft_cli.configuration import load
    from graft_cli.grpc_client import over_channel
    from graft_common.rpc.api import fetch
    from graft_common.rpc.clients import DispatcherClients

    async def ask(channel: grpc.aio.Channel) -> Api:
        return await fetch(DispatcherClients.remote(channel).dispatcher)

    return over_channel(load().dispatcher, "dispatcher", ask)
