"""Methods for Graft and xapi: a typed function with a docstring is the extension.

    #!/usr/bin/env python3
    from graft_extension import Failure, method, run

    @method("Volume.resize", role="pool-operator")
    def resize(volume: str, size: int, force: bool = False) -> str:
        '''Grow or shrink a volume.'''
        if volume == "busy":
            raise Failure("VOLUME_IN_USE", volume)
        return "done"

    run()

This one file is all: it lies beside the executables, or is installed. It needs nothing but Python 3.6, and imports
little, since each call starts Python anew. Where Graft asks for it (`@method(…, resident=True)`), the process stays
and answers many calls. `graft declare` reads the same annotations and docstrings, without running
them, and writes the declaration.
"""

import os
import sys
from _thread import _local, allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, Callable, Dict, Generic, Iterable, List, Mapping, NoReturn, Optional, Tuple, TypeVar, Union

    Function = TypeVar("Function", bound=Callable[..., Any])
    Named = TypeVar("Named")
    Names = Union[List[str], Tuple[str, ...]]
    Shape = Tuple[Any, ...]

__version__ = "0.1.0"
__all__ = ["Failure", "Ref", "Session", "answer", "cancelled", "log", "method", "progress", "run", "session"]

_INT64 = 2**63
_VARIADIC = 0x04 | 0x08
_TYPED_VALUES = {"str": "string", "int": "int", "float": "float", "bool": "bool", "datetime": "datetime"}
_WIRE_NAMES = {
    "bool": "boolean",
    "float": "double",
    "str": "string",
    "bytes": "base64",
    "dict": "struct",
    "list": "array",
    "_Date": "dateTime.iso8601",
}
_LISTS = ("List", "Sequence", "list")
_DICTS = ("Dict", "Mapping", "dict")
_NOT_XML = dict.fromkeys([code for code in range(32) if code not in (9, 10, 13)] + [0xFFFE, 0xFFFF])
_NOT_XML.update(dict.fromkeys(range(0xD800, 0xE000)))

_methods = {}  # type: Dict[str, Callable[..., Any]]
_signatures = {}  # type: Dict[str, Tuple[List[Tuple[str, Shape, bool, Any, bool]], Shape]]
"""Of the methods that were called."""
_now = _local()
"""Of the thread: the `session` of the call that it answers, and its `number` where the process stays."""
_calls = {}  # type: Dict[int, bool]
"""Those under way where the process stays, and whether each is cancelled."""
_most = [1]
"""How many calls at once the methods allow, where the process stays."""
_staying = []  # type: List[_Stay]
"""What answers calls where the process stays."""
_RESIDENT = "--graft-resident"
_MAX_LINE = 48
_MAX_FAILURE = 64 << 10


class Failure(Exception):  # noqa: N818 - the word that stands in the answer
    """What the caller is told instead of a value: a code that programs can act on, and its parameters."""

    def __init__(self, code: str, *params: object) -> None:
        super().__init__(code, *params)
        self.code = code
        self.params = [str(param) for param in params]


if TYPE_CHECKING:

    class Ref(str, Generic[Named]):
        """A reference to an object of a class: `Ref["VM"]`, or for type checkers `Ref[Literal["VM"]]`."""

        __slots__ = ()

else:

    class _RefMeta(type):
        def __getitem__(cls, name: "Any") -> type:
            (name,) = getattr(name, "__args__", (name,))
            return _RefMeta(str(name), (Ref,), {"class_name": str(name)})

    class Ref(str, metaclass=_RefMeta):
        """A reference to an object of a class: `Ref["VM"]`, or for type checkers `Ref[Literal["VM"]]`."""

        __slots__ = ()


class Session(str):
    """The caller's session; a parameter with this annotation is given it, and is none for the caller."""

    __slots__ = ()


def session() -> Session:
    """Return the session of the call that is being answered; empty between calls."""
    return Session(getattr(_now, "session", ""))


def cancelled() -> bool:
    """Tell whether nobody waits for the call that is being answered any more, so that a long one may stop.

    Only where the process stays can it tell; else the call's process is ended.
    """
    number = getattr(_now, "number", 0)
    if number in _calls:
        _staying[0].look()
    return _calls.get(number, False)


