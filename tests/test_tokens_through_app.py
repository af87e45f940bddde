"""Hundreds of tokens through the whole gateway: which reach Cognito, which are refused, and what is said either way.

The tokens were made for a pool that does not exist; here the gateway is told that it is its own.
"""

import asyncio
import pathlib
from typing import Any

import pytest

from gateway.upstream import Answer, NotSent
from tests.minting import Mint
from tests.token_vectors import ALL, MUTATION, NEEDED, POLICY, READ, Vector, VectorPool, the
from tests.world import Reply, World, answer

DECIDED: dict[str, tuple[int, str]] = {
    "AUTHZ-019-x-amz-security-token": (
        200,
        "The token is taken from `Authorization: Bearer`, or, when it is absent …, from `X-Amz-Security-Token`.",
    ),
    "AUTHZ-007-lower-scheme": (200, "The scheme of `Authorization: Bearer` has no case (RFC 9110, 11.1)."),
    "AUTHZ-014-tab": (401, "`Authorization: Bearer` is followed by one space (RFC 6750, 2.1)."),
}
"""Cases that the contract decides, and the sentence that does."""


@NEEDED
def test_the_file_is_whole() -> None:
    """Every token has an expectation that is tested below, and no decision is kept for a token that is gone."""
    assert len(ALL) > 300
    assert {vector.expect for vector in ALL} == {"accept", "reject", "reject-pref", "not-admin", "no-crash"}
    assert set(DECIDED) <= {vector.id for vector in ALL}


@NEEDED
@pytest.mark.parametrize("expect", ["accept", "reject", "reject-pref", "not-admin", "no-crash"])
async def test_every_token_gets_what_it_deserves(expect: str) -> None:
    """R-02 to R-07, R-23: a good one makes one call; a bad one a 401 without a word, no call, and a written reason.

    What may be taken either way never makes a mutation, nor a 500.
    """
    world = VectorPool()
    wrong = {}
    for vector in (vector for vector in ALL if vector.expect == expect):
        for operation in (READ, MUTATION):
            world.cognito.requests.clear()
            lines = len(world.sink.lines)
            reply = await world.send(vector, operation)
            calls = len(world.cognito.requests)
            problem = judged(vector, operation, reply, calls, world.entries[lines:])
            if problem:
                wrong[vector.id, operation] = problem
    assert wrong == {}
    assert world.leaks() == []


EXPECTED = {
    "accept": {200},
    "reject": {401},
    "reject-pref": {401},
    "not-admin": {401, 403},
    "no-crash": {200, 401},
}
REFUSAL = b'{"__type": "NotAuthorizedException", "message": "The token was not accepted."}'


