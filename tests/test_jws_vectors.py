"""The vectors that others wrote, and those that were made for this gateway, for both RS256 primitives."""

import json
import pathlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

from gateway import rs256
from gateway.caller import Caller
from gateway.errors import TokenError
from gateway.jose import Malformed, Verify, decode, read_header, read_set, split
from gateway.keys import KeyRing
from gateway.runtimes import rs256_openssl
from gateway.tokens import Verifier
from gateway.upstream import Answer
from tests.minting import Clock, Mint, jwks_url, public_jwk, rsa_key, sign

pytestmark = pytest.mark.anyio

MakeKey = Callable[[Mapping[str, str]], Verify]
primitives = pytest.mark.parametrize("make_key", [rs256.make_key, rs256_openssl.make_key], ids=["stdlib", "openssl"])


def accepts(jws: object, jwk: Mapping[str, object], make_key: MakeKey) -> bool:
    """Judge one JWS with the one key of its case, by the steps that a token goes through before its claims are read."""
    if not isinstance(jws, str):
        return False
    try:
        keys = {kid: make_key(read) for kid, read in read_set(json.dumps({"keys": [jwk]}).encode()).items()}
        parts = split(jws.encode())
        kid = read_header(decode(parts.header))
        decode(parts.payload)
    except Malformed:
        return False
    return kid in keys and keys[kid](parts.signing_input, parts.signature)


@primitives
def test_wycheproof_is_judged_case_by_case(vectors: pathlib.Path, make_key: MakeKey) -> None:
    """All 401 signatures that Google's Wycheproof collected get the verdict of an RS256-only verifier (R-02, R-03)."""
    folder = vectors / "jws"
    expected = {case["tcId"]: case["expect"] for case in json.loads((folder / "expected-rs256-only.json").read_text())}
    verdicts = {
        case["tcId"]: "accept" if accepts(case["jws"], group.get("public") or group["private"], make_key) else "reject"
        for group in json.loads((folder / "json_web_signature_test.json").read_text())["testGroups"]
        for case in group["tests"]
    }
    assert verdicts == expected
    assert Counter(verdicts.values()) == {"accept": 8, "reject": 393}


class Pool:
    """The pool that the token vectors were made for, at their moment."""

    def __init__(self, folder: pathlib.Path, make_key: MakeKey, published: str = "jwks-poolA.json") -> None:
        """Serve the key set in the file `published`; the pool's tokens may be verified at `now`."""
        config = json.loads((folder / "config.json").read_text())
        self.now = float(config["now"])
        self.issuer = config["issuer"]
        self.body = (folder / published).read_bytes()
        self.asked: list[str] = []
        self.clock = Clock(0.0)
        self.ring = KeyRing(
            urls={self.issuer: jwks_url(self.issuer)}, fetch=self.fetch, make_key=make_key, monotonic=self.clock
        )
        self.verifier = Verifier(
            issuers=(self.issuer,),
            client_ids=frozenset({config["client_id"]}),
            token_uses=frozenset({"access"}),
            keys=self.ring,
        )

    async def fetch(self, url: str) -> Answer:
        """Serve the set."""
        self.asked.append(url)
        return Answer(200, {}, self.body)

    async def verdict(self, token: str) -> Caller | TokenError:
        """Verify a token as the bytes that a header would carry."""
        try:
            return await self.verifier.verify(token.encode(), self.now)
        except TokenError as error:
            return error


@pytest.fixture
def folder(vectors: pathlib.Path) -> pathlib.Path:
    """Give the folder of the token vectors."""
    return vectors / "tokens"


