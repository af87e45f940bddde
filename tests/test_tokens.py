"""A token becomes a caller, or is refused: the rules that Cognito's tokens satisfy and nothing else does."""

import json
from typing import Any

import pytest

from gateway.caller import Caller
from gateway.errors import TokenError, Unavailable
from gateway.jose import MAX_CONTAINERS, MAX_DEPTH, MAX_MEMBERS
from gateway.tokens import Verifier
from gateway.upstream import Answer
from tests.gates import ID, Gate
from tests.minting import ABSENT, NOW, Mint, encode_json, issuers_of, jwks_url, sign

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def mint() -> Mint:
    """Give a pool of this file's own."""
    return Mint("us-east-1_Tokens001")


@pytest.fixture
def gate(mint: Mint) -> Gate:
    """Give a verifier for access tokens."""
    return Gate(mint)


@pytest.fixture
def both(mint: Mint) -> Gate:
    """Give a verifier for access and ID tokens."""
    return Gate(mint, token_uses=frozenset({"access", "id"}))


# --- who a token is


async def test_an_access_token_becomes_its_caller(gate: Gate) -> None:
    """Everything that policy, guards and audit need is in the caller, and nothing else (R-04, R-07)."""
    token = gate.mint.access(groups=["admin", "user"], scope="a b", acr="urn:cognito:loa:4", amr=["mfa"])
    assert await gate.verify(token) == Caller(
        sub="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        username="alice",
        groups=("admin", "user"),
        scopes=frozenset({"a", "b"}),
        client_id=gate.mint.client_id,
        token_use="access",
        is_machine=False,
        issued_at=NOW - 60,
        auth_time=NOW - 60,
        expires_at=NOW + 3600,
        acr="urn:cognito:loa:4",
        amr=("mfa",),
        jti="77777777-8888-4999-aaaa-bbbbbbbbbbbb",
        origin_jti="11111111-2222-4333-8444-555555555555",
    )


async def test_an_id_token_becomes_its_caller(both: Gate) -> None:
    """An ID token names its client in `aud` and its user in `cognito:username`; it carries no scopes (R-04)."""
    caller = await both.verify(both.mint.id(groups=["user"], scope="gateway/all"))
    assert (caller.token_use, caller.client_id, caller.username) == ("id", both.mint.client_id, "alice")
    assert (caller.groups, caller.scopes, caller.is_machine) == (("user",), frozenset(), False)


async def test_a_machine_has_scopes_and_never_groups(gate: Gate) -> None:
    """A client-credentials token is a machine's: no user name, and a groups claim in it counts for nothing (R-07)."""
    caller = await gate.verify(gate.mint.machine(["gateway/users.read"], **{"cognito:groups": ["admin"]}))
    assert (caller.is_machine, caller.username, caller.groups) == (True, None, ())
    assert (caller.sub, caller.client_id) == (gate.mint.client_id, gate.mint.client_id)
    assert caller.scopes == {"gateway/users.read"}


async def test_scopes_are_separated_by_spaces_alone(gate: Gate) -> None:
    """No other white space turns one scope into two (R-07)."""
    caller = await gate.verify(gate.mint.access(scope="  a\tb  c\u3000d "))
    assert caller.scopes == {"a\tb", "c\u3000d"}


async def test_what_a_token_does_not_say_makes_age_checks_fail_closed(gate: Gate) -> None:
    """Without `iat` and `auth_time` a token counts as old as can be: revocation and step-up refuse it (R-13)."""
    caller = await gate.verify(gate.mint.access(iat=ABSENT, auth_time=ABSENT, acr=4, amr="mfa"))
    assert (caller.issued_at, caller.auth_time, caller.acr, caller.amr) == (0.0, 0.0, None, ())


# --- what is refused, and why