def progress(part: float) -> None:
    """Tell whoever watches the call's task how far it is, from 0 to 1; nobody, where there is no task."""
    _tell("progress {!r}".format(float(part)))


def log(text: str) -> None:
    """Tell whoever watches the call's task something: one line, of which 1,000 characters count."""
    _tell("log " + " ".join(str(text)[:1000].splitlines()))


def _tell(line: str) -> None:
    fifo = os.environ.get("GRAFT_TASK")
    if not fifo:
        return
    try:
        file = os.open(fifo, os.O_WRONLY)
        try:
            # No longer than what a pipe takes in one piece, so that lines of several threads do not mix.
            os.write(file, (line + "\n").encode("utf-8", "replace"))
        finally:
            os.close(file)
    except OSError:
        pass


def method(
    name: str,
    *,
    role: str = "pool-admin",
    idempotent: bool = False,
    zygote: bool = True,
    resident: "Union[bool, Mapping[str, Union[int, str]]]" = False,
    tag: str = "",
    lifecycle: "Iterable[Tuple[str, ...]]" = (),
    since: "Optional[Mapping[str, str]]" = None,
    secret: "Names" = (),
    public: "Names" = (),
    timeout: "Union[str, float, None]" = None,
    cpu: "Union[str, float, None]" = None,
    memory: "Union[str, int, None]" = None,
    processes: "Optional[int]" = None,
    output: "Union[str, int, None]" = None,
    stderr: "Union[str, int, None]" = None,
    open_files: "Optional[int]" = None,
    file_size: "Union[str, int, None]" = None,
    tmp: "Union[str, int, None]" = None,
    network: str = "none",
    read: "Names" = (),
    write: "Names" = (),
    environment: "Names" = (),
    secrets: "Names" = (),
) -> "Callable[[Function], Function]":
    """Let a function answer the calls of a method; it stays the function that it was.

    All but the name is for the declaration, and must be written out, so that `graft declare` can read it.

    Args:
        name: `Class.method`.
        role: the least role that may call it, or `anyone`.
        idempotent: calling it twice is as good as once.
        zygote: whether a warm interpreter may start it.
        resident: whether its process stays and answers many calls: True, or how, `{"concurrency": 4, "processes": 2,
            "calls": 1000, "age": "1h", "idle": "5min"}`. With a concurrency above 1 functions are called by threads.
        tag: a word for tools.
        lifecycle: `("published", "1.0")`, `("deprecated", "2.0", "use Volume.grow")`.
        since: for parameters that came later, the release.
        secret: parameters whose values are kept out of errors, logs and docs; `return` for the result.
        public: parameters that are no secret at all: audit records tell their values.
        timeout: the longest time that a call may take, `"30s"`; `cpu` the same of processor time.
        cpu: see `timeout`.
        memory: what a call may use at most, `"256MiB"`; so are the following.
        processes: how many at once.
        output: bytes of standard output.
        stderr: bytes of standard error that are kept; it may write more.
        open_files: how many at once.
        file_size: bytes of any one file.
        tmp: bytes in /tmp.
        network: `none`, `loopback` or `outbound`; a request, as all that follows.
        read: paths.
        write: paths.
        environment: names of variables.
        secrets: names of secrets.
    """
    del role, idempotent, zygote, tag, lifecycle, since, secret, public, timeout, cpu, memory, processes, output
    del stderr, open_files, file_size, tmp, network, read, write, environment, secrets

    def register(function: "Function") -> "Function":
        if name in _methods:
            raise TypeError(f"there is a method {name} already")
        _methods[name] = function
        if isinstance(resident, dict):
            _most[0] = max(_most[0], int(resident.get("concurrency", 1)))
        return function

    return register


def run() -> None:
    """Answer the call on standard input; in a module that is imported, as tests do, do nothing.

    What the function prints goes to standard error: standard output is for the answer alone. A `Failure` is an answer
    too; any other exception ends the process with a traceback, and the caller is told INTERNAL_ERROR. A process that
    is to stay answers calls until its input ends; there an exception ends its call.
    """
    if sys._getframe(1).f_globals.get("__name__") != "__main__":
        return
    if _RESIDENT in sys.argv[1:]:
        _staying.append(_Stay(_most[0]))
        _staying[0].run()
        return
    if sys.stdin.isatty():
        sys.exit(f"{sys.argv[0]} reads a call in XML-RPC from standard input; to try it: graft try FILE ARGUMENTS")
    output = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    data = answer(sys.stdin.buffer.read())
    with os.fdopen(output, "wb") as file:
        file.write(data)


