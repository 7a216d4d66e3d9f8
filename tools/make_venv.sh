#!/bin/bash
# make_venv.sh DIRECTORY [PYTHON]: makes a virtual environment with pip. Debian's python3 comes without the packed copy
# of pip that `venv` installs (it is in python3-venv); then pip is fetched from the package index.
set -euo pipefail
directory=$1
python=${2:-}

if [ -z "$python" ]; then
    echo "Graft needs Python 3.11 or newer, and found none. On Debian or Ubuntu: apt install python3 python3-venv" >&2
    echo "One that is not on PATH can be given: make PYTHON=/path/to/python3" >&2
    exit 1
fi

if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv "$directory"
    exit 0
fi
"$python" -m venv --without-pip "$directory"
if ! "$directory/bin/python" "$(dirname "$0")/fetch_pip.py"; then
    rm -rf "$directory"
    echo "This Python has no pip to give to .venv, and fetching one has failed. On Debian or Ubuntu: apt install python3-venv" >&2
    exit 1
fi
