"""What a large tree of extensions costs: reading it, and the registry that has read it, with few links and with many.

    python -m benchmarks.catalog                           # 10,000 versions with 2 services each, 10,000 links
    python -m benchmarks.catalog --names 100 --stacks 5    # a tenth of the versions, a twentieth of the links
    python -m benchmarks.catalog --json

First the tree is read in this process. Then real processes, `graft registry` and `graft gateway`, are asked over gRPC
and HTTP while links are made. Last the registry is opened in this process, as `graft up` does, and asked without a hop.
There single links are made where there are few and where there are many by turns, so that a busy machine slows both.
Links are spread so that all versions of an extension are linked, and all extensions to every stack version. The column
`aim` has what Graft aims at on two cores; `ratio` compares with the figure of the same name before.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from benchmarks.figures import Figures
from benchmarks.registry import Load, ask_in_process, ask_processes
from benchmarks.tree import make_tree
from registry_service.catalog.cache import load_reading, save_reading
from registry_service.catalog.catalog import read_catalog

T = TypeVar("T")


def resident_mib(process: int | str = "self") -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def timed(call: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    result = call()
    return time.perf_counter() - begun, result


def read_tree(root: Path, cache: Path, load: Load, figures: Figures) -> None:
    figures.begin("reading the tree")
    gc.collect()
    before, cpu = resident_mib(), time.process_time()
    duration, catalog = timed(lambda: read_catalog(root))
    figures.add("cold load", duration, "s", aim=20)
    figures.add("cold load, CPU of one core", time.process_time() - cpu, "s")
    gc.collect()
    figures.add("memory that it holds", resident_mib() - before, "MiB")
    assert sum(len(found) for found in catalog.extensions.values()) == load.names * load.versions
    assert all(version.valid for found in catalog.extensions.values() for version in found.values())
    figures.add("save the cache", timed(lambda: save_reading(catalog.reading, cache))[0], "s")
    figures.add("cache on disk", cache.stat().st_size / 2**20, "MiB")
    cpu = time.process_time()
    loading, reading = timed(lambda: load_reading(cache))
    checking, _ = timed(lambda: read_catalog(root, reading))
    figures.add("load the cache", loading, "s")
    figures.add("warm load: load the cache, and see that it holds", loading + checking, "s", aim=3)
    figures.add("warm load, CPU of one core", time.process_time() - cpu, "s")
    duration, catalog = timed(lambda: read_catalog(root, catalog))
    figures.add("look at everything again", duration, "s")

    times = []
    for number in range(20):
        path = load.touch(root, number)
        duration, catalog = timed(partial(read_catalog, root, catalog, changed=[path]))
        times.append(duration)
    figures.add_times("read again when one file has changed", times, aim=100)
    figures.add("the same, at most", max(times) * 1000, "ms")

    newest = [found[f"{load.versions}.0"] for found in catalog.extensions.values()]
    services = [node for version in newest for node in version.services.values()]
    duration, _ = timed(lambda: [node.definition for node in services])
    figures.add("merge one service of the newest version, mean", duration * 1000 / len(services), "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=1000, help="extensions (default 1000)")
    parser.add_argument("--versions", type=int, default=10, help="versions of each, in a chain (default 10)")
    parser.add_argument("--stacks", type=int, default=10, help="stack versions (default 10)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # What the registry of this process tells of each link would stand between the figures.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    load = Load(arguments.names, arguments.versions, arguments.stacks)
    figures = Figures()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory, "resources")
        make_tree(root, load.names, load.versions, load.stacks)
        time.sleep(0.1)  # so that no file counts as changed just now
        try:
            read_tree(root, Path(directory, "catalog.cache"), load, figures)
            asyncio.run(ask_processes(root, Path(directory, "platform"), load, figures))
            asyncio.run(ask_in_process(root, Path(directory, "platform"), load, figures))
        finally:
            figures.print(as_json=arguments.json)


if __name__ == "__main__":
    main()