def answer(call: bytes) -> bytes:
    """Answer one call: from a `<methodCall>` to a `<methodResponse>` with xapi's envelope.

    Raises:
        ValueError: it is no call.
        TypeError: the function's annotations are none that a method has, or its result does not fit them.
    """
    name, params = _read_call(call)
    try:
        _now.session = str(params.pop(0)) if params else ""
        status = _struct((("Status", _string("Success")), ("Value", _call(name, params))))
    except Failure as failure:
        error = "".join(map(_string, [failure.code] + failure.params))  # noqa: RUF005 - as short, and older
        status = _struct((("Status", _string("Failure")), ("ErrorDescription", _array(error))))
    finally:
        _now.session = ""
    head = '<?xml version="1.0"?><methodResponse><params><param>'
    return (head + status + "</param></params></methodResponse>").encode()


class _Stay:
    """Answers calls that come in frames until there are no more; Graft's docs/resident-methods.md has the protocol."""

    def __init__(self, most: int) -> None:
        # Programs that a method starts, and its own reading and printing, must not touch the frames.
        self._frames = os.fdopen(os.dup(0), "rb")
        self._output = os.dup(1)
        self._most = most
        self._lock = allocate_lock()
        self._take = self._serve if most == 1 else _by_threads(self._serve, most)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        sys.stdout = sys.stderr

    def run(self) -> None:
        self._write(b"hello", 0, b"version=1\nconcurrency=%d\n" % self._most)
        while self._heed():
            pass

    def look(self) -> None:
        """Heed what has come while a call is answered, unless another thread does."""
        if self._most > 1:
            return
        os.set_blocking(self._frames.fileno(), False)
        try:
            something = self._frames.peek(1)
        finally:
            os.set_blocking(self._frames.fileno(), True)
        if something:
            self._heed()

    def _heed(self) -> bool:
        line = self._frames.readline(_MAX_LINE)
        if not line:
            return False
        kind, number, size = line.split()
        body = self._frames.read(int(size))
        call = int(number)
        if kind == b"call":
            _calls[call] = False
            self._take(call, body)
        elif kind == b"ping":
            self._write(b"pong", call)
        elif kind == b"cancel":
            with self._lock:
                if call in _calls:
                    _calls[call] = True
        return True

    def _serve(self, number: int, call: bytes) -> None:
        _now.number = number
        kind = b"answer"
        try:
            body = answer(call)
        except BaseException:  # noqa: BLE001 - whatever it is, sys.exit() too, it ends this call alone
            import traceback

            kind, body = b"failed", traceback.format_exc().encode("utf-8", "replace")[-_MAX_FAILURE:]
        sys.stderr.flush()
        with self._lock:
            del _calls[number]
        self._write(kind, number, body)

    def _write(self, kind: bytes, number: int, body: bytes = b"") -> None:
        rest = memoryview(b"%s %d %d\n%s" % (kind, number, len(body), body))
        with self._lock:
            while rest:
                rest = rest[os.write(self._output, rest) :]


def _by_threads(serve: "Callable[[int, bytes], None]", most: int) -> "Callable[[int, bytes], None]":
    """Return what has calls answered by threads, of which there are as many as there were calls at once."""
    import queue
    import threading

    calls = getattr(queue, "SimpleQueue", queue.Queue)()  # type: queue.Queue[Tuple[int, bytes]]
    idle = []  # type: List[None]
    count = [0]

    def work() -> None:
        while True:
            number, call = calls.get()
            serve(number, call)
            idle.append(None)

    def take(number: int, call: bytes) -> None:
        if idle:
            idle.pop()
        elif count[0] < most:
            count[0] += 1
            threading.Thread(target=work, daemon=True).start()
        calls.put((number, call))

    return take


