"""What declarations cost: loading as many as xapi's datamodel has, and checking a call.

    python -m benchmarks.declarations
    python -m benchmarks.declarations --json

The set is made up: 67 classes with 1,828 methods, at least as long in JSON as the published datamodel (1.4 MB).
Times are CPU time, so that a busy machine slows nothing. The column `aim` has what Graft aims at.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import structlog

from benchmarks.figures import Figures
from dispatcher_service.declarations.declarations import Declarations
from dispatcher_service.declarations.directory import DeclarationFiles
from graft_common.declarations.api import Api
from graft_common.declarations.checking import MethodChecks
from graft_common.declarations.model import (
    Change,
    ClassDeclaration,
    Document,
    EnumDeclaration,
    EnumValue,
    ErrorDeclaration,
    Field,
    Lifecycle,
    Method,
    Param,
    Result,
    Transition,
    Types,
)
from graft_common.declarations.platform import platform_document
from graft_common.declarations.types import BOOL, DATETIME, FLOAT, INT, STRING, EnumType, parse_type
from graft_common.declarations.writer import write_document
from graft_common.declarations.xenapi_export import export_datamodel
from graft_common.declarations.xenapi_json import write_datamodel
from graft_common.roles import ROLES
from graft_common.values import DateTime, Value

CLASSES = 67
METHODS = 1828
ROUNDS = 2000
STARTS = 3

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Run something; return how many seconds of CPU time it took, and what it returned."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def make_documents() -> dict[str, Document]:
    """Make the set, one document for each class, by the names of their files."""
    return {f"Class_{number:02}.xml": _document(number) for number in range(CLASSES)}


def _document(number: int) -> Document:
    name = f"Class_{number:02}"
    lifecycle = Lifecycle((Transition(Change.PUBLISHED, "4.0", "First release"),))
    enum = EnumDeclaration(
        f"{name}_operation".lower(),
        tuple(EnumValue(f"{verb}_{number}", f"It is about to {verb}") for verb in ("start", "stop", "migrate", "copy")),
    )
    kinds = [
        *("string", "int", "bool", "datetime", "(string -> string) map", f"{name} ref", f"enum {enum.name}"),
        *(f"{name} ref set", "string set", f"(string -> enum {enum.name}) map"),
    ]
    fields = tuple(
        Field(
            f"field_{place}",
            parse_type(kind),
            f"What the field {place} says",
            None,
            "RO/runtime",
            lifecycle,
        )
        for place, kind in enumerate(kinds)
    )
    count = METHODS // CLASSES + (number < METHODS % CLASSES)
    methods = tuple(_method(name, place, enum.name, lifecycle) for place in range(count))
    told = ClassDeclaration(
        name, f"A {name}: one of the many things of a pool", fields, (enum.name,), lifecycle, position=number + 1
    )
    return Document((told,), (enum,), (), methods)


def _method(name: str, place: int, enum: str, lifecycle: Lifecycle) -> Method:
    kinds = ("string", "int", f"enum {enum}", "(string -> string) map")
    params = tuple(
        Param(f"value_{number}", parse_type(kinds[number % 4]), f"The value number {number}")
        for number in range(place % 3)
    )
    return Method(
        f"{name}.do_thing_{place}",
        f"Do the thing number {place} to the given {name}",
        role=ROLES[place % len(ROLES)].name,
        params=(Param("self", parse_type(f"{name} ref"), "reference to the object"), *params),
        result=Result(
            parse_type("string" if place % 3 else f"({name} ref -> {name} record) map"), "value of the field"
        ),
        errors=() if place % 4 else (ErrorDeclaration("OTHER_OPERATION_IN_PROGRESS", (), "Another one is under way"),),
        lifecycle=lifecycle,
        implicit=place % 2 == 0,
    )


async def start(directory: Path, cache: Path) -> tuple[float, float, Api]:
    """Load declarations as a dispatcher does; return how long that took, how long joining them took, and the result."""
    declarations = Declarations(platform_document(), lambda: (frozenset(), frozenset()))
    began = time.process_time()
    files = DeclarationFiles(directory, cache, declarations.refused)
    declarations.files = lambda: files.settled
    await files.open()
    loaded = time.process_time()
    api = declarations.in_force.api
    ended = time.process_time()
    await files.close()
    return ended - began, ended - loaded, api


def load(figures: Figures) -> None:
    """Load the set, with nothing kept of a start before and with that."""
    documents = make_documents()
    size = len(write_datamodel(export_datamodel(documents.values())))
    figures.begin(f"{CLASSES} classes, {METHODS} methods, {size / 1e6:.1f} MB in JSON")
    with tempfile.TemporaryDirectory() as folder:
        directory, cache = Path(folder, "declarations.d"), Path(folder, "cache", "in-force")
        directory.mkdir()
        for name, document in documents.items():
            (directory / name).write_bytes(write_document(document))
        time.sleep(0.2)  # so that no file counts as being written
        platform_document()
        cold, warm, joining = [], [], []
        for _ in range(STARTS):
            cache.unlink(missing_ok=True)
            cold.append(asyncio.run(start(directory, cache))[0])
            whole, joined, api = asyncio.run(start(directory, cache))
            warm.append(whole)
            joining.append(joined)
    assert sum(name.startswith("Class_") for name in api.methods) == METHODS
    figures.add("load, cold", median(cold), "s", aim=2.0)
    figures.add("load, warm", median(warm), "s", aim=0.3)
    figures.add_times("of that, join all sources", joining)
    figures.add("write and digest what is in force", timed(lambda: api.digest)[0] * 1000, "ms")


def check(figures: Figures) -> None:
    """Check calls and results."""
    state = EnumDeclaration("state", (EnumValue("on"), EnumValue("off")))
    kinds = (STRING, INT, FLOAT, BOOL, DATETIME, EnumType("state"), STRING, INT, BOOL, FLOAT)
    params = tuple(Param(f"p{number}", kind) for number, kind in enumerate(kinds))
    method = Method("Volume.resize", params=params, result=Result(parse_type("string set")))
    checks = MethodChecks(method, Types({"state": state}))
    given: list[Value] = ["x", 5, 1.5, True, DateTime("20260101T00:00:00Z"), "on", "y", 6, False, 2.5]
    answer: Value = ["x"] * 100
    figures.begin("checks of one call")
    for what, work, aim in (
        ("ten scalar parameters", lambda: checks.arguments(given), 20.0),
        ("the same, read from text where that is possible", lambda: checks.arguments(_texts(given)), None),
        ("a result of a hundred strings", lambda: checks.result(answer), None),
    ):
        # A clock tick of CPU time is longer than one check.
        times = [timed(partial(_often, work))[0] / ROUNDS for _ in range(STARTS)]
        figures.add(what, median(times) * 1e6, "us", aim=aim)


def _often(work: Callable[[], object]) -> None:
    for _ in range(ROUNDS):
        work()


def _texts(given: list[Value]) -> list[Value]:
    return [str(value) if type(value) in (int, float) else value for value in given]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # What the dispatcher's parts tell would stand between the figures.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    figures = Figures()
    load(figures)
    check(figures)
    figures.print(as_json=arguments.json)


if __name__ == "__main__":
    main()
