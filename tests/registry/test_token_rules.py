"""What a token must be and say, row by row, and when an issuer is asked for its keys."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.warnings import InsecureKeyLengthWarning

from graft_common.bearer_tokens import MAX_TOKEN, is_token
from graft_common.errors import GraftError
from registry_service.identity.external.keys import FRESH, KEPT, IssuerKeys, is_safe
from registry_service.identity.external.subjects import UnfitCredentialError, roles_of
from registry_service.identity.external.tokens import ALGORITHMS, Header, Terms, read_claims, read_header, read_subject

ISSUER = "https://issuer.test"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
TERMS = Terms(
    issuer=ISSUER,
    audience="graft",
    user_claim="sub",
    groups_claim="groups",
    roles={"ops": "pool-operator"},
    algorithms=frozenset({"RS256", "ES256", "EdDSA"}),
    skew=timedelta(seconds=30),
)
GOOD: Mapping[str, Any] = {"iss": ISSUER, "aud": "graft", "sub": "ann", "exp": SECONDS + 60, "groups": ["ops"]}
RSA = rsa.generate_private_key(65537, 2048)
WEAK = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())
EC384 = ec.generate_private_key(ec.SECP384R1())


def jwk(key: Any, name: str | None = "one", **more: Any) -> dict[str, Any]:
    kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    data = kind.to_jwk(key.public_key(), as_dict=True)
    named = {} if name is None else {"kid": name}
    return {**{member: value for member, value in data.items() if member != "key_ops"}, **named, **more}


def sign(claims: Mapping[str, Any] = GOOD, key: Any = RSA, algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode(dict(claims), key, algorithm, headers={"kid": "one", **header})


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def changed(**claims: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD, **claims}.items() if value is not ...}


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (sign(), True),
        ("", False),
        ("OpaqueRef:0b1b4a9f-1111-4222-8333-444444444444", False),
        ("eyJ.a", False),
        ("eyJ.a.", False),
        ("eyJ.a.b.c", False),
        ("eyJ.a.b\n", False),
        ("xyJ.a.b", False),
        ("eyJ." + "a" * (MAX_TOKEN - 6) + ".b", True),
        ("eyJ." + "a" * (MAX_TOKEN - 5) + ".b", False),
    ],
)
def test_what_looks_like_a_token(credential: str, expected: bool) -> None:
    assert is_token(credential) is expected


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (f"{part({'alg': 'none', 'kid': 'one'})}.{part(GOOD)}.", "must be signed with one of"),
        (f"{part({'alg': 'none'})}.{part(GOOD)}.{part(b'x')}", "must be signed with one of"),
        (f"{part({'alg': 'RS384'})}.{part(GOOD)}.{part(b'x')}", "must be signed with one of ES256, EdDSA, RS256"),
        (f"{part({'alg': 'HS256'})}.{part(GOOD)}.{part(b'x')}", "must be signed with one of"),
        (f"{part({'alg': ['RS256']})}.{part(GOOD)}.{part(b'x')}", "must be signed with one of"),
        (f"{part({})}.{part(GOOD)}.{part(b'x')}", "must be signed with one of"),
        (sign(typ="logout+jwt"), "of a type that is not for access"),
        (sign(typ="dpop+jwt"), "of a type that is not for access"),
        (f"{part({'alg': 'RS256', 'typ': 1})}.{part(GOOD)}.{part(b'x')}", "of a type that is not for access"),
        (f"{part({'alg': 'RS256', 'crit': ['b64'], 'b64': True})}.{part(GOOD)}.{part(b'x')}", "critical extensions"),
        (f"{part({'alg': 'RS256', 'crit': ['b64'], 'b64': False})}.{part(GOOD)}.{part(b'x')}", "no signed JWT"),
        (f"{part({'alg': 'RS256', 'crit': ['exp'], 'exp': 1})}.{part(GOOD)}.{part(b'x')}", "no signed JWT"),
        (f"{part({'alg': 'RS256', 'kid': 7})}.{part(GOOD)}.{part(b'x')}", "no signed JWT"),
        (f"{part([])}.{part(GOOD)}.{part(b'x')}", "no signed JWT"),
        (f"{part(b'{')}.{part(GOOD)}.{part(b'x')}", "no signed JWT"),
        ("a.b", "no signed JWT"),
        (f"{part(b'[' * 5000)}.{part(GOOD)}.{part(b'x')}", "no signed JWT"),
    ],
)
def test_heads_that_are_not_taken(token: str, reason: str) -> None:
    with pytest.raises(UnfitCredentialError, match=reason):
        read_header(token, TERMS)


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_heads_that_are_taken(kind: str) -> None:
    assert read_header(sign(typ=kind), TERMS) == Header("RS256", "one")


def key_for(header: Header, key: Any) -> jwt.PyJWK:
    return jwt.PyJWK(jwk(key), header.algorithm)


def test_a_signature_counts_with_its_own_key_only() -> None:
    header = Header("RS256", "one")
    assert read_claims(sign(), header, key_for(header, RSA)) == GOOD
    with pytest.warns(InsecureKeyLengthWarning):
        weak = jwt.encode(dict(GOOD), WEAK, "RS256")
    other = key_for(header, rsa.generate_private_key(65537, 2048))
    for token, key, reason in (
        (sign(), other, "not the issuer's"),
        (sign(key=EC, algorithm="ES256"), key_for(header, RSA), "not the issuer's"),
        (sign(key="secret of thirty-two characters..", algorithm="HS256"), key_for(header, RSA), "not the issuer's"),
        (f"{sign().rpartition('.')[0]}.", key_for(header, RSA), "not the issuer's"),
        (weak, key_for(header, WEAK), "too weak"),
    ):
        with pytest.raises(UnfitCredentialError, match=reason):
            read_claims(token, header, key)
    deep = jwt.api_jws.encode(b"[" * 5000, RSA, "RS256", headers={"kid": "one"})
    with pytest.raises(UnfitCredentialError):
        read_claims(deep, header, key_for(header, RSA))


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (changed(iss=f"{ISSUER}/"), "must be of the issuer"),
        (changed(iss=[ISSUER]), "must be of the issuer"),
        (changed(iss=...), "must be of the issuer"),
        (changed(aud="other"), "must be for graft"),
        (changed(aud=["other", "grafted"]), "must be for graft"),
        (changed(aud={"graft": 1}), "must be for graft"),
        (changed(aud=...), "must be for graft"),
        (changed(aud=[]), "must be for graft"),
        (changed(exp=SECONDS - 30), "has expired"),
        (changed(exp=...), r"does not say when \(exp\)"),
        (changed(exp=str(SECONDS + 60)), r"does not say when \(exp\)"),
        (changed(exp=True), r"does not say when \(exp\)"),
        (changed(exp=-(10**400)), r"does not say when \(exp\)"),
        (changed(exp=-1), r"does not say when \(exp\)"),
        (changed(exp=float("nan")), r"does not say when \(exp\)"),
        (changed(exp=float("inf")), r"does not say when \(exp\)"),
        (changed(nbf=SECONDS + 31), r"not valid yet \(nbf\)"),
        (changed(iat=SECONDS + 31), r"not valid yet \(iat\)"),
        (changed(nbf="soon"), r"does not say when \(nbf\)"),
        (changed(sub=...), r"does not name its user \(sub\)"),
        (changed(sub=""), r"does not name its user \(sub\)"),
        (changed(sub=7), r"does not name its user \(sub\)"),
        (changed(sub="a\nb"), r"does not name its user \(sub\)"),
        (changed(sub="x" * 251), r"does not name its user \(sub\)"),
    ],
)
def test_tokens_that_are_not_taken(claims: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(UnfitCredentialError, match=reason):
        read_subject(claims, TERMS, NOW)


@pytest.mark.parametrize(
    ("claims", "ends"),
    [
        (GOOD, 90),
        (changed(aud=["other", "graft"]), 90),
        (changed(exp=SECONDS - 29), 1),
        (changed(exp=SECONDS + 0.5), 30.5),
        (changed(nbf=SECONDS + 30, iat=SECONDS + 30), 90),
        (changed(sub="x" * 250), 90),
    ],
)
def test_tokens_that_are_taken(claims: Mapping[str, Any], ends: float) -> None:
    subject = read_subject(claims, TERMS, NOW)
    assert subject.ends - NOW == timedelta(seconds=ends)
    assert subject.identifier == f"oidc:{ISSUER} {claims['sub']}"
    assert subject.user == f"oidc:{claims['sub']}"


@pytest.mark.parametrize("end", [10**30, 10**400, 1e308], ids=["far", "beyond floats", "a float"])
def test_an_end_beyond_all_calendars_is_one_at_their_end(end: float) -> None:
    assert read_subject(changed(exp=end), TERMS, NOW).ends.year == 9999


@pytest.mark.parametrize(
    ("claim", "claims", "groups"),
    [
        ("groups", {"groups": ["a", 7, "b", None]}, ("a", "b")),
        ("groups", {"groups": "two words"}, ("two words",)),
        ("scope", {"scope": "read write"}, ("read", "write")),
        ("groups", {}, ()),
        ("groups", {"groups": {"a": True}}, ()),
        ("realm.roles", {"realm": {"roles": ["a"]}}, ("a",)),
        ("realm.roles", {"realm": ["roles"]}, ()),
        ("https://work.test/groups", {"https://work.test/groups": ["a"]}, ("a",)),
    ],
)
def test_where_groups_are(claim: str, claims: Mapping[str, Any], groups: tuple[str, ...]) -> None:
    terms = Terms(ISSUER, "graft", "sub", claim, {}, TERMS.algorithms, TERMS.skew)
    assert read_subject({**changed(groups=...), **claims}, terms, NOW).groups == groups


@pytest.mark.parametrize(
    ("groups", "roles"),
    [(["ops"], {"vm-admin", "read-only"}), (["none"], {"read-only"}), ([], {"read-only"}), (["Ops"], {"read-only"})],
)
def test_roles_of_groups(groups: list[str], roles: set[str]) -> None:
    assert roles_of(groups, {"ops": "vm-admin", "dev": "vm-operator", "*": "read-only"}) == roles
    assert roles_of(["*"], {"ops": "vm-admin"}) == set()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "groups", "realm"]), JSON))
def test_whatever_a_token_says_is_taken_or_refused(claims: Mapping[str, Any]) -> None:
    try:
        read_subject({**GOOD, **claims}, TERMS, NOW)
    except UnfitCredentialError:
        return


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="eyJ.abc_-{}\x00é", max_size=40) | st.builds(lambda head: f"{part(head)}.e30.AA", JSON))
def test_whatever_comes_as_a_token_is_refused(token: str) -> None:
    try:
        read_header(token, TERMS)
    except UnfitCredentialError:
        return


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://issuer.test", True),
        ("https://issuer.test:8443/realm", True),
        ("http://127.0.0.1:5556/dex", True),
        ("http://[::1]:5556", True),
        ("http://localhost", True),
        ("http://issuer.test", False),
        ("http://127.0.0.1.issuer.test", False),
        ("file:///etc/keys", False),
        ("https://", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_what_can_be_believed(url: str, expected: bool) -> None:
    assert is_safe(url) is expected


class Nested:
    """Stands for keys that are nested too deeply to be read."""


class Place:
    """An issuer's two documents, a clock, and how often the keys were asked for."""

    def __init__(self, *keys: Mapping[str, Any]) -> None:
        self.keys: Any = list(keys)
        self.description: Any = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        self.now = 0.0
        self.asked = 0
        self.away = False
        self.gate: asyncio.Event | None = None
        self.known = IssuerKeys(ISSUER, self.fetch, 10.0, lambda: self.now)

    async def fetch(self, url: str) -> bytes:
        if self.gate is not None:
            await self.gate.wait()
        if self.away:
            raise OSError("no route")
        if url.endswith("/keys"):
            self.asked += 1
            if isinstance(self.keys, Nested):
                return b"[" * 100_000
            return json.dumps({"keys": self.keys}).encode()
        return json.dumps(self.description).encode()

    async def find(self, name: str | None = "one", algorithm: str = "RS256") -> bool:
        try:
            await self.known.key_of(Header(algorithm, name))
        except UnfitCredentialError:
            return False
        return True


