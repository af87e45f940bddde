"""The key ring: what Cognito publishes is fetched when needed, never in a storm, and never believed blindly."""

import asyncio
import itertools
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.errors import TokenError, Unavailable
from gateway.keys import fresh_seconds
from gateway.upstream import Answer, AnswerTimeout, Broken, ConnectTimeout, NotSent
from tests.key_rings import Ring
from tests.minting import Mint, Published, issuers_of, jwks_url, public_jwk, rsa_key

pytestmark = pytest.mark.anyio

DAY = 86_400


@pytest.fixture
def mint() -> Mint:
    """Give a pool of this file's own."""
    return Mint("us-east-1_KeysPool1")


@pytest.fixture
def ring(mint: Mint) -> Ring:
    """Give a ring that holds nothing yet."""
    return Ring(mint)


# --- what is fetched, and when


async def test_known_keys_are_served_without_a_fetch(ring: Ring) -> None:
    """Once the set is there, a key costs no request to Cognito (R-21)."""
    key = await ring.find()
    assert await ring.find() is key
    assert ring.ring.known(ring.issuer, ring.mint.key("id")[0]) is not None
    assert ring.fetches == 1


async def test_concurrent_callers_share_one_fetch(ring: Ring) -> None:
    """Fifty requests that come before the keys do cause one request to Cognito (R-21)."""
    keys = await asyncio.gather(*(ring.find() for _ in range(50)))
    assert len(set(map(id, keys))) == 1
    assert ring.fetches == 1


async def test_a_caller_who_hangs_up_does_not_take_the_others_along(mint: Mint) -> None:
    """FAULT-28: the first one waiting disconnects; the others still get their key from the same fetch (R-21)."""
    release = asyncio.Event()
    published = Published(mint)

    async def slow(url: str) -> Answer:
        await release.wait()
        return await published(url)

    ring = Ring(mint, fetch=slow)
    first, *others = (asyncio.ensure_future(ring.find()) for _ in range(4))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    release.set()
    assert all(await asyncio.gather(*others))
    assert first.cancelled()
    assert len(published.asked) == 1


