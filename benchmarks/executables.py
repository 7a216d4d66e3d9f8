"""The executables that are called, as Graft calls them and with the header that CGI wants before the answer."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

ANSWER = '<?xml version="1.0"?><methodResponse><params><param><value>ok</value></param></params></methodResponse>'
EXPECTED = "ok</"
"""What is in every answer, whoever has encoded it."""
BODY = "x" * 1024
ENVIRONMENT = {"PATH": "/sbin:/usr/sbin:/bin:/usr/bin"}
CGI_HEADER = "Content-Type: text/xml\r\n\r\n"

C_SOURCE = """
#include <unistd.h>
int main(void) {
    static char in[65536];
    static const char answer[] = %s;
    while (read(0, in, sizeof in) > 0) {}
    return write(1, answer, sizeof answer - 1) < 0;
}
"""
SHELL = """#!/bin/sh
read -r body
printf '%%b' '%s'
"""
PYTHON = """#!/usr/bin/env python3
import sys, xmlrpc.client
%s
params, method = xmlrpc.client.loads(sys.stdin.read())
print(%s + xmlrpc.client.dumps(("ok",), "", True))
"""
IMPORTS = "import argparse, json, logging, os, re, shutil, subprocess, tempfile, urllib.request, xml.dom.minidom"
"""What scripts that manage a host have at their heads."""

NAMES = {"static": "Bench.static", "shell": "Bench.shell", "python": "Bench.python", "imports": "Bench.imports"}
LABELS = {
    "static": "static executable",
    "shell": "shell",
    "python": "Python",
    "imports": "Python with imports",
    "resident": "resident",
}


def scripts(header: str) -> dict[str, str]:
    """The texts of the executables that are scripts."""
    escaped = header.replace("\r", "\\r").replace("\n", "\\n")
    return {
        "shell": SHELL % (escaped + ANSWER),
        "python": PYTHON % ("", repr(header)),
        "imports": PYTHON % (IMPORTS, repr(header)),
    }


def install(directory: Path, header: str = "") -> dict[str, Path]:
    """Write the executables, and return where by kind; the compiled one only where there is a compiler."""
    made = {}
    if compiler := shutil.which("cc"):
        source, path = directory.parent / f"{directory.name}.c", directory / NAMES["static"]
        source.write_text(C_SOURCE % json.dumps(header + ANSWER))
        subprocess.run([compiler, "-O2", "-static", "-o", path, source], check=True)
        made["static"] = path
    for kind, text in scripts(header).items():
        path = directory / NAMES[kind]
        path.write_text(text)
        path.chmod(0o755)
        made[kind] = path
    return made
