"""What the tests of all SDKs share: an API with everything in it, a platform that echoes, and values that come back.

`tests/sdk/api.xml` has every feature of declarations; golden files are made from it. `tests/sdk/support/echo.xml` is
what a running platform offers to each language's test program:

- `echo_api()` is what the SDK is made from: echo.xml without what a newer platform has besides.
- `corpus()` are records `everything` in JSON. A language's program reads one from each line of its standard input,
  decodes it with the SDK, sends it through `Echo.everything`, compares what comes back with what it has sent, and
  prints that in JSON, a line for each; `check_corpus` compares with what the program was given.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from graft_cli.api_source import load_api
from graft_common.declarations.api import Api
from graft_common.declarations.platform import platform_document
from graft_common.declarations.scalars import utc_time
from graft_common.declarations.writer import write_document
from graft_sdk.generation import Options, generate
from graft_sdk.languages import find
from support.running import ADMIN, PASSWORD, Platform, make_platform

SDK_TESTS = Path(__file__).parents[1] / "sdk"
API = SDK_TESTS / "api.xml"
ECHO = SDK_TESTS / "support" / "echo.xml"
EXECUTABLE = SDK_TESTS / "support" / "Echo.echo"
GOLDEN = SDK_TESTS / "golden"
MADE_BY = "graft"
"""In place of a release, so that golden files stay as they are when there is a new one."""

UNKNOWN_COLOUR = "ultraviolet"
NEWER_FIELD = "newer"


def golden_api() -> Api:
    """Return the API that golden files are made from."""
    return load_api([API])


def echo_api() -> Api:
    """Return what a client knows of the echoing platform: a release less than it offers."""
    document = load_api([ECHO]).document
    enums = tuple(
        replace(enum, values=tuple(value for value in enum.values if value.name != UNKNOWN_COLOUR))
        for enum in document.enums
    )
    records = tuple(
        replace(record, fields=tuple(field for field in record.fields if field.name != NEWER_FIELD))
        for record in document.records
    )
    return Api.of(replace(document, enums=enums, records=records), platform_document())


def write_echo_declarations(path: Path) -> Path:
    """Write what `echo_api` knows as a file, for `graft sdk generate --from`."""
    path.write_bytes(write_document(echo_api().document))
    return path


def make_sdk(api: Api, language: str, out: Path, **options: Any) -> Path:
    """Write an SDK's files."""
    for path, data in generate(api, find(language), Options(made_by=MADE_BY, **options)).items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(data)
    return out


READER = "reader"
"""A user with no role but read-only."""
READER_PASSWORD = "a password of the reader's own"


def access(platform: Platform) -> dict[str, str]:
    """Return the environment that tells a language's test programs where the platform is, and who they are."""
    return {
        "GRAFT_URL": platform.url,
        "GRAFT_USER": ADMIN,
        "GRAFT_PASSWORD": PASSWORD,
        "READER_PASSWORD": READER_PASSWORD,
    }


@contextmanager
def echoing_platform(root: Path) -> Iterator[Platform]:
    """Run a platform that offers echo.xml."""
    platform = make_platform("up", root, GRAFT_DECLARATIONS_DIR=str(root / "declarations.d"))
    (root / "declarations.d").mkdir()
    shutil.copy(ECHO, root / "declarations.d" / "echo.xml")
    shutil.copy(EXECUTABLE, platform.extensions / EXECUTABLE.name)
    (platform.extensions / EXECUTABLE.name).chmod(0o755)
    try:
        platform.start_all()
        platform.log_in()
        added = platform.graft("user", "add", READER, GRAFT_NEW_PASSWORD=READER_PASSWORD)
        assert added.returncode == 0, added.stderr
        yield platform
    finally:
        platform.kill_all()


TEXTS = [
    "",
    " ",
    "plain",
    "ü",
    "日本語",
    "\U0001f600",
    "a\tb\nc",
    "\"quoted\" 'single' \\ / </tag> &amp; ]]>",
    "{}",
    "null",
    "$x",
]
INTS = [0, 1, -1, 2**31 - 1, -(2**31), 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    0.1 + 0.2,
    1e-300,
    1e300,
    5e-324,
    1.7976931348623157e308,
    "NaN",
    "Infinity",
    "-Infinity",
]
TIMES = [
    "1970-01-01T00:00:00Z",
    "2026-01-01T12:34:56Z",
    "2026-01-01T12:34:56.5Z",
    "2026-01-01T12:34:56.123Z",
    "2026-01-01T12:34:56.123456Z",
    "2026-01-01T12:34:56.123456789Z",
    "2026-12-31T23:59:59.999999999Z",
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.75Z",
    "9999-12-31T23:59:59Z",
]
COLOURS = ["red", "green", "deep-blue", UNKNOWN_COLOUR]


