"""From the text of a query to a predicate.

    query       = [ disjunction ] ;
    disjunction = conjunction { "|" conjunction } ;
    conjunction = factor { "&" factor } ;
    factor      = [ "!" ] ( term | "(" disjunction ")" ) ;
    term        = property ( comparison | in | is empty | matches ) ;
    comparison  = ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
                | ( "=" | "!=" )                              (* at the end of the query: there is no value *) ;
    in          = ".in(" value { "," value } ")"              (* blanks around a value do not count *) ;
    is empty    = ".isEmpty()" ;
    matches     = ".matches(" pattern ")"                     (* brackets within come in pairs *) ;
    property    = text ;  value = text                        (* without = ! < > & | ( ) *) ;

`!` binds closer than `&`, and `&` closer than `|`. Terms that are parameters of the request (`tokens.PARAMETERS`) may
stand wherever a term may, and are left out.

As in Ambari the query is decoded as a whole (`+` is a blank, `%26` is `&`) and then read, so that clients may encode
operators, which many do. Where that gives no predicate, it is read with what is encoded as part of the texts: then
`name=R%26D` compares with `R&D`, which Ambari refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from urllib.parse import unquote_to_bytes

from gateway.ambari.query.errors import QueryError
from gateway.ambari.query.predicate import And, Not, Or, Predicate
from gateway.ambari.query.tokens import Mark, Token, tokens_of, uncompilable

MAX_LENGTH = 65_536
"""Characters of a query."""
MAX_DEPTH = 32
"""Brackets within brackets."""

_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}")


def parse_predicate(query: str, ignored: Collection[str] = ()) -> Predicate | None:
    """Read the predicate of a query string as it came, or of the `query` of a body's `RequestInfo`.

    Args:
        query: not yet decoded, without the `?`.
        ignored: more names that are parameters, such as the directives of a resource type.

    Returns:
        None where there is nothing but parameters.

    Raises:
        QueryError: it is not a predicate.
    """
    if len(query) > MAX_LENGTH:
        raise uncompilable(f"it has {len(query)} characters; at most {MAX_LENGTH} are allowed.")
    try:
        return _parse(tokens_of(decode(query), ignored))
    except QueryError:
        if "%" not in query:
            raise
        literal = _parse_literal(query, ignored)
        if literal is None:
            raise
        return literal


def decode(text: str) -> str:
    """Decode a part of a URL as Java's URLDecoder does.

    Raises:
        QueryError: a `%` without two hexadecimal digits, or bytes that are not UTF-8.
    """
    if (bad := _BAD_ESCAPE.search(text)) is not None:
        raise uncompilable(f"'{bad[0]}' is not a % with two hexadecimal digits; a % itself is written %25.")
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeError:
        raise uncompilable("its encoded characters are not UTF-8.") from None


def _parse_literal(query: str, ignored: Collection[str]) -> Predicate | None:
    try:
        return _parse(tokens_of(query, ignored, decode))
    except QueryError:
        return None


def _parse(tokens: Sequence[Token]) -> Predicate | None:
    if not tokens:
        return None
    parser = _Parser(tokens)
    predicate = parser.disjunction(0)
    if parser.peek() is not None:
        raise _mismatched()
    return predicate


class _Parser:
    """The grammar, a method for each rule."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def disjunction(self, depth: int) -> Predicate:
        operands = self._joined(Mark.OR, lambda: self._conjunction(depth))
        return operands[0] if len(operands) == 1 else Or(operands)

    def _conjunction(self, depth: int) -> Predicate:
        operands = self._joined(Mark.AND, lambda: self._factor(depth))
        return operands[0] if len(operands) == 1 else And(operands)

    def _joined(self, mark: Mark, read: Callable[[], Predicate]) -> tuple[Predicate, ...]:
        operands = [read()]
        while self.peek() is mark:
            self._at += 1
            operands.append(read())
        return tuple(operands)

    def _factor(self, depth: int) -> Predicate:
        token = self.peek()
        self._at += 1
        if token is Mark.NOT:
            return Not(self._factor(depth))
        if token is Mark.OPEN:
            if depth == MAX_DEPTH:
                raise uncompilable(f"brackets are more than {MAX_DEPTH} deep.")
            inner = self.disjunction(depth + 1)
            if self.peek() is not Mark.CLOSE:
                raise _mismatched()
            self._at += 1
            return inner
        if token is None or isinstance(token, Mark):
            raise _mismatched()
        return token


def _mismatched() -> QueryError:
    return uncompilable("Invalid query string: mismatched parentheses.")
