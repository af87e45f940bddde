"""What is believed of a published key set, and where it is looked for."""

import json
from collections.abc import Callable, Mapping

import pytest

from gateway import rs256
from gateway.errors import Unavailable
from gateway.jose import Malformed, read_rsa, read_set, read_uint
from gateway.keys import Key, KeyRing, fetch_by, locate
from gateway.upstream import Answer, Origin, Request
from tests.key_rings import Ring
from tests.minting import ABSENT, Clock, Mint, Published, encode, issuers_of, public_jwk, rsa_key

pytestmark = pytest.mark.anyio


@pytest.fixture
def mint() -> Mint:
    """Give a pool of this file's own."""
    return Mint("us-east-1_KeySets01")


@pytest.fixture
def ring(mint: Mint) -> Ring:
    """Give a ring that holds nothing yet."""
    return Ring(mint)


def duplicate_kid(mint: Mint) -> bytes:
    """Give both keys one id."""
    keys = mint.jwks()["keys"]
    keys[1]["kid"] = keys[0]["kid"]
    return json.dumps({"keys": keys}).encode()


def only(**over: object) -> Callable[[Mint], bytes]:
    """Make a set of the one key "fresh", with other members."""
    return lambda mint: json.dumps({"keys": [public_jwk(mint.key()[1], "fresh", **over)]}).encode()


BAD_SETS: Mapping[str, Callable[[Mint], bytes]] = {
    "empty object": lambda _: b"{}",
    "no keys": lambda _: b'{"keys":[]}',
    "null": lambda _: b'{"keys":null}',
    "array": lambda _: b"[]",
    "nothing": lambda _: b"",
    "keys is a mapping": lambda _: b'{"keys":{}}',
    "a key is a string": lambda _: b'{"keys":["x"]}',
    "html": lambda _: b"<html><body>maintenance</body></html>",
    "10 MB": lambda mint: json.dumps(mint.jwks()).encode() + b" " * 10_000_000,
    "just over the cap": lambda mint: json.dumps(mint.jwks()).encode().ljust(65_537),
    "not UTF-8": lambda mint: json.dumps(mint.jwks()).encode().replace(b"RS256", b"RS25\xff"),
    "trailing brace": lambda mint: json.dumps(mint.jwks()).encode() + b"}",
    "duplicate member": lambda mint: json.dumps(mint.jwks()).encode().replace(b'{"keys"', b'{"keys":[],"keys"'),
    "two keys, one kid": duplicate_kid,
    "two keys, one kid, one usable": lambda mint: json.dumps(
        {"keys": [{"kty": "oct", "kid": "fresh", "k": "AA"}, public_jwk(mint.key()[1], "fresh")]}
    ).encode(),
    "21 keys": lambda mint: json.dumps({"keys": [public_jwk(mint.key()[1], f"k{n}") for n in range(21)]}).encode(),
    "moto's kid": lambda mint: json.dumps({"keys": [public_jwk(mint.key()[1], "dummy")]}).encode(),
    "cognito-local's kid": lambda mint: json.dumps(
        {"keys": [public_jwk(mint.key()[1], "CognitoLocal"), public_jwk(mint.key()[1], "x")]}
    ).encode(),
    "deep": lambda _: b'{"keys":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "symmetric key": lambda _: b'{"keys":[{"kty":"oct","kid":"fresh","k":"c2VjcmV0","alg":"HS256","use":"sig"}]}',
    "weak key": lambda _: json.dumps({"keys": [public_jwk(rsa_key("weak", 1024), "fresh")]}).encode(),
    "e = 1": only(e="AQ"),
    "e even": only(e="Ag"),
    "e even and larger": only(e="AQAA"),
    "e huge": only(e=encode(b"\x01" * 9)),
    "e missing": only(e=ABSENT),
    "e a number": only(e=65537),
    "n missing": only(n=ABSENT),
    "n empty": only(n=""),
    "n padded": lambda mint: only(n=public_jwk(mint.key()[1], "")["n"] + "=")(mint),
    "n even": only(n=encode(b"\xff" * 255 + b"\xfe")),
    "n huge": only(n=encode(b"\xff" * 1025)),
    "n with a byte beyond ASCII": only(n="é"),
    "for encryption": only(use="enc"),
    "use not a string": only(use=["sig"]),
    "RS512": only(alg="RS512"),
    "alg null": only(alg=None),
    "key_ops encrypt": only(use=ABSENT, key_ops=["encrypt"]),
    "key_ops a string": only(key_ops="verify"),
    "private half": only(d="AQAB"),
    "no kid": only(kid=ABSENT),
    "kid null": only(kid=None),
    "kid empty": only(kid=""),
}


@pytest.mark.parametrize("name", BAD_SETS)
async def test_a_bad_set_never_replaces_a_good_one(ring: Ring, name: str) -> None:
    """FAULT-29: whatever the address answers, the keys that are held stay; nothing of it is believed (R-02, R-21)."""
    await ring.find()
    ring.published.reply = Answer(200, {}, BAD_SETS[name](ring.mint))
    with pytest.raises(Unavailable):
        await ring.find("fresh")
    assert callable(await ring.find())
    assert ring.ring.generation == 1
    assert "2 kept" in ring.log[-1]


