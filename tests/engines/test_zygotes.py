"""Which scripts are run in warm interpreters, which are executed, and when an interpreter is started anew."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import zipfile

import pytest

from dispatcher_service.engines.base import Access, Verdict
from dispatcher_service.engines.executables import python_script
from dispatcher_service.engines.launcher import zygotes
from dispatcher_service.engines.launcher.interpreters import Kind, kind_of
from dispatcher_service.engines.launcher.zygote.script import UNREADABLE, read
from dispatcher_service.engines.native.engine import warm_finding
from isolation.conftest import USERS
from isolation.sandbox import IS_EXECUTED, PROBE, PROJECT, PYTHON, Sandbox
from support.interpreters import SHEBANG, afresh, assert_same, is_executed, lay_venv, run_warm, script

FLAGS = "import json, os, sys; print(sys.flags, sys.path, sys.executable, sys.orig_argv, os.getppid() if 0 else '', open('/proc/self/comm').read(), open('/proc/self/cmdline').read(), sys.dont_write_bytecode, sys.warnoptions)"
SAME = (
    "#!/usr/bin/env python3",
    "#!/usr/bin/python3.11",
    "#! /usr/bin/python3 -ISB",
    "#!/usr/bin/python3 -u",
    "#!/usr/bin/python3 -OEs",
)
"""A few, since each has an interpreter started; the others differ in the letter."""
PLAIN = (
    "#!/usr/bin/python3 -Wx",
    "#!/usr/bin/python3 -x",
    "#!/usr/bin/python3 -v",
    "#!/usr/bin/python3 -Xdev",
    "#!/usr/bin/env -S python3 -I",
    "#!/usr/bin/env PYTHONHASHSEED=1 python3",
    "#!/bin/sh /usr/bin/python3",
    "#!/usr/bin/python3\r ",
    "#!/usr/bin/python3\x0b-I",
    "#!/usr/bin/python3 -I\u00a0",
    "#!/usr/bin/python3\0",
)
VARIABLES = (
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "_PYTHON_PROJECT_BASE",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "LOCPATH",
    "OPENSSL_CONF",
    "TZ",
    "HOME",
)
HASH = "import os; print(hash('x'), os.getppid())"
ADDRESSES = "print(hash('x'))"
IMPORTED = "import sys; print('json' in sys.modules)"


@pytest.fixture(scope="module")
def sandbox():
    made = Sandbox("native", USERS[0])
    yield made
    made.close()


def with_options(**options):
    return Sandbox("native", USERS[0], **options)


@pytest.mark.parametrize("shebang", SAME)
def test_first_lines_that_make_no_difference(sandbox, shebang):
    if sandbox.run(sandbox.command(sandbox.add(f"{shebang}\n"))).verdict is not Verdict.EXITED:
        pytest.skip(f"there is none here: {shebang}")
    outcome = assert_same(sandbox, script(sandbox, FLAGS, shebang), shebang)
    assert outcome.exit_code == 0, outcome


@pytest.mark.parametrize("shebang", PLAIN)
def test_first_lines_that_are_executed(shebang):
    assert python_script(f"{shebang}\n".encode(), ()) is None


@pytest.mark.parametrize("variable", VARIABLES)
def test_variables_that_interpreters_look_at(variable):
    assert python_script(f"{SHEBANG}\n".encode(), [("OTHER", "1")]) == [PYTHON]
    assert python_script(f"{SHEBANG}\n".encode(), [("OTHER", "1"), (variable, "1")]) is None


def test_other_variables_and_secrets(sandbox):
    access = Access(environment=(("TOKEN", "z\u00fc=1"), ("A", "")), secrets=(("token", b"x"),))
    text = "import os; print(dict(os.environ), open('/proc/self/environ').read(), open('/run/secrets/token').read())"
    outcome = assert_same(sandbox, script(sandbox, text, access=access))
    assert b"TOKEN" in outcome.stdout, outcome


def test_a_variable_of_the_interpreter(sandbox):
    access = Access(environment=(("PYTHONHASHSEED", "0"),))
    assert is_executed(sandbox, access=access)


def test_a_declaration_may_refuse_it(sandbox):
    sandbox.warm_up(SHEBANG)
    assert sandbox.run(afresh(script(sandbox, PROBE), zygote=False)).stdout == IS_EXECUTED


def test_links_archives_and_what_cannot_be_run(sandbox):
    sandbox.warm_up(SHEBANG)
    sandbox.add(f"{SHEBANG}\nprint(__file__, __import__('sys').path[0])\n", "linked")
    (sandbox.tree / "folder").mkdir()
    (sandbox.tree / "folder").chmod(0o755)
    (sandbox.tree / "folder" / "link").symlink_to("../linked")
    with (sandbox.tree / "archive").open("wb") as file:
        file.write(f"{SHEBANG}\n".encode())
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("__main__.py", "import sys; print(sys.argv, __name__, __file__, sys.path[0], sys.flags)")
    (sandbox.tree / "archive").chmod(0o755)
    sandbox.add(f"{SHEBANG}\n", "closed", 0o700)
    sandbox.add(f"{SHEBANG}\n", "unreadable", 0o311)
    sandbox.add("#!/usr/bin/python3.99\n", "absent")
    sandbox.add("#!/usr/bin/env python3.99\n", "absent by name")
    for name in ("folder/link", "archive", "closed", "unreadable", "absent", "absent by name"):
        assert_same(sandbox, sandbox.command(name))


def test_a_script_that_is_replaced(sandbox):
    sandbox.warm_up(SHEBANG)
    for number in range(5):
        name = sandbox.add(f"{SHEBANG}\nimport os; print({number}, os.getppid())\n", "replaced")
        assert sandbox.run(dataclasses.replace(sandbox.command(name), zygote=True)).stdout == b"%d 0\n" % number


@pytest.mark.parametrize(
    ("first", "own", "same"),
    [
        ("#!/usr/bin/python3", [PYTHON], True),
        ("#! /usr/bin/python3  -I ", [PYTHON, "-I"], True),
        ("#!/usr/bin/env python3", ["python3"], True),
        ("#!/usr/bin/python3 -I", [PYTHON], False),
        ("#!/usr/bin/python3", [PYTHON, "-I"], False),
        ("#!/bin/sh", [PYTHON], False),
        ("#!/usr/bin/env sh", ["python3"], False),
        ("#!/usr/bin/env", ["python3"], False),
        ("#!", [PYTHON], False),
        ("", [PYTHON], False),
        ("\x7fELF", [PYTHON], False),
    ],
)
def test_a_script_that_is_replaced_at_the_last_moment(tmp_path, first, own, same):
    """By one that asks for something else than that for which an interpreter was found."""
    path = tmp_path / "script"
    path.write_text(f"{first}\nprint(1)\n" if first else "")
    text = read(str(path).encode(), own)
    assert (text.source == path.read_bytes() and text.folder == str(tmp_path)) is same
    assert (text == UNREADABLE) is not same
    assert read(str(path).encode(), own, of_venv=True) == UNREADABLE


def test_folders_share_no_interpreter(sandbox):
    """What has the same hashes has the same interpreter."""
    command = script(sandbox, HASH)
    sandbox.warm_up(SHEBANG)
    one = {sandbox.run(afresh(command, zygote=True)).stdout for _round in range(3)}
    sandbox.warm_up(SHEBANG, mount_at="/opt/other")
    other = {sandbox.run(afresh(command, zygote=True, mount_at="/opt/other")).stdout for _round in range(3)}
    assert len(one) == len(other) == 1
    assert one != other


@pytest.mark.parametrize("options", [["--symlinks"], ["--symlinks", "--system-site-packages"], ["--copies"]])
def test_virtual_environments(sandbox, options, tmp_path):
    made = subprocess.run(
        [PYTHON, "-m", "venv", "--without-pip", *options, tmp_path / "venv"], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no environment can be made here: {made.stderr.decode()}")
    name = f"venv{len(list(sandbox.tree.iterdir()))}"
    subprocess.run(["cp", "-a", tmp_path / "venv", sandbox.tree / name], check=True)
    (packages,) = (sandbox.tree / name).glob("lib/python3.*/site-packages")
    (packages / "own_package.py").write_text("WHO = __file__\n")
    (packages / "more.pth").write_text("/opt/ext/more\nimport sys; sys.by_pth = True\n")
    (packages / "sitecustomize.py").write_text("import sys; sys.customized = sys.prefix\n")
    subprocess.run(["chmod", "-R", "go=rX", sandbox.tree / name], check=True)
    text = (
        "import os, site, sys, own_package; print(own_package.WHO, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.path,"
        " sys.executable, sys.orig_argv, sys.by_pth, sys.customized, site.getsitepackages(), site.ENABLE_USER_SITE, sys._base_executable, sys.flags)"
    )
    shebang = f"#!/opt/ext/{name}/bin/python3"
    if "--copies" in options:
        command = dataclasses.replace(script(sandbox, text, shebang), zygote=True)
        outcomes = [sandbox.run(afresh(command)) for _round in range(2)]
        assert [outcome.exit_code for outcome in outcomes] == [0, 0], outcomes
        assert sandbox.run(afresh(command, executable=script(sandbox, PROBE, shebang).executable)).stdout == IS_EXECUTED
        return
    outcome = assert_same(sandbox, script(sandbox, text, shebang), shebang)
    assert outcome.exit_code == 0, outcome
    assert run_warm(sandbox, script(sandbox, IMPORTED, shebang), shebang).stdout == b"True\n"


def test_modules_ahead_that_virtual_environments_do_not_have():
    """An environment is warm without the system's packages, whatever these do at the start."""
    box = with_options(preload=["no_such_module", "sqlite3"])
    try:
        lay_venv(box.tree / "venv")
        shebang = "#!/opt/ext/venv/bin/python3"
        text = f"{IMPORTED}\nprint('sqlite3' in sys.modules, '_distutils_hack' in sys.modules)"
        assert run_warm(box, script(box, text, shebang), shebang).stdout == b"True\nTrue False\n"
        assert "no_such_module" not in box.errors()
    finally:
        box.close()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ("pyvenv.cfg", "home = /opt/ext/nowhere\n"),
        ("pyvenv.cfg", "HOME=/bin\nhome = /usr/bin\n"),
        ("pyvenv.cfg", "version = 3\n"),
        ("pyvenv.cfg", "#" * (1 << 17) + "\nhome = /usr/bin\n"),
        ("pyvenv.cfg", "home = /usr/bin\n\udcff"),
        ("pyvenv.cfg", None),
        ("bin/pyvenv.cfg", "home = /usr/bin\n"),
        ("bin/python3._pth", "/opt/ext/own\n"),
    ],
)
def test_virtual_environments_of_another_interpreter(tmp_path, changed, text):
    """What they say of themselves decides where even the standard library is."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "pyvenv.cfg").write_text("include-system-site-packages = false\nHome = /usr/bin \nhome = /other\n")
    script = tmp_path / "script"
    script.write_text(f"#!{tmp_path}/bin/python3 -I\n")
    own = ["/usr/bin/python3.11", "-I"]
    assert read(str(script).encode(), own, of_venv=True).venv == f"{tmp_path}/bin/python3"
    assert read(str(script).encode(), own) == UNREADABLE
    if text is None:
        (tmp_path / changed).unlink()
    else:
        (tmp_path / changed).write_bytes(text.encode(errors="surrogateescape"))
    assert read(str(script).encode(), own, of_venv=True) == UNREADABLE


def test_the_first_interpreter_in_the_path_or_none(tmp_path):
    """What `env` finds is run, and nothing that comes behind it."""
    folders = [tmp_path / name for name in ("empty", "first", "second")]
    for folder in folders:
        folder.mkdir()
    path = ":".join(map(str, folders))
    request = {"script": ["python3"], "mount_at": "/opt/ext", "argv": ["/opt/ext/script"]}
    (tmp_path / "script").touch()
    tree = os.open(tmp_path, os.O_RDONLY)
    try:
        (folders[2] / "python3").touch(0o755)
        assert kind_of(request, tree, path) == Kind(str(folders[2] / "python3"), ("python3",), "/opt/ext")
        (folders[1] / "python3").touch()
        (folders[1] / "python3").chmod(0o775)  # others than the host's administrator may change it
        assert kind_of(request, tree, path) is None
    finally:
        os.close(tree)


@pytest.mark.parametrize(
    ("name", "said"),
    [("queue.py", b"/beside-"), ("json/__init__.py", b"/beside-"), ("argparse.pyc", b"bad magic number")],
)
def test_modules_of_the_scripts_own_with_names_of_warm_ones(sandbox, name, said):
    place, module = f"beside-{name.partition('.')[0]}", name.partition(".")[0].partition("/")[0]
    (sandbox.tree / place / name).parent.mkdir(parents=True)
    for folder in (sandbox.tree / place / name).relative_to(sandbox.tree).parents:
        (sandbox.tree / folder).chmod(0o755)
    sandbox.add("", f"{place}/{name}", 0o644)
    text = f"import sys\ntry:\n    import {module}; print({module}.__file__)\nexcept ImportError as e: print(e)\nprint(sys.flags)"
    assert said in assert_same(sandbox, script(sandbox, text, name=f"{place}/script")).stdout
    isolated = f"{SHEBANG} -I"
    assert b"/usr/" in assert_same(sandbox, script(sandbox, text, isolated, name=f"{place}/isolated"), isolated).stdout


@pytest.mark.parametrize(
    ("wanted", "warms", "told"),
    [(True, True, "are run in copies"), (True, False, "lacks clone3"), (False, False, "GRAFT_ZYGOTES is off")],
)
def test_the_doctor_tells_of_them(wanted, warms, told):
    finding = warm_finding(wanted=wanted, warms=warms)
    assert finding.ok
    assert told in finding.detail


def test_without_any():
    box = with_options(zygotes=False)
    try:
        command = dataclasses.replace(script(box, PROBE), zygote=True)
        assert {box.run(afresh(command)).stdout for _round in range(4)} == {IS_EXECUTED}
    finally:
        box.close()


def test_recycled_after_so_many_calls_and_modules_ahead():
    box = with_options(zygote_calls=5, preload=["sqlite3"])
    try:
        box.warm_up(SHEBANG)
        command = script(box, "import sys; print(hash('x'), 'sqlite3' in sys.modules)")
        said = {box.run(afresh(command, zygote=True)).stdout.split()[0] for _round in range(60)}
        assert len(said) > 1
        outcome = box.run(afresh(command, zygote=True))
        assert outcome.stdout.split()[1] == b"True", outcome
    finally:
        box.close()


def test_recycled_when_it_is_old():
    box = with_options(zygote_age=0.2)
    try:
        box.warm_up(SHEBANG)
        command = script(box, ADDRESSES)
        said = set()
        for _round in range(400):
            said.add(box.run(afresh(command, zygote=True)).stdout)
            if len(said) > 1:
                break
        assert len(said) > 1
    finally:
        box.close()


def test_recycled_when_a_file_changes(tmp_path, monkeypatch):
    """The interpreter's own is looked at for each call, modules' once in a while."""
    monkeypatch.setattr(zygotes, "LOOK", 0.0)
    interpreter, module = tmp_path / "python3", tmp_path / "module.py"
    for file in (interpreter, module):
        file.write_text("1")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        zygote = zygotes.Zygote(Kind(str(interpreter), ("python3",), "/opt/ext"), 1, ours)
        zygote.files = {str(module): zygotes.signature_of(str(module)), str(tmp_path / "absent"): None}
        assert not zygote.has_changed()
        for change in (
            lambda: module.write_text("22"),
            module.unlink,
            (tmp_path / "absent").touch,
            lambda: interpreter.rename(tmp_path / "before"),
        ):
            before = zygote.files
            change()
            assert zygote.has_changed()
            zygote.files = {file: zygotes.signature_of(file) for file in before}


def test_a_module_ahead_that_starts_a_thread(tmp_path):
    """A copy has one thread, and whatever the others have locked stays locked in it."""
    (tmp_path / "threaded.py").write_text("import threading\nthreading.Thread(target=input, daemon=True).start()\n")
    text = (
        f"import sys; sys.path += [{str(tmp_path)!r}, {str(PROJECT)!r}]\n"
        "from dispatcher_service.engines.launcher.zygote import waiting\n"
        "zygote = waiting.Zygote.__new__(waiting.Zygote)\n"
        "for preload in ([], ['threaded']):\n"
        "    zygote.profile = {'preload': preload, 'venv': False, 'inner': 0}\n"
        "    zygote.warm_up()\n"
    )
    with subprocess.Popen([PYTHON, "-c", text], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert "ImportError: a module has started a thread" in process.communicate("", timeout=60)[1]


def test_a_module_ahead_that_is_not_there():
    box = with_options(preload=["no_such_module"])
    try:
        command = dataclasses.replace(script(box, PROBE), zygote=True)
        for _round in range(300):
            assert box.run(afresh(command)).stdout == IS_EXECUTED
            if "no_such_module" in box.errors():
                break
        assert "state=failed" in box.errors()
        assert "No module named 'no_such_module'" in box.errors()
    finally:
        box.close()
