"""How a copy of a warm interpreter runs a script as `python3 script` would. The standard library only.

What the interpreter itself does between its start and its end is done here once more for the script: `__main__`, `sys`,
site-packages of a virtual environment; and at the end threads, `atexit`, what is still open, flushing, the exit status
(CPython, Modules/main.c, Python/pythonrun.c and Python/pylifecycle.c).
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import traceback
import types
import weakref
from typing import Any, NamedTuple, NoReturn

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


def run(
    interpreter: Interpreter, argv: list[bytes], environment: dict[bytes, bytes], text: Text, own: list[str]
) -> NoReturn:
    """Run the script `argv[0]` to its end, and end with it.

    Args:
        interpreter: this one.
        argv: the script's.
        environment: the script's; only what is not as the zygote's is set.
        text: the script's.
        own: how this interpreter would have been started for the script.
    """
    sys.argv = [os.fsdecode(argument) for argument in argv]
    if len(environment) > 1 or os.environb.get(b"PATH") != environment.get(b"PATH"):
        coerced = {name: os.environb.pop(name) for name in (b"LC_CTYPE",) if name in os.environb}
        os.environb.update(environment | coerced)  # which it has set itself, behind what it was given
    code = None if text.venv and not interpreter.is_plain else compiled(sys.argv[0], text.source)
    sys.orig_argv = [*own, *sys.argv]
    if code is not None and text.venv:
        try:
            enter_venv(interpreter, text.venv)
        except BaseException:  # noqa: BLE001  (what it brings along may do anything)
            code = None
    if code is None:
        execute_anew(argv)
    if interpreter.adds_folder:
        sys.path.insert(0, text.folder)
    status = execute(interpreter.main, sys.argv[0], code)
    conclude(interpreter, status)


def compiled(path: str, source: bytes) -> types.CodeType | None:
    """The script's code; None for a text that the interpreter itself is to look at, and tell what is wrong with it."""
    if b"\0" in source or len(source) > MAX_SOURCE:
        return None  # an archive, perhaps
    stderr, sys.stderr = sys.stderr, io.StringIO()
    try:
        if not source.isascii():
            source.decode()
        code: types.CodeType = compile(source, path, "exec", dont_inherit=True)
    except Exception:  # noqa: BLE001  (as above)
        return None
    finally:
        warned, sys.stderr = sys.stderr.getvalue(), stderr
    if warned:
        sys.stderr.write(warned)
    return code


def execute_anew(argv: list[bytes]) -> NoReturn:
    """Have the script executed after all."""
    try:
        os.execve(argv[0], argv, os.environ)  # noqa: S606  (there is no shell)
    except OSError as error:
        write_error(f"{sys.executable}: can't open file {sys.argv[0]!r}: [Errno {error.errno}] {error.strerror}\n")
    os._exit(2)


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


class Text(NamedTuple):
    """A script as it lies there."""

    source: bytes
    """At least so much of it that it is known to be too large to be compiled here."""
    folder: str
    """Where it really lies."""
    venv: str
    """The interpreter that its first line asks for, where that is one of a virtual environment; else empty."""
    is_found_by_path: bool
    """Whether that is looked for among the folders of PATH."""


UNREADABLE = Text(b"\0", "", "", is_found_by_path=False)
"""Stands for a script of which only the interpreter itself can tell what is wrong with it."""


def read(path: bytes, own: list[str]) -> Text:
    """Read a script.

    Args:
        path: where it lies.
        own: this interpreter, as scripts name it, and its options.

    Returns:
        `UNREADABLE` where that is so, and where it asks for another interpreter by now.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return UNREADABLE
    try:
        source = data = os.read(fd, MAX_SOURCE)
        while data and len(source) <= MAX_SOURCE:
            data = os.read(fd, MAX_SOURCE)
            source += data
        folder = os.readlink(f"/proc/self/fd/{fd}").rpartition("/")[0] or "/"  # noqa: PTH115  (pathlib would double this small process)
    finally:
        os.close(fd)
    program, *options = os.fsdecode(source[2 : source.find(b"\n")]).strip().split(None, 1) or [""]
    by_path = program in ("/usr/bin/env", "/bin/env")
    if by_path and options:
        program, options = options[0], []
    venv = "" if program == own[0] else program
    if not source.startswith(b"#!") or not program or options != own[1:] or (venv and not is_of_venv(venv)):
        return UNREADABLE
    return Text(source, folder, venv, by_path)


def is_of_venv(program: str) -> bool:
    """Whether an interpreter is one of a virtual environment."""
    return os.path.exists(f"{os.path.dirname(os.path.dirname(program))}/pyvenv.cfg")  # noqa: PTH110, PTH120  (as above)


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


def execute(names: dict[str, Any], path: str, code: types.CodeType) -> int | None:
    """Run the script, and tell of an exception as the interpreter does.

    Args:
        names: what `__main__` begins with.
        path: the script's.
        code: what it is compiled to.

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
    left: BaseException | None = None
    try:
        exec(code, space)  # noqa: S102  (that is what this process is for)
    except BaseException as error:  # noqa: BLE001  (whatever the script has not caught)
        left = error
    sys.settrace(None)
    sys.setprofile(None)
    flush_quietly("stderr")
    flush_quietly("stdout")
    if left is None:
        return 0
    if isinstance(left, SystemExit):
        return status_of(left)
    trace = left.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(OUR_FILES):
        trace = trace.tb_next
    return tell(left.with_traceback(trace))


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


def conclude(interpreter: Interpreter, status: int | None) -> NoReturn:
    """End as the interpreter does: threads, exit functions, and then everything that the script has made.

    Args:
        interpreter: as it was before the script.
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
    left = take_apart(["__main__", *imported_since(interpreter.modules)])
    # A full collection also clears what the interpreter keeps for later, page by page.
    oldest = 1 if collections_of_the_middle() == interpreter.middle else 2
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