@pytest.mark.parametrize("name", BAD_SETS)
async def test_a_bad_set_at_the_start_is_503(ring: Ring, name: str) -> None:
    """FAULT-29: without a good set nobody is let in, and nobody is told that its token is bad (R-21)."""
    ring.published.reply = Answer(200, {}, BAD_SETS[name](ring.mint))
    with pytest.raises(Unavailable):
        await ring.find("fresh")


async def test_a_published_emulator_key_is_named_in_the_log(ring: Ring) -> None:
    """A pool that signs with a key which everyone has is refused in development too, and the operator reads why."""
    ring.published.reply = Answer(200, {}, BAD_SETS["moto's kid"](ring.mint))
    with pytest.raises(Unavailable):
        await ring.find("dummy")
    assert ring.log == [f"keys: {ring.issuer}: not fetched (emulator-key-whose-private-half-is-published), 0 kept"]


async def test_a_key_that_the_primitive_does_not_take_is_left_out(mint: Mint) -> None:
    """Where OpenSSL makes no key of a JWK, the other keys of the set still work (R-02)."""

    def fussy(jwk: Mapping[str, str]) -> Key:
        if jwk["n"] == public_jwk(mint.key("id")[1], "")["n"]:
            raise ValueError
        return rs256.make_key(jwk)

    ring = Ring(mint, make_key=fussy)
    assert callable(await ring.find())
    assert ring.ring.known(mint.issuer, mint.key("id")[0]) is None


def test_the_right_key_is_found_among_others(mint: Mint) -> None:
    """Keys of other kinds, for other uses or without an id do not get in the way of the one that signs (R-02)."""
    good, bare = public_jwk(mint.key()[1], "good"), public_jwk(mint.key()[1], "bare", alg=ABSENT, use=ABSENT)
    ops = public_jwk(mint.key()[1], "ops", use=ABSENT, key_ops=["verify"])
    others = [
        {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "OKP", "kid": "okp", "crv": "Ed25519", "x": "AA"},
        {"kty": "oct", "kid": "oct", "k": "AA"},
        {"kid": "no-kty"},
        {"kty": ["RSA"], "kid": "odd-kty"},
        public_jwk(mint.key()[1], "enc", use="enc"),
        public_jwk(mint.key()[1], "none", kid=None),
    ]
    assert set(read_set(json.dumps({"keys": [*others, good, bare, ops]}).encode())) == {"good", "bare", "ops"}


def test_what_is_kept_of_a_key_is_what_verifies(mint: Mint) -> None:
    """Certificates and URLs in a JWK are never looked at (R-05)."""
    jwk = public_jwk(mint.key()[1], "x", x5u="https://attacker.example", x5c=["AA"])
    assert set(read_rsa(jwk)) == {"kty", "n", "e"}
    with pytest.raises(Malformed):
        read_uint(5)


# --- addresses


@pytest.mark.parametrize(
    ("pool_id", "host"),
    [
        ("us-east-1_DevPool01", "us-east-1.amazonaws.com"),
        ("us-gov-west-1_AbCdEfGhI", "us-gov-west-1.amazonaws.com"),
        ("cn-north-1_AbCdEfGhI", "cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1_AbCdEfGhI", "eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_issuers_follow_from_the_pool_id(pool_id: str, host: str) -> None:
    """Both names of a pool, in each partition (R-04)."""
    assert issuers_of(pool_id) == (
        f"https://cognito-idp.{host}/{pool_id}",
        f"https://issuer-cognito-idp.{host}/{pool_id}",
    )


def test_a_url_is_split_into_origin_and_path() -> None:
    """Ports are the scheme's own unless they are written; IPv6 addresses lose their brackets."""
    assert locate("https://a.example/p/j?x=1") == (Origin("https", "a.example", 443), "/p/j?x=1")
    assert locate("http://[::1]:9229") == (Origin("http", "::1", 9229), "/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example/x",
        "ftp://a.example/",
        "https:///x",
        "https://u@a.example/",
        "https://a.example/#x",
        "http://a:b/",
    ],
)
def test_a_ring_refuses_what_is_no_url(url: str) -> None:
    """A set without a proper address is a mistake that is told at the start (R-14)."""
    with pytest.raises(ValueError, match=r"."):
        KeyRing(urls={"i": url}, fetch=Published(Mint()), make_key=rs256.make_key, monotonic=Clock())


def test_a_ring_needs_a_set() -> None:
    """No start without an issuer (R-04)."""
    with pytest.raises(ValueError, match="no key set"):
        KeyRing(urls={}, fetch=Published(Mint()), make_key=rs256.make_key, monotonic=Clock())


async def test_fetching_asks_once_with_a_timeout_and_a_cap() -> None:
    """The transport is told three seconds and 64 KiB, and given a plain GET with nothing of a caller's (R-09, R-21)."""
    seen: list[tuple[Request, float, int]] = []

    async def transport(request: Request, *, timeout_seconds: float, max_answer_bytes: int = 0) -> Answer:
        seen.append((request, timeout_seconds, max_answer_bytes))
        return Answer(200, {}, b"{}")

    answer = await fetch_by(transport)("http://127.0.0.1:9229/pool/.well-known/jwks.json")
    origin = Origin("http", "127.0.0.1", 9229)
    request = Request(origin, (("accept", "application/json"),), b"", method="GET", path="/pool/.well-known/jwks.json")
    assert seen == [(request, 3.0, 65_536)]
    assert answer.status == 200