@pytest.mark.parametrize(
    ("keys", "name", "algorithm", "found"),
    [
        ([jwk(RSA)], "one", "RS256", True),
        ([jwk(RSA)], "one", "PS256", True),
        ([jwk(RSA, alg="RS256")], "one", "PS256", False),
        ([jwk(RSA)], "one", "ES256", False),
        ([jwk(EC)], "one", "ES256", True),
        ([jwk(EC384)], "one", "ES256", False),
        ([jwk(EC384)], "one", "ES384", True),
        ([jwk(RSA)], "two", "RS256", False),
        ([jwk(RSA)], None, "RS256", True),
        ([jwk(RSA), jwk(RSA, "two")], None, "RS256", False),
        ([jwk(RSA), jwk(EC, "two")], None, "RS256", True),
        ([jwk(RSA), jwk(RSA)], "one", "RS256", False),
        ([jwk(RSA, use="enc")], "one", "RS256", False),
        ([jwk(RSA, key_ops=["encrypt"])], "one", "RS256", False),
        ([jwk(RSA, key_ops=7)], "one", "RS256", False),
        ([{"kty": "oct", "kid": "one", "k": "c2VjcmV0"}], "one", "RS256", False),
        ([{"kty": "RSA", "kid": "one"}], "one", "RS256", False),
        ([None, 7, "key", {"kty": []}, {"kty": "RSA", "kid": "one", "n": 7, "e": []}, jwk(RSA)], "one", "RS256", True),
        ([*({"kty": "RSA"},) * 64, jwk(RSA)], "one", "RS256", False),
    ],
)
async def test_which_key_is_meant(keys: list[Any], name: str | None, algorithm: str, found: bool) -> None:
    assert await Place(*keys).find(name, algorithm) is found
    assert algorithm in ALGORITHMS


