"""A resident process for tests that does what each call's text says, well or badly. It knows nothing of Graft's code."""

from __future__ import annotations

SERVANT = r"""
import os, signal, sys, threading, time

LOCK = threading.Lock()
MEET = {"count": 0, "condition": threading.Condition()}
CANCELLED = {}

def say(kind, call, body=b""):
    data = b"%s %d %d\n%s" % (kind, call, len(body), body)
    with LOCK:
        while data:
            data = data[os.write(1, data):]

def read(size):
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            os._exit(0)
        data += more
    return data

def line():
    data = b""
    while not data.endswith(b"\n"):
        data += read(1)
    return data.split()

def do(call, text):
    word, _, rest = text.partition(" ")
    if word == "echo":
        say(b"answer", call, rest.encode())
    elif word == "pid":
        say(b"answer", call, str(os.getpid()).encode())
    elif word == "meet":
        with MEET["condition"]:
            MEET["count"] += 1
            MEET["condition"].notify_all()
            MEET["condition"].wait_for(lambda: MEET["count"] >= int(rest))
        say(b"answer", call, b"met")
    elif word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "exit":
        os._exit(int(rest))
    elif word == "hang":
        time.sleep(600)
    elif word == "patient":
        CANCELLED[call].wait()
        say(b"failed", call, b"cancelled")
    elif word == "fail":
        sys.stderr.write("about to fail\n")
        sys.stderr.flush()
        say(b"failed", call, b"Traceback: " + rest.encode())
    elif word == "flood":
        for _ in range(40):
            os.write(2, b"x" * (1 << 16))
        say(b"answer", call, b"flooded")
    elif word == "raw":
        os.write(1, rest.encode())
    elif word == "long":
        say(b"answer", call, b"x" * int(rest))
    elif word == "deaf":
        os.close(0)
        os.dup2(1, 7)
        say(b"answer", call, b"deaf")
    elif word == "mute":
        os.close(1)
        time.sleep(600)
    elif word == "answer":
        say(b"answer", int(rest))
    elif word == "half":
        os.write(1, b"answer %d 100\nhalf" % call)
        os._exit(0)

HELLO = os.environ.get("HELLO", "version=1\nconcurrency=64\n").encode()
say(b"hello", 0, HELLO)
while True:
    kind, call, size = line()
    body = read(int(size)).decode()
    call = int(call)
    if kind == b"ping":
        if "unwell" not in sys.argv[0]:
            say(b"pong", call)
    elif kind == b"cancel":
        CANCELLED[call].set()
    else:
        CANCELLED[call] = threading.Event()
        threading.Thread(target=do, args=(call, body), daemon=True).start()
"""
