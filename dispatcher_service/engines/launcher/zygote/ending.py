"""How a copy of a warm interpreter ends when its script has ended, as `python3 script` would. Standard library only.

An exception that nobody has caught, the exit status, threads, `atexit`, what is still open, flushing (CPython,
Python/pythonrun.c and Python/pylifecycle.c).
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import traceback
import types
import weakref
from typing import Any, NoReturn

FLUSH_FAILED = 120
"""The exit status when standard output cannot be flushed."""


def collections_of_the_middle() -> int:
    """How often objects that are not the youngest were looked at for garbage."""
    return int(gc.get_stats()[1]["collections"])


def status_of(error: SystemExit) -> int:
    """The exit status that it asks for; a text is told."""
    code = getattr(error, "code", error)
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(1 << 63) <= code < 1 << 63 else 0xFF
    with contextlib.suppress(BaseException):
        text = str(code)
        write_error(text)
    write_error("\n")
    return 1


def write_error(text: str) -> None:
    """Write to standard error, in whatever way is left."""
    stream = getattr(sys, "stderr", None)
    try:
        if stream is None:
            os.write(2, text.encode(errors="backslashreplace"))
        else:
            stream.write(text)
    except BaseException:  # noqa: BLE001, S110  (a stream of the script's; there is nobody to be told)
        pass


def tell(error: BaseException) -> int | None:
    """Tell of an exception that nobody has caught; the exit status, and None for an interrupt."""
    kind, trace, status = type(error), error.__traceback__, None if isinstance(error, KeyboardInterrupt) else 1
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    if not hasattr(sys, "excepthook"):
        write_error("sys.excepthook is missing\n")
        sys.__excepthook__(kind, error, trace)
        return status
    failed: BaseException | None = None
    try:
        sys.excepthook(kind, error, trace)
    except BaseException as another:  # noqa: BLE001  (a hook of the script's)
        failed = another
    if failed is None:
        return status
    if isinstance(failed, SystemExit):
        return status_of(failed)
    shown = failed.__traceback__.tb_next if failed.__traceback__ else None
    write_error("Error in sys.excepthook:\n")
    sys.__excepthook__(type(failed), failed.with_traceback(shown), shown)
    write_error("\nOriginal exception was:\n")
    sys.__excepthook__(kind, error, trace)
    return status


def conclude(modules: frozenset[str], middle: int, status: int | None) -> NoReturn:
    """End as the interpreter does: threads, exit functions, and then everything that the script has made.

    Args:
        modules: names of those that were there before the script.
        middle: what `collections_of_the_middle` said then.
        status: the exit status; None for the end by an interrupt.
    """
    try:
        if (threading := sys.modules.get("threading")) is not None:
            threading._shutdown()  # noqa: SLF001  (what the interpreter calls)
    except BaseException as error:  # noqa: BLE001  (a script may put there what it likes)
        tell_of_ignored(error, threading)
    if (exits := sys.modules.get("atexit")) is not None:
        with contextlib.suppress(BaseException):  # the same
            exits._run_exitfuncs()  # noqa: SLF001  (as above)
    failed = not flush()
    sys.last_type = sys.last_value = sys.last_traceback = None
    if sys.version_info >= (3, 12):
        sys.last_exc = None
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    left = take_apart(["__main__", *imported_since(modules)])
    # A full collection also clears what the interpreter keeps for later, page by page.
    oldest = 1 if collections_of_the_middle() == middle else 2
    gc.collect(oldest)
    for reference in reversed(left):
        if isinstance(module := reference(), types.ModuleType):
            forget(vars(module))
            del module
            gc.collect(oldest)
    flush_quietly("stdout")
    flush_quietly("stderr")
    if status is None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        status = 1
    os._exit(FLUSH_FAILED if failed else status)


def imported_since(modules: frozenset[str]) -> list[str]:
    """Names of modules that are not among those, the first one first.

    From the end on, since to look at all names is to write to the pages of all.
    """
    found = []
    for name in reversed(sys.modules):
        if name in modules:
            break
        found.append(name)
    return found[::-1]


def take_apart(names: list[str]) -> list[weakref.ref[Any]]:
    """Take modules out of `sys.modules`; what is left of those that are still used."""
    left = []
    for name in names:
        try:
            left.append(weakref.ref(sys.modules.pop(name)))
        except (KeyError, TypeError):
            continue  # a script may put there what it likes
    return left


def forget(space: dict[str, Any]) -> None:
    """Let go of what a module holds, as CPython does (Objects/moduleobject.c, _PyModule_ClearDict)."""
    for name in list(space):
        if name.startswith("_") and not name.startswith("__"):
            space[name] = None
    for name in list(space):
        if name != "__builtins__":
            space[name] = None


def flush_quietly(name: str) -> None:
    """Write what is left in a buffer, if that is possible."""
    with contextlib.suppress(BaseException):
        getattr(sys, name).flush()


def flush() -> bool:
    """Write what is left in the buffers of standard output and error; tell whether that was possible."""
    done = True
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        try:
            if stream is not None and not is_closed(stream):
                stream.flush()
        except BaseException as error:  # noqa: BLE001  (a stream of the script's)
            done = False
            if name == "stdout":
                tell_of_ignored(error, stream)
    return done


def is_closed(stream: Any) -> bool:
    """Whether a stream says that it is closed."""
    try:
        return bool(stream.closed)
    except BaseException:  # noqa: BLE001  (a stream of the script's)
        return False


def tell_of_ignored(error: BaseException, source: object) -> None:
    """Tell of an exception that changes nothing any more, without the frame that has caught it."""
    trace = error.__traceback__.tb_next if error.__traceback__ else None
    try:
        if sys.unraisablehook is not sys.__unraisablehook__:
            told = {"exc_type": type(error), "exc_value": error, "exc_traceback": trace}
            sys.unraisablehook(types.SimpleNamespace(**told, err_msg=None, object=source))
            return
        lines = traceback.format_exception(type(error), error, trace)
        write_error(f"Exception ignored in: {source!r}\n{''.join(lines)}")
    except BaseException:  # noqa: BLE001, S110  (as above)
        pass
