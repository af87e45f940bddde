"""What a replica does when what is shared is lost, comes back, or comes back empty. Time is a value here."""

import asyncio

import pytest

from gateway.errors import Unavailable
from gateway.store import Kept, Rate, Revocation, shared
from tests.minting import Clock
from tests.store.fake_remote import Replica, Shelf, caller

ANN = caller()
SIGNED_OUT = Revocation("signed_out", ANN.sub, ANN.auth_time)
FIVE = Rate(5, 60.0)


async def pair(shelf: Shelf | None = None) -> tuple[Replica, Replica]:
    """Two replicas that share a store and have both heard of it."""
    clock = Clock()
    shelf = shelf if shelf is not None else Shelf()
    here, there = Replica(shelf, clock), Replica(shelf, clock)
    await here.take()
    await there.take()
    return here, there


async def test_an_answer_that_is_still_to_be_passed_on_is_given_here() -> None:
    """The store came back empty: a repetition gets the answer that this replica knows, and is not sent again."""
    here = Replica()
    await here.take()
    mine = Kept("request-1", ("tag",), 0.0)
    assert await here.store.begin("key", mine, 0.0) is None
    here.remote.failing = "ConnectionError"
    done = Kept("request-1", ("tag",), 0.0, b"done")
    await here.store.finish("key", done)
    await here.store.forget("key", "request-2")  # a later request's claim, which it could not make
    here.remote.failing = None
    here.remote.shelf.burn()
    here.store._lost = False  # back, and what is owed is not paid yet
    assert await here.store.begin("key", Kept("request-3", ("tag",), 0.0), 0.0) == done


async def test_a_lock_that_may_be_held_is_given_back_when_the_store_is_back() -> None:
    """The question for it was carried out and its answer lost: nobody waits for the lock's own end."""
    here, there = await pair()
    here.remote.answers_get_lost = True
    with pytest.raises(Unavailable, match="store"):
        await here.store.hold("lock", "me", 20.0, 0.0)
    here.remote.answers_get_lost = False
    assert not await there.store.hold("lock", "you", 20.0, 0.0)
    here.clock.tick(shared.PROBE_SECONDS)
    await here.take()
    assert await there.store.hold("lock", "you", 20.0, 0.0)


async def test_a_call_costs_one_exchange() -> None:
    """The turn and the news of revocations come together, and the wait is the shared one."""
    here = Replica()
    assert await here.take("a", Rate(13, 60.0)) == 13.0
    await here.store.refresh()
    assert here.remote.asked == ["take a", "exchange"]
    assert here.log == []


async def test_a_revocation_reaches_the_other_replica_with_its_next_call() -> None:
    """Signed out on one replica, refused on the other: at once here, with the next call there."""
    here, there = await pair()
    await here.store.revoke([SIGNED_OUT])
    assert here.store.revocations.refuses(ANN)
    await there.take()
    assert there.store.revocations.refuses(ANN)
    await there.take()
    assert len(there.remote.asked) == 3


async def test_a_late_replica_reads_the_whole_list_before_its_first_answer() -> None:
    """A replica that starts today knows of every sign-out, however many pages they fill."""
    here = Replica(Shelf(page=3))
    await here.store.revoke(
        [Revocation("signed_out", f"sub-{number}", ANN.auth_time) for number in range(2, 11)] + [SIGNED_OUT]
    )
    there = Replica(here.remote.shelf, here.clock)
    await there.take("b")
    assert there.store.revocations.refuses(ANN)
    assert there.remote.asked == ["take b", "exchange", "exchange", "exchange"]


async def test_a_list_that_breaks_off_is_not_the_whole_list() -> None:
    """Half of the revocations is as good as none: a replica whose first reading breaks off serves nobody."""
    here = Replica(
        Shelf(page=1, revocations=[Revocation("signed_out", f"sub-{number}", ANN.auth_time) for number in range(3)])
    )
    here.remote.fails_after = 2
    await here.take()
    with pytest.raises(Unavailable, match="store"):
        here.store.refuses(ANN)
    assert len(here.store.revocations.everything()) == 2


async def test_while_lost_rates_are_counted_here() -> None:
    """R-22: a caller keeps to its rate on this replica when the shared count is gone."""
    here = Replica()
    await here.take()
    here.remote.failing = "ConnectionRefusedError"
    assert [await here.take("b", FIVE) for _ in range(5)] == [0.0] * 5
    assert await here.take("b", FIVE) == pytest.approx(12.0)