async def test_keys_are_asked_for_once_in_a_while() -> None:
    place = Place(jwk(RSA))
    assert all(await asyncio.gather(*(place.find() for _ in range(5))))
    assert place.asked == 1
    # Whatever keys tokens name, the issuer is not asked more often than every ten seconds.
    for second, asked in ((1, 1), (9.9, 1), (10, 2), (11, 2), (20, 3)):
        place.now = second
        assert not await place.find("unknown")
        assert (await place.find(), place.asked) == (True, asked)


async def test_a_new_key_is_found_and_an_old_one_is_forgotten() -> None:
    place = Place(jwk(RSA, "old"))
    assert await place.find("old")
    place.keys = [jwk(RSA, "new")]
    place.now = 10
    assert await place.find("new")
    assert not await place.find("old")


async def test_known_keys_do_not_wait_for_the_issuer() -> None:
    place = Place(jwk(RSA))
    assert await place.find()
    place.now, place.gate = FRESH, asyncio.Event()
    assert await place.find()
    place.gate.set()
    await place.known.close()


async def test_keys_outlive_an_issuer_that_is_away_for_a_while() -> None:
    place = Place(jwk(RSA))
    assert await place.find()
    place.away = True
    for place.now in (FRESH, KEPT - 1):
        assert await place.find()
    place.now = KEPT + 20
    for place.now in (KEPT + 20, KEPT + 21):
        with pytest.raises(GraftError, match=r"SERVICE_UNAVAILABLE.*no route"):
            await place.find()
    place.away, place.now = False, KEPT + 40
    assert await place.find()
    await place.known.close()