def _call(name: str, given: "List[Any]") -> str:
    if name not in _methods:
        raise Failure("MESSAGE_METHOD_UNKNOWN", name)
    function = _methods[name]
    if name not in _signatures:
        _signatures[name] = _signature(function)
    params, result = _signatures[name]
    wanted = [param for param in params if param[1] != ("session",)]
    required = sum(param[2] for param in wanted)
    if not required <= len(given) <= len(wanted):
        raise Failure("MESSAGE_PARAMETER_COUNT_MISMATCH", name, required, len(given))
    values = iter(given)
    positional = []  # type: List[Any]
    named = {}  # type: Dict[str, Any]
    for param, shape, _, default, by_name in params:
        value = default
        if shape == ("session",):
            value = session()
        else:
            for item in values:
                value = _take(shape, item, param)
                break
        if by_name:
            named[param] = value
        else:
            positional.append(value)
    return _give(result, function(*positional, **named), "the result")


def _signature(function: "Callable[..., Any]") -> "Tuple[List[Tuple[str, Shape, bool, Any, bool]], Shape]":
    """Return the parameters and the result.

    Of each parameter: its name, its shape, whether it must be given, its default, whether it is passed by name.
    """
    function = getattr(function, "__wrapped__", function)
    code = function.__code__
    if code.co_flags & _VARIADIC:
        raise TypeError(f"{function.__name__} takes any number of parameters; a method names each")
    hints = _hints(function)
    count = code.co_argcount
    names = code.co_varnames[: count + code.co_kwonlyargcount]
    values = function.__defaults__ or ()
    defaults = dict(zip(names[count - len(values) : count], values))
    defaults.update(function.__kwdefaults__ or {})
    params = []
    for number, name in enumerate(names):
        if name not in hints:
            raise TypeError(f"the parameter {name} of {function.__name__} has no annotation")
        params.append((name, _shape(hints[name]), name not in defaults, defaults.get(name), number >= count))
    return params, (_shape(hints["return"]) if "return" in hints else ("any",))


def _hints(thing: "Any") -> "Dict[str, Any]":
    hints = thing.__annotations__  # type: Dict[str, Any]
    if all(hint is None or (isinstance(hint, type) and not hasattr(hint, "__origin__")) for hint in hints.values()):
        return hints
    import typing

    return typing.get_type_hints(thing)


def _shape(hint: "Any") -> "Shape":
    """Return what an annotation means: a word of the type grammar, and what belongs to it."""
    if hint is None or hint is type(None):
        return ("void",)
    arguments = tuple(getattr(hint, "__args__", None) or ())  # type: Tuple[Any, ...]
    origin = getattr(hint, "__origin__", None)
    name = str(getattr(origin, "__name__", None) or getattr(origin, "_name", None) or type(hint).__name__)
    if origin is None and isinstance(hint, type) and not arguments:
        return _shape_of_class(hint)
    if name in _LISTS and len(arguments) == 1:
        return ("set", _shape(arguments[0]))
    if name in _DICTS and len(arguments) == 2:
        return ("map", _shape(arguments[0]), _shape(arguments[1]))
    if name == "Literal" and all(isinstance(value, str) for value in arguments):
        return ("enum", "", {value: value for value in arguments})
    if "Union" in name and len(arguments) == 2 and type(None) in arguments:
        return ("option", _shape(arguments[arguments[0] is type(None)]))
    if repr(hint) == "typing.Any":
        return ("any",)
    raise TypeError(f"{hint!r} is no annotation that a method has")


def _shape_of_class(hint: type) -> "Shape":
    if hint.__module__ in ("builtins", "datetime") and hint.__name__ in _TYPED_VALUES:
        return (_TYPED_VALUES[hint.__name__],)
    if hint is object:
        return ("any",)
    if issubclass(hint, Session):
        return ("session",)
    if issubclass(hint, Ref):
        return ("ref", getattr(hint, "class_name", hint.__name__), hint)
    members = getattr(hint, "__members__", None)
    if members is not None:
        if not all(isinstance(member.value, str) for member in members.values()):
            raise TypeError(f"the values of the enum {hint.__name__} are not all text")
        return ("enum", hint.__name__, {member.value: member for member in members.values()})
    if hasattr(hint, "__dataclass_fields__") or hasattr(hint, "_fields") or hasattr(hint, "__total__"):
        return ("record", hint.__name__, hint)
    if hint.__name__ == "Any":
        return ("any",)
    raise TypeError(f"{hint!r} is no annotation that a method has")


