"""How a copy of a warm interpreter runs a script as `python3 script` would. The standard library only.

What the interpreter itself does between its start and its end is done here once more for the script: `__main__`, `sys`,
site-packages of a virtual environment; and at the end threads, `atexit`, what is still open, flushing, the exit status
(CPython, Modules/main.c, Python/pythonrun.c and Python/pylifecycle.c).
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import types
import weakref
from typing import Any, NoReturn

MAX_SOURCE = 4 << 20
"""Bytes of a script that is compiled here; a larger one is executed."""
OUR_FILES = "<graft "
"""How the names of this code's files begin, of which a script's tracebacks tell nothing."""
REHEARSAL = "import sys\n\ndef main(text: str) -> str:\n    return f'{text}'.strip()\n\nmain(str(sys.argv))\n"
FLUSH_FAILED = 120
"""The exit status when standard output cannot be flushed."""


class Interpreter:
    """What a warm interpreter was like before it had a script; to be made when everything is imported.

    Args:
        user: the number of the user that scripts run as.
    """

    def __init__(self, user: int) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == __name__.partition(".")[0]]:
            del sys.modules[name]  # Graft's own, which scripts are not to see
        self.modules = frozenset(sys.modules)
        self.main = dict(vars(sys.modules["__main__"]))
        self.main.pop("__warningregistry__", None)
        if sys.path and not sys.path[0]:
            del sys.path[0]  # of `-c`
            self.adds_folder = True
        else:
            self.adds_folder = False  # by -I or -P
        self.random = getattr(sys.modules.get("random"), "_inst", None)
        self.thread = sys.modules["threading"].main_thread() if "threading" in sys.modules else None
        self.middle = collections_of_the_middle()
        find_user_site(user)
        library = os.path.dirname(os.__file__)  # noqa: PTH120  (pathlib would double this small process)
        self.library = (library, f"{library}/lib-dynload")
        self.is_plain = all(is_of(self.library[0], name) for name in self.modules)
        """Whether nothing but the standard library is imported."""


def collections_of_the_middle() -> int:
    """How often objects that are not the youngest were looked at for garbage."""
    return int(gc.get_stats()[1]["collections"])


def find_user_site(user: int) -> None:
    """Have `site` know the folder of a user's own packages, if it has looked for this process's user's."""
    site = sys.modules.get("site")
    if site is None or site.USER_SITE is None:
        return
    import pwd  # noqa: PLC0415  (nothing else needs it)

    os.environ["HOME"] = pwd.getpwuid(user).pw_dir
    vars(site).update(USER_BASE=None, USER_SITE=None)
    site.getusersitepackages()
    del os.environ["HOME"]


def is_of(library: str, name: str) -> bool:
    """Whether an imported module is the standard library's."""
    file = getattr(sys.modules[name], "__file__", None) or library
    return file.startswith(library) and "-packages/" not in file


