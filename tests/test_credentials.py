"""Whose keys sign: rotation without a gap, a role's keys without a storm, and never a dead token."""

import asyncio
from email.utils import formatdate

import pytest

from gateway import sigv4
from gateway.credentials import PairOfCredentials, StaticCredentials
from gateway.errors import Unavailable
from gateway.keypair import KeyPair
from gateway.upstream import Answer, AnswerTimeout, Broken, NotSent
from tests.fake_sts import HOUR, NEW, NOW, OLD, Sts, error_xml, keys_xml, number_of, role, settle, signed_by

# Fixed keys, and two pairs


async def test_one_pair_signs_until_it_ends() -> None:
    """The gateway signs with the keys it was given, has no others, and stops before temporary ones die (FAULT-19)."""
    fixed = StaticCredentials(OLD)
    assert await fixed.current(NOW) is OLD
    assert fixed.rejected(OLD, NOW) is False
    mortal = StaticCredentials(KeyPair("AKID", "secret", "token", NOW + 60))
    assert (await mortal.current(NOW)).access_key_id == "AKID"
    for late in (NOW + 50, NOW + 60, NOW + 1000):
        with pytest.raises(Unavailable) as caught:
            await mortal.current(late)
        assert caught.value.reason == "credentials"


async def test_a_hundred_requests_refused_with_the_old_pair_change_to_the_new_one_once() -> None:
    """When the old keys are deleted under load, everybody's second try is signed with the new ones (FAULT-18, R-20)."""
    both = PairOfCredentials(OLD, NEW)
    used = await asyncio.gather(*(both.current(NOW) for _ in range(100)))
    assert used == [OLD] * 100
    for keys in used:
        assert both.rejected(keys, NOW) is True
        assert await both.current(NOW) is NEW


async def test_a_new_pair_that_is_refused_gives_way_to_the_old_one() -> None:
    """Keys that were rotated in by mistake do not stop the gateway while the old ones still work."""
    both = PairOfCredentials(OLD, NEW)
    both.rejected(OLD, NOW)
    assert both.rejected(NEW, NOW) is True
    assert await both.current(NOW) is OLD


async def test_keys_rotated_while_a_hundred_requests_run_are_never_mixed() -> None:
    """Each request is signed by one whole pair, whichever (FAULT-18)."""
    both = PairOfCredentials(OLD, NEW)
    signer = sigv4.Signer("us-east-1", "cognito-idp", "cognito.example")
    owners: list[list[KeyPair]] = []

    async def one(number: int) -> None:
        for again in range(3):
            keys = await both.current(NOW)
            await asyncio.sleep(0)
            body = f"{number}/{again}".encode()
            headers = signer.sign(keys, target="A.B", body=body, now=NOW + number % 2)
            owners.append(signed_by(headers, body, [OLD, NEW], "cognito.example"))
            if (number + again) % 7 == 0:
                both.rejected(keys, NOW)

    await asyncio.gather(*(one(number) for number in range(100)))
    assert all(len(owner) == 1 for owner in owners)
    assert {owner[0].access_key_id for owner in owners} == {OLD.access_key_id, NEW.access_key_id}


# A role's keys


async def test_keys_are_fetched_once_and_renewed_at_four_fifths_of_their_life_without_making_anybody_wait() -> None:
    """An hour of traffic costs STS one request, and the renewal no caller any time."""
    endpoint = Sts()
    credentials = role(endpoint)
    for seconds in (0, 1, 600, 2879):
        assert number_of(await credentials.current(NOW + seconds)) == 1
    assert len(endpoint.requests) == 1
    endpoint.open.clear()
    endpoint.now = NOW + 2880
    for _ in range(20):
        assert number_of(await credentials.current(NOW + 2880)) == 1
        await settle()
    endpoint.open.set()
    await settle()
    assert number_of(await credentials.current(NOW + 2881)) == 2
    assert len(endpoint.requests) == 2