REFUSED_CLAIMS: dict[str, list[dict[str, Any]]] = {
    "issuer": [{"iss": value} for value in (ABSENT, None, "", 5, ["x"], "https://attacker.example")],
    "token-use": [
        {"token_use": value} for value in (ABSENT, None, "", "id", "ACCESS", "access ", True, ["access"], {})
    ],
    "client": [
        *({"client_id": value} for value in (ABSENT, None, "", "other", 5, ["devclient00000000000000001"], {})),
        {"aud": 12345},
        {"aud": ["devclient00000000000000001", 5]},
        {"client_id": ABSENT, "aud": "devclient00000000000000001"},
    ],
    "sub": [{"sub": value} for value in (ABSENT, None, "", 5, "a b", "a\n", "é", "a\x00", "x" * 129, ["x"])],
    "expired": [{"exp": value} for value in (NOW, NOW - 1)],
    "not-yet-valid": [{name: NOW + 61} for name in ("iat", "nbf", "auth_time")],
    "time": [
        *({"exp": value} for value in (ABSENT, None, True, "1900000000", -1, 1e308, 10**400, NOW * 1000, [], {})),
        *({name: value} for name in ("iat", "nbf", "auth_time") for value in (None, False, "x", ["x"], -1, 1e12)),
        {"iat": NOW + 10, "exp": NOW + 10},
    ],
    "groups": [
        {"cognito:groups": value}
        for value in (None, "admin", "", 1, True, {"admin": True}, ["admin", 1], [None], [["admin"]], {})
    ],
    "username": [
        *({"username": value} for value in (ABSENT, None, "", 5, True, ["alice"], {})),
        {"username": "", "sub": "devclient00000000000000001"},
        {"username": ABSENT, "sub": "other"},
        {"username": ABSENT, "cognito:username": "alice"},
    ],
    "claims": [{name: value} for name in ("jti", "origin_jti", "scope") for value in (None, 5, [], ["x"])],
}


@pytest.mark.parametrize("reason", REFUSED_CLAIMS)
async def test_claims_that_are_not_cognitos_are_refused(gate: Gate, reason: str) -> None:
    """A wrong, missing or wrongly typed claim is refused with its reason in the audit only (R-04, R-06, R-07, R-23)."""
    for over in REFUSED_CLAIMS[reason]:
        assert await gate.reason(gate.mint.access(**over)) == reason, over


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"aud": "other"}, "client"),
        ({"aud": ABSENT, "client_id": "devclient00000000000000001"}, "client"),
        ({"aud": []}, "client"),
        ({"aud": {"devclient00000000000000001": 1}}, "client"),
        ({"cognito:username": ABSENT, "username": "alice"}, "username"),
        ({"cognito:username": ABSENT, "sub": "devclient00000000000000001"}, "username"),
    ],
)
async def test_id_tokens_are_judged_by_their_own_claims(both: Gate, over: dict[str, Any], reason: str) -> None:
    """An access token's claims do not make an ID token good; no ID token is a machine's (R-04)."""
    assert await both.reason(both.mint.id(**over)) == reason


async def test_an_audience_may_be_a_list(both: Gate) -> None:
    """One of several audiences is enough, compared as a whole string (R-04)."""
    caller = await both.verify(both.mint.id(aud=["other", both.mint.client_id]))
    assert caller.client_id == both.mint.client_id
    assert await both.reason(both.mint.id(aud=["other", both.mint.client_id + "x"])) == "client"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        *(({"alg": alg}, "alg") for alg in (ABSENT, None, "", "none", "rs256", "RS512", "HS256", 256, ["RS256"])),
        *(({"kid": kid}, "kid") for kid in (ABSENT, None, "", 5, ["x"], {})),
        *(({"typ": typ}, "typ") for typ in (None, "", 5, "dpop+jwt", "JWE", ["JWT"])),
        *(({name: None}, "crit") for name in ("crit", "b64", "zip", "enc", "CRIT")),
        ({"ALG": "none"}, "malformed"),
        ({"Kid": "x"}, "malformed"),
        ({"kid": "unknown"}, "unknown-kid"),
    ],
)
async def test_headers_that_are_not_cognitos_are_refused(gate: Gate, header: dict[str, Any], reason: str) -> None:
    """The algorithm is ours to choose; extensions, other kinds and case twins are refused (R-02, R-03)."""
    assert await gate.reason(gate.mint.sign(gate.mint.claims(), **header)) == reason


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "jwt"},
        {"typ": "at+JWT"},
        {
            "jku": "https://attacker.example",
            "x5u": "file:///etc/passwd",
            "x5c": ["x"],
            "jwk": {"kty": "oct", "k": "AA"},
        },
    ],
)
async def test_the_header_never_chooses_the_key(gate: Gate, header: dict[str, Any]) -> None:
    """Keys and addresses in a header are ignored: only the pool's own address is asked (R-05)."""
    assert await gate.verify(gate.mint.sign(gate.mint.claims(), **header))
    assert gate.published.asked == [jwks_url(gate.mint.issuer)]


