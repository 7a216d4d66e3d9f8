"""What methods ask to reach beyond their sandboxes: what may be asked for at all, and when it is granted.

Asking gives nothing. An administrator grants a request as it stands; what is granted holds for that method of that
source, and for as long as exactly this is asked for.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from graft_common.declarations.model import Access

NOTHING = Access()
MAX_PATHS = 16
"""Paths to read and to write, together."""
MAX_NAMES = 32
"""Variables, and secrets, of each."""
SECRETS_AT = "/run/secrets"
"""Where a call finds its secrets."""

Fault: TypeAlias = tuple[str, int, str]
"""The kind of element, how many of that kind stand before it, and what is wrong."""

_FORM = "graft access 1"
_MAX_PATH = 1024
_METHOD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")
_MAX_NAME = 128
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SECRET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PRIVATE = "/tmp"  # noqa: S108  (a name, no file)
_OWN_FOLDERS = ("/proc", "/sys", "/dev", SECRETS_AT)
"""Each call has its own; nothing in them can be another's."""
_STEERING_PREFIXES = ("GRAFT_", "LD_", "PYTHON", "BASH_FUNC_", "MALLOC_", "LUA_", "ERL_", "DOTNET_", "COMPlus_")
_STEERING = (
    "PATH IFS ENV BASH_ENV BASHOPTS SHELLOPTS PS4 CDPATH GLOBIGNORE PROMPT_COMMAND GCONV_PATH GETCONF_DIR "
    "GLIBC_TUNABLES HOSTALIASES LOCALDOMAIN LOCPATH NIS_PATH NLSPATH RESOLV_HOST_CONF RES_OPTIONS TMPDIR TZDIR "
    "OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES PERL5LIB PERL5OPT PERL5DB PERLLIB RUBYLIB RUBYOPT GEM_HOME GEM_PATH "
    "NODE_OPTIONS NODE_PATH CLASSPATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS TCLLIBPATH PHPRC "
    "PHP_INI_SCAN_DIR R_ENVIRON R_PROFILE GUILE_LOAD_PATH GODEBUG CORECLR_PROFILER CORECLR_PROFILER_PATH"
)
"""What glibc, OpenSSL and interpreters take orders from; glibc's own list is in its unsecvars.h."""
_STEERING_NAMES = frozenset(_STEERING.split())


class State(enum.Enum):
    """Where a request stands."""

    NOT_ASKED = "nothing is asked for"
    GRANTED = "granted"
    NOT_GRANTED = "not granted"
    CHANGED = "not granted: another request was"


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose request it is: a method of one source. Another version of an extension is another source."""

    method: str
    extension: str = ""
    """Empty for a drop-in, whichever file declares it."""
    version: str = ""

    @property
    def key(self) -> str:
        """What the registry's followers know it by."""
        return f"{self.method}@{self.extension}/{self.version}" if self.extension else self.method

    def __str__(self) -> str:
        return f"{self.method} of {self.extension}/{self.version}" if self.extension else self.method


@dataclass(frozen=True, slots=True)
class Grant:
    """A request that was granted."""

    asker: Asker
    request: Access
    """As it was, to be shown."""
    digest: str
    """Of the request."""
    granted_by: str
    """The user."""
    granted_at: datetime


def is_method_name(text: str) -> bool:
    """Tell whether a declared method could have the name."""
    return len(text) <= _MAX_NAME and _METHOD.fullmatch(text) is not None


def canonical(request: Access) -> bytes:
    """Write a request in its one form: equal for requests that ask for the same things, in whatever order."""
    things = {
        "network": request.network,
        "read": sorted(set(request.read)),
        "write": sorted(set(request.write)),
        "environment": sorted(set(request.environment)),
        "secrets": sorted(set(request.secrets)),
    }
    return f"{_FORM}\n{json.dumps(things, sort_keys=True, separators=(',', ':'))}".encode()


@functools.lru_cache(4096)
def digest(request: Access) -> str:
    """Return the SHA-256 of the canonical form, in lower-case hex. Each call of a method asks, so it is kept."""
    return hashlib.sha256(canonical(request)).hexdigest()


def judge(asker: Asker, asked: Access, grant: Grant | None) -> State:
    """Tell where a request stands.

    Args:
        asker: whose it is.
        asked: what is asked for now.
        grant: what was granted to the asker; one that was given to another grants nothing.
    """
    if asked == NOTHING:
        return State.NOT_ASKED
    if grant is None or grant.asker != asker:
        return State.NOT_GRANTED
    return State.GRANTED if grant.digest == digest(asked) else State.CHANGED


def in_force(asker: Asker, asked: Access, grant: Grant | None) -> Access:
    """Return what calls are given: all that is asked for if it is granted, else nothing."""
    return asked if judge(asker, asked, grant) is State.GRANTED else NOTHING


def faults(request: Access) -> Iterator[Fault]:
    """Tell what of a request nobody could be granted, and why."""
    kinds = (
        ("read", "path", request.read, path_fault, MAX_PATHS),
        ("write", "path", request.write, path_fault, max(MAX_PATHS - len(request.read), 0)),
        ("environment", "variable", request.environment, environment_fault, MAX_NAMES),
        ("secret", "secret", request.secrets, secret_fault, MAX_NAMES),
    )
    for kind, word, things, fault, most in kinds:
        if len(things) > most:
            bound = (
                f"{MAX_NAMES} {word}s" if most == MAX_NAMES else f"{MAX_PATHS} paths, to read and to write together,"
            )
            yield kind, most, f"there are too many; at most {bound} are given"
        seen = set()
        for number, thing in enumerate(things[:most]):
            if thing in seen:
                yield kind, number, f"there is a {word} {thing} already; names are unique"
            elif reason := fault(thing):
                yield kind, number, reason
            seen.add(thing)


def path_fault(path: str) -> str:
    """Tell why no call could be given a path; empty where one could."""
    if not path.startswith("/") or path.startswith("//") or posixpath.normpath(path) != path:
        return f"{path} is no plain absolute path; write it without `.`, `..` and `//`"
    if len(path) > _MAX_PATH or not path.isprintable():
        return f"{path[:64]!r} is no path that is given: at most {_MAX_PATH} characters, all of which can be shown"
    if path == "/":
        return "/ is everything; name the folders and files that the method needs"
    for own in _OWN_FOLDERS:
        if is_below(path, own):
            return f"{path} cannot be given: each call has its own {own}"
    if path == _PRIVATE:
        return f"{path} cannot be given: each call has its own; name what the method needs in it"
    if is_below(SECRETS_AT, path):
        return f"{path} cannot be given: each call has its own {SECRETS_AT}; name what the method needs in {path}"
    return ""


def is_below(path: str, folder: str) -> bool:
    """Tell whether a plain absolute path is a folder or lies in it, by name."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def environment_fault(name: str) -> str:
    """Tell why no call could be given a variable; empty where one could."""
    if not _VARIABLE.fullmatch(name):
        return f"{name[:128]!r} is no name of a variable: letters, digits and `_`, no digit first, at most 128"
    if name.startswith("GRAFT_"):
        return f"{name} cannot be given: settings of Graft may hold secrets; name a secret instead"
    if name in _STEERING_NAMES or name.startswith(_STEERING_PREFIXES):
        return f"{name} cannot be given: it steers the loader, a library or the interpreter"
    return ""


def secret_fault(name: str) -> str:
    """Tell why there could be no secret of a name; empty where there could."""
    if not _SECRET.fullmatch(name):
        return f"{name[:128]!r} is no name of a secret: letters, digits, `_`, `.` and `-`, the last two not first"
    return ""
