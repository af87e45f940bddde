"""What a verifier remembers: accepted tokens only, for as long as they and their keys hold."""

import gc
import json
import tracemalloc

import pytest

from gateway import rs256
from gateway.errors import TokenError, Unavailable
from gateway.upstream import Answer
from tests.gates import ID, Gate
from tests.minting import NOW, Mint, sign

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def mint() -> Mint:
    """Give a pool of this file's own."""
    return Mint("us-east-1_Tokens001")


@pytest.fixture
def gate(mint: Mint) -> Gate:
    """Give a verifier for access tokens."""
    return Gate(mint)


async def test_a_token_is_verified_once(mint: Mint) -> None:
    """The second use of a token costs a hash and no signature check; it is the same caller object."""
    checks = 0

    def counting(signing_input: bytes, signature: bytes) -> bool:
        nonlocal checks
        checks += 1
        return key(signing_input, signature)

    gate, token = Gate(mint), mint.access()
    key = rs256.make_key(mint.jwks()["keys"][1])
    gate.ring._make_key = lambda _jwk: counting
    assert gate.cached(token) is None
    caller = await gate.verify(token)
    assert gate.cached(token) is caller
    assert await gate.verify(token) is caller
    assert checks == 1


async def test_memory_is_keyed_by_the_whole_token(gate: Gate) -> None:
    """A token that differs in one character of any part is another token (R-02)."""
    token = gate.mint.access()
    await gate.verify(token)
    for at in (0, len(token) // 2, len(token) - 1):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert gate.cached(changed) is None
        with pytest.raises(TokenError):
            await gate.verify(changed)


async def test_memory_dies_with_exp(gate: Gate) -> None:
    """A token that expires while it is remembered is refused from that moment (R-06)."""
    token = gate.mint.access(exp=NOW + 10)
    await gate.verify(token)
    assert gate.cached(token, NOW + 9.999)
    assert gate.cached(token, NOW + 10) is None
    assert await gate.reason(token, NOW + 10) == "expired"


async def test_memory_dies_with_its_key(mint: Mint) -> None:
    """When Cognito withdraws a key, what it verified is refused at once; what another key verified stays (R-21)."""
    mint = Mint("us-east-1_Rotated01")
    gate = Gate(mint, token_uses=frozenset({"access", "id"}))
    old = mint.access()
    await gate.verify(old)
    mint.rotate(keep=True)
    new = mint.access()
    await gate.verify(new)
    assert gate.cached(old) is not None  # still published: nothing is verified again
    kept = mint.jwks()["keys"][2:]
    gate.published.reply = Answer(200, {}, json.dumps({"keys": kept}).encode())
    gate.clock.tick(11)
    assert await gate.reason(mint.sign(mint.claims(), kid="invented")) == "unknown-kid"
    assert gate.cached(old) is None
    assert gate.cached(new) is not None
    assert await gate.reason(old) == "unknown-kid"


async def test_memory_dies_with_a_key_that_changed_under_its_id(mint: Mint) -> None:
    """Same id, other key: the old key's tokens are verified anew, and refused (R-21)."""
    gate, token = Gate(mint), mint.access()
    await gate.verify(token)
    other = Mint("us-east-1_Tokens002").jwks()["keys"][1] | {"kid": mint.key()[0]}
    gate.published.reply = Answer(200, {}, json.dumps({"keys": [other]}).encode())
    assert await gate.reason(mint.sign(mint.claims(), kid="invented")) == "unknown-kid"
    assert gate.cached(token) is None
    assert await gate.reason(token) == "signature"
    again = sign(Mint("us-east-1_Tokens002").key()[1], *token.split(".")[:2])
    assert await gate.verify(again) is gate.cached(again)


async def test_memory_dies_when_the_keys_are_too_old(gate: Gate) -> None:
    """After a day without a good fetch even remembered callers are not served: 503 (R-21)."""
    token = gate.mint.access(exp=NOW + 200_000)
    await gate.verify(token)
    gate.published.reply = Answer(500, {}, b"")
    gate.clock.now = 86_399
    assert gate.cached(token)
    gate.clock.now = 86_400
    assert gate.cached(token) is None
    with pytest.raises(Unavailable):
        await gate.verify(token)


async def test_memory_is_bounded_and_forgets_the_least_recently_used(mint: Mint) -> None:
    """However many tokens come, so many are kept; one that is used stays (R-22)."""
    gate = Gate(mint, cache_size=3)
    tokens = [mint.access(jti=str(number)) for number in range(5)]
    for token in tokens[:3]:
        await gate.verify(token)
    assert gate.cached(tokens[0])
    for token in tokens[3:]:
        await gate.verify(token)
    assert [gate.cached(token) is not None for token in tokens] == [True, False, False, True, True]


async def test_tokens_of_bodies_and_bearers_do_not_mix(gate: Gate) -> None:
    """An ID token that was accepted in a body is no bearer afterwards, and a bearer no ID token (R-04)."""
    in_body, bearer = gate.mint.id(), gate.mint.access()
    assert (await gate.verify(in_body, token_uses=ID)).token_use == "id"
    assert await gate.reason(in_body) == "token-use"
    assert await gate.verify(in_body, token_uses=ID)
    assert await gate.verify(bearer)
    with pytest.raises(TokenError, match="token-use"):
        await gate.verify(bearer, token_uses=ID)
    assert gate.cached(bearer)


async def test_ten_thousand_callers_fit_in_little_memory(mint: Mint) -> None:
    """A remembered caller is small: what many have in common is kept once."""
    gate = Gate(mint, cache_size=2_000)
    template = await gate.verify(mint.access(groups=["admin", "user"]))
    signer = next(iter(gate.verifier._signers.values()))
    gc.collect()
    tracemalloc.start()
    for number in range(2_000):
        own = {name: f"{name[0]}{number:035}" for name in ("sub", "username", "jti", "origin_jti")}
        read = json.loads(json.dumps({**mint.claims(), **own, "cognito:groups": ["admin", "user"]}))
        caller = gate.verifier._caller(read, NOW, frozenset({"access"}))
        del read, own
        gate.verifier._entries[number.to_bytes(32, "big")] = (caller, signer)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caller.groups is template.groups
    assert caller.scopes is template.scopes
    assert used / 2_000 < 1_000


async def test_what_is_shared_between_callers_is_bounded(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many different groups and headers do not fill the memory (R-22)."""
    monkeypatch.setattr("gateway.tokens._MAX_SHARED", 3)
    monkeypatch.setattr("gateway.tokens._MAX_HEADERS", 2)
    for number in range(5):
        token = gate.mint.sign({**gate.mint.claims(), "cognito:groups": [str(number)]}, note=number)
        assert (await gate.verify(token)).groups == (str(number),)
    assert len(gate.verifier._shared) <= 3
    assert len(gate.verifier._kids) == 2