def _fields(record: "Any") -> "List[Tuple[str, Shape, bool]]":
    """Return of each field its name, shape, and whether the class has something in place of an absent one."""
    hints = _hints(record)
    told = getattr(record, "__dataclass_fields__", None)
    if told is not None:
        from dataclasses import MISSING

        return [
            (name, _shape(hints[name]), field.default is not MISSING or field.default_factory is not MISSING)
            for name, field in told.items()
            if field.init
        ]
    if not hasattr(record, "__total__"):
        return [(name, _shape(hint), name in record._field_defaults) for name, hint in hints.items()]
    absent = getattr(record, "__optional_keys__", () if record.__total__ else hints)
    shapes = ((name, _shape(hint), name in absent) for name, hint in hints.items())
    # What may be absent is an option, as in the declaration.
    return [(name, ("option", kind) if out and kind[0] != "option" else kind, out) for name, kind, out in shapes]


def _name(shape: "Shape") -> str:
    kind = shape[0]
    if kind in ("set", "option"):
        return f"{_name(shape[1])} {kind}"
    if kind == "map":
        return f"({_name(shape[1])} -> {_name(shape[2])}) map"
    if kind == "enum":
        return f"enum {shape[1]}" if shape[1] else "string"
    return f"{shape[1]} {kind}" if kind in ("ref", "record") else str(kind)


def _take(shape: "Shape", value: "Any", place: str) -> "Any":  # noqa: C901 - a case for each type
    """Turn what came over the wire into what the annotation says, with xapi's coercions.

    Raises:
        Failure: FIELD_TYPE_ERROR [place, expected, got] or INVALID_VALUE [place, value, reason], as the platform's.
    """
    kind = shape[0]
    if kind == "any":
        return _plain(value)
    if kind == "string" and type(value) is str:
        return value
    if kind == "ref" and type(value) is str:
        return shape[2](value)
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind in ("int", "float") and not isinstance(value, bool):
        number = _number(kind, value)
        if number is not None:
            return number
    if kind == "datetime" and isinstance(value, str):
        return _moment(value, place)
    if kind == "enum" and type(value) is str:
        return _member(shape, value, place)
    if kind == "set" and isinstance(value, list):
        return [_take(shape[1], item, f"{place}[{number}]") for number, item in enumerate(value)]
    if kind == "option" and isinstance(value, list) and len(value) <= 1:
        return _take(shape[1], value[0], f"{place}[0]") if value else None
    if kind == "map" and isinstance(value, dict):
        return {
            _key(shape[1], key, f'{place}["{key}"]'): _take(shape[2], item, f'{place}["{key}"]')
            for key, item in value.items()
        }
    if kind == "record" and isinstance(value, dict):
        return _record(shape, value, place)
    got = f"array of {len(value)}" if kind == "option" and isinstance(value, list) else _wire_name(value)
    raise Failure("FIELD_TYPE_ERROR", place, _name(shape), got)


def _record(shape: "Shape", value: "Dict[str, Any]", place: str) -> "Any":
    taken = {}
    for name, kind, filled in _fields(shape[2]):
        if name in value:
            taken[name] = _take(kind, value[name], f"{place}.{name}")
        elif not filled and kind[0] == "option":
            taken[name] = None
        elif not filled:
            raise Failure("FIELD_TYPE_ERROR", f"{place}.{name}", _name(kind), "nothing")
        if filled and taken.get(name, place) is None and hasattr(shape[2], "__total__"):
            del taken[name]
    return shape[2](**taken)


def _number(kind: str, value: "Any") -> "Union[int, float, None]":
    if kind == "float" and isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, int):
        return value
    # Python reads white space and other alphabets' digits, too.
    if type(value) is not str or not value or value.strip() != value or max(value) > "\x7f":
        return None
    if kind == "float":
        try:
            return float(value)
        except ValueError:
            return None
    for base in (10, 0):
        try:
            number = int(value, base)
        except ValueError:
            continue
        return number if -_INT64 <= number < _INT64 else None
    return None


