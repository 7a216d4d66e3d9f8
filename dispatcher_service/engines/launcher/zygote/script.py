"""How a copy of a warm interpreter runs a script as `python3 script` would. The standard library only.

What the interpreter itself does between its start and its end is done here once more for the script: `__main__`, `sys`,
site-packages of a virtual environment (CPython, Modules/main.c and Python/pythonrun.c). How it ends: `ending.py`.
"""

from __future__ import annotations

import gc
import importlib.machinery
import io
import os
import re
import sys
import time
import types
from typing import Any, NamedTuple, NoReturn

from dispatcher_service.engines.launcher.zygote.ending import (
    collections_of_the_middle,
    conclude,
    flush,
    flush_quietly,
    status_of,
    tell,
    write_error,
)

MAX_SOURCE = 4 << 20
"""Bytes of a script that is compiled here; a larger one is executed."""
MAX_CONFIGURATION = 1 << 16
"""Characters that are read of what a virtual environment says of itself."""
FIRST_LINE = re.compile(rb"#![ \t]*([^\0\t\n ]+)[ \t]*([^\0\n]*?)[ \t]*\n")
"""What a script asks to be run by, and options; the kernel takes nothing else for spaces (fs/binfmt_script.c)."""
BY_PATH = ("/usr/bin/env", "/bin/env")
"""What looks for the interpreter among the folders of PATH."""
OUR_FILES = "<graft "
"""How the names of this code's files begin, of which a script's tracebacks tell nothing."""
REHEARSAL = "import sys\n\ndef main(text: str) -> str:\n    return f'{text}'.strip()\n\nmain(str(sys.argv))\n"


class Interpreter:
    """What a warm interpreter was like before it had a script; to be made when everything is imported.

    Args:
        user: the number of the user that scripts run as.
        adds_folder: whether it looks for modules where a script lies.
    """

    def __init__(self, user: int, *, adds_folder: bool) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == __name__.partition(".")[0]]:
            del sys.modules[name]  # Graft's own, which scripts are not to see
        self.modules = frozenset(sys.modules)
        self.main = dict(vars(sys.modules["__main__"]))
        self.main.pop("__warningregistry__", None)
        self.adds_folder = adds_folder
        self.random = getattr(sys.modules.get("random"), "_inst", None)
        self.thread = sys.modules["threading"].main_thread() if "threading" in sys.modules else None
        self.middle = collections_of_the_middle()
        find_user_site(user)
        library = os.path.dirname(os.__file__)  # noqa: PTH120  (pathlib would double this small process)
        self.library = (library, f"{library}/lib-dynload")
        self.is_plain = all(is_of(self.library[0], name) for name in self.modules)
        """Whether nothing but the standard library is imported."""
        suffixes = ("", *importlib.machinery.all_suffixes())
        names = [name for name, module in sys.modules.items() if "." not in name and hasattr(module, "__file__")]
        self.files = frozenset(name + suffix for name in names for suffix in suffixes)
        """What a file or folder is called that would be imported in place of a module that is."""

    def is_overlaid(self, folder: str) -> bool:
        """Whether a script's folder has something that it would import in place of a module that is here already."""
        try:
            return not self.files.isdisjoint(os.listdir(folder))  # noqa: PTH208  (pathlib would double this small process)
        except OSError:
            return False  # nor can it be imported then


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
    if "logging" in sys.modules:  # its records tell how long its start is ago
        began = vars(sys.modules["logging"])
        began["_startTime"] = time.time_ns() if isinstance(began["_startTime"], int) else time.time()
    if len(environment) > 1 or os.environb.get(b"PATH") != environment.get(b"PATH"):
        coerced = {name: os.environb.pop(name) for name in (b"LC_CTYPE",) if name in os.environb}
        os.environb.update(environment | coerced)  # which it has set itself, behind what it was given
    has_other_modules = interpreter.adds_folder and interpreter.is_overlaid(text.folder)
    would_differ = has_other_modules or (text.venv and not interpreter.is_plain)
    code = None if would_differ else compiled(sys.argv[0], text.source)
    sys.orig_argv = [*own, *sys.argv]
    if code is not None and text.venv:
        try:
            enter_venv(interpreter, text.venv)
        except BaseException:  # noqa: BLE001  (what it brings along may do anything)
            code = None
    if code is None:
        execute_anew(argv, environment)
    if interpreter.adds_folder:
        sys.path.insert(0, text.folder)
    status = execute(interpreter.main, sys.argv[0], code)
    conclude(interpreter.modules, interpreter.middle, status)


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


def execute_anew(argv: list[bytes], environment: dict[bytes, bytes]) -> NoReturn:
    """Have the script executed after all, with nothing of what this process has made of its environment."""
    try:
        os.execve(argv[0], argv, environment)  # noqa: S606  (there is no shell)
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


def read(path: bytes, own: list[str], *, of_venv: bool = False) -> Text:
    """Read a script.

    Args:
        path: where it lies.
        own: this interpreter, as scripts name it, and its options.
        of_venv: whether it is for scripts of virtual environments, and for no others.

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
    first = FIRST_LINE.match(source)
    if first is None:
        return UNREADABLE
    program, *options = (os.fsdecode(word) for word in first.groups() if word)
    by_path = program in BY_PATH
    if by_path and options:
        program, options = options[0], []
    if options != own[1:] or not (is_of_venv(program, own[0]) if of_venv else program == own[0]):
        return UNREADABLE
    return Text(source, folder, program if of_venv else "", by_path)


def is_of_venv(program: str, base: str) -> bool:
    """Whether an interpreter is one of a virtual environment that was made of this one (CPython, Modules/getpath.py).

    Args:
        program: the interpreter.
        base: this one; an environment may say that its standard library is another one's.
    """
    folder, name = os.path.split(program)
    parent = os.path.dirname(folder)  # noqa: PTH120  (as above)
    if any(os.path.lexists(place) for place in (f"{folder}/pyvenv.cfg", f"{folder}/{name}._pth")):
        return False
    try:
        with open(f"{parent}/pyvenv.cfg", encoding="utf-8") as file:  # noqa: PTH123  (as above)
            lines = file.read(MAX_CONFIGURATION).splitlines()
    except (OSError, ValueError):
        return False
    pairs = [line.partition("=") for line in lines]
    homes = [value.strip() for key, _equals, value in pairs if key.strip().lower() == "home"]
    return homes[:1] == [os.path.dirname(base)]  # noqa: PTH120  (as above)


def enter_venv(interpreter: Interpreter, executable: str) -> None:
    """Be the interpreter of a virtual environment; what that brings along is run by this process only."""
    import site  # noqa: PLC0415  (imported already, unless the interpreter was told not to)

    sys.executable = executable
    archive = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    sys.path[:] = [path for path in sys.path if path in interpreter.library or path.endswith(archive)]
    sys.prefix = sys.exec_prefix = os.path.dirname(os.path.dirname(executable))  # noqa: PTH120  (as above)
    site.PREFIXES = [sys.prefix, sys.exec_prefix]
    if sys.version_info < (3, 14):  # where `site` finds out about environments, and not the interpreter itself
        site.PREFIXES = [sys.base_prefix, sys.base_exec_prefix]
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
