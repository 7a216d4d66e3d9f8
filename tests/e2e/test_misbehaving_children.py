"""Executables that do everything wrong: each ends in time, with the right error, and nothing is left of it."""

from __future__ import annotations

import threading
import time
import uuid
from pathlib import Path

import pytest
import XenAPI

from support.running import Platform, make_platform, wait_until

pytestmark = pytest.mark.e2e

ANSWER = '<?xml version="1.0"?><methodResponse><params><param><value>ok</value></param></params></methodResponse>'
TIMEOUT = 3.0


@pytest.fixture(scope="module", params=["up", "services"])
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    made = make_platform(
        request.param,
        tmp_path_factory.mktemp(request.param),
        GRAFT_CALL_TIMEOUT=f"{TIMEOUT:g}s",
        GRAFT_CALL_OUTPUT="1MiB",
    )
    try:
        made.start_all()
        yield made
    finally:
        made.kill_all()


# name, the script, what the error has in its second place (the reason), the longest it may take
CASES = [
    ("ignores_stdin", f"echo '{ANSWER}'", None, 2.0),
    ("closes_stdout", f"echo '{ANSWER}'; exec >&-; sleep 0.3", None, 2.5),
    ("floods_stdout", "exec yes", "output", 3.0),
    ("floods_stderr", f"timeout 1 yes >&2; echo '{ANSWER}'", None, 3.5),
    ("sleeps", "exec sleep 600", "timed out", TIMEOUT + 2),
    ("ignores_term", "trap '' TERM INT HUP; while :; do sleep 1; done", "timed out", TIMEOUT + 2),
    ("spins", "while :; do :; done", "timed out", TIMEOUT + 2),
    ("daemon", f"(setsid sleep 600 >/dev/null 2>&1 &); echo '{ANSWER}'", None, 2.0),
    ("daemon_with_stdout", f"(setsid sleep 600 &); echo '{ANSWER}'", None, 2.0),
    ("garbage", "echo this is no XML", "failed to parse extension output", 2.0),
    ("silence", ":", "failed to parse extension output", 2.0),
    ("exits_7", f"echo '{ANSWER}'; echo why >&2; exit 7", "non-zero exit", 2.0),
    ("dies", f"echo '{ANSWER}'; kill -SEGV $$", "signal: SIGSEGV", 2.0),
    ("killed", "kill -KILL $$", "signal: SIGKILL", 2.0),
]


@pytest.mark.parametrize(("name", "script", "reason", "longest"), CASES, ids=[case[0] for case in CASES])
def test_misbehaviour_ends_in_time(
    platform: Platform, session: XenAPI.Session, name: str, script: str, reason: str | None, longest: float
) -> None:
    mark = f"graft-e2e-{uuid.uuid4().hex}"
    path = platform.drop_in(f"Bad.{name}", f"#!/bin/bash\n# {mark}\nexport MARK={mark}\n{script}\n")
    started = time.monotonic()
    if reason is None:
        assert getattr(session.xenapi.Bad, name)("x" * 100_000) == "ok"
    else:
        with pytest.raises(XenAPI.Failure) as caught:
            getattr(session.xenapi.Bad, name)("x" * 100_000)
        code, where, why, *_ = caught.value.details
        assert (code, where) == ("INTERNAL_ERROR", str(path))
        assert reason in why
    assert time.monotonic() - started < longest
    assert not processes_with(mark)


def test_stderr_is_told_with_a_non_zero_exit(platform: Platform, session: XenAPI.Session) -> None:
    platform.drop_in("Bad.talks", "#!/bin/sh\necho out\necho err >&2\nexit 3\n")
    with pytest.raises(XenAPI.Failure) as caught:
        session.xenapi.Bad.talks()
    assert caught.value.details == [
        "INTERNAL_ERROR",
        str(platform.extensions / "Bad.talks"),
        "non-zero exit",
        "out\n",
        "err\n",
    ]


@pytest.mark.parametrize("text", ["#!/no/such/interpreter\n", "no shebang and no program", "\x7fELF broken"])
def test_what_cannot_be_executed(platform: Platform, session: XenAPI.Session, text: str) -> None:
    platform.drop_in("Bad.program", text)
    with pytest.raises(XenAPI.Failure) as caught:
        session.xenapi.Bad.program()
    assert caught.value.details[:3] == ["INTERNAL_ERROR", str(platform.extensions / "Bad.program"), "non-zero exit"]


def test_a_file_being_written_is_never_run_by_halves(platform: Platform, session: XenAPI.Session) -> None:
    """Rewrites one file in place, slowly, while it is called: every answer is a whole version's."""
    path = platform.drop_in("Slow.write", script(0))
    assert session.xenapi.Slow.write() == "0"
    stop = threading.Event()

    def rewrite() -> None:
        version = 0
        while not stop.is_set():
            version += 1
            with path.open("r+b") as target:
                target.truncate()
                for chunk in chunks(script(version)):
                    target.write(chunk)
                    target.flush()
                    time.sleep(0.002)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        answers = {session.xenapi.Slow.write() for _ in range(40)}
    finally:
        stop.set()
        writer.join()
    assert all(answer.isdigit() for answer in answers)
    final = path.read_text().rpartition("<value>")[2].partition("<")[0]
    assert wait_until("the final version", lambda: session.xenapi.Slow.write() == final, 3.0)


def script(version: int) -> str:
    padding = "# padding\n" * 400
    answer = ANSWER.replace("ok", str(version))
    return f"#!/bin/sh\nversion='half a file'\n{padding}printf '%s' '{answer}'\n"


def chunks(text: str) -> list[bytes]:
    data = text.encode()
    return [data[start : start + 1024] for start in range(0, len(data), 1024)]


def processes_with(mark: str) -> list[str]:
    """Processes whose environment or arguments hold the mark."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes() + (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found