async def test_on_workers_no_request_waits_for_another(mint: Mint) -> None:
    """FAULT-28 on Workers: each request fetches for itself, and a later cancellation hurts only its own (R-21)."""
    release = asyncio.Event()
    published = Published(mint)

    async def slow(url: str) -> Answer:
        await release.wait()
        return await published(url)

    ring = Ring(mint, fetch=slow, share_waits=False)
    first, *others = (asyncio.ensure_future(ring.find()) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    release.set()
    assert all(await asyncio.gather(*others))
    assert len(published.asked) == 2
    with pytest.raises(TokenError):
        await ring.find("invented")
    with pytest.raises(TokenError):
        await ring.find("invented")
    assert len(published.asked) == 3  # the window holds there too


async def test_unshared_fetches_that_end_in_the_wrong_order_keep_the_newer_set(mint: Mint) -> None:
    """On Workers a slow answer from before a rotation does not bring the old keys back (R-21)."""
    gates = [asyncio.Event(), asyncio.Event()]
    count = itertools.count()

    async def fetch(_url: str) -> Answer:
        turn = next(count)
        body = json.dumps(mint.jwks()).encode()  # what is published when the fetch begins
        await gates[turn].wait()
        return Answer(200, {}, body)

    ring = Ring(mint, fetch=fetch, share_waits=False)
    before = mint.key()[0]
    old = asyncio.ensure_future(ring.find(before))
    await asyncio.sleep(0)
    mint.rotate(keep=False)
    ring.clock.tick(1)
    new = asyncio.ensure_future(ring.find(mint.key()[0]))
    await asyncio.sleep(0)
    gates[1].set()
    assert callable(await new)
    gates[0].set()
    with pytest.raises(TokenError):
        await old
    assert ring.ring.known(ring.issuer, mint.key()[0])
    assert ring.ring.known(ring.issuer, before) is None


async def test_invented_key_ids_cause_one_fetch_per_window(ring: Ring) -> None:
    """A stream of 1,000 made-up key ids does not become a stream of requests to Cognito (R-21)."""
    await ring.find()
    for number in range(1_000):
        with pytest.raises(TokenError, match="unknown-kid"):
            await ring.find(f"invented-{number}")
        ring.clock.tick(0.0099)
    assert ring.fetches == 2  # the first set, and one look in the window of ten seconds
    ring.clock.tick(1)
    with pytest.raises(TokenError):
        await ring.find("invented-after-the-window")
    assert ring.fetches == 3


async def test_a_flood_delays_a_rotation_by_no_more_than_a_window(ring: Ring) -> None:
    """While someone invents key ids, a new key of Cognito's is accepted at most ten seconds later (R-21)."""
    await ring.find()
    with pytest.raises(TokenError):
        await ring.find("invented")
    ring.mint.rotate()
    waited = 0
    while True:
        try:
            await ring.find()
            break
        except TokenError:
            ring.clock.tick(1)
            waited += 1
            with pytest.raises(TokenError):
                await ring.find(f"invented-{waited}")
    assert waited <= 10


async def test_known_keys_are_served_inside_the_window(ring: Ring) -> None:
    """Invented key ids never delay callers whose key is known (R-21)."""
    await ring.find()
    with pytest.raises(TokenError):
        await ring.find("invented")
    assert callable(await ring.find())


async def test_a_key_that_was_found_starts_no_window(ring: Ring) -> None:
    """Two rotations in a row are both noticed at once: only a useless fetch makes the next one wait (R-21)."""
    await ring.find()
    for _ in range(2):
        ring.mint.rotate()
        await ring.find()
    assert ring.fetches == 3


async def test_key_ids_are_compared_exactly(ring: Ring) -> None:
    """A key id is a dictionary key: no case folding, no trimming, no path (R-05)."""
    kid = ring.mint.key()[0]
    await ring.find(kid)
    for other in (kid.lower(), kid + " ", f"./{kid}", kid[:-1]):
        assert ring.ring.known(ring.issuer, other) is None


async def test_an_issuer_that_is_not_ours_is_never_fetched(ring: Ring) -> None:
    """Only the configured URLs are asked (R-05)."""
    with pytest.raises(TokenError, match="issuer"):
        await ring.ring.find("https://attacker.example", "x")
    assert ring.ring.known("https://attacker.example", "x") is None
    assert ring.fetches == 0


# --- when fetching fails


async def test_keys_that_cannot_be_had_at_the_start_are_503_and_recover(ring: Ring) -> None:
    """FAULT-22: JWKS is down at the start: 503 with Retry-After, tries 2 to 5 s apart, no restart needed (R-21)."""
    ring.published.reply = NotSent("refused")
    tried_at: list[float] = []
    for _ in range(60):
        before = ring.fetches
        with pytest.raises(Unavailable) as refused:
            await ring.find()
        assert refused.value.reason == "keys"
        assert 1 <= (refused.value.retry_after_seconds or 0) <= 5
        if ring.fetches > before:
            tried_at.append(ring.clock.now)
        ring.clock.tick(0.5)
    gaps = [later - earlier for earlier, later in itertools.pairwise(tried_at)]
    assert gaps
    assert all(2 <= gap <= 5 for gap in gaps)
    ring.published.reply = None
    back_at = ring.clock.now
    while True:
        try:
            await ring.find()
            break
        except Unavailable:
            ring.clock.tick(0.5)
    assert ring.clock.now - back_at <= 10


async def test_known_keys_outlive_an_outage_of_a_day_at_most(ring: Ring) -> None:
    """While JWKS is down, known callers go on for a day after the last good fetch; then it is 503, not 200 (R-21)."""
    await ring.find()
    ring.published.reply = AnswerTimeout("slow")
    ring.clock.now = DAY - 1
    assert callable(await ring.find())
    await ring.settle()
    ring.clock.now = DAY + 0.0
    assert ring.ring.known(ring.issuer, ring.mint.key()[0]) is None
    with pytest.raises(Unavailable):
        await ring.find()
    assert any("dropped" in line for line in ring.log)
    ring.published.reply = None
    ring.clock.tick(10)
    assert callable(await ring.find())


async def test_an_unknown_key_id_during_an_outage_is_503(ring: Ring) -> None:
    """A rotated key that cannot be fetched is not the caller's fault: 503 in the whole window, not 401 (R-21)."""
    await ring.find()
    ring.mint.rotate(keep=False)
    ring.published.reply = Answer(500, {}, b"")
    for _ in range(3):
        with pytest.raises(Unavailable) as refused:
            await ring.find()
        assert refused.value.retry_after_seconds == 10
    assert ring.fetches == 2
    ring.published.reply = None
    ring.clock.tick(10)
    assert callable(await ring.find())


@pytest.mark.parametrize("error", [NotSent("refused"), Broken("reset", reused=True)])
async def test_a_broken_connection_is_tried_again_once(mint: Mint, error: Exception) -> None:
    """An idle connection that Cognito had closed does not fail a request (R-20)."""
    published = Published(mint, reply=error)

    async def fetch(url: str) -> Answer:
        try:
            return await published(url)
        finally:
            published.reply = None

    assert callable(await Ring(mint, fetch=fetch).find())
    assert len(published.asked) == 2


async def test_a_connection_that_breaks_twice_is_a_failure(ring: Ring) -> None:
    """There is one retry, not a storm of them (R-21)."""
    ring.published.reply = Broken("reset")
    with pytest.raises(Unavailable):
        await ring.find()
    assert ring.fetches == 2
    assert "reset" in ring.log[-1]


@pytest.mark.parametrize(
    "reply",
    [
        *(Answer(status, {"location": "http://169.254.169.254/"}, b"") for status in (204, 301, 307, 403, 404, 500)),
        AnswerTimeout("slow"),
        ConnectTimeout("slow"),
    ],
    ids=lambda reply: str(getattr(reply, "status", reply)),
)
async def test_a_status_or_a_timeout_is_not_tried_again(ring: Ring, reply: Answer | Exception) -> None:
    """Only 200 is an answer; redirects are not followed, and nothing is asked twice (R-21)."""
    ring.published.reply = reply
    with pytest.raises(Unavailable):
        await ring.find()
    assert ring.published.asked == [jwks_url(ring.issuer)]


# --- how long keys are fresh


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 3_600),
        ("max-age=0", 300),
        ("public, MAX-AGE=7200", 7_200),
        ("max-age=7200, max-age=600", 600),
        ("max-age=315360000", DAY - 300),
        ("max-age=-1", 3_600),
        ("max-age=1e9", 3_600),
        ("max-age=99999999999999999999", 3_600),
        ("max-age=٣٠٠٠", 3_600),
        ("no-store", 3_600),
    ],
)
async def test_freshness_is_clamped(ring: Ring, header: str, seconds: int) -> None:
    """FAULT-31: neither max-age=0 nor ten years makes the gateway fetch all the time or never again (R-21)."""
    assert fresh_seconds(header) == seconds
    ring.published.headers = {"cache-control": header}
    key = await ring.find()
    ring.clock.now = seconds - 1
    assert await ring.find() is key
    await ring.settle()
    assert ring.fetches == 1
    ring.clock.now = seconds
    assert await ring.find() is key  # served at once: the refresh is in the background
    assert ring.fetches == 1
    await ring.settle()
    assert ring.fetches == 2
    assert ring.ring.generation == 1  # nothing changed: what was verified stays verified


