"""The words of a predicate: what looks at properties, and the operators and brackets between.

Terms whose property is a parameter of the request (`fields`, `page_size`, …) are left out with the operator before
them, or after them where they stand first (QueryLexer.java).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from enum import StrEnum

from gateway.ambari.query.errors import QueryError
from gateway.ambari.query.patterns import compile_pattern
from gateway.ambari.query.predicate import Comparison, In, IsEmpty, Leaf, Matches, Operator

PARAMETERS = frozenset(
    {"fields", "format", "page_size", "to", "from", "minimal_response", "sortBy", "doAs", "_"},
)
"""What stands in a query string and is no part of the predicate."""

MAX_TERMS = 200
"""What looks at a property: each costs time for each resource."""
MAX_VALUES = 5000
"""Values in one `.in(…)`: they are looked up and not tried one by one."""

MAX_REASON = 1000
"""Characters of an error's text, which repeats what the client wrote."""

HOST_NAME = "/host_name"
"""Properties that end so are compared with small letters, in which names of hosts are kept (QueryParser.java)."""


class Mark(StrEnum):
    """What stands between terms."""

    AND = "&"
    OR = "|"
    NOT = "!"
    OPEN = "("
    CLOSE = ")"


Token = Mark | Leaf

_PIECE = re.compile(r"(\.matches\(|\.in\(|\.isEmpty\(|<=|>=|!=|[=<>&|!()])")
_RELATIONS = frozenset(Operator)
_AFTER = {Mark.OPEN: "BRACKET_OPEN", Mark.CLOSE: "BRACKET_CLOSE", Mark.NOT: "LOGICAL_UNARY_OPERATOR"}
_LOGICAL = "LOGICAL_OPERATOR"
_VALUE = "VALUE_OPERAND"


def uncompilable(reason: str) -> QueryError:
    """Make the error for a predicate that cannot be understood."""
    shown = reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}…"
    return QueryError(f"Unable to compile query predicate: {shown}")


def tokens_of(query: str, ignored: Collection[str], decode: Callable[[str], str] = str) -> list[Token]:
    """Read the words of a query.

    Args:
        query: what stands after the `?`.
        ignored: names of terms to leave out, as well as `PARAMETERS`.
        decode: applied to each property and each value.

    Raises:
        QueryError: something stands where it must not, or there is too much of it.
    """
    return _Reader(query, PARAMETERS.union(ignored), decode).read()