def corpus(count: int = 40) -> list[dict[str, Any]]:
    """Make records `everything` in JSON: each extreme value at least once, the rest by lot, always the same."""
    lot = random.Random(20260101)
    return [_everything(lot, number) for number in range(count)]


def _everything(lot: random.Random, number: int) -> dict[str, Any]:
    def turn(values: Sequence[Any]) -> Any:
        """Take each value in its turn, so that a dozen records have them all."""
        return values[number % len(values)]

    def some(values: Sequence[Any], most: int = 4) -> list[Any]:
        return [lot.choice(values) for _ in range(lot.randint(0, most))]

    def point() -> dict[str, Any]:
        return {"x": lot.choice(FLOATS), "y": lot.choice(FLOATS), "label": lot.choice(TEXTS)}

    def tree(depth: int) -> dict[str, Any]:
        children = [tree(depth - 1) for _ in range(lot.randint(0, 2))] if depth else []
        left = {"left": tree(depth - 1)} if depth and lot.random() < 0.5 else {}
        return {"name": lot.choice(TEXTS), "children": children, **left}

    def keys(values: Sequence[Any]) -> list[Any]:
        return list(dict.fromkeys(some(values)))

    made: dict[str, Any] = {
        "string": turn(TEXTS),
        "int": turn(INTS),
        "float": turn(FLOATS),
        "bool": turn([True, False]),
        "datetime": turn(TIMES),
        "colour": turn(COLOURS),
        "ref": turn(["OpaqueRef:1", "OpaqueRef:NULL", ""]),
        "point": point(),
        "strings": some(TEXTS),
        "ints": [some(INTS) for _ in range(lot.randint(0, 3))],
        "floats": some(FLOATS),
        "datetimes": some(TIMES),
        "colours": some(COLOURS),
        "points": [point() for _ in range(lot.randint(0, 2))],
        "by_string": {key: lot.choice(INTS) for key in keys(TEXTS)},
        "by_int": {str(key): lot.choice(TEXTS) for key in keys(INTS)},
        "by_bool": {key: lot.choice(FLOATS) for key in keys(["true", "false"])},
        "by_colour": {key: point() for key in keys(COLOURS)},
        "by_ref": {key: some(TEXTS) for key in keys(["OpaqueRef:1", "OpaqueRef:2"])},
        "maps": {key: {inner: lot.random() < 0.5 for inner in keys(TEXTS)} for key in keys(TEXTS)},
        "maybes": [lot.choice([None, *INTS]) for _ in range(lot.randint(0, 3))],
        "maybe_maybe": turn([[], [None], [7]]),
        "tree": tree(3),
        "anything": turn(["text", True, ["a", [], {}], {"key": {"deep": ["x"]}}, 0.5, "Infinity"]),
        "hidden": turn(TEXTS),
    }
    options = {
        "maybe_string": lot.choice(TEXTS),
        "maybe_int": lot.choice(INTS),
        "maybe_point": point(),
        "maybe_strings": some(TEXTS),
        "maybe_colour": lot.choice(COLOURS),
    }
    return made | {name: value for name, value in options.items() if lot.random() < 0.6}


def corpus_lines(records: Sequence[dict[str, Any]]) -> str:
    """Write a corpus as programs read it: a record on each line, in ASCII."""
    return "".join(json.dumps(record) + "\n" for record in records)


def check_corpus(sent: Sequence[dict[str, Any]], printed: str) -> None:
    """Compare what a program has printed with what it was given."""
    lines = printed.splitlines()
    assert len(lines) == len(sent), f"{len(lines)} lines for {len(sent)} records:\n{printed[:2000]}"
    for number, (record, line) in enumerate(zip(sent, lines, strict=True)):
        got = json.loads(line)
        for name in {**record, **got}:
            wanted, came = canonical(record.get(name)), canonical(got.get(name))
            assert wanted == came, f"record {number}, {name}: {record.get(name)!r} came back as {got.get(name)!r}"


def canonical(value: Any) -> Any:
    """Make JSON comparable: numbers by their bits, times by what they mean, no difference of null and absent."""
    match value:
        case bool() | None:
            return value
        case "NaN" | "Infinity" | "-Infinity":
            return canonical(float(value))
        case int():
            # A float without a fraction may be written as an integer, and -0.0 may not.
            return ("number", value) if abs(value) >= 2**53 else canonical(float(value))
        case float():
            if math.isfinite(value) and abs(value) >= 2**53 and value.is_integer():
                return ("number", int(value))
            return ("nan",) if math.isnan(value) else ("float", struct.pack(">d", value))
        case str():
            time = utc_time(value)
            if time is None:
                return value
            return ("time", time.rstrip("Z").rstrip("0") if "." in time else time.rstrip("Z"))
        case list():
            return [canonical(item) for item in value]
        case dict():
            return {key: canonical(item) for key, item in value.items() if item is not None}
    raise AssertionError(f"{value!r} is no JSON")