async def test_while_lost_the_last_known_revocations_serve_for_thirty_seconds() -> None:
    """A short outage is not seen by callers; a long one is 503, because somebody may have been signed out meanwhile."""
    here, _ = await pair()
    await here.store.revoke([SIGNED_OUT])
    here.remote.failing = "ConnectionRefusedError"
    here.clock.tick(30.0)
    await here.take()
    await here.store.refresh()
    assert here.store.refuses(ANN)
    here.clock.tick(0.1)
    await here.store.refresh()
    assert await here.take() == 0.0  # who signs in needs its rate only, and no token is there yet
    with pytest.raises(Unavailable, match="store") as caught:
        here.store.refuses(ANN)
    assert caught.value.retry_after_seconds == 5
    here.remote.failing = None
    here.clock.tick(shared.PROBE_SECONDS)
    await here.take()
    assert here.store.refuses(ANN)


async def test_the_thirty_seconds_count_from_when_the_question_left() -> None:
    """An answer that took long is as old as its question."""
    here = Replica()
    here.remote.hanging = gate = asyncio.Event()
    call = asyncio.ensure_future(here.take())
    await asyncio.sleep(0)
    here.clock.tick(20.0)
    gate.set()
    await call
    here.remote.failing = "timeout"
    here.clock.tick(10.1)
    await here.take()
    with pytest.raises(Unavailable, match="store"):
        here.store.refuses(ANN)


async def test_a_replica_that_has_never_heard_serves_nobody() -> None:
    """Started while the store is down it knows no revocation: 503 until the first exchange, no 30 seconds of grace."""
    here = Replica()
    here.remote.failing = "ConnectionRefusedError"
    for _ in range(2):
        await here.take()
        with pytest.raises(Unavailable, match="store"):
            here.store.refuses(ANN)
    here.remote.failing = None
    here.clock.tick(shared.PROBE_SECONDS)
    assert await here.take() == 0.0
    assert not here.store.refuses(ANN)


async def test_a_lost_store_is_asked_by_one_call_in_half_a_second() -> None:
    """Under load the calls of an outage do not pay a timeout each, and do not wait for each other."""
    here = Replica()
    await here.take()
    here.remote.failing = "timeout"
    here.remote.asked.clear()
    for _ in range(100):
        await here.take("b")
        here.clock.tick(0.02)
    assert len(here.remote.asked) == 4
    await here.store.finish("key", _kept(reply=b"done"))
    await here.store.release("lock", "me")
    assert len(here.remote.asked) == 4


async def test_a_hanging_store_holds_up_one_call_only() -> None:
    """While one call finds out whether the store is back, the others go on."""
    here = Replica()
    await here.take()
    here.remote.failing = "timeout"
    await here.take()
    here.clock.tick(shared.PROBE_SECONDS)
    here.remote.hanging = gate = asyncio.Event()
    probe = asyncio.ensure_future(here.take())
    await asyncio.sleep(0)
    assert await here.take() == 0.0
    assert not probe.done()
    gate.set()
    assert await probe == 0.0


async def test_loss_and_return_are_logged_once_each() -> None:
    """The operator reads when the store was lost, how, and when it was back: one line each, whatever the load."""
    here = Replica()
    await here.take()
    here.remote.failing = "ConnectionRefusedError"
    for _ in range(10):
        await here.take()
        here.clock.tick(1.0)
    here.remote.failing = "BusyLoadingError"
    await here.take()
    here.remote.failing = None
    here.clock.tick(1.0)
    await here.take()
    await here.take()
    assert len(here.log) == 2
    assert "lost (ConnectionRefusedError)" in here.log[0]
    assert here.log[1] == "the store is back"
    assert not here.store.lost


async def test_news_of_the_past_is_not_a_loss() -> None:
    """A call that fails after a later one was answered does not switch the store off again."""
    here = Replica()
    await here.take()
    here.remote.hanging, here.remote.failing = asyncio.Event(), None
    late = asyncio.ensure_future(here.take("late"))
    await asyncio.sleep(0)
    gate, here.remote.hanging = here.remote.hanging, None
    await here.take("b")
    here.remote.failing = "timeout"
    gate.set()
    await late
    assert not here.store.lost
    assert here.log == []


async def test_answers_may_overtake_each_other() -> None:
    """An answer that was overtaken brings its revocations and takes nothing back, not even to a life before."""
    here, there = await pair()
    await there.store.revoke([SIGNED_OUT])
    here.remote.late = gate = asyncio.Event()
    slow = asyncio.ensure_future(here.take())
    await asyncio.sleep(0)
    here.remote.late = None
    here.remote.shelf.burn()
    await here.take()
    gate.set()
    await slow
    assert here.store.revocations.refuses(ANN)
    assert here.remote.shelf.revocations == [SIGNED_OUT]
    await here.take()
    assert len(here.log) == 1