async def test_fifty_callers_at_a_cold_start_cause_one_request_to_sts() -> None:
    """Everybody waits for the same fetch and gets the same keys."""
    endpoint = Sts()
    credentials = role(endpoint)
    endpoint.open.clear()
    waiting = [asyncio.create_task(credentials.current(NOW)) for _ in range(50)]
    await settle()
    endpoint.open.set()
    assert {number_of(keys) for keys in await asyncio.gather(*waiting)} == {1}
    assert len(endpoint.requests) == 1


async def test_the_first_caller_hanging_up_does_not_take_the_keys_from_the_others() -> None:
    """A fetch that is under way ends for those who still wait, whoever began it (FAULT-28)."""
    endpoint = Sts()
    credentials = role(endpoint)
    endpoint.open.clear()
    first = asyncio.create_task(credentials.current(NOW))
    await settle()
    others = [asyncio.create_task(credentials.current(NOW)) for _ in range(5)]
    await settle()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    endpoint.open.set()
    assert {number_of(keys) for keys in await asyncio.gather(*others)} == {1}
    assert len(endpoint.requests) == 1


async def test_on_workers_nobody_waits_for_another_requests_fetch() -> None:
    """Without keys each request fetches for itself; ahead of time one does, and the others go on with what there is."""
    endpoint = Sts()
    credentials = role(endpoint, share_waits=False)
    endpoint.open.clear()
    waiting = [asyncio.create_task(credentials.current(NOW)) for _ in range(3)]
    await settle()
    assert len(endpoint.requests) == 3
    waiting[0].cancel()
    endpoint.open.set()
    await settle()
    assert {number_of(task.result()) for task in waiting[1:]} == {2, 3}
    held = number_of(await credentials.current(NOW + 1))
    endpoint.open.clear()
    endpoint.now = NOW + 3000
    renewing = asyncio.create_task(credentials.current(NOW + 3000))
    await settle()
    assert {number_of(await credentials.current(NOW + 3000)) for _ in range(5)} == {held}
    endpoint.open.set()
    assert number_of(await renewing) == 4
    assert number_of(await credentials.current(NOW + 3001)) == 4
    assert credentials._task is None


async def test_on_workers_a_renewal_that_was_dropped_is_taken_up_by_a_later_request() -> None:
    """A request that the runtime ended in the middle of its fetch does not keep the others from renewing."""
    endpoint = Sts()
    credentials = role(endpoint, share_waits=False)
    await credentials.current(NOW)
    endpoint.open.clear()
    endpoint.now = NOW + 3000
    renewing = asyncio.create_task(credentials.current(NOW + 3000))
    await settle()
    renewing.cancel()
    endpoint.open.set()
    await settle()
    assert number_of(await credentials.current(NOW + 3005)) == 1
    assert number_of(await credentials.current(NOW + 3010)) == 3


async def test_no_request_is_signed_with_a_token_about_to_expire() -> None:
    """Ten seconds before their end the keys in hand are used no more: the caller waits for new ones (FAULT-19)."""
    endpoint = Sts()
    credentials = role(endpoint)
    await credentials.current(NOW)
    endpoint.now = NOW + HOUR - 10
    fresh = await credentials.current(NOW + HOUR - 10)
    assert number_of(fresh) == 2
    assert fresh.expires_at == NOW + HOUR - 10 + HOUR


@pytest.mark.parametrize("life_seconds", [21.0, 30.0, 60.0, 90.0, 900.0])
async def test_however_short_a_life_the_end_keeps_its_distance(life_seconds: float) -> None:
    """Second for second, nothing is handed out in the last twenty seconds of its life (FAULT-19)."""
    endpoint = Sts()
    endpoint.life_seconds = life_seconds
    credentials = role(endpoint)
    for second in range(0, 1000, 7):
        endpoint.now = NOW + second
        keys = await credentials.current(NOW + second)
        assert keys.expires_at is not None
        assert keys.expires_at - (NOW + second) >= 20


