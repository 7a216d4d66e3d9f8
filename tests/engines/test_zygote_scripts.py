"""What a script does and sees in a warm interpreter's copy is what it does and sees when it is executed."""

from __future__ import annotations

import json
import zipfile

import pytest

from isolation.conftest import USERS
from isolation.sandbox import Sandbox
from support.interpreters import SHEBANG, assert_same, lay_venv, run_both, script

ENDS = {
    "nothing": "",
    "falls off": "print('done')",
    "exit": "import sys; sys.exit()",
    "exit None": "import sys; sys.exit(None)",
    "exit 0": "import sys; sys.exit(0)",
    "exit 3": "import sys; sys.exit(3)",
    "exit -1": "import sys; sys.exit(-1)",
    "exit 256": "import sys; sys.exit(256)",
    "exit large": "import sys; sys.exit(1 << 70)",
    "exit large and negative": "import sys; sys.exit(-(1 << 70) - 5)",
    "exit true": "import sys; sys.exit(True)",
    "exit text": "import sys; print('out'); sys.exit('it went wrong: \\u00fc')",
    "exit list": "import sys; sys.exit([1, 2])",
    "exit pair": "import sys; sys.exit(1, 2)",
    "exit tuple": "import sys; sys.exit((1, 2))",
    "exit float": "import sys; sys.exit(2.5)",
    "exit empty text": "import sys; sys.exit('')",
    "exit exception": "import sys; sys.exit(ValueError('x'))",
    "exit without a text": "class No:\n    def __str__(self): raise ValueError('no text')\nraise SystemExit(No())",
    "exit by builtin": "exit(4)",
    "quit": "quit('bye')",
    "exit with other code": "e = SystemExit(5); e.code = 6; raise e",
    "exit of a class": "raise SystemExit",
    "exit of a subclass": "class Own(SystemExit): pass\nraise Own(7)",
    "exit in finally": "import sys\ntry:\n    sys.exit(3)\nfinally:\n    print('finally')",
    "os._exit": "import os; print('lost'); os._exit(9)",
    "os.abort": "import os; print('lost'); os.abort()",
    "SIGKILL": "import os; print('flushed', flush=True); os.kill(os.getpid(), 9)",
    "SIGTERM": "import os; print('lost'); os.kill(os.getpid(), 15)",
    "SIGINT": "import os, time; print('kept'); os.kill(os.getpid(), 2); time.sleep(5)",
    "SIGSEGV": "import ctypes; ctypes.string_at(0)",
    "SIGPIPE is ignored": "import os; os.kill(os.getpid(), 13); print('alive')",
    "own handler": "import os, signal; signal.signal(15, lambda *_: print('told')); os.kill(os.getpid(), 15)",
    "alarm": "import signal, time; signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(5)",
    "exception": "def f(x):\n    return 1 / x\nprint('before')\nf(0)",
    "exception without text": "raise ValueError",
    "exception of several lines": "raise ValueError('one\\ntwo\\n')",
    "chained": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e",
    "in handling": "try:\n    {}['a']\nexcept KeyError:\n    [][1]",
    "suppressed": "try:\n    {}['a']\nexcept KeyError:\n    raise ValueError('b') from None",
    "note": "e = ValueError('a'); e.add_note('a note'); raise e",
    "group": "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])",
    "deep": "def f(n):\n    if n: f(n - 1)\n    else: raise RuntimeError('deep')\nf(20)",
    "suggestion": "import os\nos.getpit()",
    "name": "value = 1\nprint(valeu)",
    "assertion": "assert 1 == 2, 'no'",
    "no text of an exception": "class Bad(Exception):\n    def __str__(self): raise TypeError('x')\nraise Bad",
    "exception's traceback by hand": "raise ValueError('x').with_traceback(None)",
    "SyntaxError": "print('never')\ndef f(:\n    pass",
    "IndentationError": "if True:\nprint(1)",
    "TabError": "if True:\n\tprint(1)\n        print(2)",
    "unterminated": "x = '''abc",
    "SyntaxError of compile": "compile('a b', '<own>', 'exec')",
    "SyntaxError of a symbol": "return 5",
    "nonlocal": "nonlocal x",
    "SyntaxWarning": "x = 1 is 1\nprint('\\d' == '\\\\d')",
    "KeyboardInterrupt": "import atexit; atexit.register(print, 'exits'); print('kept'); raise KeyboardInterrupt",
    "GeneratorExit": "raise GeneratorExit",
    "BaseException": "raise BaseException('b')",
    "excepthook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__, a[1], a[2].tb_lineno)\n1 / 0",
    "failing excepthook": "import sys\ndef hook(*a):\n    raise KeyError('in the hook')\nsys.excepthook = hook\n1 / 0",
    "excepthook that exits": "import sys\nsys.excepthook = lambda *a: sys.exit(44)\n1 / 0",
    "no excepthook": "import sys\ndel sys.excepthook\n1 / 0",
    "excepthook is none": "import sys\nsys.excepthook = None\n1 / 0",
    "no stderr": "import sys\nsys.stderr = None\n1 / 0",
    "exit text without stderr": "import sys\nsys.stderr = None\nsys.exit('lost')",
    "own stderr": "import io, sys\nsys.stderr = io.StringIO()\n1 / 0",
    "tracebacklimit": "import sys\nsys.tracebacklimit = 1\ndef f(): g()\ndef g(): 1 / 0\nf()",
    "last exception": "import atexit, sys\natexit.register(lambda: print(sys.last_type, sys.last_value, sys.last_traceback.tb_lineno))\n1 / 0",
    "last exception of an exit": "import atexit, sys\natexit.register(lambda: print(hasattr(sys, 'last_type')))\nsys.exit(1)",
    "atexit": "import atexit\nfor n in range(3):\n    atexit.register(print, 'exit', n)\nprint('main')",
    "atexit that fails": "import atexit\natexit.register(print, 'last')\natexit.register(lambda: 1 / 0)\nprint('main')",
    "atexit that exits": "import atexit, sys\natexit.register(print, 'last')\natexit.register(lambda: sys.exit(7))",
    "atexit in atexit": "import atexit\natexit.register(lambda: atexit.register(print, 'inner'))",
    "atexit after an exception": "import atexit\natexit.register(print, 'exits')\n1 / 0",
    "threads": "import threading, time\ndef f():\n    time.sleep(0.05)\n    print('thread')\nthreading.Thread(target=f).start()\nprint('main')",
    "threads and exit": "import threading, time, sys, atexit\natexit.register(print, 'exits')\nthreading.Thread(target=lambda: (time.sleep(0.05), print('thread'))).start()\nsys.exit(3)",
    "thread that fails": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T')\nt.start(); t.join()",
    "thread that exits": "import threading, sys\nt = threading.Thread(target=sys.exit, args=(3,))\nt.start(); t.join()\nprint('main')",
    "daemon thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(100,), daemon=True).start()\nprint('main')",
    "thread by hand": "import _thread, time\n_thread.start_new_thread(time.sleep, (100,))\nprint('main')",
    "threading.excepthook": "import threading\nthreading.excepthook = lambda a: print('hook', a.exc_type)\nt = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
    "timer": "import threading\nthreading.Timer(0.05, print, ['timer']).start()\nprint('main')",
    "executor": "import concurrent.futures as c\ne = c.ThreadPoolExecutor(2)\nf = [e.submit(pow, n, 2) for n in range(5)]\nprint([x.result() for x in f])",
    "executor left": "import concurrent.futures as c, time\nc.ThreadPoolExecutor(2).submit(lambda: (time.sleep(0.05), print('worked')))\nprint('main')",
    "thread at the end": "import atexit, threading\natexit.register(lambda: threading.Thread(target=print, args=('late',)).start())",
    "__del__": "class A:\n    def __del__(self): print('gone')\na = A()",
    "__del__ order": "class A:\n    def __init__(self, n): self.n = n\n    def __del__(self): print('gone', self.n)\nx = A('x'); _y = A('_y'); z = A('z'); __w = A('__w')",
    "__del__ in a cycle": "class A:\n    def __del__(self): print('gone')\na = A(); a.a = a",
    "__del__ sees globals": "import os\nclass A:\n    def __del__(self): print(os is None, print is None, A)\na = A()",
    "__del__ of a function's default": "class A:\n    def __del__(self): print('gone')\ndef f(a=A()): pass",
    "__del__ in sys": "import sys\nclass A:\n    def __del__(self): print('gone')\nsys.own = A()",
    "finalize": "import weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'finalized')",
    "generator": "def g():\n    try:\n        yield\n    finally:\n        print('closed')\nx = g(); next(x)",
    "coroutine never awaited": "async def f(): pass\nf()",
    "async generator": "import asyncio\nasync def g():\n    try:\n        yield 1\n    finally:\n        print('closed')\nasync def main():\n    async for x in g():\n        print(x); break\nasyncio.run(main())",
    "open file": "f = open('/dev/stdout', 'w'); f.write('kept')",
    "print without newline": "print('x', end='')",
    "print much": "print('x' * 100000)",
    "stdout closed": "import sys; print('x'); sys.stdout.close()",
    "stdout closed by number": "import os; print('x'); os.close(1)",
    "stderr closed by number": "import os, sys; sys.stderr.write('x'); os.close(2); 1 / 0",
    "stdout and stderr closed": "import os; print('x'); os.close(1); os.close(2)",
    "stdout is none": "import sys; print('x', flush=True); sys.stdout = None; print('y')",
    "stdout deleted": "import sys; print('x'); del sys.stdout",
    "own stdout": "import io, sys; sys.stdout = io.StringIO(); print('lost')",
    "own stdout on the file": "import sys; sys.stdout = open(1, 'w', closefd=False); print('kept')",
    "own stdout that cannot flush": "import sys\nclass S:\n    closed = False\n    def write(self, t): pass\n    def flush(self): raise ValueError('no')\nsys.stdout = S()",
    "own stderr that cannot flush": "import sys\nclass S:\n    closed = False\n    def write(self, t): pass\n    def flush(self): raise ValueError('no')\nsys.stderr = S()",
    "detached stdout": "import sys; print('x'); sys.stdout.detach().write(b'y')",
    "redirected": "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as f:\n    print('in')\nprint(f.getvalue().upper())",
    "redirected by dup2": "import os\nfd = os.open('/tmp/out', os.O_RDWR | os.O_CREAT)\nkept = os.dup(1)\nos.dup2(fd, 1); print('to the file', flush=True); os.dup2(kept, 1)\nprint(open('/tmp/out').read())",
    "reconfigured": "import sys; sys.stdout.reconfigure(encoding='latin-1', newline='\\r\\n'); print('\\u00fc')",
    "binary": "import sys; sys.stdout.buffer.write(bytes(range(256)))",
    "binary and text": "import sys; print('a'); sys.stdout.buffer.write(b'b\\n'); sys.stdout.flush(); print('c')",
    "surrogates to stdout": "print('\\udcff')",
    "surrogates to stderr": "import sys; sys.stderr.write('\\udcff\\n')",
    "stderr is line buffered": "import os, sys; sys.stderr.write('a\\nb'); os._exit(0)",
    "broken pipe": "import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1); print('x')",
    "broken pipe and an exit": "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1); print('x'); sys.exit(3)",
    "broken pipe and an exception": "import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1); print('x'); 1 / 0",
    "broken pipe at once": "import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1); print('x', flush=True)",
    "full": "import os; os.dup2(os.open('/dev/full', 1), 1) if os.path.exists('/dev/full') else 0; print('x')",
    "fork and both end": "import os, sys\npid = os.fork()\nif pid == 0:\n    print('child'); sys.exit(3)\nprint(os.waitpid(pid, 0)[1]); print('parent')",
    "fork and buffered": "import os\nprint('twice')\nif os.fork() == 0: os._exit(0)\nos.wait()",
    "fork and child returns": "import os, atexit\natexit.register(print, 'exits')\nif os.fork(): os.wait()",
    "exec": "import os; print('lost'); os.execv('/bin/echo', ['echo', 'executed'])",
    "exec itself": "import os, sys\nif len(sys.argv) < 5: os.execv(sys.argv[0], [*sys.argv, 'again'])\nprint(sys.argv[1:])",
    "warning": "import warnings; warnings.warn('careful'); print('x')",
    "deprecated": "import warnings; warnings.warn('old', DeprecationWarning)",
    "resource warning": "import warnings; warnings.simplefilter('always'); open('/tmp/a', 'w')",
    "warning as error": "import warnings; warnings.simplefilter('error'); warnings.warn('x')",
    "unraisable hook": "import sys\nsys.unraisablehook = lambda a: print('unraisable', a.exc_type)\nclass A:\n    def __del__(self): 1 / 0\na = A(); del a",
    "trace function": "import sys\ndef t(f, e, a):\n    if e == 'call': print(f.f_code.co_name)\nsys.settrace(t)\ndef f(): pass\nf()",
    "profile function": "import sys\nsys.setprofile(lambda f, e, a: None)\nprint('x')",
    "garbage told": "import gc; print(gc.garbage, gc.get_debug())",
    "module replaced": "import sys, types; sys.modules['__main__'] = types.ModuleType('other'); print(__name__)",
    "modules cleared": "import sys; print('x'); sys.modules.clear()",
    "names cleared": "print('x'); globals().clear()",
    "builtins broken": "import builtins; builtins.print = None; builtins.open = None; builtins.len = None",
    "audit hook": "import sys; sys.addaudithook(lambda e, a: None); print('x')",
    "frames of a script": "import sys, traceback\ndef f(): return traceback.format_stack(limit=-1)\nprint(sys._getframe().f_code.co_name, sys._getframe().f_lineno)",
    "logging": "import logging; logging.warning('w'); logging.basicConfig(level=10); logging.info('%s', 'i'); logging.error('e')",
    "logging of an exception": "import logging\ntry:\n    1 / 0\nexcept Exception:\n    logging.exception('x')",
}  # fmt: skip
READS = {
    "text": "import sys; print(repr(sys.stdin.read()))",
    "lines": "import sys\nfor line in sys.stdin: print(repr(line))",
    "input": "print(repr(input()), repr(input('prompt ')))",
    "input beyond the end": "while True: input()",
    "binary": "import sys; print(sys.stdin.buffer.read())",
    "descriptor": "import os; print(os.read(0, 5), os.read(0, 100000)[-5:])",
    "mixed": "import os, sys; print(sys.stdin.readline()); print(len(os.read(0, 100)))",
    "fileinput": "import fileinput, sys; sys.argv[1:] = []\nfor line in fileinput.input(): print(fileinput.lineno(), repr(line))",
    "dev": "print(open('/dev/stdin', 'rb').read())",
    "proc": "print(open('/proc/self/fd/0', 'rb').read())",
    "seek": "import sys; a = sys.stdin.read(); sys.stdin.seek(0); print(a == sys.stdin.read(), sys.stdin.tell())",
    "size": "import os; print(os.fstat(0).st_size, os.lseek(0, 0, 1))",
    "child": "import subprocess; print(subprocess.run(['cat'], capture_output=True).stdout)",
    "none of it": "print('x')",
    "closed": "import sys; sys.stdin.close(); print('x')",
    "mmap": "import mmap; print(mmap.mmap(0, 0, access=mmap.ACCESS_READ)[:])",
    "write": "import os; os.write(0, b'x')",
    "xmlrpc": "import sys, xmlrpc.client; print(xmlrpc.client.loads(sys.stdin.buffer.read()))",
}
INPUTS = {
    "xmlrpc": b"<?xml version='1.0'?>\n<methodCall><methodName>a.b</methodName><params><param><value><int>5</int></value></param></params></methodCall>\n"
}
TEXT = "line one\r\nz\u00fcrich\n\nlast without end".encode()
USES = {
    "pickle of an own class": "import pickle\nclass A:\n    x = 1\n    def __eq__(self, o): return type(o) is A\nprint(pickle.loads(pickle.dumps(A())) == A(), pickle.dumps(A()))",
    "main by import": "import __main__, sys; print(__main__.__dict__ is globals(), sys.modules['__main__'] is __main__, __main__)",
    "main by name": "if __name__ == '__main__':\n    print(__name__, __spec__, __package__, __doc__)",
    "docstring": "'''The doc.'''\nprint(__doc__)",
    "annotations": "x: int = 5\nprint(__annotations__)",
    "future": "from __future__ import annotations\ndef f(x: unknown): pass\nprint(f.__annotations__)",
    "no future": "def f(x: 'unknown', y: int): pass\nprint(f.__annotations__)\nprint(eval('f\"{1}\"'))",
    "dataclass": "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int\nprint(A(1))",
    "source": "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f), inspect.getfile(f), inspect.getmodule(f))",
    "loader's source": "print(__loader__.get_source('__main__') == open(__file__).read(), __loader__.path, __loader__.name)",
    "frames of a traceback": "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError as e:\n    print(traceback.format_exc(), len(traceback.extract_tb(e.__traceback__)))",
    "local import": "import beside; print(beside.__file__, beside.__name__, beside.__spec__.origin, beside.__cached__)",
    "package beside": "from package.inner import name; import package; print(name, package.__path__)",
    "no module": "import absent_module",
    "import error in a module": "import failing",
    "shadowed module": "import colorsys; print(colorsys.__file__)",
    "late path": "import sys; sys.path.append('/opt/ext/more'); import further; print(further.__file__)",
    "runpy": "import runpy; print(runpy.run_path('/opt/ext/beside.py')['__name__'])",
    "run itself as a module": "import runpy, sys\nif __name__ == '__main__': print(sorted(runpy.run_path(__file__, run_name='x')))",
    "importlib.reload": "import importlib, beside; print(importlib.reload(beside) is beside)",
    "importlib.resources": "import importlib.resources as r, package; print((r.files(package) / 'inner.py').read_text())",
    "pkgutil": "import pkgutil; print(sorted(m.name for m in pkgutil.iter_modules(['/opt/ext'])))",
    "exec of code": "exec('x = 5'); print(x); print(eval('x + 1'))",
    "fork pool": "import multiprocessing as m\ndef f(x): return x * x\nif __name__ == '__main__':\n    with m.get_context('fork').Pool(2) as p: print(p.map(f, range(5)))",
    "spawned process": "import multiprocessing as m\ndef f(q, x): q.put(x * x)\nif __name__ == '__main__':\n    c = m.get_context('spawn'); q = c.SimpleQueue()\n    p = c.Process(target=f, args=(q, 7)); p.start(); print(q.get()); p.join(); print(p.exitcode)",
    "forked process": "import multiprocessing as m, os\ndef f(x): print('child', x, m.current_process().name, m.parent_process().pid == os.getppid())\nif __name__ == '__main__':\n    c = m.get_context('fork'); p = c.Process(target=f, args=(7,)); p.start(); p.join(); print(p.exitcode, m.current_process().name)",
    "subprocess": "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'import sys; print(sys.flags, sys.path)'], capture_output=True))",
    "subprocess shell": "import subprocess; print(subprocess.run('echo $PATH; ulimit -a; umask; env | sort | grep -v ^_=', shell=True, capture_output=True))",
    "subprocess's signals": "import subprocess; print(subprocess.run(['grep', '^Sig[BI]', '/proc/self/status'], capture_output=True).stdout)",
    "subprocess timeout": "import subprocess\ntry:\n    subprocess.run(['sleep', '9'], timeout=0.1)\nexcept subprocess.TimeoutExpired as e:\n    print(e.cmd)",
    "system": "import os; print(os.system('exit 3'), os.popen('echo hi').read())",
    "asyncio": "import asyncio\nasync def main():\n    p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=-1)\n    print(await p.communicate(), await asyncio.gather(*(asyncio.sleep(0.01, n) for n in range(3))))\nasyncio.run(main())",
    "asyncio in thread": "import asyncio\nprint(asyncio.run(asyncio.to_thread(sum, [1, 2])))",
    "temporary": "import tempfile, os\nwith tempfile.TemporaryDirectory() as d: print(os.path.dirname(d), len(d), os.listdir('/tmp') == [os.path.basename(d)])",
    "locale": "import locale, time\nlocale.setlocale(locale.LC_ALL, ''); print(locale.getlocale(), time.tzname, time.timezone)",
    "path": "import os, pathlib; print(os.getcwd(), pathlib.Path.cwd(), os.path.expanduser('~'), pathlib.Path.home())",
    "user": "import getpass, pwd, os\nprint(pwd.getpwuid(os.getuid()))\nprint(getpass.getuser())",
    "platform": "import platform; print(platform.platform(), platform.node(), platform.python_implementation())",
    "tracemalloc": "import tracemalloc; print(tracemalloc.is_tracing()); tracemalloc.start(); x = [0] * 1000; print(tracemalloc.get_traced_memory()[0] > 8000)",
    "recursion": "def f(n):\n    return n if n == 0 else f(n - 1)\nprint(f(900))",
    "threads' names": "import threading; print(threading.current_thread(), threading.Thread().name) if 0 else print(threading.Thread().name)",
    "zlib": "import zlib, hashlib, ssl, sqlite3, ctypes, bz2, lzma; print(hashlib.md5(b'x').hexdigest(), sqlite3.connect(':memory:').execute('select 1').fetchall())",
    "argparse": "import argparse\np = argparse.ArgumentParser(); p.add_argument('--xmlrpc', action='store_true'); p.add_argument('--no', required=True)\np.parse_args()",
    "optparse help": "import argparse\nargparse.ArgumentParser(description='d').parse_args(['-h'])",
    "getopt": "import getopt, sys; print(getopt.getopt(sys.argv[1:], '', ['xmlrpc']))",
    "signals": "import signal; print([(n, signal.getsignal(n)) for n in signal.valid_signals() if signal.getsignal(n)], signal.default_int_handler)".replace(", signal.default_int_handler", ""),
    "umask": "import os; f = os.open('/tmp/a', os.O_CREAT | os.O_WRONLY); print(oct(os.fstat(f).st_mode))",
    "dis": "import dis\ndef f(): return 1\ndis.dis(f)",
    "unittest": "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(1, 1)\nunittest.main(argv=['x'], exit=False) if 0 else print(unittest.defaultTestLoader.loadTestsFromName('__main__').countTestCases())",
    "doctest": "'''\n>>> 1 + 1\n2\n'''\nimport doctest; print(doctest.testmod())",
    "shelve": "import shelve\nwith shelve.open('/tmp/s') as s: s['a'] = [1]; print(s['a'])",
    "typing": "import typing\nclass P(typing.NamedTuple):\n    x: 'int'\nprint(typing.get_type_hints(P))",
    "enum": "import enum\nclass E(enum.Enum):\n    A = 1\nprint(E.A, repr(E.A), E.__module__)",
    "abc caches": "import collections.abc\nclass A:\n    def __len__(self): return 1\nprint(isinstance(A(), collections.abc.Sized))",
    "sockets": "import socket; a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1), socket.getdefaulttimeout())",
    "urllib": "import urllib.request; print(urllib.request._opener)",
    "regular expressions": "import re; print(re.sub('(a+)', r'<\\\\1>', 'caat'), len(re._cache))".replace(", len(re._cache)", ""),
    "decimal": "import decimal; print(decimal.getcontext())",
    "calendar": "import calendar; print(calendar.month(2024, 2))",
    "contextvars": "import contextvars; v = contextvars.ContextVar('v', default=1); print(v.get(), list(contextvars.copy_context()))",
    "encodings": "print('\\u00e4'.encode('cp1252'), 'x'.encode('idna'), b'x'.decode('utf-16-le', 'ignore'))",
    "site": "import site; print(site.getsitepackages(), site.getusersitepackages(), site.ENABLE_USER_SITE)",
    "help": "help(len)",
    "license": "print(repr(exit), repr(copyright)[:20])",
    "displayhook": "import sys; sys.displayhook(5); print(_)",
    "breakpoint": "breakpoint()",
    "bytecode": "import beside, os; print(os.path.exists('/opt/ext/__pycache__'))",
    "locks that tell of a death": "import ctypes, os\nhead, size = ctypes.c_void_p(), ctypes.c_size_t()\nnumber = 274 if os.uname().machine == 'x86_64' else 100\nprint(ctypes.CDLL(None).syscall(number, 0, ctypes.byref(head), ctypes.byref(size)), bool(head.value), size.value)",
    "zip import": "import sys; sys.path.insert(0, '/opt/ext/library.zip'); import zipped; print(zipped.__file__)",
}  # fmt: skip
BESIDE = {
    "beside.py": "WHO = __name__\n",
    "package/__init__.py": "",
    "package/inner.py": "name = __name__\n",
    "failing.py": "def f():\n    raise ValueError('in a module')\nf()\n",
    "colorsys.py": "",
    "more/further.py": "",
}
TEXTS = {
    "latin-1": b"# -*- coding: latin-1 -*-\nprint(ascii('z\xfcrich'))\n",
    "latin-1 of vim's": b"# vim: set fileencoding=iso-8859-15 :\nprint(ascii('\xa4'))\n",
    "not UTF-8": b"print('z\xfcrich')\n",
    "not UTF-8 in a comment": b"# z\xfcrich\nprint(1)\n",
    "unknown coding": b"# coding: no-such\nprint(1)\n",
    "coding of another line": b"\n\n# coding: latin-1\nprint(ascii('z\xc3\xbcrich'))\n",
    "form feed and tabs": b"\x0cprint(1)\nif 1:\n\tprint(2)\n",
    "line ends of DOS": b"x = '''a\r\nb'''\r\nprint(repr(x))\r\n",
    "line ends of old Macs": b"print(1)\rprint(2)\r",
    "no end": b"print(1)",
    "backslash at the end": b"print(1)\n\\",
    "NUL": b"print(1)\n\x00print(2)\n",
    "NUL in a text": b"print(repr('a\x00b'))\n",
    "ctrl-Z": b"print(1)\n\x1aprint(2)\n",
    "a long line": b"x = " + b"1 + " * 2000 + b"1\nprint(x)\n",
    "many lines": b"x = 0\n" + b"x += 1\n" * 5000 + b"print(x)\n",
    "5 MiB of comment": b"#" + b"x" * (5 << 20) + b"\nprint(1)\n",
    "deep nesting": b"(" * 300 + b")" * 300 + b"\n",
    "UTF-8": "\u00fcber = '\U0001f600'\nprint(ascii(\u00fcber))\n1 / 0  # \u00e4\n".encode(),
    "wide characters in a SyntaxError": "x = '\u4e2d\u6587' $\n".encode(),
    "only a first line": b"",
}  # fmt: skip
DIFFERS = {
    "parent": ("import os; print(os.getppid())", "0\n", "1\n"),
    "session": (
        "import os\ntry:\n    os.setsid(); print('own')\nexcept PermissionError: print(os.getsid(0) == os.getpid() == os.getpgrp())",
        "True\n",
        "own\n",
    ),
    "modules": ("import sys; print('xmlrpc.client' in sys.modules)", "True\n", "False\n"),
    "frames below the script's": ("import sys; print(sys._getframe().f_back is None)", "False\n", "True\n"),
    "recursion": (
        "def f(n):\n    try:\n        return f(n + 1)\n    except RecursionError:\n        return n\nprint(f(0) > 990)",
        "False\n",
        "True\n",
    ),
    "objects that are not looked at": ("import gc; print(gc.get_freeze_count() > 0)", "True\n", "False\n"),
    "objects left in modules": (
        "import json\nclass A:\n    def __del__(self): print('gone')\njson.own = A()",
        "",
        "gone\n",
    ),
}
"""What it prints warm, and executed."""
SEES = """
import os, sys
first = {name: str(value) for name, value in list(globals().items()) if name != "__loader__"}
order = list(globals())
import builtins, fcntl, gc, json, locale, logging, platform, re, resource, signal, site, stat, sysconfig, tempfile, threading, warnings

def of_stream(stream, first):
    number = stream.fileno()
    state = os.fstat(number)
    return [
        repr(stream), stream.encoding, stream.errors, stream.newlines, stream.line_buffering, stream.write_through,
        stream.isatty(), number, stream.readable(), stream.writable(), stream.seekable(), stream.name, stream.mode,
        stream.closed, repr(stream.buffer), stream.buffer.mode, repr(getattr(stream.buffer, "raw", None)), stream is first,
        os.get_inheritable(number), oct(state.st_mode), state.st_size, state.st_uid, fcntl.fcntl(number, fcntl.F_GETFL),
        os.readlink(f"/proc/self/fd/{number}").partition("[")[0],
    ]

def of_file(path):
    try:
        return repr(open(path, "rb").read())
    except OSError as error:
        return repr(error)

SYS = (
    "argv path executable flags orig_argv prefix exec_prefix base_prefix base_exec_prefix version platlibdir warnoptions "
    "_xoptions dont_write_bytecode pycache_prefix hash_info thread_info float_info _base_executable abiflags api_version "
    "tracebacklimit last_type last_value last_traceback ps1 ps2 excepthook displayhook breakpointhook unraisablehook"
)
status = dict(line.rstrip("\\n").split(":", 1) for line in open("/proc/self/status"))
unlike = [name for name in status if name.startswith(("Vm", "Rss", "voluntary", "nonvoluntary", "PPid", "NSpgid", "NSsid"))]
umask = os.umask(0)
os.umask(umask)
main = sys.modules["__main__"]
print(json.dumps({
    "names": first, "order": order, "main": [repr(main), main.__dict__ is globals(), repr(main.__annotations__)],
    "loader": [__loader__.name, __loader__.path, type(__loader__).__name__],
    "sys": {name: repr(getattr(sys, name, "absent")) for name in SYS.split()}, "names of sys": sorted(vars(sys)),
    "importers": [re.sub("0x[0-9a-f]*", "", repr(sys.meta_path)), len(sys.path_hooks)],
    "builtins": sorted(vars(builtins)),
    "settings": [
        sys.getrecursionlimit(), sys.getswitchinterval(), sys.getdefaultencoding(), sys.getfilesystemencoding(),
        sys.getfilesystemencodeerrors(), repr(sys.gettrace()), sys.getdlopenflags(), sys.get_int_max_str_digits(),
        repr(sys.get_asyncgen_hooks()), gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.callbacks,
    ],
    "environment": [dict(os.environ), repr(sorted(os.environb.items()))],
    "streams": [
        of_stream(sys.stdin, sys.__stdin__), of_stream(sys.stdout, sys.__stdout__), of_stream(sys.stderr, sys.__stderr__)
    ],
    "position": [sys.stdin.tell(), os.lseek(0, 0, 1)],
    "descriptors": len(os.listdir("/proc/self/fd")),
    "folders": [os.getcwd(), os.readlink("/proc/self/cwd"), os.readlink("/proc/self/root"), os.readlink("/proc/self/exe")],
    "umask": umask,
    "users": [os.getresuid(), os.getresgid(), os.getgroups()],
    "number": [os.getpid(), threading.get_native_id(), threading.main_thread().native_id],
    "signals": {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
    "more of signals": [
        repr(signal.pthread_sigmask(0, [])), repr(signal.sigpending()), signal.set_wakeup_fd(-1),
        [signal.getitimer(which) for which in range(3)],
    ],
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT")},
    "priority": [os.getpriority(0, 0), os.sched_getscheduler(0), len(os.sched_getaffinity(0))],
    "locale": [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(), repr(locale.localeconv())],
    "site": {name: repr(value) for name, value in vars(site).items() if name.isupper()},
    "places": sysconfig.get_paths(),
    "threads": [
        threading.current_thread().name, threading.active_count(), threading.current_thread().ident == threading.get_ident(),
        threading.stack_size(), threading.main_thread() is threading.current_thread(),
    ],
    "warnings": [[repr(entry) for entry in warnings.filters], repr(warnings.onceregistry)],
    "logging": [repr(logging.root), logging.root.handlers, sorted(logging.root.manager.loggerDict)],
    "temporary": tempfile.gettempdir(),
    "status": {name: value for name, value in status.items() if name not in unlike},
    "proc": {
        name: of_file(f"/proc/self/{name}")
        for name in "cmdline environ comm limits oom_score_adj cgroup setgroups timerslack_ns coredump_filter".split()
    },
    "children": [repr(resource.getrusage(resource.RUSAGE_CHILDREN)), sorted(os.listdir("/tmp"))],
    "processes": sorted(name for name in os.listdir("/proc") if name.isdigit()),
    "host": [platform.node(), platform.platform()],
}))
"""