def run(interpreter: Interpreter, argv: list[bytes], environment: dict[bytes, bytes], own: list[str]) -> NoReturn:
    """Run the script `argv[0]` to its end, and end with it.

    Args:
        interpreter: this one.
        argv: the script's.
        environment: the script's; only what is not as the zygote's is set.
        own: what this interpreter was started with, its name first.
    """
    sys.argv = [os.fsdecode(argument) for argument in argv]
    path = sys.argv[0]
    if len(environment) > 1 or os.environb.get(b"PATH") != environment.get(b"PATH"):
        os.environb.update(environment)
    try:
        source, folder = read(path)
    except OSError as error:
        sys.stderr.write(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        flush()
        os._exit(2)
    asked = os.fsdecode(source[2:].split(None, 1)[0])
    venv = "" if asked == own[0] or is_env(asked) else asked
    if b"\0" in source or len(source) > MAX_SOURCE or (venv and not interpreter.is_plain):
        os.execve(path, argv, os.environ)  # noqa: S606  (an archive, perhaps; there is no shell)
    sys.orig_argv = [venv or own[0], *own[1:], *sys.argv]
    if venv:
        enter_venv(interpreter, venv)
    if interpreter.adds_folder:
        sys.path.insert(0, folder)
    status = execute(interpreter.main, path, source)
    conclude(interpreter, status)


def renew(interpreter: Interpreter) -> None:
    """Make new in a copy of an interpreter what is not to be the same in all of them."""
    if interpreter.random is not None:
        interpreter.random.seed()
    if interpreter.thread is not None:
        interpreter.thread._set_native_id()  # noqa: SLF001  (what `threading` does after a fork)


def rehearse(interpreter: Interpreter) -> None:
    """Do for nothing what is done for every script: a copy has its own of the pages that it has written to."""
    exec(compile(REHEARSAL, "", "exec", dont_inherit=True), dict(interpreter.main))  # noqa: S102  (a constant)
    flush()
    gc.collect(1)


def read(path: str) -> tuple[bytes, str]:
    """A script's text, and the folder that it really lies in.

    Raises:
        OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        source = data = os.read(fd, MAX_SOURCE)
        while data and len(source) <= MAX_SOURCE:
            data = os.read(fd, MAX_SOURCE)
            source += data
        return source, os.readlink(f"/proc/self/fd/{fd}").rpartition("/")[0] or "/"  # noqa: PTH115  (as above)
    finally:
        os.close(fd)


def is_env(program: str) -> bool:
    """Whether a first line asks for an interpreter by way of PATH."""
    return program in ("/usr/bin/env", "/bin/env")


def enter_venv(interpreter: Interpreter, executable: str) -> None:
    """Be the interpreter of a virtual environment; what that brings along is run by this process only."""
    import site  # noqa: PLC0415  (imported already, unless the interpreter was told not to)

    sys.executable = executable
    archive = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    sys.path[:] = [path for path in sys.path if path in interpreter.library or path.endswith(archive)]
    sys.prefix = sys.exec_prefix = os.path.dirname(os.path.dirname(executable))  # noqa: PTH120  (as above)
    site.PREFIXES = [sys.prefix, sys.exec_prefix]
    site.ENABLE_USER_SITE = site.USER_BASE = site.USER_SITE = None
    if not sys.flags.no_site:
        site.main()


def execute(names: dict[str, Any], path: str, source: bytes) -> int | None:
    """Run the script, and tell of an exception as the interpreter does.

    Args:
        names: what `__main__` begins with.
        path: the script's.
        source: its text.

    Returns:
        The exit status; None for the end by an interrupt.
    """
    main = types.ModuleType("__main__")
    space = vars(main)
    space.clear()
    space.update(names)
    space["__loader__"] = sys.modules["_frozen_importlib_external"].SourceFileLoader("__main__", path)
    space["__file__"] = path
    if sys.version_info < (3, 15):
        space["__cached__"] = None
    sys.modules["__main__"] = main
    del main
    try:
        exec(compile(source, path, "exec", dont_inherit=True), space)  # noqa: S102  (that is what this process is for)
    except SystemExit as error:
        return status_of(error.code)
    except BaseException as error:  # noqa: BLE001  (whatever the script has not caught)
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(OUR_FILES):
            trace = trace.tb_next
        status = tell(type(error), error.with_traceback(trace), trace)
        return None if isinstance(error, KeyboardInterrupt) and status == 1 else status
    return 0


def status_of(code: object) -> int:
    """The exit status for what `SystemExit` holds."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    flush()
    sys.stderr.write(f"{code}\n")
    return 1


def tell(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> int:
    """Tell of an exception that nobody has caught; the exit status."""
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(kind, error, trace)
    except SystemExit as left:
        return status_of(left.code)
    except BaseException as another:  # noqa: BLE001  (a hook of the script's)
        shown = another.__traceback__.tb_next if another.__traceback__ else None
        sys.stderr.write("Error in sys.excepthook:\n")
        sys.__excepthook__(type(another), another.with_traceback(shown), shown)
        sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(kind, error, trace)
    return 1


def conclude(interpreter: Interpreter, status: int | None) -> NoReturn:
    """End as the interpreter does: threads, exit functions, and then everything that the script has made.

    Args:
        interpreter: as it was before the script.
        status: the exit status; None for the end by an interrupt.
    """
    if (threading := sys.modules.get("threading")) is not None:
        threading._shutdown()  # noqa: SLF001  (what the interpreter calls)
    if (exits := sys.modules.get("atexit")) is not None:
        exits._run_exitfuncs()  # noqa: SLF001  (as above)
    failed = not flush()
    sys.last_type = sys.last_value = sys.last_traceback = None
    if sys.version_info >= (3, 12):
        sys.last_exc = None
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    left = take_apart(["__main__", *imported_since(interpreter.modules)])
    # A full collection also clears what the interpreter keeps for later, page by page.
    oldest = 1 if collections_of_the_middle() == interpreter.middle else 2
    gc.collect(oldest)
    for reference in reversed(left):
        if isinstance(module := reference(), types.ModuleType):
            forget(vars(module))
            del module
            gc.collect(oldest)
    failed = not flush() or failed
    if status is None and not failed:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(FLUSH_FAILED if failed else status or 0)


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


def flush() -> bool:
    """Write what is left in the buffers of standard output and error; tell whether that was possible."""
    done = True
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException as error:  # noqa: BLE001  (a stream of the script's)
            done = False
            if name == "stdout" and sys.__stderr__ is not None:
                sys.__stderr__.write(f"Exception ignored in: {stream!r}\n{type(error).__name__}: {error}\n")
    return done