def compact(payload: object, header: object = None) -> str:
    """Sign a payload that need not be JSON."""
    mint = Mint("us-east-1_Tokens001")
    return mint.sign(payload, header=header)


def nested(depth: int) -> str:
    """Make claims that hold a list `depth` deep, the claims' own object included."""
    mint = Mint("us-east-1_Tokens001")
    return json.dumps(mint.claims())[:-1] + f',"x":{"[" * (depth - 1)}{"]" * (depth - 1)}}}'


def with_member(text: str) -> str:
    """Make claims with one more member, as text."""
    return json.dumps(Mint("us-east-1_Tokens001").claims())[:-1] + f",{text}}}"


MALFORMED: dict[str, str] = {
    "empty": "",
    "dots": "..",
    "many dots": "." * 8_000,
    "no signature": compact({}).rpartition(".")[0],
    "empty signature": compact({}).rpartition(".")[0] + ".",
    "empty payload": compact(b""),
    "empty header": compact({}, b""),
    "four parts": compact({}) + ".AA",
    "padded": compact({}) + "==",
    "stray bits": compact({})[:-1] + "B",
    "lone character": compact({}) + "AAA",
    "white space": compact({}) + "\n",
    "standard alphabet": compact({})[:-2] + "+/",
    "beyond ASCII": compact({}) + "é",
    "json": '{"payload":"e30","signatures":[]}',
    "payload array": compact("[]"),
    "payload null": compact("null"),
    "payload not UTF-8": compact(b'{"a":"\xff"}'),
    "payload UTF-16": compact('{"a":1}'.encode("utf-16")),
    "payload BOM": compact(b'\xef\xbb\xbf{"a":1}'),
    "payload twice": compact("{}{}"),
    "header not JSON": compact({}, b"{alg:RS256}"),
    "header array": compact({}, "[]"),
    "header twice alg": compact({}, '{"alg":"none","alg":"RS256","kid":"x"}'),
    "duplicate claim": compact(with_member('"cognito:groups":["user"],"cognito:groups":["admin"]')),
    "duplicate deep down": compact(with_member('"address":{"a":1,"a":2}')),
    "NaN": compact(with_member('"x":NaN')),
    "Infinity": compact(with_member('"x":-Infinity')),
    "1e999": compact(with_member('"x":1e999')),
    "5,000 digits": compact(with_member('"x":' + "1" * 5_000)),
    "half a pair": compact(with_member('"x":"\\ud800"')),
    "half a pair in a name": compact(with_member('"\\uDFFF":1')),
    "control character": compact(with_member('"x":"\n"')),
    "too deep": compact(nested(MAX_DEPTH + 1)),
    "far too deep": compact(nested(1_000)),
    "too many containers": compact(with_member('"x":[' + "[]," * MAX_CONTAINERS + "[]]")),
    "too many members": compact(with_member(",".join(f'"{n}":0' for n in range(MAX_MEMBERS)))),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_strict_is_refused_before_a_key_is_sought(gate: Gate, name: str) -> None:
    """One spelling for one token: nothing that another reader might read differently gets further (R-03)."""
    assert await gate.reason(MALFORMED[name]) == "malformed"
    assert gate.published.asked == []


@pytest.mark.parametrize(
    "payload",
    [
        nested(MAX_DEPTH),
        with_member('"x":"\\ud83d\\ude00 \\u0000 [[[[{{{{"'),
        with_member('"名前":"東京","x":1.5e3'),
        "\n " + with_member('"x":[{},{},[]]') + "\t ",
        with_member('"x":[' + "{}," * 99 + "{}]"),
    ],
)
async def test_unusual_but_lawful_json_is_accepted(gate: Gate, payload: str) -> None:
    """Strict is not narrow: names in any script, escapes, fractions and structured claims are Cognito's too (R-03)."""
    assert await gate.verify(compact(payload))


async def test_the_size_of_a_token_is_bounded(mint: Mint) -> None:
    """A token of the largest size is read, one byte more is not even hashed (R-03)."""
    token = mint.access()
    assert await Gate(mint, max_token_bytes=len(token)).verify(token)
    assert await Gate(mint, max_token_bytes=len(token) - 1).reason(token) == "oversize"


@pytest.mark.parametrize("token", [None, 12345, "eyJ", ["x"], {}])
async def test_what_is_not_bytes_is_refused(gate: Gate, token: Any) -> None:
    """A JSON body may hold anything where a token belongs; that is a bad token, not a crash (R-06)."""
    with pytest.raises(TokenError, match="malformed"):
        await gate.verifier.verify(token, NOW)


async def test_a_good_signature_of_another_key_is_refused(gate: Gate) -> None:
    """Another key of the same pool, under this key's id, does not pass: the id chooses, the key decides (R-02)."""
    kid = gate.mint.key("access")[0]
    token = sign(gate.mint.key("id")[1], encode_json({"kid": kid, "alg": "RS256"}), encode_json(gate.mint.claims()))
    assert await gate.reason(token) == "signature"


async def test_each_issuer_has_its_own_keys(mint: Mint) -> None:
    """A key of one issuer's set says nothing about a token that names the other issuer (R-04)."""
    first, second = issuers_of(mint.pool_id)
    gate, other = Gate(mint, issuers=(first, second)), Mint("us-east-1_Tokens002")
    gate.published.at = {jwks_url(second): other}
    assert await gate.verify(mint.access(iss=first))
    assert await gate.verify(other.sign(mint.claims(iss=second)))
    assert await gate.reason(other.sign(mint.claims(iss=first))) == "unknown-kid"
    assert await gate.reason(mint.access(iss=second)) == "unknown-kid"


async def test_without_keys_it_is_503_and_not_401(gate: Gate) -> None:
    """When the keys cannot be had, no one is told that its token is bad (R-21)."""
    gate.published.reply = Answer(500, {}, b"")
    with pytest.raises(Unavailable) as refused:
        await gate.verify(gate.mint.access())
    assert refused.value.reason == "keys"
    assert refused.value.retry_after_seconds


# --- time


async def test_leeway_is_for_exp_alone_and_bounded(mint: Mint) -> None:
    """A token may be used for `leeway_seconds` after `exp`, from memory too, and not a moment longer (R-06)."""
    gate, token = Gate(mint, leeway_seconds=60), mint.access()
    assert await gate.verify(token, NOW + 3_659)
    assert gate.cached(token, NOW + 3_659.9)
    assert gate.cached(token, NOW + 3_660) is None
    assert await gate.reason(token, NOW + 3_660) == "expired"


async def test_clocks_may_differ_by_a_minute(gate: Gate) -> None:
    """A token that is issued on a clock up to a minute ahead of ours is good (R-06)."""
    assert await gate.verify(gate.mint.access(iat=NOW + 60, nbf=NOW + 60, auth_time=NOW + 60))


# --- no start without something to check against


@pytest.mark.parametrize(
    "options",
    [
        *({"issuers": value} for value in ((), None, "https://a", ("",), (None,), ("https://a", "https://a"))),
        *({"client_ids": value} for value in (frozenset(), None, "client", frozenset({""}), frozenset({5}))),
        *({"token_uses": value} for value in (frozenset(), None, "access", frozenset({"refresh"}), frozenset({""}))),
        *({"leeway_seconds": value} for value in (-1, 61, 1_000)),
        {"max_token_bytes": 0},
        {"cache_size": 0},
    ],
)
def test_a_check_that_would_compare_with_nothing_is_a_mistake(mint: Mint, options: dict[str, Any]) -> None:
    """There is no way to switch a check off by leaving its value out (R-04, R-14)."""
    ring = Gate(mint).ring
    arguments = {"issuers": (mint.issuer,), "client_ids": frozenset({"c"}), "token_uses": ID, "keys": ring, **options}
    with pytest.raises(ValueError, match=r"."):
        Verifier(**arguments)