def _moment(text: str, place: str) -> "datetime":
    import re
    from datetime import datetime, timedelta, timezone

    pattern = r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)(?:[.,](\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d)?)?$"
    match = re.match(pattern, text, re.ASCII)
    try:
        if match:
            fraction = int((match.group(7) or "").ljust(6, "0")[:6])
            year, month, day, hour, minute, second = map(int, match.groups()[:6])
            time = datetime(year, month, day, hour, minute, second, fraction, timezone.utc)
            offset = timedelta(hours=int(match.group(9) or 0), minutes=int(match.group(10) or 0))
            return time + offset if match.group(8) == "-" else time - offset
    except (ValueError, OverflowError):
        pass
    raise Failure("INVALID_VALUE", place, text, "no date and time in ISO 8601, such as 20260101T00:00:00Z")


def _member(shape: "Shape", value: str, place: str) -> "Any":
    members = shape[2]  # type: Dict[str, Any]
    if value in members:
        return members[value]
    for name, member in members.items():
        if name.lower() == value.lower():
            return member
    raise Failure("INVALID_VALUE", place, value, f"{_name(shape)} has the values {', '.join(members)}")


def _key(shape: "Shape", text: str, place: str) -> "Any":
    if shape[0] == "bool" and text in ("true", "false"):
        return text == "true"
    return _take(shape, text, place)


