"""The servers that Graft is compared to: nginx with fcgiwrap, and lighttpd with mod_cgi.

They are Debian's packages, run by this program on free ports of the loopback interface, with configurations of its own
in a temporary folder. Nothing isolates the executables that they run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.executables import ENVIRONMENT

PATIENCE = 10.0
WORKERS = 16
"""Executables that fcgiwrap runs at once."""

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_requests 100000000; client_body_buffer_size 64k; tcp_nodelay on;
    client_body_temp_path {folder}/body; fastcgi_temp_path {folder}/fastcgi; proxy_temp_path {folder}/proxy;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            fastcgi_pass unix:{folder}/fcgi.sock;
            fastcgi_param SCRIPT_FILENAME {files}$fastcgi_script_name;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param GATEWAY_INTERFACE CGI/1.1;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
        }}
    }}
}}
"""
LIGHTTPD = """
server.document-root = "{files}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/lighttpd.log"
server.modules = ( "mod_cgi" )
server.max-keep-alive-requests = 100000000
server.upload-dirs = ( "{folder}" )
cgi.assign = ( "" => "" )
"""


@dataclass(frozen=True)
class Peer:
    """A server that runs: where it listens, and its processes by what they are."""

    name: str
    port: int
    processes: dict[str, int]


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, log: Path) -> None:
    """Return when somebody listens on the port."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    said = log.read_text(errors="replace") if log.exists() else ""
    raise RuntimeError(f"nobody listens on port {port} after {PATIENCE:g} s\n{said}")


@contextlib.contextmanager
def started(command: list[str], log: Path) -> Iterator[int]:
    """Run a server that stays in the foreground; yields its process id."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=ENVIRONMENT, start_new_session=True
        )
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # fcgiwrap's workers do not end with it
        process.wait(PATIENCE)


@contextlib.contextmanager
def nginx(folder: Path, files: Path) -> Iterator[Peer]:
    """Run nginx before fcgiwrap."""
    port, configuration, log = free_port(), folder / "nginx.conf", folder / "nginx.log"
    configuration.write_text(NGINX.format(folder=folder, files=files, port=port))
    wrap = [found("fcgiwrap"), "-c", str(WORKERS), "-s", f"unix:{folder}/fcgi.sock"]
    serve = [found("nginx"), "-c", str(configuration), "-e", str(log)]
    with started(wrap, log) as wrapper, started(serve, log) as server:
        wait_for(port, log)
        yield Peer("nginx+fcgiwrap", port, {"nginx": server, "fcgiwrap": wrapper})


@contextlib.contextmanager
def lighttpd(folder: Path, files: Path) -> Iterator[Peer]:
    """Run lighttpd with mod_cgi, which starts the executables itself."""
    port, configuration, log = free_port(), folder / "lighttpd.conf", folder / "lighttpd.log"
    configuration.write_text(LIGHTTPD.format(folder=folder, files=files, port=port))
    with started([found("lighttpd"), "-D", "-f", str(configuration)], log) as server:
        wait_for(port, log)
        yield Peer("lighttpd", port, {"lighttpd": server})


PEERS: dict[str, tuple[Callable[[Path, Path], contextlib.AbstractContextManager[Peer]], tuple[str, ...]]] = {
    "nginx+fcgiwrap": (nginx, ("nginx", "fcgiwrap")),
    "lighttpd": (lighttpd, ("lighttpd",)),
}
"""How each is run, and the programs that it needs."""


def missing(name: str) -> list[str]:
    """The programs that a peer needs and this machine lacks."""
    return [program for program in PEERS[name][1] if locate(program) is None]


def locate(program: str) -> str | None:
    """Where a program is; servers are often outside a user's PATH."""
    return shutil.which(program) or shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin")


def found(program: str) -> str:
    """The same of a program that must be there."""
    path = locate(program)
    if path is None:
        raise FileNotFoundError(f"{program} is not installed")
    return path