async def test_keys_that_are_dead_on_arrival_are_a_failure() -> None:
    """Keys whose end is past or a few seconds away are not used, and not fetched again at once."""
    endpoint = Sts()
    endpoint.life_seconds = 10
    credentials = role(endpoint)
    for _ in range(5):
        with pytest.raises(Unavailable):
            await credentials.current(NOW)
    assert len(endpoint.requests) == 1
    assert credentials.last_failure == "sts-expired"


async def test_an_end_far_in_the_future_is_not_believed() -> None:
    """No keys are held for longer than they were asked for."""
    endpoint = Sts()
    endpoint.script = [Answer(200, {}, keys_xml(1, "9999-12-31T23:59:59Z"))]
    assert (await role(endpoint).current(NOW)).expires_at == NOW + HOUR


async def test_while_sts_is_down_the_old_keys_serve_as_long_as_they_live_and_sts_is_left_in_peace() -> None:
    """An outage of STS is not felt for minutes; then callers get 503 with Retry-After; STS sees a try every 2 s."""
    endpoint = Sts()
    credentials = role(endpoint)
    await credentials.current(NOW)
    endpoint.script = [NotSent("refused")] * 10_000
    tries = len(endpoint.requests)
    for tenth in range(100):
        assert number_of(await credentials.current(NOW + 3000 + tenth / 10)) == 1
        await settle()
    assert 1 <= len(endpoint.requests) - tries <= 6
    assert credentials.last_failure == "refused"
    tries = len(endpoint.requests)
    for tenth in range(100):
        with pytest.raises(Unavailable) as caught:
            await credentials.current(NOW + HOUR - 15 + tenth / 10)
        assert (caught.value.reason, caught.value.retry_after_seconds) == ("credentials", 2)
    assert 1 <= len(endpoint.requests) - tries <= 6
    endpoint.script.clear()
    endpoint.now = NOW + HOUR
    await credentials.current(NOW + HOUR)
    assert credentials.last_failure is None


async def test_a_clock_set_back_does_not_prolong_the_pause_after_a_failure() -> None:
    """A try that failed in what is now the future does not keep the gateway from trying."""
    endpoint = Sts()
    endpoint.script = [AnswerTimeout("timeout")]
    credentials = role(endpoint)
    with pytest.raises(Unavailable):
        await credentials.current(NOW)
    endpoint.now = NOW - HOUR
    assert number_of(await credentials.current(NOW - HOUR)) == 2


async def test_refused_role_keys_are_fetched_anew_once() -> None:
    """Keys whose session was revoked are replaced for the second try; fresh ones refused too are an error (R-20)."""
    endpoint = Sts()
    credentials = role(endpoint)
    old = await credentials.current(NOW)
    assert credentials.rejected(old, NOW + 10) is False
    assert all(credentials.rejected(old, NOW + 60) for _ in range(100))
    endpoint.now = NOW + 60
    new = await asyncio.gather(*(credentials.current(NOW + 60) for _ in range(100)))
    assert {number_of(keys) for keys in new} == {2}
    assert len(endpoint.requests) == 2
    assert credentials.rejected(old, NOW + 61) is True
    assert credentials.rejected(new[0], NOW + 61) is False
    assert number_of(await credentials.current(NOW + 61)) == 2
    assert len(endpoint.requests) == 2


async def test_refused_role_keys_go_on_serving_while_sts_gives_no_others() -> None:
    """A refusal that was a passing one does not turn an outage of STS into one of the gateway."""
    endpoint = Sts()
    credentials = role(endpoint)
    old = await credentials.current(NOW)
    assert credentials.rejected(old, NOW + 60) is True
    endpoint.script = [Broken("reset"), Broken("reset")]
    assert await credentials.current(NOW + 60) is old
    assert credentials.rejected(old, NOW + 61) is False
    endpoint.now = NOW + 63
    assert credentials.rejected(old, NOW + 63) is True
    assert await credentials.current(NOW + 63) is old
    assert number_of(await credentials.current(NOW + 66)) == 4