async def test_a_refresh_brings_new_keys_and_drops_old_ones(ring: Ring) -> None:
    """A key that Cognito has withdrawn stops working once the set is stale, without a restart (R-21)."""
    old = ring.mint.key()[0]
    await ring.find()
    ring.mint.rotate(keep=False)
    ring.clock.tick(3_600)
    assert ring.ring.known(ring.issuer, old) is not None
    await ring.settle()
    assert ring.ring.known(ring.issuer, old) is None
    assert ring.ring.known(ring.issuer, ring.mint.key()[0]) is not None
    assert ring.ring.generation == 2


async def test_a_key_that_changes_under_its_id_is_noticed(ring: Ring) -> None:
    """Same id, other key: what the old one verified is in doubt (R-21)."""
    key = await ring.find()
    other = public_jwk(rsa_key("x"), ring.mint.key()[0])
    ring.published.reply = Answer(200, {}, json.dumps({"keys": [other]}).encode())
    with pytest.raises(TokenError):
        await ring.find("other")
    assert await ring.find() is not key
    assert ring.ring.generation == 2


async def test_a_refresh_that_fails_is_tried_again_in_the_next_window(ring: Ring) -> None:
    """During an outage the background asks once in ten seconds, however many requests come (R-21)."""
    await ring.find()
    ring.published.reply = Answer(503, {}, b"")
    ring.clock.tick(3_600)
    for _ in range(100):
        assert callable(await ring.find())
        await ring.settle()
        ring.clock.tick(0.2)
    assert ring.fetches == 1 + 2
    assert len(ring.log) == 1 + 2