@pytest.fixture(scope="module")
def sandbox():
    made = Sandbox("native", USERS[0])
    for name, text in BESIDE.items():
        (made.tree / name).parent.mkdir(exist_ok=True)
        (made.tree / name).parent.chmod(0o755)
        made.add(text, name, 0o644)
    with zipfile.ZipFile(made.tree / "library.zip", "w") as library:
        library.writestr("zipped.py", "")
    (made.tree / "library.zip").chmod(0o644)
    lay_venv(made.tree / "own", "python")
    lay_venv(made.tree / "all", system=True)
    yield made
    made.close()


@pytest.mark.parametrize("name", ENDS)
def test_ends(sandbox, name):
    assert_same(sandbox, script(sandbox, ENDS[name]))


@pytest.mark.parametrize("name", READS)
def test_reads(sandbox, name):
    assert_same(sandbox, script(sandbox, READS[name], stdin=INPUTS.get(name, TEXT)))


@pytest.mark.parametrize("name", USES)
def test_uses(sandbox, name):
    assert_same(sandbox, script(sandbox, USES[name]))


@pytest.mark.parametrize("name", TEXTS)
def test_texts(sandbox, name):
    assert_same(sandbox, script(sandbox, TEXTS[name]))


@pytest.mark.parametrize("name", DIFFERS)
def test_differs(sandbox, name):
    """As docs/engine-native.md says."""
    text, *wanted = DIFFERS[name]
    for outcome, said in zip(run_both(sandbox, script(sandbox, text)), wanted, strict=True):
        assert outcome.stdout.decode() == said, outcome


@pytest.mark.parametrize(
    "shebang",
    [SHEBANG, "#!/usr/bin/env python3", f"{SHEBANG} -IuB", "#!/opt/ext/own/bin/python", "#!/opt/ext/all/bin/python3"],
)
def test_everything_that_can_be_seen(sandbox, shebang):
    outcomes = run_both(sandbox, script(sandbox, SEES, shebang), shebang)
    assert [outcome.stderr for outcome in outcomes] == [b"", b""]
    warm, plain = (json.loads(outcome.stdout) for outcome in outcomes)
    assert warm == plain