@pytest.fixture
def cases(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Give all 331 cases."""
    return [json.loads(line) for line in (folder / "tokens.jsonl").read_text().splitlines()]


@primitives
async def test_every_token_vector_gets_its_verdict(
    folder: pathlib.Path, cases: list[dict[str, Any]], make_key: MakeKey
) -> None:
    """331 tokens, honest and hostile: Cognito's own come in, the others do not, none crashes (R-02 to R-07)."""
    pool = Pool(folder, make_key)
    counted: Counter[str] = Counter()
    for case in cases:
        if case["headers"] is not None:  # which header the token stands in is for the HTTP layer to judge
            counted["headers"] += 1
            continue
        counted[case["expect"]] += 1
        outcome = await pool.verdict(case["token"])
        accepted = isinstance(outcome, Caller)
        match case["expect"]:
            case "accept":
                assert accepted, (case["id"], outcome)
            case "reject" | "reject-pref":
                assert not accepted, case["id"]
            case "not-admin":
                assert not isinstance(outcome, Caller) or "admin" not in outcome.groups, case["id"]
    assert pool.asked == [jwks_url(pool.issuer)] * 2  # the first set, and one look for all the key ids that nobody has
    assert counted == {"accept": 16, "reject": 244, "reject-pref": 11, "not-admin": 25, "no-crash": 24, "headers": 11}


async def test_invented_key_ids_cause_one_fetch_per_window(folder: pathlib.Path, cases: list[dict[str, Any]]) -> None:
    """Twenty-five tokens with made-up key ids cause one request to Cognito at most (R-21)."""
    pool = Pool(folder, rs256.make_key)
    assert isinstance(await pool.verdict(cases[0]["token"]), Caller)
    invented = [case["token"] for case in cases if case["id"].endswith("-kid-random")]
    own = Mint().sign({"iss": pool.issuer}, kid="made-up")
    invented += [Mint().sign({"iss": pool.issuer}, kid=f"made-up-{n}") for n in range(25 - len(invented))]
    for token in [*invented, own]:
        assert str(await pool.verdict(token)) == "unknown-kid"
    assert len(pool.asked) == 2


async def test_tokens_of_a_key_that_was_rotated_away_are_refused(
    folder: pathlib.Path, cases: list[dict[str, Any]]
) -> None:
    """After a rotation, the withdrawn key's tokens are refused, cached or not; the other key's stay (R-21)."""
    pool = Pool(folder, rs256_openssl.make_key)
    first, second = (case["token"] for case in cases[:2])
    for token in (first, second):
        assert isinstance(await pool.verdict(token), Caller)
    pool.body = (folder / "jwks-poolA-after-rotation.json").read_bytes()
    await pool.verdict(Mint().sign({"iss": pool.issuer}, kid="made-up"))
    assert pool.verifier.cached(first.encode(), pool.now) is None
    assert str(await pool.verdict(first)) == "unknown-kid"
    assert pool.verifier.cached(second.encode(), pool.now) is not None


def test_no_key_of_the_hostile_set_is_taken(folder: pathlib.Path) -> None:
    """For encryption, for RS512, 1024 bits, symmetric, e = 1, without n: none of these verifies anything (R-02)."""
    assert read_set((folder / "jwks-hostile.json").read_bytes()) == {}


@primitives
def test_only_the_exact_signature_of_the_exact_bytes_passes(make_key: MakeKey) -> None:
    """One key, one text, one signature: not shorter, not longer, not n more, not another key's (R-02)."""
    mint = Mint()
    parts = split(mint.access().encode())
    verify = make_key(mint.jwks()["keys"][-1])
    modulus = mint.key()[1].public_key().public_numbers().n
    number = int.from_bytes(parts.signature, "big")
    assert verify(parts.signing_input, parts.signature)
    for signature in (
        b"",
        b"\0" * 256,
        parts.signature[:-1],
        parts.signature + b"\0",
        b"\0" + parts.signature,
        (number + modulus).to_bytes(257, "big"),
        (modulus - number).to_bytes(256, "big"),
        modulus.to_bytes(256, "big"),
    ):
        assert not verify(parts.signing_input, signature)
    assert not verify(parts.signing_input + b"\0", parts.signature)
    assert not make_key(mint.jwks()["keys"][0])(parts.signing_input, parts.signature)


@primitives
def test_a_signature_is_smaller_than_the_modulus(make_key: MakeKey) -> None:
    """Adding n to a signature gives a number that means the same to lenient arithmetic: it is refused (R-02)."""
    key = rsa_key("odd-2050", 2050)  # 257 bytes, of which a number below n leaves six bits free
    parts = split(sign(key, "e30", "e30").encode())
    verify = make_key(public_jwk(key, "odd"))
    assert verify(parts.signing_input, parts.signature)
    number = int.from_bytes(parts.signature, "big") + key.public_key().public_numbers().n
    larger = number.to_bytes(257, "big")
    assert not verify(parts.signing_input, larger)


@primitives
def test_a_modulus_of_odd_length_verifies(make_key: MakeKey) -> None:
    """Keys of other sizes than whole bytes and 2048 bits work too: the block has the modulus's length."""
    for bits in (2050, 3072):
        key = rsa_key(f"odd-{bits}", bits)
        assert key.public_key().public_numbers().n.bit_length() == bits
        parts = split(sign(key, "e30", "e30").encode())
        assert make_key(public_jwk(key, "odd"))(parts.signing_input, parts.signature)


@primitives
@pytest.mark.parametrize("jwk", [{"kty": "RSA", "n": "!", "e": "AQAB"}, {"kty": "RSA", "n": "", "e": "AQAB"}])
def test_what_is_no_key_is_a_value_error(make_key: MakeKey, jwk: Mapping[str, str]) -> None:
    """A primitive that cannot make a key says so in the one way that the key ring expects."""
    with pytest.raises(ValueError, match=r"."):
        make_key(jwk)


def test_openssl_makes_public_rsa_keys_only() -> None:
    """A private key, or a key of another kind, is no key to this port (R-02)."""
    key = rsa_key("private")
    for jwk in (RSAAlgorithm.to_jwk(key, as_dict=True), {"kty": "EC"}, {"kty": "RSA"}):
        with pytest.raises(ValueError, match="RSA key"):
            rs256_openssl.make_key(jwk)