def _plain(value: "Any") -> "Any":
    """Take a value of no declared type: dates are read, all else stays as it is."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return _moment(value, "date") if isinstance(value, _Date) else value


def _give(shape: "Shape", value: "Any", place: str) -> str:  # noqa: C901, PLR0912 - a case for each type
    """Write a value as its annotation says.

    Raises:
        TypeError: it does not fit.
    """
    kind = shape[0]
    if kind == "void" and value is None:
        return _string("")
    if kind == "any":
        return _give_any(value, place)
    if kind in ("string", "ref") and isinstance(value, str):
        return _string(value)
    if kind == "enum":
        text = getattr(value, "value", value)
        if text in shape[2]:
            return _string(text)
    if kind == "bool" and isinstance(value, bool):
        return _typed("boolean", str(int(value)))
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64:
        return _typed("int", str(int(value)))
    if kind == "float" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _typed("double", repr(float(value)))
    if kind == "datetime" and hasattr(value, "utcoffset"):
        return _typed("dateTime.iso8601", _time(value))
    if kind == "set" and not isinstance(value, (str, bytes, dict)) and hasattr(value, "__iter__"):
        return _array("".join([_give(shape[1], item, f"{place}[{number}]") for number, item in enumerate(value)]))
    if kind == "option":
        return _array("" if value is None else _give(shape[1], value, place))
    if kind == "map" and hasattr(value, "items"):
        items = [
            (_key_text(shape[1], key, place), _give(shape[2], item, f"{place}[{key!r}]")) for key, item in value.items()
        ]
        return _struct(items)
    if kind == "record" and isinstance(value, dict if hasattr(shape[2], "__total__") else shape[2]):
        return _struct(_members(shape[2], value, place))
    raise TypeError(f"{place} is {value!r:.200}, and its annotation says {_name(shape)}")


def _members(record: "Any", value: "Any", place: str) -> "Iterable[Tuple[str, str]]":
    for name, kind, filled in _fields(record):
        if isinstance(value, dict):
            if name not in value and not filled and kind[0] != "option":
                raise TypeError(f"{place}.{name} is missing")
            if name not in value:
                continue
        item = value[name] if isinstance(value, dict) else getattr(value, name)
        if item is not None or kind[0] != "option":
            yield name, _give(kind, item, f"{place}.{name}")


def _key_text(shape: "Shape", key: "Any", place: str) -> str:
    if shape[0] == "bool" and isinstance(key, bool):
        return "true" if key else "false"
    if shape[0] == "datetime":
        return _time(key)
    if shape[0] in ("int", "float") and isinstance(key, (int, float)):
        return repr(key)
    text = getattr(key, "value", key)
    if not isinstance(text, str):
        raise TypeError(f"{place} has the key {key!r:.200}, and its annotation says {_name(shape)}")
    return text


def _give_any(value: "Any", place: str) -> str:
    if value is None:
        return "<value><nil/></value>"
    if isinstance(value, bytes):
        import binascii

        return _typed("base64", binascii.b2a_base64(value, newline=False).decode())
    if isinstance(value, dict):
        return _struct([(str(key), _give_any(item, place)) for key, item in value.items()])
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return _array("".join([_give_any(item, place) for item in value]))
    return _give(_shape_of_class(type(value)), value, place)


def _time(value: "datetime") -> str:
    from datetime import timezone

    if value.tzinfo is not None:
        value = value.astimezone(timezone.utc)
    fraction = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
    return f"{value.year:04}{value.month:02}{value.day:02}T{value:%H:%M:%S}{fraction}Z"


def _typed(kind: str, text: str) -> str:
    return f"<value><{kind}>{text}</{kind}></value>"


def _string(text: str) -> str:
    return _typed("string", _escape(text))


def _array(items: str) -> str:
    return f"<value><array><data>{items}</data></array></value>"


def _struct(members: "Iterable[Tuple[str, str]]") -> str:
    inner = "".join([f"<member><name>{_escape(name)}</name>{value}</member>" for name, value in members])
    return f"<value><struct>{inner}</struct></value>"


def _escape(text: str) -> str:
    """Write text as XML does; what XML cannot hold is dropped, as xapi does."""
    if not text.isprintable():
        text = text.translate(_NOT_XML)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")


class _Date(str):
    """The text of a date, which is no string."""

    __slots__ = ()


class _Node:
    """An element: its name, its text, and what is inside of it."""

    __slots__ = ("inner", "tag", "text")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.text = ""
        self.inner = []  # type: List[_Node]

    def only(self, tag: str) -> "_Node":
        if len(self.inner) != 1 or self.inner[0].tag != tag:
            raise ValueError(f"<{self.tag}> does not hold one <{tag}>")
        return self.inner[0]


def _read_call(data: bytes) -> "Tuple[str, List[Any]]":
    root = _document(data)
    if root.tag != "methodCall" or not root.inner or root.inner[0].tag != "methodName":
        raise ValueError("standard input holds no <methodCall> with a <methodName>")
    params = root.inner[1].inner if len(root.inner) > 1 else []
    return root.inner[0].text, [_value(param.only("value")) for param in params]


def _document(data: bytes) -> _Node:
    from xml.parsers import expat

    top = _Node("")
    open_nodes = [top]

    def start(tag: str, _: "Any") -> None:
        node = _Node(tag)
        open_nodes[-1].inner.append(node)
        open_nodes.append(node)

    def end(_: str) -> None:
        open_nodes.pop()

    def text(piece: str) -> None:
        open_nodes[-1].text += piece

    def refuse(*_: "Any") -> "NoReturn":
        raise ValueError("a call has no document type")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = max(len(data), 1)
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"standard input is no XML: {error}") from None
    return top.inner[0]


def _value(node: _Node) -> "Any":
    """Read a `<value>`; without a type it is text, which xapi also writes for integers."""
    if not node.inner:
        return node.text
    (typed,) = node.inner
    kind, text = typed.tag, typed.text
    if kind == "array":
        return [_value(item) for item in typed.only("data").inner]
    if kind == "struct":
        return {member.inner[0].text: _value(member.inner[1]) for member in typed.inner}
    if kind == "base64":
        import binascii

        return binascii.a2b_base64(text)
    if kind not in _SCALARS:
        raise ValueError(f"<{kind}> is no type of XML-RPC")
    return _SCALARS[kind](text)


def _wire_name(value: "Any") -> str:
    if value is None:
        return "nil"
    return _WIRE_NAMES.get(type(value).__name__, type(value).__name__)


_SCALARS = {
    "string": str,
    "int": int,
    "i4": int,
    "i8": int,
    "double": float,
    "boolean": lambda text: text.strip() in ("1", "true"),
    "dateTime.iso8601": _Date,
    "nil": lambda _: None,
}  # type: Dict[str, Callable[[str], Any]]