async def test_a_slow_refresh_is_not_started_twice(mint: Mint) -> None:
    """A background refresh that hangs is one, not one in every window (R-21)."""
    release = asyncio.Event()
    published = Published(mint)

    async def fetch(url: str) -> Answer:
        answer = await published(url)
        if len(published.asked) > 1:
            await release.wait()
        return answer

    ring = Ring(mint, fetch=fetch)
    await ring.find()
    for _ in range(3):
        ring.clock.tick(3_600)
        await ring.find()
        await ring.settle()
    assert len(published.asked) == 2
    release.set()
    await ring.settle()


def test_a_stale_set_outside_of_a_loop_is_served(ring: Ring) -> None:
    """Asking for a key never fails for want of an event loop; the refresh waits for one."""
    asyncio.run(ring.find())
    ring.clock.tick(3_600)
    assert ring.ring.known(ring.issuer, ring.mint.key()[0]) is not None
    assert ring.fetches == 1


async def test_a_runtime_can_keep_the_background_alive(mint: Mint) -> None:
    """On Workers the refresh is handed to the request's `waitUntil` (R-21)."""
    spawned: list[Coroutine[Any, Any, None]] = []
    ring = Ring(mint, share_waits=False, spawn=spawned.append)
    await ring.find()
    ring.clock.tick(3_600)
    await ring.find()
    await ring.find()
    assert len(spawned) == 1
    await spawned[0]
    assert ring.fetches == 2


# --- several issuers, warming up, what can be seen


async def test_the_second_issuer_is_fetched_only_when_a_token_names_it(mint: Mint) -> None:
    """Pools that never switched answer 403 under the second name; that does not hurt the first (R-21)."""
    first, second = issuers_of(mint.pool_id)
    published = Published(mint)

    async def fetch(url: str) -> Answer:
        answer = await published(url)
        return Answer(403, {}, b"") if url == jwks_url(second) else answer

    ring = Ring(mint, fetch=fetch, issuers=(first, second))
    assert await ring.ring.warm()
    assert published.asked == [jwks_url(first)]
    with pytest.raises(Unavailable):
        await ring.ring.find(second, mint.key()[0])
    assert callable(await ring.find())
    assert ring.ring.ages() == {first: 0.0, second: None}


async def test_each_set_is_refreshed_in_its_own_time(mint: Mint) -> None:
    """A set that is stale is fetched; the other one, which is not, is left alone (R-21)."""
    first, second = issuers_of(mint.pool_id)
    ring = Ring(mint, issuers=(first, second))
    await ring.ring.warm(first)
    ring.clock.tick(1_800)
    await ring.ring.warm(second)
    ring.clock.tick(1_800)
    await ring.find()
    await ring.settle()
    assert ring.published.asked == [jwks_url(first), jwks_url(second), jwks_url(first)]
    assert ring.ring.ages() == {first: 0.0, second: 1_800.0}


async def test_warming_fetches_each_set_once_in_order(mint: Mint) -> None:
    """After warming up, the first request waits for nothing."""
    issuers = issuers_of(mint.pool_id)
    ring = Ring(mint, issuers=issuers)
    assert await ring.ring.warm(*issuers)
    assert await ring.ring.warm(*issuers)
    for issuer in issuers:
        await ring.ring.find(issuer, mint.key()[0])
    assert ring.published.asked == [jwks_url(issuer) for issuer in issuers]


async def test_warming_up_during_an_outage_does_not_raise(ring: Ring) -> None:
    """FAULT-22: the gateway starts although the keys cannot be had."""
    ring.published.reply = NotSent("refused")
    assert not await ring.ring.warm()
    assert not await ring.ring.warm()
    assert ring.fetches == 2  # with its retry; the second call is inside the back-off


async def test_the_log_names_changes_and_failures_but_no_keys(ring: Ring) -> None:
    """An operator sees what happened to the keys; the log holds no key material (R-01)."""
    await ring.find()
    ring.published.reply = Answer(500, {}, b"secret text from upstream")
    with pytest.raises(Unavailable):
        await ring.find("invented-kid")
    assert ring.log == [
        f"keys: {ring.issuer}: 2 usable, were 0",
        f"keys: {ring.issuer}: not fetched (status-500), 2 kept",
    ]
