"""The servers that Graft is compared to."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.executables import CGI_HEADER, EXPECTED, install
from benchmarks.load import Order, run
from benchmarks.peers import PEERS, missing
from benchmarks.processes import tree
from support.running import wait_until


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_answers_and_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    if lacking := missing(name):
        pytest.skip(f"not installed: {', '.join(lacking)}")
    files, folder = tmp_path / "files", tmp_path / "peer"
    for made in (files, folder):
        made.mkdir()
    path = install(files, CGI_HEADER)["shell"]
    with PEERS[name][0](folder, files) as peer:
        load = run(Order(peer.port, f"/{path.name}", "x\n", EXPECTED, clients=2, calls=6))
        processes = tree(peer.processes)
    assert (len(load.latencies), load.errors) == (6, 0), load.example
    wait_until("all processes are gone", lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in processes))