async def test_whoever_gives_up_leaves_the_answer_to_others() -> None:
    place = Place(jwk(RSA))
    place.gate = asyncio.Event()
    first = asyncio.create_task(place.find())
    second = asyncio.create_task(place.find())
    await asyncio.sleep(0)
    first.cancel()
    place.gate.set()
    assert await second
    assert place.asked == 1


@pytest.mark.parametrize(
    ("description", "keys", "told"),
    [
        ({"issuer": "https://other.test", "jwks_uri": f"{ISSUER}/keys"}, [], "calls itself https://other.test"),
        ({"jwks_uri": f"{ISSUER}/keys"}, [], "calls itself None"),
        ({"issuer": ISSUER}, [], "safe place of its keys"),
        ({"issuer": ISSUER, "jwks_uri": "http://issuer.test/keys"}, [], "safe place of its keys"),
        ({"issuer": ISSUER, "jwks_uri": 7}, [], "safe place of its keys"),
        ({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}, "none", "does not tell its keys"),
        ([], [], "no JSON object"),
        ({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}, Nested(), "keys"),
    ],
)
async def test_issuers_that_are_not_believed(description: Any, keys: Any, told: str) -> None:
    place = Place()
    place.description, place.keys = description, keys
    with pytest.raises(GraftError, match=f"SERVICE_UNAVAILABLE.*{told}"):
        await place.find()
