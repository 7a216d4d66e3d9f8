"""Sends the records on standard input through `Echo.everything`, and prints what comes back."""

import asyncio
import json
import os
import sys

from graft_client import AsyncClient, Client
from graft_client import _codecs as codecs

ACCESS = (os.environ["GRAFT_URL"], os.environ["GRAFT_USER"], os.environ["GRAFT_PASSWORD"])


def text(value) -> str:
    """Show a record so that equal ones look the same: NaN is not equal to itself."""
    return repr(value)


async def both() -> None:
    records = [codecs.Everything.decode(json.loads(line)) for line in sys.stdin]
    with Client(*ACCESS) as client:
        one = [client.echo.everything(record) for record in records]
    async with AsyncClient(*ACCESS) as client:
        other = await asyncio.gather(*(client.echo.everything(record) for record in records))
        tasks = [await client.echo.start_everything(record) for record in records[:12]]
        assert [text(await task) for task in tasks] == [text(record) for record in records[:12]]
    for sent, first, second in zip(records, one, other):
        assert text(first) == text(sent), f"{first}\n{sent}"
        assert text(second) == text(sent), f"{second}\n{sent}"
        assert sent.hidden == "" or f"{sent.hidden!r}, newer" not in repr(sent)
        print(json.dumps(codecs.Everything.encode(first)))


asyncio.run(both())
