"""Regular expressions of clients, matched in time linear in the text.

Ambari hands them to Java's engine, which backtracks: a short pattern can keep a server busy for years. RE2 does not,
whatever the pattern; a timeout would only bound the harm. What RE2 lacks (looking around, references to groups,
possessive repetition) is refused with its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import re2

from gateway.ambari.query.errors import QueryError

MAX_LENGTH = 1000
"""Characters of a pattern."""
MAX_MEMORY = 1 << 20
"""Bytes that RE2 may take for one compiled pattern and its automaton."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that a whole text must fit; make it with `compile_pattern`."""

    text: str
    _compiled: re2._Regexp[str] = field(repr=False, compare=False)

    def fits(self, subject: str) -> bool:
        """Tell whether the whole subject fits, as Java's `Matcher.matches` does."""
        return self._compiled.fullmatch(subject) is not None


def compile_pattern(text: str) -> Pattern:
    """Compile what stands in `.matches(…)`.

    Raises:
        QueryError: it is not a regular expression, has what RE2 lacks, or is too large.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(
            f"Unable to compile query predicate: a regular expression has {len(text)} characters; "
            f"at most {MAX_LENGTH} are allowed."
        )
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    try:
        return Pattern(text, re2.compile(text, options))
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args else "it is not understood"
        raise QueryError(f"Unable to compile query predicate: regular expression '{text}': {reason}.") from None