async def test_sts_refusing_the_first_pair_is_asked_with_the_second() -> None:
    """Rotating the keys works for a gateway that signs with a role, too."""
    endpoint = Sts()
    endpoint.known = [NEW]
    both = PairOfCredentials(OLD, NEW)
    assert number_of(await role(endpoint, both).current(NOW)) == 2
    assert await both.current(NOW) is NEW


async def test_without_keys_to_ask_with_there_are_no_role_keys() -> None:
    """Source keys that have expired are not used to ask STS."""
    endpoint = Sts()
    credentials = role(endpoint, StaticCredentials(KeyPair("AKID", "secret", "token", NOW)))
    with pytest.raises(Unavailable):
        await credentials.current(NOW)
    assert endpoint.requests == []


@pytest.mark.parametrize("off_seconds", [-HOUR, HOUR])
@pytest.mark.parametrize("share_waits", [True, False])
async def test_a_wrong_clock_is_corrected_by_stss(off_seconds: float, *, share_waits: bool) -> None:
    """A gateway whose clock is an hour off gets its keys at the second try and tells what time it is (FAULT-16)."""
    endpoint = Sts()
    learnt: list[float] = []
    credentials = role(endpoint, learn_clock=learnt.append, share_waits=share_waits)
    assert number_of(await credentials.current(NOW + off_seconds)) == 2
    assert learnt == [NOW]
    assert number_of(await credentials.current(NOW + 1)) == 2
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("date", [None, "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", formatdate(NOW, usegmt=True)])
async def test_a_refused_signature_without_a_better_time_is_an_error(date: str | None) -> None:
    """A date that is missing, nonsense or ours already teaches nothing: one try, then 503."""
    endpoint = Sts()
    endpoint.script = [Answer(403, {"date": date} if date else {}, error_xml("SignatureDoesNotMatch"))]
    learnt: list[float] = []
    credentials = role(endpoint, learn_clock=learnt.append)
    with pytest.raises(Unavailable):
        await credentials.current(NOW)
    assert (learnt, len(endpoint.requests), credentials.last_failure) == ([], 1, "sts:SignatureDoesNotMatch")


async def test_a_wrong_clock_does_not_cost_the_keys_where_nobody_learns_the_time() -> None:
    """Keys that were got with STS's time are handed out, whatever the caller thinks that it is."""
    credentials = role(Sts())
    assert number_of(await credentials.current(NOW + 2 * HOUR)) == 2


async def test_two_refusals_are_the_end() -> None:
    """Two pairs that are both refused cost STS two requests, not a ping-pong (R-20)."""
    endpoint = Sts()
    endpoint.known = []
    credentials = role(endpoint, PairOfCredentials(OLD, NEW))
    with pytest.raises(Unavailable):
        await credentials.current(NOW)
    assert len(endpoint.requests) == 2
    assert credentials.last_failure == "sts:InvalidClientTokenId"


async def test_a_kept_connection_that_had_died_is_tried_once_more() -> None:
    """STS is asked once an hour: its having closed the idle connection is no failure; a fresh one that breaks is."""
    endpoint = Sts()
    endpoint.script = [Broken("reset", reused=True)]
    assert number_of(await role(endpoint).current(NOW)) == 2
    endpoint.script = [Broken("reset")]
    with pytest.raises(Unavailable):
        await role(endpoint).current(NOW)
    assert len(endpoint.requests) == 3


async def test_no_repr_shows_a_key() -> None:
    """Whatever holds keys can be logged by accident (R-01)."""
    endpoint = Sts()
    both = PairOfCredentials(OLD, NEW)
    credentials = role(endpoint, both)
    keys = await credentials.current(NOW)
    shown = f"{credentials!r} {both!r} {StaticCredentials(OLD)!r} {keys!r} {vars(credentials)!r} {endpoint.requests!r}"
    for secret in ("CANARY", "AKID", "ASIA", "AWS4-HMAC"):
        assert secret not in shown
