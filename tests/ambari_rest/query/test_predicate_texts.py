"""What a query string means as a predicate; the cases of Ambari's QueryLexerTest and QueryParserTest, and more."""

from __future__ import annotations

import pytest

from gateway.ambari.query.errors import QueryError
from gateway.ambari.query.parser import MAX_DEPTH, MAX_LENGTH, parse_predicate
from gateway.ambari.query.patterns import MAX_LENGTH as MAX_PATTERN
from gateway.ambari.query.patterns import compile_pattern
from gateway.ambari.query.predicate import And, Comparison, In, IsEmpty, Matches, Not, Operator, Or, Predicate
from gateway.ambari.query.tokens import MAX_TERMS, MAX_VALUES


def compare(text: str) -> Comparison:
    """`a <= 2` as a term."""
    name, operator, value = text.split(" ")
    return Comparison(name, Operator(operator), value)


A1, B2, FOO1 = compare("a = 1"), compare("b = 2"), compare("foo = 1")

MEANINGS: list[tuple[str, Predicate | None]] = [
    # QueryLexerTest
    ("a=1&(b<=2|c>3)", And((A1, Or((compare("b <= 2"), compare("c > 3")))))),
    (
        "a<1&(b<=2&(c>=3|d!=4))",
        And((compare("a < 1"), And((compare("b <= 2"), Or((compare("c >= 3"), compare("d != 4"))))))),
    ),
    ("!foo<5", Not(compare("foo < 5"))),
    ("foo.in(one, two, 3)", In("foo", ("one", "two", "3"))),
    ("category1.isEmpty()", IsEmpty("category1")),
    ("fields=foo,bar", None),
    ("fields=foo,bar&foo=1", FOO1),
    ("foo=1&fields=foo,bar", FOO1),
    ("_=1", None),
    ("_=111111&foo=1", FOO1),
    ("foo=1&_=11111", FOO1),
    ("fields=a/b&foo=1&_=5555555", FOO1),
    ("foo=1&fields=a/b&_=5555555", FOO1),
    ("fields=a/b&_=5555555&foo=1", FOO1),
    ("foo=1&fields=a/b&bar=2", And((FOO1, compare("bar = 2")))),
    ("foo=1&fields=a/b,c&_=123&bar=2", And((FOO1, compare("bar = 2")))),
    ("sortBy=a.desc&page_size=2&from=start&to=end&minimal_response=true&format=x&doAs=bob&fields=*", None),
    # QueryParserTest
    ("a=b", compare("a = b")),
    (
        "foo=bar&(a<1&(b<=2|c>3)&d>=100)|e!=5&!(f=6|g=7)",
        Or(
            (
                And(
                    (
                        compare("foo = bar"),
                        And((compare("a < 1"), Or((compare("b <= 2"), compare("c > 3"))), compare("d >= 100"))),
                    )
                ),
                And((compare("e != 5"), Not(Or((compare("f = 6"), compare("g = 7")))))),
            )
        ),
    ),
    ("!a=b", Not(compare("a = b"))),
    ("a=1&!b=2", And((A1, Not(B2)))),
    ("foo.in(one,two,3)", In("foo", ("one", "two", "3"))),
    ("HostRoles/host_name.in(Host1,HOST2,HoSt3)", In("HostRoles/host_name", ("host1", "host2", "host3"))),
    ("HostRoles/host_name=HOST1", compare("HostRoles/host_name = host1")),
    (r"HostRoles/host_name.matches(H\D)", Matches("HostRoles/host_name", compile_pattern(r"(?i)H\D"))),
    ("foo.matches(.*)", Matches("foo", compile_pattern(".*"))),
    ("", None),
    # what else there is
    ("a=1|b=2&c=3", Or((A1, And((B2, compare("c = 3")))))),
    ("!a=1&b=2", And((Not(A1), B2))),
    ("!(!(a=1))", Not(Not(A1))),
    ("((a=1))", A1),
    ("a.in(x)", In("a", ("x",))),
    ("a.in(x,,y,)", In("a", ("x", "", "y"))),
    ("a.in((x),y)&b=2", And((In("a", ("(x)", "y")), B2))),
    ("a.matches((x|y)=z&.*)|b=2", Or((Matches("a", compile_pattern("(x|y)=z&.*")), B2))),
    ("a=", Comparison("a", Operator.EQUAL, None)),
    ("b=2&a!=", And((B2, Comparison("a", Operator.NOT_EQUAL, None)))),
    ("Versions/extension-errors.isEmpty()", IsEmpty("Versions/extension-errors")),
    # parameters leave with the operator before them, or after them where they stand first
    ("fields=a&", None),
    ("fields=", None),
    ("fields=&a=1", A1),
    ("minimal_response", None),
    ("minimal_response&a=1", A1),
    ("(fields=x&a=1)|b=2", Or((A1, B2))),
    ("(a=1&fields=x)|b=2", Or((A1, B2))),
    ("a=1|fields=x&b=2", And((A1, B2))),
    ("fields=x|a=1", A1),
    ("!_=1&a=1", A1),
    ("a=1&!_=1", A1),
    ("fields=metrics/load[1,2,3],a&a=1", A1),
    ("_=a=b<c&a=1", A1),
    # decoded as a whole, as Ambari does
    ("a%3D1%26b%3D2", And((A1, B2))),
    ("a=1%26b=2", And((A1, B2))),
    ("a=1%7Cb%3D2", Or((A1, B2))),
    ("a%3C%3D1", compare("a <= 1")),
    ("%28a=1%29", A1),
    ("a=x+y", Comparison("a", Operator.EQUAL, "x y")),
    ("a=x%2By", Comparison("a", Operator.EQUAL, "x+y")),
    ("a=%C3%A9%F0%9F%90%98", Comparison("a", Operator.EQUAL, "é🐘")),
    ("Extensions%2Fextension_name=EXT", compare("Extensions/extension_name = EXT")),
    # encoded operators are text where they can be nothing else
    ("name=R%26D", compare("name = R&D")),
    ("name=R%26D&a=1", And((compare("name = R&D"), A1))),
    ("name=f%28x%29", compare("name = f(x)")),
    ("name=x%3Dy", compare("name = x=y")),
    ("name=yes%21", compare("name = yes!")),
    ("a.in(R%26D,S%7CT)", In("a", ("R&D", "S|T"))),
    (r"a.matches(\%28x)", Matches("a", compile_pattern(r"\(x"))),
    ("a.in(:%29,x)", In("a", (":)", "x"))),
]


