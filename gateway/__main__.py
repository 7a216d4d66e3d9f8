"""`python -m gateway` is `graft gateway`."""

from __future__ import annotations

import sys

from graft_cli.main import main

if __name__ == "__main__":
    main(["gateway", *sys.argv[1:]])
