"""`python -m dispatcher_service` is `graft dispatcher`."""

from __future__ import annotations

import sys

from graft_cli.main import main

if __name__ == "__main__":
    main(["dispatcher", *sys.argv[1:]])
