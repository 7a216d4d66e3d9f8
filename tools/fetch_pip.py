"""Installs pip into the environment of this interpreter, from the package index that pip itself would use.

`python3 -m venv` does that by itself wherever Python has its `ensurepip`; Debian packs it apart, as python3-venv.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

WHEEL = re.compile(r'href="([^"]*/)?(pip-([0-9]+(?:\.[0-9]+)+)-py3-none-any\.whl)#sha256=([0-9a-f]{64})"')
PYPI = "https://pypi.org/simple"
MAX_SIZE = 16 << 20
TIMEOUT = 60


def main() -> None:
    """Fetch the newest wheel, check its digest, and let it install itself."""
    index = f"{(_configured('index-url') or PYPI).rstrip('/')}/pip/"
    wheels = WHEEL.findall(_fetch(index).decode())
    if not wheels:
        sys.exit(f"{index} lists no wheel of pip")
    folder, name, _, digest = max(wheels, key=lambda wheel: [int(part) for part in wheel[2].split(".")])
    content = _fetch(urllib.parse.urljoin(index, folder + name))
    if hashlib.sha256(content).hexdigest() != digest:
        sys.exit(f"{name} is not what {index} says it is")
    with tempfile.TemporaryDirectory() as directory:
        wheel = Path(directory) / name
        wheel.write_bytes(content)
        # A wheel is a zip file, from which Python can run: pip installs itself.
        command = [sys.executable, f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)]
        sys.exit(subprocess.run(command, check=False).returncode)


def _configured(name: str) -> str | None:
    """Read an option as pip does: the environment, else its configuration files."""
    config = configparser.ConfigParser(interpolation=None)
    named = os.environ.get("PIP_CONFIG_FILE")
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    config.read(
        ["/etc/pip.conf", Path.home() / ".pip/pip.conf", config_home / "pip/pip.conf", *([named] if named else [])]
    )
    variable = f"PIP_{name.upper().replace('-', '_')}"
    return os.environ.get(variable) or config.get("global", name, fallback=None)


def _fetch(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": "text/html"})  # noqa: S310  (the configured index)
    trust = ssl.create_default_context(cafile=_configured("cert"))
    with urllib.request.urlopen(request, timeout=TIMEOUT, context=trust) as response:  # noqa: S310  (the same)
        content: bytes = response.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        sys.exit(f"{url} is larger than {MAX_SIZE >> 20} MiB")
    return content


if __name__ == "__main__":
    main()