async def test_what_is_revoked_while_lost_counts_here_and_is_passed_on() -> None:
    """Signed out during an outage: refused here at once, and everywhere when the store is back."""
    here, there = await pair()
    here.remote.failing = "timeout"
    await here.store.revoke([SIGNED_OUT])
    await here.store.revoke([Revocation("groups_changed", "sub-2", ANN.auth_time)])
    assert here.store.revocations.refuses(ANN)
    here.remote.failing = None
    here.clock.tick(shared.PROBE_SECONDS)
    await here.take()
    await there.take()
    assert there.store.revocations.refuses(ANN)
    assert len(there.store.revocations.everything()) == 2
    await here.take()
    assert here.remote.told[-1] == ()


async def test_a_revocation_itself_finds_out_that_the_store_is_back() -> None:
    """Without another call a sign-out after an outage is shared at once."""
    here, there = await pair()
    here.remote.failing = "timeout"
    await here.store.refresh()
    here.remote.failing = None
    here.clock.tick(shared.PROBE_SECONDS)
    await here.store.revoke([SIGNED_OUT])
    await there.take()
    assert there.store.revocations.refuses(ANN)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_revocation_whose_exchange_broke_is_said_again(*, cancelled: bool) -> None:
    """A lost answer, or a caller who hung up meanwhile: to say it twice is harmless, not to say it is not."""
    here, there = await pair()
    if cancelled:
        here.remote.hanging = asyncio.Event()
        telling = asyncio.ensure_future(here.store.revoke([SIGNED_OUT]))
        await asyncio.sleep(0)
        telling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await telling
        here.remote.hanging = None
    else:
        here.remote.answers_get_lost = True
        await here.store.revoke([SIGNED_OUT])
        here.remote.shelf.revocations.clear()
        here.remote.answers_get_lost = False
    here.clock.tick(shared.PROBE_SECONDS)
    await here.take()
    await there.take()
    assert there.store.revocations.refuses(ANN)


async def test_many_revocations_are_passed_on_in_pages_and_each_once() -> None:
    """After an outage with many sign-outs no exchange grows without end, and calls at once share the work."""
    here, _ = await pair()
    many = [Revocation("signed_out", f"sub-{number}", ANN.auth_time) for number in range(2 * shared.PAGE + 1)]
    here.remote.failing = "timeout"
    await here.store.revoke(many)
    here.remote.failing = None
    here.remote.told.clear()
    here.clock.tick(shared.PROBE_SECONDS)
    await asyncio.gather(*(here.take() for _ in range(5)))
    told = [revocation for page in here.remote.told for revocation in page]
    assert sorted(told, key=str) == sorted(many, key=str)
    assert max(map(len, here.remote.told)) <= shared.PAGE


async def test_a_store_that_lost_its_data_is_told_everything_again() -> None:
    """Redis restarts empty: each replica passes on what it knows, so that nobody signed out gets in again."""
    here, there = await pair()
    await here.store.revoke([SIGNED_OUT])
    await there.take()
    here.remote.shelf.burn()
    newcomer = Replica(here.remote.shelf, here.clock)
    await newcomer.take()
    assert not newcomer.store.revocations.refuses(ANN)  # it cannot know yet
    await there.take()
    await newcomer.take()
    assert newcomer.store.revocations.refuses(ANN)
    assert len(there.log) == 1
    assert "1 revocations" in there.log[0]
    await here.take()
    assert here.remote.shelf.revocations == [SIGNED_OUT]


async def test_a_store_that_went_back_in_time_is_told_everything_again() -> None:
    """A failover to a copy that lags, or a restart from an old snapshot, forgets the last revocations: noticed."""
    here, there = await pair()
    await here.store.revoke([SIGNED_OUT])
    here.remote.shelf.revocations.pop()
    await here.take()
    await there.take()
    assert there.store.revocations.refuses(ANN)


async def test_idempotent_requests_and_locks_are_refused_while_lost() -> None:
    """What must happen once, across replicas, is not done on a guess: 503."""
    here = Replica()
    await here.take()
    here.remote.failing = "timeout"
    for _ in range(2):
        with pytest.raises(Unavailable, match="store"):
            await here.store.begin("key", _kept(), here.clock())
        with pytest.raises(Unavailable, match="store"):
            await here.store.hold("lock", "me", 5.0, here.clock())
    assert here.remote.asked == ["take a", "begin key"]