class _Reader:
    """Goes through the pieces once; `after` is what came before, in Ambari's words, for its errors."""

    def __init__(self, query: str, ignored: Collection[str], decode: Callable[[str], str]) -> None:
        self._pieces = [piece for piece in _PIECE.split(query) if piece]
        self._at = 0
        self._ignored = ignored
        self._decode = decode
        self._tokens: list[Token] = []
        self._terms = 0
        self._after = _LOGICAL
        self._drop_next_operator = False

    def read(self) -> list[Token]:
        while self._at < len(self._pieces):
            if self._after in {_VALUE, "BRACKET_CLOSE"}:
                self._read_between()
            else:
                self._read_operand()
        if self._tokens and self._after not in {_VALUE, "BRACKET_CLOSE"}:
            raise uncompilable("Unexpected end of expression.")
        return self._tokens

    def _read_between(self) -> None:
        piece = self._next()
        if piece == Mark.CLOSE:
            self._push(Mark.CLOSE)
        elif piece in {Mark.AND, Mark.OR}:
            if not self._drop_next_operator:
                self._tokens.append(Mark(piece))
            self._after = _LOGICAL
        else:
            raise self._misplaced(piece)
        self._drop_next_operator = False

    def _read_operand(self) -> None:
        piece = self._next()
        if piece == Mark.OPEN:
            self._push(Mark.OPEN)
        elif piece == Mark.NOT:
            if self._after == _AFTER[Mark.NOT]:
                raise uncompilable(
                    f"Unexpected token encountered in query string. Last Token Type={self._after}, "
                    f"Current Token[type={self._after}, value='!']"
                )
            self._push(Mark.NOT)
        elif _PIECE.fullmatch(piece):
            raise self._misplaced(piece)
        else:
            self._read_term(self._decode(piece))

    def _read_term(self, name: str) -> None:
        self._after = "PROPERTY_OPERAND"
        is_ignored = name in self._ignored
        operator = self._peek()
        if operator in _RELATIONS:
            self._next()
            self._add(name, lambda: self._comparison(name, Operator(operator)), is_ignored)
        elif operator.startswith("."):
            self._next()
            self._add(name, lambda: self._function(name, operator), is_ignored)
        elif is_ignored and operator in {"", Mark.AND}:
            self._leave_out()
        elif not operator:
            raise uncompilable(f"Property '{name}' is not compared with anything.")
        else:
            raise self._misplaced(operator)
        self._after = _VALUE

    def _add(self, name: str, read: Callable[[], Leaf], is_ignored: bool) -> None:
        if is_ignored:
            self._skip_value()
            self._leave_out()
            return
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise uncompilable(f"there are more than {MAX_TERMS} terms; '{name}' is one too many.")
        self._tokens.append(read())

    def _comparison(self, name: str, operator: Operator) -> Leaf:
        self._after = "RELATIONAL_OPERATOR"
        piece = self._peek()
        if not piece and operator not in {Operator.EQUAL, Operator.NOT_EQUAL}:
            raise uncompilable(f"'{name}{operator}' has nothing to compare with.")
        if piece and _PIECE.fullmatch(piece):
            raise self._misplaced(piece)
        value = self._decode(self._next()) if piece else None
        return Comparison(name, operator, _host_name(name, value) if value is not None else None)

    def _function(self, name: str, function: str) -> Leaf:
        argument = self._decode(self._argument(function))
        if function == ".isEmpty(":
            if argument:
                raise uncompilable(f"'isEmpty' operator shouldn't have a right operand but one exists: {argument}")
            return IsEmpty(name)
        if function == ".matches(":
            if not argument:
                raise uncompilable("Filter operator is missing a required right operand.")
            any_case = "(?i)" if name.endswith(HOST_NAME) else ""
            return Matches(name, compile_pattern(any_case + argument))
        values = tuple(value.strip() for value in _host_name(name, argument).rstrip(",").split(","))
        if not argument.rstrip(","):
            raise uncompilable(f"IN operator is missing a required right operand for property {name}")
        if len(values) > MAX_VALUES:
            raise uncompilable(f"{name}.in( ) has {len(values)} values; at most {MAX_VALUES} are allowed.")
        return In(name, values)

    def _argument(self, function: str) -> str:
        """Return all up to the bracket that closes the function; brackets within are in pairs."""
        start, depth = self._at, 1
        while self._at < len(self._pieces):
            piece = self._next()
            depth += (piece != Mark.CLOSE and piece.endswith("(")) - (piece == Mark.CLOSE)
            if not depth:
                return "".join(self._pieces[start : self._at - 1])
        raise uncompilable(f"Missing closing bracket for function: {function}")

    def _skip_value(self) -> None:
        """Pass over the value of a parameter: all up to the next `&` or closing bracket."""
        while self._peek() not in {"", Mark.AND, Mark.OR, Mark.CLOSE}:
            self._next()

    def _leave_out(self) -> None:
        while self._tokens and self._tokens[-1] is Mark.NOT:
            self._tokens.pop()
        if self._tokens and self._tokens[-1] in {Mark.AND, Mark.OR}:
            self._tokens.pop()
        else:
            self._drop_next_operator = True

    def _push(self, mark: Mark) -> None:
        self._tokens.append(mark)
        self._after = _AFTER[mark]

    def _peek(self) -> str:
        return self._pieces[self._at] if self._at < len(self._pieces) else ""

    def _next(self) -> str:
        self._at += 1
        return self._pieces[self._at - 1]

    def _misplaced(self, piece: str) -> QueryError:
        return uncompilable(f"Invalid Query Token: token='{piece}', previous token type={self._after}")


def _host_name(name: str, value: str) -> str:
    return value.lower() if name.endswith(HOST_NAME) else value
