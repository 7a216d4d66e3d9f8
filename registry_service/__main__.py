"""`python -m registry_service` is `graft registry`."""

from __future__ import annotations

import sys

from graft_cli.main import main

if __name__ == "__main__":
    main(["registry", *sys.argv[1:]])