def judged(vector: Vector, operation: str, reply: Reply, calls: int, entries: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the outcome."""
    wanted = {DECIDED[vector.id][0]} if vector.id in DECIDED else EXPECTED[vector.expect]
    sent = reply.status == 200
    first = "intent" if sent and operation == MUTATION else "decision"
    rules = {
        f"status {reply.status}": reply.status in wanted,
        f"{calls} calls": calls == sent,
        "a mutation by one who is no admin": not (operation == MUTATION and calls and vector.expect == "not-admin"),
        "not audited": entries[:1] != [] and entries[0]["phase"] == first,
        "the audit has no reason": sent or bool(entries and entries[-1]["decision"]["reason"]),
        "the answer says more than it should": reply.status != 401 or reply.body == REFUSAL,
    }
    return [problem for problem, holds in rules.items() if not holds]


@NEEDED
async def test_the_callers_name_cannot_break_the_audit() -> None:
    """R-18: names with line breaks and escapes are one line of ASCII each."""
    world = VectorPool()
    for vector in (vector for vector in ALL if vector.kind == "USER"):
        await world.send(vector)
    assert world.sink.lines
    for line in world.sink.lines:
        assert line.isascii()
        assert line.removesuffix(b"\n").decode().isprintable()


@NEEDED
async def test_headers_that_point_to_keys_are_followed_by_nobody() -> None:
    """R-05: only the pool's own set is ever fetched, whatever `jku`, `x5u` and `kid` say."""
    world = VectorPool()
    for vector in (vector for vector in ALL if vector.kind == "KEY"):
        await world.send(vector)
    own = f"https://cognito-idp.eu-west-1.amazonaws.com/{world.config['pool']}/.well-known/jwks.json"
    assert set(world.fetched) == {own}


@NEEDED
async def test_invented_key_ids_cause_one_fetch_per_window() -> None:
    """R-21: a stream of made-up key ids does not become a stream of requests to Cognito."""
    world = VectorPool()
    await world.send(the("CTRL-001-plain"))
    assert len(world.fetched) == 1
    invented = [vector for vector in ALL if "kid-random" in vector.id]
    assert len(invented) > 10
    for _ in range(2):
        for vector in invented * 2:
            assert (await world.send(vector)).status == 401
    assert len(world.fetched) == 2
    world.clock.tick(10)
    for vector in invented:
        await world.send(vector)
    assert len(world.fetched) == 3
    assert (await world.send(the("CTRL-001-plain"))).status == 200


@NEEDED
async def test_a_rotation_takes_the_old_key_and_spares_the_other() -> None:
    """R-21: once the new set is fetched a token of the key that went is refused, one of the key that stayed is not."""
    world = VectorPool()
    first, second = the("CTRL-001-plain"), the("CTRL-002-second-key")
    assert [(await world.send(vector)).status for vector in (first, second)] == [200, 200]
    world.published = world.read("jwks-poolA-after-rotation.json")
    assert (await world.send(first)).status == 200  # nobody has told the gateway yet
    world.clock.tick(11)
    assert (await world.send(next(vector for vector in ALL if "kid-random" in vector.id))).status == 401  # this fetches
    assert (await world.send(first)).status == 401
    assert world.reason == "unknown-kid"
    assert (await world.send(second)).status == 200


@NEEDED
async def test_a_new_key_is_found_within_a_window_of_a_flood() -> None:
    """R-21: a thousand invented key ids delay a real rotation by ten seconds at most."""
    world = VectorPool("jwks-poolA-after-rotation.json")  # the first key is the new one here
    new = the("CTRL-001-plain")
    assert (await world.send(the("CTRL-002-second-key"))).status == 200
    kids = [vector for vector in ALL if "kid-random" in vector.id]
    for number in range(1000):
        await world.send(kids[number % len(kids)])
        world.clock.tick(0.01)
    fetched = len(world.fetched)
    assert fetched <= 3
    world.published = world.read("jwks-poolA.json")
    statuses = []
    for _ in range(11):
        statuses.append((await world.send(new)).status)
        world.clock.tick(1)
    assert statuses[-1] == 200
    assert len(world.fetched) <= fetched + 2


@NEEDED
async def test_a_set_of_unusable_keys_vouches_for_nobody() -> None:
    """R-02: weak, symmetric, wrong-use and exponent-one keys are none: 503, since the keys cannot be had."""
    world = VectorPool("jwks-hostile.json")
    for vector in (the("CTRL-001-plain"), the("CTRL-002-second-key")):
        reply = await world.send(vector)
        assert (reply.status, reply.type) == (503, "ServiceUnavailableException")
        assert int(reply.headers["retry-after"]) >= 1
    assert world.cognito.requests == []


BAD_SETS: dict[str, Answer | Exception] = {
    "empty object": answer({}, content_type="application/json"),
    "no keys": answer({"keys": []}),
    "null": answer({"keys": None}),
    "HTML": answer(b"<html>maintenance</html>", content_type="text/html"),
    "not UTF-8": answer(b'{"keys":"\xff"}'),
    "a symmetric key": answer({"keys": [{"kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256"}]}),
    "an emulator's key": answer({"keys": [{"kid": "dummy"}]}),
    "an error": answer({"keys": []}, 500),
    "a redirect": answer(b"", 302, location="https://attacker.example/jwks.json"),
    "no answer": NotSent("unreachable"),
}  # fmt: skip


@NEEDED
@pytest.mark.parametrize("bad", BAD_SETS)
async def test_a_bad_set_never_replaces_a_good_one(bad: str) -> None:
    """R-21: whatever is served in the keys' place, those that are held go on; a new key id gets 503, not 401."""
    world = VectorPool()
    good, unknown = the("CTRL-001-plain"), next(vector for vector in ALL if "kid-random" in vector.id)
    assert (await world.send(good)).status == 200
    twice = {"keys": [world.read("jwks-poolA.json")["keys"][0]] * 2}
    for published in (BAD_SETS[bad], answer(twice), world.read("jwks-hostile.json")):
        world.published = published
        world.clock.tick(11)
        fetched = len(world.fetched)
        assert (await world.send(unknown)).status == 503
        assert len(world.fetched) > fetched
        assert (await world.send(good)).status == 200


@NEEDED
@pytest.mark.parametrize(
    ("cache_control", "least", "most"), [("max-age=0", 300, 320), ("max-age=315360000", 80_000, 86_400)]
)
async def test_keys_are_fetched_again_neither_too_soon_nor_too_late(cache_control: str, least: int, most: int) -> None:
    """R-21: what the set says of its age is held between five minutes and a day."""
    world = VectorPool()
    world.published = answer(world.read("jwks-poolA.json"), cache_control=cache_control)
    start = world.clock.now
    good = the("CTRL-001-plain")
    await world.send(good)
    world.clock.tick(least - 10)
    while len(world.fetched) == 1 and world.clock.now - start < 90_000:
        await world.send(good)
        await asyncio.sleep(0)  # it is done in the background
        world.clock.tick(10)
    assert least <= world.clock.now - start <= most


async def test_both_forms_of_the_issuer_are_accepted(vectors: pathlib.Path) -> None:
    """R-04: a pool may name itself `cognito-idp.` or `issuer-cognito-idp.`; a third spelling is not believed."""
    del vectors
    region, pool = "eu-west-1", "eu-west-1_TESTPOOLA"
    world = World(POLICY, COGNITO_USER_POOL_ID=pool, COGNITO_CLIENT_IDS="1h57kf5cpq17m0eml12EXAMPLE")
    world.mint = Mint(pool, region, "1h57kf5cpq17m0eml12EXAMPLE")
    hosts = {
        "cognito-idp.eu-west-1.amazonaws.com": 200,
        "issuer-cognito-idp.eu-west-1.amazonaws.com": 200,
        "issuer.cognito-idp.eu-west-1.amazonaws.com": 401,
        "cognito-idp.eu-west-1.amazonaws.com.cn": 401,
        "cognito-idp.us-east-1.amazonaws.com": 401,
    }
    for host, status in hosts.items():
        token = world.token("moderator", iss=f"https://{host}/{pool}")
        assert (await world.call(READ, {"Username": "bob"}, token)).status == status
