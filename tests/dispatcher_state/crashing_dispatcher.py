"""A dispatcher's state with tasks that never end, until it is killed: prints the references, then waits."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from dispatcher_service.calls.result import CallResult
from dispatcher_service.state import DispatcherState
from graft_common.settings import Settings
from support.dispatcher_hosts import caller


async def main() -> None:
    state = await DispatcherState.open(Settings(data_dir=Path(sys.argv[1])), "none")
    hold = asyncio.Event()

    async def ends(_ref: str) -> CallResult:
        return CallResult("kept")

    async def hangs(_ref: str) -> CallResult:
        await hold.wait()
        return CallResult("never")

    done = [await state.tasks.start("A.done", caller(), ends) for _ in range(20)]
    await state.tasks.drain(30)
    state.tasks._shut = asyncio.get_running_loop().create_future()
    held = await asyncio.gather(*(state.tasks.start("A.held", caller(), hangs) for _ in range(50)))
    print(" ".join(done), flush=True)
    print(" ".join(held), flush=True)
    while True:
        await state.tasks.start("A.more", caller(), hangs)


asyncio.run(main())
