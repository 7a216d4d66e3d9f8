"""Exit codes, and the error that ends a command with one of them."""

from __future__ import annotations

FAILED = 1
"""The call failed, something needed is missing, or a service could not start."""
USAGE = 2
"""The command line is wrong."""
UNREACHABLE = 3
"""The service does not answer."""
NOT_LOGGED_IN = 4
"""There is no session, it has ended, or user and password do not fit."""

REFUSED = 5
"""`graft try`: a client would be told a named error, of the method's own or because the arguments do not fit."""

HELP = """\
\b
Exit codes: 0 success; 1 failure; 2 wrong usage; 3 the service does not answer; 4 not logged in."""


class CliError(Exception):
    """A command cannot go on; the message is one for people, without a traceback."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code