@pytest.mark.parametrize(("query", "meaning"), MEANINGS)
def test_a_query_means(query: str, meaning: Predicate | None) -> None:
    assert parse_predicate(query) == meaning


INVALID = "Invalid Query Token: token='{}', previous token type={}"
MISMATCHED = "Invalid query string: mismatched parentheses."


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        # QueryLexerTest
        ("foo=1&bar|5", INVALID.format("|", "PROPERTY_OPERAND")),
        ("foo=1<5=2", INVALID.format("<", "VALUE_OPERAND")),
        ("foo=1&&5=2", INVALID.format("&", "LOGICAL_OPERATOR")),
        # QueryParserTest
        ("foo.in()", "IN operator is missing a required right operand for property foo"),
        ("Hosts/host_name.in()", "IN operator is missing a required right operand for property Hosts/host_name"),
        ("foo.matches()", "Filter operator is missing a required right operand."),
        ("category1.isEmpty(", "Missing closing bracket for function: .isEmpty("),
        ("category1.isEmpty(one,two)", "'isEmpty' operator shouldn't have a right operand but one exists: one,two"),
        ("a=1&(b<=2|c>3", MISMATCHED),
        ("a=1=", INVALID.format("=", "VALUE_OPERAND")),
        # what else there is
        ("a=1)", MISMATCHED),
        ("()", INVALID.format(")", "BRACKET_OPEN")),
        ("(", "Unexpected end of expression."),
        ("a=1&", "Unexpected end of expression."),
        ("&a=1", INVALID.format("&", "LOGICAL_OPERATOR")),
        ("a=1(b=2)", INVALID.format("(", "VALUE_OPERAND")),
        ("a=&b=2", INVALID.format("&", "RELATIONAL_OPERATOR")),
        ("a=1!b=2", INVALID.format("!", "VALUE_OPERAND")),
        ("(a=1)b", INVALID.format("b", "BRACKET_CLOSE")),
        ("=1", INVALID.format("=", "LOGICAL_OPERATOR")),
        (".in(1)", INVALID.format(".in(", "LOGICAL_OPERATOR")),
        ("foo", "Property 'foo' is not compared with anything."),
        ("a<", "'a<' has nothing to compare with."),
        ("a.in(,)", "IN operator is missing a required right operand for property a"),
        ("a.in(1", "Missing closing bracket for function: .in("),
        ("a.matches((x)", "Missing closing bracket for function: .matches("),
        (
            "!!a=1",
            (
                "Unexpected token encountered in query string. Last Token Type=LOGICAL_UNARY_OPERATOR, "
                "Current Token[type=LOGICAL_UNARY_OPERATOR, value='!']"
            ),
        ),
        ("a=%", "'%' is not a % with two hexadecimal digits; a % itself is written %25."),
        ("a=%4", "'%4' is not a % with two hexadecimal digits; a % itself is written %25."),
        ("a=%zz", "'%zz' is not a % with two hexadecimal digits; a % itself is written %25."),
        ("a=%FF", "its encoded characters are not UTF-8."),
        ("a=\ud800", "its encoded characters are not UTF-8."),
        ("a=%ED%A0%80", "its encoded characters are not UTF-8."),
        ("a.matches([)", "regular expression '[': missing ]: [."),
        ("a.matches(x(?=y))", "regular expression 'x(?=y)': invalid perl operator: (?=."),
        (r"a.matches((x)\1)", r"regular expression '(x)\1': invalid escape sequence: \1."),
    ],
)
def test_a_query_is_refused(query: str, reason: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse_predicate(query)
    assert str(refused.value) == f"Unable to compile query predicate: {reason}"


@pytest.mark.parametrize(
    "query",
    [
        "a=" + "x" * MAX_LENGTH,
        "(" * (MAX_DEPTH + 1) + "a=1" + ")" * (MAX_DEPTH + 1),
        "(" * 60_000,
        "!(" * 20_000,
        "&".join(["a=1"] * (MAX_TERMS + 1)),
        f"a.in({','.join(['1'] * (MAX_VALUES + 1))})",
        f"a.matches({'x' * (MAX_PATTERN + 1)})",
        "a.matches(((a{100}){100}){100})",
        "a.matches(((((a{30}){30}){30}){30}))",
    ],
)
def test_what_is_too_much_is_refused(query: str) -> None:
    with pytest.raises(QueryError, match=r"^Unable to compile query predicate: ") as refused:
        parse_predicate(query)
    assert len(str(refused.value)) < 1200


def test_the_bounds_can_be_reached() -> None:
    assert parse_predicate("(" * MAX_DEPTH + "a=1" + ")" * MAX_DEPTH) == A1
    many = parse_predicate("&".join(["a=1"] * MAX_TERMS))
    assert isinstance(many, And)
    assert len(many.operands) == MAX_TERMS


def test_directives_are_left_out_too() -> None:
    assert parse_predicate("force=true&a=1", {"force"}) == A1


def test_a_pattern_that_hangs_backtracking_engines_does_not_hang() -> None:
    pattern = compile_pattern("(a+)+(b|a*)*c")
    assert not pattern.fits("a" * 200_000)
    assert pattern.fits("a" * 1000 + "c")
