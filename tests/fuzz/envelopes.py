"""Looks for bytes at which an envelope of calls breaks, guided by what they reach: needs atheris (`pip install atheris`).

    PYTHONPATH=.:protos:tests .venv/bin/python tests/fuzz/envelopes.py CORPUS -dict=tests/fuzz/envelopes.dict -max_total_time=600

CORPUS is a folder; what reaches something new is kept in it. Every other argument is libFuzzer's. It ends with the bytes
in a file `crash-…`, `timeout-…` or `oom-…` where there are any.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
from pathlib import Path

import atheris
import structlog

with atheris.instrument_imports(include=["gateway", "graft_common"]):
    from support.any_bytes import JSON, SESSION, XML, check_json, check_xml, open_app, serve
    from support.wire import call

SEEDS = [
    json.dumps({"jsonrpc": "2.0", "method": "Test.mirror", "params": [SESSION, 1, 1.5, "x", None, {}], "id": 1}),
    json.dumps({"method": "Test.fail", "params": [SESSION, "CODE", "a"], "id": "x"}),
    json.dumps([{"jsonrpc": "2.0", "method": "system.isAlive"}, 5, {"jsonrpc": "2.0", "method": "a", "id": None}]),
    '{"jsonrpc":"2.0","method":"\\u00e4\\ud834\\udd1e","params":{"a":[[[]]]},"id":-1.5e3}',
    call("Test.mirror", SESSION, "<int>5</int>", "<nil/>", "<boolean>1</boolean>", "<double>1.5</double>").decode(),
    call("a.b", "<array><data><value><base64>AA==</base64></value></data></array>", "<![CDATA[x]]>&amp;").decode(),
    call("a.b", "<struct><member><name>a</name><value><i8>1</i8></value></member></struct>").decode(),
    '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE a [<!ENTITY b "c">]><methodCall>&b;</methodCall>',
]
GROWTH = 64 << 10
"""KiB by which the process may grow between its first tenth of a million inputs and its last."""
WARM = 100_000


def main() -> None:
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        (corpus / f"seed-{number}").write_text(seed, "utf-8")
    runner = asyncio.Runner()
    app = runner.run(open_app())
    seen = 0
    warm = 0

    def try_one(data: bytes) -> None:
        nonlocal seen, warm
        seen += 1
        check_json(runner.run(serve(app, JSON, [data])), data)
        check_xml(runner.run(serve(app, XML, [data])))
        if seen == WARM:
            warm = _peak()
        assert not warm or _peak() - warm < GROWTH, f"the process has grown by {_peak() - warm} KiB"

    atheris.Setup([*sys.argv, "-timeout=10", "-rss_limit_mb=2048", "-max_len=5100"], try_one)
    atheris.Fuzz()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