async def test_a_lock_that_cannot_be_taken_is_a_loss() -> None:
    """The first to notice may be the one that wants a lock."""
    here = Replica()
    await here.take()
    here.remote.failing = "timeout"
    with pytest.raises(Unavailable, match="store"):
        await here.store.hold("lock", "me", 5.0, here.clock())
    assert here.store.lost


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_key_that_was_perhaps_taken_is_let_go_of(*, cancelled: bool) -> None:
    """The answer to `begin` is lost: nothing was sent, so the caller's next attempt with its key must not be stuck."""
    here, there = await pair()
    if cancelled:
        here.remote.hanging = asyncio.Event()
        beginning = asyncio.ensure_future(here.store.begin("key", _kept(), here.clock()))
        await asyncio.sleep(0)
        here.remote.shelf.kept["key"] = _kept(owner="me")
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning
        here.remote.hanging = None
    else:
        here.remote.answers_get_lost = True
        with pytest.raises(Unavailable, match="store"):
            await here.store.begin("key", _kept(), here.clock())
        here.remote.answers_get_lost = False
        assert here.remote.shelf.kept
    here.clock.tick(shared.PROBE_SECONDS)
    await here.take()
    assert await there.store.begin("key", _kept(owner="other"), here.clock()) is None


@pytest.mark.parametrize("cancelled", [False, True])
async def test_an_answer_that_could_not_be_kept_is_kept_later(*, cancelled: bool) -> None:
    """The deed was done during an outage: whoever repeats the request gets its answer when the store is back."""
    here, there = await pair()
    await here.store.begin("key", mine := _kept(), here.clock())
    done = _kept(reply=b"done")
    if cancelled:
        here.remote.hanging = asyncio.Event()
        finishing = asyncio.ensure_future(here.store.finish("key", done))
        await asyncio.sleep(0)
        finishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finishing
        here.remote.hanging = None
    else:
        here.remote.failing = "timeout"
        await here.store.finish("key", done)
        assert await there.store.begin("key", _kept(owner="other"), here.clock()) == mine
        here.remote.failing = None
    here.clock.tick(shared.PROBE_SECONDS)
    await here.take()
    assert await there.store.begin("key", _kept(owner="other"), here.clock()) == done


async def test_a_key_given_back_while_lost_is_free_when_the_store_is_back() -> None:
    """Refused by a guard during an outage: the same request may be tried again after it."""
    here, there = await pair()
    await here.store.begin("key", mine := _kept(), here.clock())
    here.remote.failing = "timeout"
    await here.store.refresh()
    await here.store.forget("key", mine.owner)
    here.remote.failing = None
    here.clock.tick(shared.PROBE_SECONDS)
    await here.take()
    assert await there.store.begin("key", _kept(owner="other"), here.clock()) is None


async def test_what_waits_for_the_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-22: an outage does not grow the memory; what finds no room counts as an unknown outcome."""
    monkeypatch.setattr(shared, "MAX_OWED", 2)
    here = Replica()
    await here.take()
    here.remote.failing = "timeout"
    for key in ("a", "b", "c"):
        await here.store.finish(key, _kept(reply=b"done"))
    here.remote.failing = None
    here.clock.tick(shared.PROBE_SECONDS)
    await here.take()
    assert sorted(here.remote.shelf.kept) == ["a", "b"]
    await here.store.finish("d", _kept(reply=b"done"))
    assert "d" in here.remote.shelf.kept


async def test_a_record_that_can_never_be_kept_is_given_up() -> None:
    """One record that Redis refuses does not switch the store off again and again."""
    here = Replica()
    await here.take()
    here.remote.poisoned = "key"
    await here.store.finish("key", _kept(reply=b"done"))
    for _ in range(20):
        here.clock.tick(shared.PROBE_SECONDS)
        await here.take()
    assert here.remote.asked.count("finish key") == 1 + shared.MAX_ATTEMPTS
    assert not here.store.lost


async def test_a_lock_is_given_back_quietly() -> None:
    """A lock that cannot be given back ends by itself: that is no failure of the call."""
    here, there = await pair()
    assert await here.store.hold("lock", "me", 5.0, here.clock())
    assert not await there.store.hold("lock", "you", 5.0, here.clock())
    await here.store.release("lock", "me")
    assert await there.store.hold("lock", "you", 5.0, here.clock())
    here.remote.failing = "timeout"
    await here.store.release("lock", "me")
    assert here.store.lost


async def test_old_revocations_are_dropped() -> None:
    """R-22: the mirror does not grow for longer than tokens live."""
    here = Replica()
    await here.store.revoke([SIGNED_OUT])
    here.clock.tick(48 * 3600.0)
    await here.store.refresh()
    assert here.store.revocations.everything() == ()


def _kept(owner: str = "me", reply: bytes | None = None) -> Kept:
    return Kept(owner=owner, tags=("tag",), lease_ends=Clock.now + 20.0, reply=reply)
