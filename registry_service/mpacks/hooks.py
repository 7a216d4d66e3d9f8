"""Running the hooks of packs, and what their failure means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import structlog

from graft_common.errors import GraftError
from registry_service.mpacks.running import Run
from registry_service.mpacks.values import Hook, HookOutcome, HookRunner, Phase

_MAX_OUTPUT = 2000
"""Letters of a failed hook's errors that a message has."""

_log = structlog.get_logger("graft.registry")

Ran = tuple[tuple[Hook, HookOutcome], ...]


def need_runner(runner: HookRunner | None, hooks: Sequence[Hook]) -> None:
    """Raise MPACK_HOOK_FAILED if there are hooks and nothing that runs them."""
    if hooks and runner is None:
        raise GraftError("MPACK_HOOK_FAILED", f"Failed to execute {hooks[0].name} hook. Hooks cannot be run here")


async def run_hooks(runner: HookRunner | None, hooks: Sequence[Hook], tree: Path, run: Run) -> Ran:
    """Run hooks, one after the other.

    Args:
        runner: what runs them.
        hooks: all of one name.
        tree: the folder of the pack.
        run: whose progress it is.

    Raises:
        GraftError: MPACK_HOOK_FAILED [text, the end of what it wrote to stderr].
    """
    need_runner(runner, hooks)
    ran: list[tuple[Hook, HookOutcome]] = []
    if runner is None:
        return ()
    for hook in hooks:
        run.tell(Phase.HOOK, what=hook.name)
        try:
            outcome = await runner.run(hook, tree)
        except GraftError as error:
            reason = error.params[-1] if error.params else error.code
            raise GraftError("MPACK_HOOK_FAILED", f"Failed to execute {hook.name} hook. {reason}", "") from error
        _log.info("mpack.hook_ran", hook=hook.name, script=hook.script, exit_code=outcome.exit_code)
        if outcome.exit_code != 0:
            text = f"Failed to execute {hook.name} hook. Failed with error code {outcome.exit_code}"
            raise GraftError("MPACK_HOOK_FAILED", text, outcome.stderr[-_MAX_OUTPUT:])
        ran.append((hook, outcome))
    return tuple(ran)
